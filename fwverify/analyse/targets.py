"""Programs that look for certain machines: digests of addresses, compared on the spot.

Guarantees: a finding where a program asks for the addresses of its network adapters,
makes MD5 or SHA-1 digests, and holds at least ``MIN_RECORDS`` values of 16 bytes in a row
that look like digests and are no table of a known algorithm. It is of low confidence (a
key that updates are verified with, or a cipher's table, looks the same: network daemons
of Linux have both) and of medium confidence where a program for Windows can also fetch or
run something that came from outside.

The public case is an update helper that looked for the MD5 values of some hundreds of
hardware addresses before it loaded a second stage (Kaspersky, "Operation ShadowHammer",
2019). The algorithms' constants: RFC 1321 §3.3 and §3.4, RFC 3174 §6.1, FIPS 180-4 §4.2
and §5.3, FIPS 197 figure 7.

What it does not see: tables that are encrypted, read from a file, or shorter; digests by
another algorithm; tables behind the first ``MAX_TABLE_BYTES`` of a part
and operands behind the first ``MAX_CODE_BYTES`` of code; whether the
values are compared with the addresses.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, Range, merged
from fwverify.reader import Buffer

MIN_RECORDS: Final = 4
MAX_RECORDS: Final = 4096
MAX_TABLE_BYTES: Final = 16 * 1024 * 1024
_RECORD_BYTES: Final = 16
_FEWEST_DISTINCT: Final = 12
_AROUND: Final = 32
_ONES: Final = b"\xff" * 7
_HIGH: Final = range(3, 14)
"""How many of 16 bytes have their highest bit set; text has none of them."""

ADAPTERS: Final = frozenset(
    (
        *("GetAdaptersInfo", "GetAdaptersAddresses", "Netbios", "GetIfTable", "GetIfTable2"),
        *("GetIfEntry", "SendARP", "UuidCreateSequential"),
    )
)
_CALLS: Final = frozenset(("ioctl(SIOCGIFHWADDR)",))
_FILES: Final = (b"/sys/class/net/", b"/address")
_HASHERS: Final = re.compile(
    r"(?:[Mm][Dd]5|SHA1)_?(?:Init|Update|Final|Transform)?|EVP_(?:md5|sha1|Digest\w*)|gcry_md_\w+"
    r"|(?:mbedtls|wc|nettle)_?md5\w*|CryptHashData|BCryptHashData|BCryptHash|A_SHAUpdate|MD5Update"
)
_OUTSIDE: Final = frozenset(
    (
        *("InternetOpenUrlA", "InternetOpenUrlW", "InternetReadFile", "WinHttpReadData", "dlopen"),
        *("URLDownloadToFileA", "URLDownloadToFileW", "VirtualProtect", "WinExec", "mprotect"),
        *("CreateProcessA", "CreateProcessW", "ShellExecuteA", "ShellExecuteW", "system", "popen"),
        *("execve", "execv", "execl", "execlp", "execvp", "posix_spawn", "curl_easy_perform"),
    )
)
_START: Final = re.compile(
    rb"\x01\x23\x45\x67|\x67\x45\x23\x01"  # a word of either order, or an operand of x86
    rb"|[\x20-\x3f]\x60\x84\x52.{0,60}?[\xa0-\xbf]\xe8\xac\x72"  # AArch64: MOVZ, MOVK
    rb"|\x01.\x02\xe3.{0,60}?\x45.\x46\xe3"  # A32: MOVW, MOVT
    rb"|\x42\xf2\x01[\x30-\x3f].{0,60}?\xc6\xf2\x45[\x70-\x7f]"  # T32: MOVW, MOVT
    rb"|\x45\x67.\x3c.{0,60}?\x01\x23.[\x24-\x27\x34-\x37]"  # MIPS: LUI, ADDIU or ORI
    rb"|\x3c.\x67\x45.{0,60}?[\x24-\x27\x34-\x37].\x23\x01",
    re.DOTALL,
)
"""The first word of the state of MD5 and SHA-1, 0x67452301, as data and in code."""


_KNOWN_WORDS: Final = """
256 78a46ad7 d76aa478
256 982f8a42 428a2f98
640 22ae28d7
256 637c777b 52096ad5 292e43c9
64 67e6096a 6a09e667 d89e05c1 c1059ed8 08c9bcf3
4096 a6638463 63a56384 a56363c6 c66363a5 51f4a750 50a7f451
4168 886a3f24 243f6a88
4096 a60b31d1 d1310ba6
16 01234567 67452301 89abcdef efcdab89
"""
"""Length and beginnings of tables: MD5, SHA-256, SHA-512, AES and MD2, initial values of
SHA-2, tables of AES rounds, Blowfish, initial values of MD5 and SHA-1."""

_KNOWN: Final = {
    bytes.fromhex(word): int(length)
    for length, *words in (line.split() for line in _KNOWN_WORDS.strip().splitlines())
    for word in words
}
_SINES: Final = (bytes.fromhex("78a46ad7"), bytes.fromhex("d76aa478"))
_LAST_SINE: Final = (bytes.fromhex("91d386eb"), bytes.fromhex("eb86d391"))
"""The first and the last constant of MD5 (RFC 1321 §3.4), in either order."""

_KNOWN_AT: Final = re.compile(b"|".join(re.escape(word) for word in _KNOWN))


def targets(
    imports: frozenset[str],
    buffer: Buffer,
    parts: Iterable[tuple[str, Range]],
    code: Iterable[Range] = (),
    bits: int = 0,
    calls: frozenset[str] = frozenset(),
) -> tuple[Hit, ...]:
    """Return the finding for a list of digests, if there is one.

    ``parts`` are named ranges without code; ``code`` are ranges of x86 code of ``bits``
    bits, whose operands may be the list; ``calls`` are the texts of call facts.
    """
    content = bytes(buffer)
    asks = sorted(imports & ADAPTERS)
    asks += sorted(calls & _CALLS)
    if all(word in content for word in _FILES):
        asks.append("/sys/class/net/")
    hashes = sorted(name for name in imports if _HASHERS.fullmatch(name))
    if not asks or not (hashes or _START.search(content)):
        return ()
    lists = [
        each for place in merged(part for _, part in parts) for each in _tables(content, place)
    ]
    lists += [each for place in merged(code) for each in _operands(content, place, bits)]
    if not lists:
        return ()
    return (_hit(lists, asks, hashes, sorted(imports & _OUTSIDE)),)


def _hit(
    lists: list[tuple[int, bytes]], asks: list[str], hashes: list[str], outside: list[str]
) -> Hit:
    start, table = max(lists, key=lambda each: (len(each[1]), -each[0]))
    seal = hashlib.sha256(table).hexdigest()[:32]
    count = len(table) // _RECORD_BYTES
    evidence = {f"asks {name}" for name in asks} | {f"digests by {name}" for name in hashes}
    evidence |= {f"import {name}" for name in outside}
    evidence |= {f"table of {count} values sha256:{seal}"}
    return Hit(
        rule="targets.digests",
        text="asks for its adapters' addresses, makes digests, and holds a list of digests:"
        " it may look for certain machines",
        capability="logic.targeting",
        threat="both",
        severity="medium",
        confidence="medium" if outside and ADAPTERS.intersection(asks) else "low",
        offset=start,
        excerpt=f"{count} values of 16 bytes",
        evidence=tuple(sorted(evidence)),
        r155=R155_BY_ID["logic.targeting"],
    )


def _tables(content: bytes, place: Range) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of the runs in ``place`` that look like digests."""
    start, end = place[0], min(place[1], place[0] + MAX_TABLE_BYTES)
    start = run = -(-start // _RECORD_BYTES) * _RECORD_BYTES
    known = _known(content, start, end)
    for at in range(start, end + 1, _RECORD_BYTES):
        inside = at + _RECORD_BYTES <= end and at not in known
        if inside and _is_even(content[at : at + _RECORD_BYTES]):
            continue
        count = (at - run) // _RECORD_BYTES
        if MIN_RECORDS <= count <= MAX_RECORDS and _are_digests(content, run, at):
            yield run, content[run:at]
        run = at + _RECORD_BYTES


def _known(content: bytes, start: int, end: int) -> frozenset[int]:
    """Return where records that are (part of) the table of an algorithm begin."""
    found: set[int] = set()
    for match in _KNOWN_AT.finditer(content, start, end):
        low = match.start() // _RECORD_BYTES * _RECORD_BYTES
        length = _KNOWN[match[0]]
        if (
            match[0] in _SINES
            and content[match.start() + 252 : match.start() + 256] not in _LAST_SINE
        ):
            length = _RECORD_BYTES  # the first constants alone: code holds the others
        found.update(range(low, match.start() + length, _RECORD_BYTES))
    return frozenset(found)


def _is_even(record: bytes) -> bool:
    """Return whether 16 bytes are as different from each other as those of a digest."""
    if len(set(record)) < _FEWEST_DISTINCT:
        return False
    return sum(byte >> 7 for byte in record) in _HIGH


def _are_digests(content: bytes, start: int, end: int) -> bool:
    """Return whether a run of records is no table of an algorithm and has no columns.

    Numbers, addresses and identifiers (RFC 9562 §4.1: variant, §4.2: version) have bytes
    or half bytes that stay nearly the same from record to record; the primes of key
    agreement (RFC 3526) have whole words of ones around them.
    """
    run = content[start:end]
    around = content[max(0, start - _AROUND) : start], content[end : end + _AROUND]
    if any(_ONES in part for part in around):
        return False
    for width in (4, 8, 16):
        for column in range(width):
            if _peak(byte >> 4 for byte in run[column::width]) > _most(len(run) // width, 16):
                return False
    return _peak(run) <= _most(len(run), 256) and not any(_is_linear(run, n) for n in (2, 4, 8))


def _peak(values: Iterable[int]) -> int:
    return Counter(values).most_common(1)[0][1]


def _most(count: int, kinds: int) -> int:
    """Return how often one of ``kinds`` values may be there among ``count`` by chance."""
    mean = count / kinds
    return int(mean + 5 * math.sqrt(mean) + 3)


def _is_linear(run: bytes, width: int) -> bool:
    """Return whether four neighbours cancel each other, as in the tables of a CRC."""
    words = [int.from_bytes(run[at : at + width], "little") for at in range(0, len(run), width)]
    for first in range(4):
        fours = list(zip(*(words[first + step :: 4] for step in range(4)), strict=False))
        if sum(a ^ b ^ c ^ d == 0 for a, b, c, d in fours) * 2 > len(fours):
            return True
    return False


# --- lists that stand in instructions --------------------------------------------------

MAX_CODE_BYTES: Final = 4 * 1024 * 1024
_NEAR_BYTES: Final = 64
_OPERAND: Final = re.compile(
    r"(?:cmp|xor) (?P<byte>[a-ds][hil]?[hl]|\w+l|r\d+b|byte ptr \[[^]]+\]), (?P<value>\w+)"
    r"|(?:mov|cmp) dword ptr \[[^]]+\], (?P<word>0x[0-9a-f]{6,8})"
    r"|(?:cmp|xor) \w+, (?P<other>0x[0-9a-f]{6,8})|movabs \w+, (?P<long>0x[0-9a-f]{13,16})"
)


def _operands(content: bytes, place: Range, bits: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of the lists that the operands of neighbours make together.

    A compiler that unrolls a comparison leaves a byte in each instruction; a table on the
    stack is stored word by word.
    """
    import capstone

    start, end = place[0], min(place[1], place[0] + MAX_CODE_BYTES)
    mode = capstone.CS_MODE_64 if bits == 64 else capstone.CS_MODE_32
    engine = capstone.Cs(capstone.CS_ARCH_X86, mode)
    engine.skipdata = True
    found, first, last = bytearray(), start, start
    for address, _, mnemonic, operands in engine.disasm_lite(content[start:end], start):
        match = _OPERAND.fullmatch(f"{mnemonic} {operands}")
        if match is None:
            continue
        if address - last > _NEAR_BYTES:
            yield from _listed(first, bytes(found))
            found.clear()
        first, last = (first if found else address), address
        found += _bytes_of(match)
    yield from _listed(first, bytes(found))


def _bytes_of(match: re.Match[str]) -> bytes:
    """Return the operand as it stands in memory; nothing for one that is no number."""
    for name, size in (("value", 1), ("word", 4), ("other", 4), ("long", 8)):
        text = match[name]
        if text is not None:
            number = int(text, 0) if text[0].isdigit() else None
            return b"" if number is None else number.to_bytes(8, "little")[:size]
    return b""


def _listed(offset: int, run: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield ``run`` when it is as long and as even as ``MIN_RECORDS`` digests."""
    if not MIN_RECORDS * _RECORD_BYTES <= len(run) <= MAX_RECORDS * _RECORD_BYTES:
        return
    high = sum(byte >> 7 for byte in run)
    many = Counter(run).most_common(1)[0][1]
    even = 3 * len(run) <= 10 * high <= 7 * len(run) and many * 16 <= len(run) + 48
    if even and not _KNOWN_AT.search(run):
        yield offset, run
