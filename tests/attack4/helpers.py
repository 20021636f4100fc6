"""What these tests share: one signature judged as the stage does, under a list of bad keys."""

from __future__ import annotations

from datetime import UTC, datetime

from fwverify.verify.examine import Examined
from fwverify.verify.judge import Judged, judge
from fwverify.verify.keys import identity_of, secret_of
from fwverify.verify.known_bad import BadKey, KnownBad
from fwverify.verify.rules import Barred, KeyEntry, Rule, Threshold
from fwverify.verify.scheme import Signed
from fwverify.verify.tree import build
from tests.builders import keys
from tests.verify import stores

AT = datetime(2026, 6, 1, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
EVIL = b"\x7fELF\x02\x01\x01\x00" + b"evil code " * 200
"""A program that an attacker wants carried along."""


def bad(*spkis: bytes) -> KnownBad:
    """Return a list on which these keys stand."""
    return KnownBad(
        tuple(
            BadKey(
                name="everybody's",
                sha256=identity_of(one),
                kind="full",
                of="spki",
                source="https://example.org",
            )
            for one in spkis
        )
    )


def rule(*privates, revoked: tuple[bytes, ...] = (), **changes) -> Rule:
    """Return a rule that asks for one of these keys; ``revoked`` keys are barred."""
    from fwverify.verify.keys import read_keys

    entries = tuple(
        KeyEntry(f"{name}-{n}", read_keys(keys.pem(one), "k")[0], ("release",))
        for name in ("key", "root")  # as the builders of the folders beside call them
        for n, one in enumerate(privates)
    )
    fields = {
        "keys": entries,
        "roots": (),
        "thresholds": (Threshold("release", 1),),
        "ad_hoc": True,
        "barred": tuple(Barred("leaked", secret_of(one), SINCE) for one in revoked),
    }
    return Rule("acme/r", **(fields | changes))


def judged(signed: Signed, under: Rule, known_bad: KnownBad | None = None) -> Judged:
    """Return the signature with its axes."""
    floors = stores.shipped().floors
    return judge(Examined(signed), build(()), under, floors, known_bad or KnownBad(), AT)


def inside(ranges, start: int, end: int) -> bool:
    """Return whether any byte of ``[start, end)`` lies in ``ranges``."""
    return any(low < end and start < high for low, high in ranges)
