"""The signature schemes, in the order they are tried: one explicit tuple of records.

``EMBEDDED`` schemes find their signature inside the node, ``DETACHED`` ones are shown
one signature member at a time. ``fwverify schemes`` prints ``SCHEMES``.
"""

from __future__ import annotations

from typing import Final

from fwverify.verify.authenticode import AUTHENTICODE_PE
from fwverify.verify.authenticode_cab import AUTHENTICODE_CAB
from fwverify.verify.authenticode_catalog import CATALOGUE, CATALOGUE_BESIDE
from fwverify.verify.authenticode_msi import AUTHENTICODE_MSI
from fwverify.verify.detached_cms import CMS_ATTACHED, CMS_DETACHED
from fwverify.verify.kernel_module import KERNEL_MODULE
from fwverify.verify.minisign import MINISIGN
from fwverify.verify.profiles import TRAILER_PROFILE
from fwverify.verify.rauc import RAUC_BUNDLE
from fwverify.verify.raw import DETACHED_RAW
from fwverify.verify.scheme import Scheme
from fwverify.verify.uefi_signatures import UEFI_CAPSULE, UEFI_VARIABLE

EMBEDDED: Final[tuple[Scheme, ...]] = (
    RAUC_BUNDLE,
    AUTHENTICODE_PE,
    AUTHENTICODE_CAB,
    AUTHENTICODE_MSI,
    CATALOGUE,
    UEFI_VARIABLE,
    UEFI_CAPSULE,
    KERNEL_MODULE,
    CMS_ATTACHED,
    TRAILER_PROFILE,
)
DETACHED: Final[tuple[Scheme, ...]] = (CATALOGUE_BESIDE, CMS_DETACHED, MINISIGN, DETACHED_RAW)
SCHEMES: Final[tuple[Scheme, ...]] = (*EMBEDDED, *DETACHED)
