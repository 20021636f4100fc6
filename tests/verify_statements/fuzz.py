"""Mutants of statements, bundles and tokens: ``FUZZ`` for the tests and the fuzz bench."""

from __future__ import annotations

from typing import Final

from fwverify.verify.dsse import DSSE, DSSE_DETACHED
from tests.builders import keys
from tests.verify_statements import dsses
from tests.verify_statements.helpers import (
    CONTENT,
    Check,
    check_detached,
    mutants,
    run,
    shown,
    trust,
)


def dsse(count: int) -> None:
    private = keys.ed_key()
    check_detached(DSSE_DETACHED, "a.dsse.json", dsses.envelope(private), trust(private), count)


def dsse_inside(count: int) -> None:
    """Nothing but the file whose digest was signed is ever vouched for."""
    private = keys.ed_key()
    member = dsses.envelope(private)
    for altered, _ in mutants(member, count):
        seen = shown(altered, name="u.zip!/a.dsse.json", nodes={"u.zip!/fw.bin": CONTENT})
        for one in run(DSSE, seen, trust(private)):
            assert all(vouch.path == "u.zip!/fw.bin" for vouch in one.vouches)


FUZZ: Final[tuple[tuple[str, Check], ...]] = (("dsse", dsse), ("dsse-inside", dsse_inside))
