"""What a block of bytes looks like: padding, text, machine code, compressed, encrypted, data.

Guarantees: the answer depends on the block alone, costs a few passes over it, and decides
nothing: it is drawn for a reader beside what the openers proved. Machine code is told by
how often the bytes that begin an instruction stand where they must in the encodings of
each architecture, together with calls and returns; thresholds were set on the ``.text``,
``.rodata`` and other sections of the C and C++ run-time libraries that Debian builds for
nine architectures, and on compressed and random bytes (figures in ``bench/blockclass.py``).

What it does not do: prove anything. A block of tables inside code is ``data``; compressed
and encrypted bytes differ by a chi-square test only, which a good compressor passes. RISC-V
code is often ``data``; 64-bit PowerPC and s390x are not told.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from typing import Final

from msgspec import Struct

from fwverify.model import BlockKind
from fwverify.unpack.entropy import BLOCK_BYTES, entropy_milli

HIGH_ENTROPY_MILLI: Final = 7200
_CODE_ENTROPY_MILLI: Final = 7600
"""Dense code of compressed instructions passes 7.2 bits per byte; deflate passes 7.8."""

_RANDOM_CHI_SQUARE: Final = 330
"""For 255 degrees of freedom random bytes pass 330 once in about a thousand blocks."""

_MIN_BYTES: Final = 256
_TEXT_PERCENT: Final = 95
_PADDING_PERMILLE: Final = 985
_PRINTABLE: Final = bytes((9, 10, 13, *range(0x20, 0x7F)))


class _Code(Struct, frozen=True):
    """One encoding. Counts are for 4 KiB and scale with the block.

    Of the bytes at ``lane`` (every ``step`` bytes) ``percent`` must be common leading
    bytes of an instruction; each pattern of ``telling`` must match as often as stated.
    """

    arch: str
    telling: tuple[tuple[re.Pattern[bytes], int], ...]
    step: int = 1
    lane: int = 0
    leading: bytes = b""
    percent: int = 0


def _times(pattern: bytes, hits: int) -> tuple[re.Pattern[bytes], int]:
    return re.compile(pattern, re.DOTALL), hits


_MIPS_LEADING: Final = bytes.fromhex(
    "8faf24100302278c8eae14ac263c04120130102c2a281600a07c9093a20c0811050645c446"
)
_CALL_X86: Final = rb"[\xe8\xe9]..[\x00-\x0f\xf0-\xff][\x00\xff]"

_CODES: Final = (
    _Code(
        "x86_64",
        (
            _times(rb"[\x48\x4c\x49][\x89\x8b\x8d\x83\x85\x39\x3b\x01\x29\xc7\x31\x63]", 60),
            _times(_CALL_X86, 8),
            _times(rb"\x0f[\x84\x85\x1f\x87\x86\xb6\xb7\x8f\x8e]|\xc3|\x41[\x54-\x57]|\x5d", 30),
        ),
    ),
    _Code(
        "x86",
        (
            _times(rb"[\x8b\x89\x8d][\x40-\xbf\x04\x0c\x14\x1c\x24]", 90),
            _times(_CALL_X86, 8),
            _times(
                rb"\x83[\xc4\xec\xf8\xc0\xe8]|\x85[\xc0\xd2\xf6\xff\xc9]|\x0f[\x84\x85\xb6]", 25
            ),
        ),
    ),
    _Code(
        "aarch64",
        (_times(rb"\xc0\x03\x5f\xd6|\xfd\x7b.\xa9|..[\x00-\x0f\xf0-\xff][\x94\x97]", 6),),
        step=4,
        lane=3,
        leading=bytes.fromhex(
            "f9aaa991549497b91752d5d2ebd6712a398bb4a8f81234b835b53637d1cb1490b0d0f0f16b79"
            "7253d31a9a924b0b1151292838783dad2d1e4e6e7afaf3"
        ),
        percent=80,
    ),
    _Code(
        "arm",
        (_times(rb"[\x00-\xff]..\xeb|\x1e\xff\x2f\xe1|..[\xbd\x2d][\xe8\xe9]", 4),),
        step=4,
        lane=3,
        leading=bytes.fromhex("e0e1e2e3e4e5e6e7e8e9eaebedee1a0a"),
        percent=70,
    ),
    _Code(
        "thumb",
        (_times(rb"[\xf0-\xf7].[\xd0-\xff]|\x70\x47|\x2d\xe9|\xbd\xe8|[\x00-\xff]\xb5", 8),),
        step=2,
        lane=1,
        leading=bytes.fromhex(
            "46f8f7f06844f1e9e742e8d1bfd04b309beb232bb060b5bd47494a4c98999a939290202829"
            "2221696a6b617870d9d8e0d318191c2af3f2fb797b718880"
        ),
        percent=47,
    ),
    _Code(
        "mips-be",
        (
            _times(
                rb"\x03\xe0\x00\x08|\x27\xbd[\x00-\x0f\xf0-\xff].|\x03\x20\xf8\x09|\x8f[\xbf\x99].",
                6,
            ),
        ),
        step=4,
        lane=0,
        leading=_MIPS_LEADING,
        percent=60,
    ),
    _Code(
        "mips-le",
        (
            _times(
                rb"\x08\x00\xe0\x03|.[\x00-\x0f\xf0-\xff]\xbd\x27|\x09\xf8\x20\x03|..[\xbf\x99]\x8f",
                6,
            ),
        ),
        step=4,
        lane=3,
        leading=_MIPS_LEADING,
        percent=60,
    ),
    _Code(
        "powerpc",
        (
            _times(
                rb"\x4e\x80\x00\x20|\x94\x21\xff|\x7c.\x02\xa6|[\x48\x4b]..[\x01\x05\x09\x0d]", 4
            ),
        ),
        step=4,
        lane=0,
        leading=bytes.fromhex(
            "7c81607f837d4138934b2c91804039483b4e907e829255948828543d3c702f98a0b05763c8d8fc4289993a"
        ),
        percent=80,
    ),
    _Code(
        "riscv",
        (
            _times(rb"\x82\x80|[\x41\x01]\x11|[\x39\x79\x5d\x1d]\x71|[\x05\x41\x21\x45]\x61", 8),
            _times(rb"[\xef\x97\x17][\x00-\x0f\xf0-\xff]|[\x63\xe3].", 40),
            _times(
                rb".[\x60\x64\xe0\xe4\x70\x74\xf0\xf4]|\x93[\x00-\x0f\x80-\x8f]|\x83[\x30-\x3f\xb0-\xbf]",
                60,
            ),
        ),
    ),
)


def classify(block: bytes, entropy: int | None = None) -> tuple[BlockKind, str | None]:
    """Return what ``block`` (4 KiB or less) looks like, and for code of which architecture.

    ``entropy`` is that of the block in thousandths, where it is known already.
    """
    kind = _plain(block)
    if kind is not None:
        return kind, None
    if entropy is None:
        entropy = entropy_milli(block)
    arch = architecture(block) if entropy < _CODE_ENTROPY_MILLI else None
    if arch is not None:
        return "code", arch
    if entropy < HIGH_ENTROPY_MILLI:
        return "data", None
    return ("encrypted" if _is_random(block, entropy) else "compressed"), None


def _plain(block: bytes) -> BlockKind | None:
    """Return ``padding`` or ``text`` where nearly all bytes say so."""
    for value in (0x00, 0xFF):
        if block.count(value) * 1000 >= len(block) * _PADDING_PERMILLE:
            return "padding"
    narrow = block[::2] if block[1::2].count(0) * 100 >= len(block) // 2 * _TEXT_PERCENT else block
    odd = len(narrow.translate(None, _PRINTABLE))
    return "text" if (len(narrow) - odd) * 100 >= len(narrow) * _TEXT_PERCENT else None


def architecture(block: bytes) -> str | None:
    """Return the architecture whose machine code ``block`` looks like, or None."""
    if len(block) < _MIN_BYTES:
        return None
    for code in _CODES:
        if code.step > 1 and _leading_percent(block, code) < code.percent:
            continue
        if all(_hits(block, pattern, hits) for pattern, hits in code.telling):
            return code.arch
    return None


def _leading_percent(block: bytes, code: _Code) -> int:
    lane = block[code.lane :: code.step]
    return 100 * (len(lane) - len(lane.translate(None, code.leading))) // len(lane)


def _hits(block: bytes, pattern: re.Pattern[bytes], hits: int) -> bool:
    return len(pattern.findall(block)) * BLOCK_BYTES >= hits * len(block)


def _is_random(block: bytes, entropy: int) -> bool:
    """Return whether the byte counts of ``block`` are as equal as those of random bytes.

    By Jensen's inequality chi-square is at least ``len * (2 ** (8 - entropy) - 1)``: most
    blocks need no count. ``entropy`` is rounded, hence the thousandth.
    """
    least = len(block) * (2 ** (8 - (entropy + 1) / 1000) - 1)
    return least <= _RANDOM_CHI_SQUARE and chi_square(block) < _RANDOM_CHI_SQUARE


def chi_square(block: bytes) -> int:
    """Return the chi-square of the byte counts against equal ones (255 degrees of freedom)."""
    if not block:
        return 0
    counts = Counter(block).values()
    squares: int = sum(map(operator.mul, counts, counts))
    return squares * 256 // len(block) - len(block)
