"""What the tests of this folder share."""

from __future__ import annotations

from fwverify.verify.uefi_signatures import UEFI_CAPSULE, UEFI_VARIABLE
from tests.verify_authenticode.helpers import run


def variable(content: bytes, **changes):
    return run(UEFI_VARIABLE, content, **changes)


def capsule(content: bytes, **changes):
    return run(UEFI_CAPSULE, content, **changes)
