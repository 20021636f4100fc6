"""What the tests of this folder share."""

from __future__ import annotations

from fwverify.verify.authenticode import AUTHENTICODE_PE
from fwverify.verify.authenticode_cab import AUTHENTICODE_CAB
from fwverify.verify.authenticode_catalog import CATALOGUE, CATALOGUE_BESIDE
from fwverify.verify.authenticode_msi import AUTHENTICODE_MSI
from fwverify.verify.scheme import Scheme, Signed
from tests.verify_cms.helpers import accepted, axes, material, view

__all__ = ["accepted", "axes", "cab", "catalogue", "listed", "material", "msi", "pe", "view"]


def run(scheme: Scheme, content: bytes, **changes) -> tuple[Signed, ...]:
    """Return what the scheme shows; nothing where it does not apply."""
    seen = view(content)
    return scheme.verify(seen, material(**changes)) if scheme.applies(seen) else ()


def pe(content: bytes, **changes) -> tuple[Signed, ...]:
    return run(AUTHENTICODE_PE, content, **changes)


def cab(content: bytes, **changes) -> tuple[Signed, ...]:
    return run(AUTHENTICODE_CAB, content, **changes)


def msi(content: bytes, **changes) -> tuple[Signed, ...]:
    return run(AUTHENTICODE_MSI, content, **changes)


def catalogue(content: bytes, **changes) -> tuple[Signed, ...]:
    return run(CATALOGUE, content, **changes)


def listed(content: bytes, member: bytes, **changes) -> tuple[Signed, ...]:
    seen = view(content, detached=(("driver.cat", member),))
    assert CATALOGUE_BESIDE.applies(seen)
    return CATALOGUE_BESIDE.verify(seen, material(**changes))
