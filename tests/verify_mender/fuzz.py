"""Seeded mutants of a Mender artifact, for the tests and the fuzz bench."""

from __future__ import annotations

from collections.abc import Callable

from fwverify.verify.mender import MENDER
from tests.verify_cms.helpers import accepted
from tests.verify_mender import artifacts
from tests.verify_openpgp.fuzz import mutants


def check_artifact(count: int) -> None:
    """Flip, cut and grow: a covered byte never passes, nothing crashes."""
    content = artifacts.build()
    (whole,) = MENDER.verify(artifacts.seen(content), artifacts.TRUST)
    assert accepted((whole,)), whole.reason
    for changed, at in mutants(content, count):
        seen = artifacts.seen(changed)
        results = MENDER.verify(seen, artifacts.TRUST) if MENDER.applies(seen) else ()
        if at is not None and any(low <= at < high for low, high in whole.covered):
            assert not accepted(results), at


FUZZ: tuple[tuple[str, Callable[[int], None]], ...] = (("mender", check_artifact),)
