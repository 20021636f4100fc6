"""The signature schemes, in the order they are tried: one explicit tuple of records.

``EMBEDDED`` schemes find their signature inside the node, ``DETACHED`` ones are shown
one signature member at a time; ``METADATA`` are those of the embedded ones that read a
folder of metadata beside an update. ``fwverify schemes`` prints ``SCHEMES``.
"""

from __future__ import annotations

from typing import Final

from fwverify.verify.android_ota import ANDROID_OTA
from fwverify.verify.apk import APK, APK_V4
from fwverify.verify.attested import ATTESTED
from fwverify.verify.authenticode import AUTHENTICODE_PE
from fwverify.verify.authenticode_cab import AUTHENTICODE_CAB
from fwverify.verify.authenticode_catalog import CATALOGUE, CATALOGUE_BESIDE
from fwverify.verify.authenticode_msi import AUTHENTICODE_MSI
from fwverify.verify.avb import AVB
from fwverify.verify.cose import COSE_DETACHED
from fwverify.verify.debian import DEBIAN_RELEASE
from fwverify.verify.detached_cms import CMS_ATTACHED, CMS_DETACHED
from fwverify.verify.dsse import DSSE, DSSE_DETACHED
from fwverify.verify.esp32 import ESP32
from fwverify.verify.fit import FIT
from fwverify.verify.fwtool import FWTOOL
from fwverify.verify.gbl import GBL
from fwverify.verify.jar import JAR
from fwverify.verify.jcat import JCAT, JCAT_DETACHED
from fwverify.verify.jws import JWS_DETACHED
from fwverify.verify.kernel_module import KERNEL_MODULE
from fwverify.verify.mcuboot import MCUBOOT
from fwverify.verify.mender import MENDER
from fwverify.verify.minisign import MINISIGN
from fwverify.verify.openpgp_schemes import OPENPGP_CLEARTEXT, OPENPGP_DETACHED
from fwverify.verify.payload import PAYLOAD
from fwverify.verify.profile_document import DOCUMENT_PROFILE, IMAGE_PROFILE
from fwverify.verify.profiles import TRAILER_PROFILE
from fwverify.verify.rauc import RAUC_BUNDLE
from fwverify.verify.raw import DETACHED_RAW
from fwverify.verify.recognised import RECOGNISED
from fwverify.verify.rpm import RPM
from fwverify.verify.scheme import Scheme
from fwverify.verify.sigstore import SIGSTORE
from fwverify.verify.suit import SUIT, SUIT_DETACHED
from fwverify.verify.swupdate import SWUPDATE
from fwverify.verify.tuf import TUF
from fwverify.verify.uefi_signatures import UEFI_CAPSULE, UEFI_VARIABLE
from fwverify.verify.uptane import UPTANE

_BOOT: Final[tuple[Scheme, ...]] = (FIT, AVB, MCUBOOT, GBL, SWUPDATE, PAYLOAD, FWTOOL, ESP32)
_PACKAGES: Final[tuple[Scheme, ...]] = (DEBIAN_RELEASE, OPENPGP_CLEARTEXT, JCAT, MENDER, RPM)
_ANDROID: Final[tuple[Scheme, ...]] = (ANDROID_OTA, APK, APK_V4, JAR)
METADATA: Final[tuple[Scheme, ...]] = (TUF, UPTANE)
_STATEMENTS: Final[tuple[Scheme, ...]] = (DSSE, SUIT)
_WINDOWS: Final[tuple[Scheme, ...]] = (
    AUTHENTICODE_PE,
    AUTHENTICODE_CAB,
    AUTHENTICODE_MSI,
    CATALOGUE,
)
_SYSTEM: Final[tuple[Scheme, ...]] = (UEFI_VARIABLE, UEFI_CAPSULE, KERNEL_MODULE)
EMBEDDED: Final[tuple[Scheme, ...]] = (
    RAUC_BUNDLE,
    *_WINDOWS,
    *_SYSTEM,
    *_ANDROID,
    *METADATA,
    *_STATEMENTS,
    CMS_ATTACHED,
    *_BOOT,
    *_PACKAGES,
    TRAILER_PROFILE,
    DOCUMENT_PROFILE,
    *RECOGNISED,
)
DETACHED: Final[tuple[Scheme, ...]] = (
    CATALOGUE_BESIDE,
    CMS_DETACHED,
    OPENPGP_DETACHED,
    JCAT_DETACHED,
    MINISIGN,
    DSSE_DETACHED,
    SIGSTORE,
    JWS_DETACHED,
    COSE_DETACHED,
    SUIT_DETACHED,
    ATTESTED,
    IMAGE_PROFILE,
    DETACHED_RAW,
)
SCHEMES: Final[tuple[Scheme, ...]] = (*EMBEDDED, *DETACHED)
