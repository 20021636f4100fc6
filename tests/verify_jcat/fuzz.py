"""Seeded mutants of JCAT files, for the tests and the fuzz bench."""

from __future__ import annotations

from collections.abc import Callable

from fwverify.verify.jcat import JCAT
from tests.verify_cms.helpers import accepted
from tests.verify_jcat import jcats
from tests.verify_openpgp.fuzz import mutants


def check_file(count: int) -> None:
    """Flip, cut and grow the file that an item names: never accepted."""
    for changed, _ in mutants(jcats.DATA, count):
        seen = jcats.beside(jcats.GOOD, {"fw.bin": changed})
        assert not accepted(JCAT.verify(seen, jcats.TRUST))


def check_jcat(count: int) -> None:
    """Alter the JCAT: whatever still holds vouches for the file as it was signed alone."""
    for changed, _ in mutants(jcats.GOOD, count):
        seen = jcats.beside(changed, {"fw.bin": jcats.DATA, "evil.bin": b"evil"})
        for one in JCAT.verify(seen, jcats.TRUST) if JCAT.applies(seen) else ():
            assert {vouch.path for vouch in one.vouches} <= {"fw.bin"}


def check_json(count: int) -> None:
    """Alter the document inside: the same."""
    for changed, _ in mutants(jcats.GOOD_JSON, count):
        seen = jcats.beside(jcats.pack(changed), {"fw.bin": jcats.DATA, "evil.bin": b"evil"})
        for one in JCAT.verify(seen, jcats.TRUST):
            assert {vouch.path for vouch in one.vouches} <= {"fw.bin"}


FUZZ: tuple[tuple[str, Callable[[int], None]], ...] = (
    ("jcat-file", check_file),
    ("jcat-bytes", check_jcat),
    ("jcat-json", check_json),
)
