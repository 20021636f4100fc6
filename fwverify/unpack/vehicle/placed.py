"""Blocks that a file places at addresses, joined into runs without losing a byte.

Guarantees: each run of consecutive addresses is one child; a block that writes an
address again goes to a further child of its own, so that neither version is lost; runs
and layers are bounded. Content is read from the blob while it is stored.

Not checked: that an address exists in any device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.model import Entry
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import LimitHit

MAX_LAYERS: Final = 16
MAX_RUNS: Final = 8192


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """Bytes ``[start, end)`` of the file that belong at ``address``."""

    address: int
    start: int
    end: int

    @property
    def address_end(self) -> int:
        """The address behind its last byte."""
        return self.address + self.end - self.start


def layers(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Yield layers, in order of address, within which no address is written twice.

    Raises ``LimitHit`` when an address is written more than ``MAX_LAYERS`` times.
    """
    rest = sorted(each for each in blocks if each.start < each.end)
    for _ in range(MAX_LAYERS):
        if not rest:
            return
        kept: list[Block] = []
        again: list[Block] = []
        for each in rest:
            fits = not kept or each.address >= kept[-1].address_end
            (kept if fits else again).append(each)
        yield kept
        rest = again
    if rest:
        raise LimitHit("files", f"an address is written more than {MAX_LAYERS} times")


def runs(layer: list[Block]) -> list[list[Block]]:
    """Return the stretches of consecutive addresses of one layer."""
    result: list[list[Block]] = []
    for each in layer:
        if result and result[-1][-1].address_end == each.address:
            result[-1].append(each)
        else:
            result.append([each])
    return result


def content(found: Gathered, run: Iterable[Block]) -> Iterator[bytes]:
    """Yield the bytes of a run."""
    for each in run:
        for at in range(each.start, each.end, CHUNK_BYTES):
            yield bytes(found.buffer[at : min(at + CHUNK_BYTES, each.end)])


def store_runs(found: Gathered, blocks: Iterable[Block], prefix: str, rule: str) -> None:
    """Store each run as ``<prefix>@0x<address>`` and claim it. Raises ``LimitHit``.

    An address that is written again is observed under ``rule``.
    """
    for number, layer in enumerate(layers(blocks)):
        if number:
            text = f"address {layer[0].address:#010x} is written a second time"
            found.observe(rule, text, offset=layer[0].start, severity="high")
        for run in runs(layer):
            if len(found.entries) >= MAX_RUNS:
                raise LimitHit("files", f"more than {MAX_RUNS} runs of addresses")
            _store(found, run, prefix)


def _store(found: Gathered, run: list[Block], prefix: str) -> None:
    digest, size = found.source.put_stream(content(found, run))
    for each in run:
        found.claim(each.start, each.end, "extracted")
    joined = _joined(run)
    found.add(
        Entry(
            name=f"{prefix}@{run[0].address:#010x}".encode(),
            sha256=digest,
            size=size,
            extents=joined,
            stored=True,
            generated=True,
            address=run[0].address,
        )
    )


def _joined(run: list[Block]) -> tuple[tuple[int, int], ...]:
    """Return where a run's bytes stand, in order of address, touching ones joined."""
    result: list[tuple[int, int]] = []
    for each in run:
        if result and result[-1][1] == each.start:
            result[-1] = (result[-1][0], each.end)
        else:
            result.append((each.start, each.end))
    return tuple(result)
