"""Mutants of signed files: none may be accepted, none may raise."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Final

from fwverify.verify.ranges import common
from fwverify.verify.scheme import Signed
from tests.verify_authenticode import builder
from tests.verify_authenticode.helpers import accepted, cab, catalogue, listed, msi, pe

Check = Callable[[bytes], tuple[Signed, ...]]


def mutants(data: bytes, seed: int, count: int):
    """Yield ``count`` mutants with the ranges that were changed; None for a cut."""
    generator = random.Random(seed)
    for number in range(count):
        at = generator.randrange(len(data))
        kind = number % 5
        if kind == 0:
            yield data[:at], None
        elif kind == 1:
            yield data[:at] + generator.randbytes(4) + data[at:], None
        elif kind == 2:
            size = generator.choice((1, 2, 4, 8))
            value = generator.choice((b"\0", b"\xff", b"\x80")) * size
            yield data[:at] + value + data[at + size :], (at, min(at + size, len(data)))
        else:
            value = data[at] ^ 1 << generator.randrange(8)
            yield data[:at] + bytes((value,)) + data[at + 1 :], (at, at + 1)


def refuse_mutants(data: bytes, check: Check, count: int, seed: int = 7) -> None:
    """Fail where a mutant is accepted that differs in a byte it claims to cover."""
    if not accepted(check(data)):
        raise AssertionError("the unchanged file is not accepted")
    for mutant, changed in mutants(data, seed, count):
        results = check(mutant)
        if mutant == data or not accepted(results):
            continue
        if changed is None:
            raise AssertionError(f"a cut or stretched file of {len(mutant)} bytes is accepted")
        for result in results:
            if result.authentic == "pass" and common(result.covered, (changed,)):
                same = data[changed[0] : changed[1]] == mutant[changed[0] : changed[1]]
                if not same:
                    raise AssertionError(f"bytes {changed} are changed and called covered")


def _catalogue() -> bytes:
    inf = builder.member(hashlib.sha256(b"inf").digest())
    image = builder.member(builder.image_digest(builder.PROGRAM), kind=builder.PE_DATA)
    return builder.catalogue(inf, image)


FUZZ: Final = (
    ("authenticode-pe", lambda count: refuse_mutants(builder.signed_pe(), pe, count)),
    ("authenticode-cab", lambda count: refuse_mutants(builder.signed_cab(), cab, count)),
    ("authenticode-msi", lambda count: refuse_mutants(builder.signed_msi(), msi, count)),
    ("authenticode-catalog", lambda count: refuse_mutants(_catalogue(), catalogue, count)),
    (
        "authenticode-listed",
        lambda count: refuse_mutants(b"inf", lambda data: listed(data, _catalogue()), count),
    ),
)
