"""How often ``unpack.blockclass`` names the architecture of machine code, and how often wrongly.

Usage: ``python -m bench.blockclass FILE...`` with ELF files, for example the C and C++
run-time libraries of Debian's cross packages. A row is printed per file: its ``.text`` in
4 KiB blocks by what they look like, and the blocks of its read-only data that look like
code. Rows of deflated, xz-compressed and random bytes follow.
"""

from __future__ import annotations

import lzma
import os
import sys
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import lief

from fwverify.unpack.blockclass import classify
from fwverify.unpack.source import BLOCK_BYTES

_DATA_SECTIONS: Final = (".rodata", ".dynstr", ".dynsym", ".eh_frame", ".data.rel.ro", ".data")


def blocks(data: bytes) -> Iterable[bytes]:
    """Yield the whole blocks of ``data``."""
    return (
        data[at : at + BLOCK_BYTES] for at in range(0, len(data) - BLOCK_BYTES + 1, BLOCK_BYTES)
    )


def looks(data: bytes) -> Counter[str]:
    """Return how many blocks of ``data`` look like what."""
    answers = (classify(block) for block in blocks(data))
    return Counter(arch or kind for kind, arch in answers)


def main(arguments: list[str]) -> int:
    """Print the table; return 2 where no file was named."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for name in arguments:
        binary = lief.ELF.parse(name)
        if binary is None:
            print(f"{name}: not an ELF file", file=sys.stderr)
            return 2
        sections = {str(each.name): bytes(each.content) for each in binary.sections}
        print(f"{Path(name).name:28} .text {_row(looks(sections.get('.text', b'')))}")
        data = b"".join(sections.get(each, b"") for each in _DATA_SECTIONS)
        print(f"{'':28} data  {_row(looks(data))}")
    whole = Path(arguments[0]).read_bytes()
    print(f"{'deflate':34} {_row(looks(zlib.compress(whole, 9)))}")
    print(f"{'xz':34} {_row(looks(lzma.compress(whole)))}")
    print(f"{'random':34} {_row(looks(os.urandom(len(whole))))}")
    return 0


def _row(counts: Counter[str]) -> str:
    total = sum(counts.values()) or 1
    return " ".join(f"{name} {100 * n / total:.1f}%" for name, n in counts.most_common(6))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
