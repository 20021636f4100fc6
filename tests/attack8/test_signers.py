"""A signature that names nobody is never taken for that of the same signer."""

from __future__ import annotations

import pytest

from fwverify.compare import signers, stage
from fwverify.compare.inside import Inside
from fwverify.compare.pairing import Pair
from fwverify.model import Fact
from tests.builders.profiles import finding, node

PATH = "u!/a.exe"


def changes(old, new, same=False):
    looked = {"u": (Fact(kind=signers.LOOKED, text="looked for"),)}
    sides = [
        looked | {PATH: tuple(Fact(kind=signers.SIGNER, text=each) for each in texts)}
        for texts in (old, new)
    ]
    pair = Pair(node(PATH, "old"), node(PATH, "old" if same else "new"), moved=False)
    return signers.changes([pair], *sides)


@pytest.mark.parametrize(
    "nobody",
    [
        f"x: {signers.NOBODY}",
        "openpgp-detached: OpenPGP nobody named",
        "openpgp-file: OpenPGP nobody named",
        "cms-detached: key id ",
    ],
)
def test_two_that_name_nobody_are_not_known_to_be_one(nobody):
    (told,) = signers.findings(changes((nobody,), (nobody,)))
    assert told.rule == "compare.signer_unclear"
    assert changes((nobody,), (nobody,), same=True) == ()


def test_what_is_told_as_unclear_alone_takes_no_graver_finding_away():
    """The names inside changed; by scheme there was nobody and now there is a stranger."""
    found = changes((f"authenticode-pe: {signers.NOBODY}",), ("appended: CN=Stranger key 00",))
    assert [each.rule for each in signers.findings(found)] == ["compare.signer_unclear"]
    inside = finding(rule="compare.signer_changed", path=PATH)
    within = Inside(facts={}, findings=(inside,), problems=())
    assert stage._without_told(within, found).findings == (inside,)
    clear = changes(
        ("authenticode-pe: CN=Vendor key 01",), ("authenticode-pe: CN=Stranger key 00",)
    )
    assert stage._without_told(within, clear).findings == ()
