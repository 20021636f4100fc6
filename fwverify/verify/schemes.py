"""The signature schemes, in the order they are tried: one explicit tuple of records.

``EMBEDDED`` schemes find their signature inside the node, ``DETACHED`` ones are shown
one signature member at a time. ``fwverify schemes`` prints ``SCHEMES``.
"""

from __future__ import annotations

from typing import Final

from fwverify.verify.android_ota import ANDROID_OTA
from fwverify.verify.apk import APK, APK_V4
from fwverify.verify.detached_cms import CMS_ATTACHED, CMS_DETACHED
from fwverify.verify.jar import JAR
from fwverify.verify.minisign import MINISIGN
from fwverify.verify.profiles import TRAILER_PROFILE
from fwverify.verify.rauc import RAUC_BUNDLE
from fwverify.verify.raw import DETACHED_RAW
from fwverify.verify.scheme import Scheme
from fwverify.verify.tuf import TUF
from fwverify.verify.uptane import UPTANE

EMBEDDED: Final[tuple[Scheme, ...]] = (
    RAUC_BUNDLE,
    ANDROID_OTA,
    APK,
    APK_V4,
    JAR,
    TUF,
    UPTANE,
    CMS_ATTACHED,
    TRAILER_PROFILE,
)
DETACHED: Final[tuple[Scheme, ...]] = (CMS_DETACHED, MINISIGN, DETACHED_RAW)
SCHEMES: Final[tuple[Scheme, ...]] = (*EMBEDDED, *DETACHED)
