"""Mutants of signed images: what changed is never covered by an accepted signature.

``FUZZ`` are (name, callable(count)): each makes ``count`` mutants of one signed image.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.verify_boot.build import Case, accepted, cases


def check(case: Case, altered: bytes, changed: range | None) -> None:
    """Run the scheme on ``altered``; ``changed`` are positions that differ, if known."""
    results = case.run(altered)
    for one in results:
        assert one.authentic in ("pass", "fail", "unverifiable")
        assert one.reason
        assert all(0 <= a <= b for a, b in one.covered)
        if one.path == "update.bin":
            assert all(b <= len(altered) for _, b in one.covered)
    if changed is None:
        return
    for one in accepted(results):
        if one.path == "update.bin":
            reached = [
                p
                for p in changed
                if p < len(case.content)
                and altered[p] != case.content[p]
                and any(a <= p < b for a, b in one.covered)
            ]
            assert not reached, f"{case.name}: byte {reached[0]:#x} changed and is still covered"


def mutants(case: Case, count: int, seed: int = 0) -> None:
    """Flip, set, cut, insert and move bytes of ``case``."""
    rng = random.Random(f"{case.name} {seed}")
    original = case.content
    for number in range(count):
        kind = number % 8
        at = rng.randrange(len(original))
        if kind < 4:
            altered = bytearray(original)
            altered[at] ^= 1 << rng.randrange(8)
            check(case, bytes(altered), range(at, at + 1))
        elif kind < 6:
            size = rng.choice((1, 2, 4, 8))
            value = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size)))
            altered = bytearray(original)
            altered[at : at + size] = value
            check(case, bytes(altered)[: len(original)], range(at, min(at + size, len(original))))
        elif kind == 6:
            short = original[:at]
            check(case, short, None)
            assert not accepted(case.run(short)), f"{case.name}: accepted when cut at {at}"
        else:
            move = rng.randrange(len(original))
            piece = original[move : move + rng.randrange(1, 64)]
            check(case, original[:at] + piece + original[at:], None)


def _of(case: Case) -> Callable[[int], None]:
    return lambda count: mutants(case, count)


FUZZ: tuple[tuple[str, Callable[[int], None]], ...] = tuple(
    (f"verify-{case.name}", _of(case)) for case in cases()
)
