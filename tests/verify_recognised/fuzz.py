"""Mutants of recognised images: never a crash, never anything but unverifiable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fwverify.verify.recognised import RECOGNISED
from tests.verify_cms.helpers import material, view
from tests.verify_recognised import images
from tests.verify_statements.helpers import mutants

SEEDS: Final = (
    images.hab(place=0x400)[:0x660],
    images.ahab()[:400],
    images.stm32(version=0x00020000),
    images.ti(),
)


def recognised(count: int) -> None:
    for seed in SEEDS:
        for altered, _ in mutants(seed, count // len(SEEDS)):
            seen = view(altered)
            for scheme in RECOGNISED:
                results = scheme.verify(seen, material()) if scheme.applies(seen) else ()
                for one in results:
                    assert (one.authentic, one.trusted) == ("unverifiable", "unverifiable")
                    assert not one.covered


FUZZ: Final[tuple[tuple[str, Callable[[int], None]], ...]] = (("recognised", recognised),)
