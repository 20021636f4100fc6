"""Seeded mutants of an RPM package, for the tests and the fuzz bench."""

from __future__ import annotations

from collections.abc import Callable

from fwverify.verify.rpm import RPM
from tests.verify_cms.helpers import accepted, view
from tests.verify_openpgp.fuzz import mutants
from tests.verify_rpm import rpms


def check_package(count: int) -> None:
    """Flip, cut and grow: a covered byte never passes, nothing crashes."""
    content = rpms.build()
    (whole,) = RPM.verify(view(content), rpms.TRUST)
    assert accepted((whole,)), whole.reason
    for changed, at in mutants(content, count):
        seen = view(changed)
        results = RPM.verify(seen, rpms.TRUST) if RPM.applies(seen) else ()
        if at is None:
            assert not accepted(results) or changed[rpms_lead:] == content[rpms_lead:]
        elif any(low <= at < high for low, high in whole.covered):
            assert not accepted(results), at


rpms_lead = len(rpms.LEAD)
FUZZ: tuple[tuple[str, Callable[[int], None]], ...] = (("rpm", check_package),)
