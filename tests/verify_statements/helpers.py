"""What the tests of this folder share: trust in bare keys, views with holders, mutants."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import random
from collections.abc import Callable, Iterator, Mapping

from fwverify.verify.scheme import Material, Neighbour, Scheme, Signed, TrustedKey, View
from tests.builders import keys, pki
from tests.verify_cms.helpers import accepted, view

CONTENT = bytes(range(256)) * 5
AXES = ("pass", "fail", "unverifiable", "attested")


def trust(*privates, usable: bool = True, **changes) -> Material:
    """Return material that trusts these keys, each with the role ``release``."""
    why = "" if usable else "the key is retired"
    known = tuple(
        TrustedKey(f"key-{number}", keys.spki(one), ("release",), usable, why)
        for number, one in enumerate(privates)
    )
    return dataclasses.replace(Material(at=pki.AT, keys=known), **changes)


def shown(
    content: bytes,
    *,
    name: str = "fw.bin",
    detached: tuple[tuple[str, bytes], ...] = (),
    nodes: Mapping[str, bytes] | None = None,
) -> View:
    """Return a view of ``content``; ``nodes`` are all nodes of the update by path."""
    nodes = {name: content} | dict(nodes or {})
    held = {hashlib.sha256(data).hexdigest(): data for data in nodes.values()}

    def holders(digest: str) -> tuple[Neighbour, ...]:
        return tuple(
            Neighbour(path, digest, len(data))
            for path, data in nodes.items()
            if hashlib.sha256(data).hexdigest() == digest
        )

    return dataclasses.replace(
        view(content, name=name, detached=detached),
        holders=holders,
        open=lambda digest: contextlib.nullcontext(held[digest]),
    )


def run(scheme: Scheme, seen: View, material: Material) -> tuple[Signed, ...]:
    """Return what the scheme says, nothing where it does not apply."""
    results = scheme.verify(seen, material) if scheme.applies(seen) else ()
    assert all(one.authentic in AXES and one.reason for one in results)
    return results


def axes(results: tuple[Signed, ...]) -> list[tuple[str, str]]:
    return [(one.authentic, one.trusted) for one in results]


def mutants(data: bytes, count: int, seed: int = 11) -> Iterator[tuple[bytes, int | None]]:
    """Yield (mutant, position of the one byte changed, or None where it was cut or grown)."""
    chance = random.Random(seed)
    for number in range(count):
        at = chance.randrange(len(data))
        if number % 4 == 0:
            yield data[:at], None
        elif number % 4 == 1:
            yield data[:at] + chance.randbytes(1 + at % 5) + data[at:], None
        else:
            yield data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :], at


def check_detached(
    scheme: Scheme, name: str, member: bytes, material: Material, count: int
) -> None:
    """Half the mutants are of the file, which must be refused; half of the member."""
    assert accepted(run(scheme, shown(CONTENT, detached=((name, member),)), material))
    for data, _ in mutants(CONTENT, count // 2):
        seen = shown(data, detached=((name, member),))
        assert not accepted(run(scheme, seen, material)), "an altered file is accepted"
    for altered, _ in mutants(member, count - count // 2):
        for one in run(scheme, shown(CONTENT, detached=((name, altered),)), material):
            if (one.authentic, one.trusted) == ("pass", "pass"):
                assert one.covered == ((0, len(CONTENT)),)


Check = Callable[[int], None]
