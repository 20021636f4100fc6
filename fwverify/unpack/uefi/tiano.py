"""The compression of EFI 1.1 and its Tiano variant: LZ77 with Huffman tables.

Guarantees: reads and writes stay in bounds, and a stream that breaks the rules is a
``Malformed``; the output is bounded before it is made. The two variants differ in one
width: 4 or 5 bits for the number of position codes. Where it is not written down which one
was used, both are tried, and a stream that can be read in two ways is refused.

Specification: UEFI 2.10, chapter 19 "EFI compression algorithm": sections 19.2 "Algorithm
overview", 19.3 "Data format" and 19.5 "Decompressor design".

It is written here because the C decoders at hand are old copies of one that had several
out-of-bounds writes (CVE-2017-5731 to 5735), and content here is hostile.
"""

from __future__ import annotations

from typing import Final

from fwverify.reader import Malformed

MAX_OUT_BYTES: Final = 64 * 1024 * 1024
_MAX_CODE_BITS: Final = 16
_LITERALS_AND_LENGTHS: Final = 256 + 256 + 2 - 3
_LENGTH_CODES: Final = 19
_MIN_MATCH: Final = 3
_SPARE_BYTES: Final = 2
"""What the compressor writes behind the last code: bits to fill a byte."""

_FIELD: Final = "EFI compressed data"


class _Bits:
    """Bits of a byte string, the highest first; zeros behind its end."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._held = 0
        self._count = 0
        self.missing = 0

    def peek(self, width: int) -> int:
        while self._count < width:
            if self._at < len(self._data):
                chunk = self._data[self._at : self._at + 8]
            else:
                chunk = bytes(8)
                self.missing += 8
            self._at += len(chunk)
            self._held = self._held << 8 * len(chunk) | int.from_bytes(chunk, "big")
            self._count += 8 * len(chunk)
        return self._held >> self._count - width & (1 << width) - 1

    def drop(self, width: int) -> None:
        self._count -= width
        self._held &= (1 << self._count) - 1

    def take(self, width: int) -> int:
        value = self.peek(width)
        self.drop(width)
        return value

    @property
    def used(self) -> int:
        """How many bytes of the string were used, the last perhaps in part."""
        return min((self._at * 8 - self._count + 7) // 8, len(self._data))

    @property
    def overrun(self) -> bool:
        """Whether bits behind the end were used, not only looked at."""
        return self.missing * 8 > self._count


class _Code:
    """A canonical Huffman code, looked up by a prefix of at most 16 bits."""

    def __init__(self, lengths: list[int], base: int) -> None:
        """Build the code; raise ``Malformed`` at ``base`` unless it is complete (19.5)."""
        total = sum(1 << _MAX_CODE_BITS - bits for bits in lengths if bits)
        if total != 1 << _MAX_CODE_BITS:
            raise Malformed(base, _FIELD, "a Huffman table is not complete")
        self._first: list[tuple[int, int, int, list[int]]] = []
        code = 0
        for bits in range(1, _MAX_CODE_BITS + 1):
            symbols = [at for at, length in enumerate(lengths) if length == bits]
            if symbols:
                low = code << _MAX_CODE_BITS - bits
                code += len(symbols)
                self._first.append((code << _MAX_CODE_BITS - bits, low, bits, symbols))
            code <<= 1

    def read(self, bits: _Bits) -> int:
        ahead = bits.peek(_MAX_CODE_BITS)
        for limit, low, width, symbols in self._first:
            if ahead < limit:
                bits.drop(width)
                return symbols[ahead - low >> _MAX_CODE_BITS - width]
        raise Malformed(0, _FIELD, "no such code")


class _Constant:
    """A code of one symbol and no bits."""

    def __init__(self, symbol: int) -> None:
        self._symbol = symbol

    def read(self, bits: _Bits) -> int:
        del bits
        return self._symbol


def expand(data: bytes, base: int, widths: tuple[int, ...]) -> tuple[bytes, int]:
    """Return the content of ``data`` and how many of its bytes are the stream.

    ``data`` are two sizes (u32 little-endian each), then the stream; ``base`` is where it
    lies, for messages. Of several ``widths`` that read it to different contents, the one
    that uses up the stream counts. Raises ``Malformed``, also where that leaves a choice.
    """
    if len(data) < 8:
        raise Malformed(base, _FIELD, "the sizes are not there", past_end=True)
    packed, size = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4))
    if packed > len(data) - 8 or size > MAX_OUT_BYTES:
        raise Malformed(base, _FIELD, f"{packed} bytes to {size}, {len(data) - 8} are there")
    stream, faults = data[: 8 + packed], []
    readings: dict[bytes, int] = {}
    for width in widths:
        try:
            content, used = _decode(stream, size, width, base)
        except Malformed as error:
            faults.append(error)
        else:
            readings[content] = max(used, readings.get(content, 0))
    if not readings:
        raise faults[0]
    whole = {text: used for text, used in readings.items() if len(stream) - used <= _SPARE_BYTES}
    candidates = whole if whole and len(readings) > 1 else readings
    if len(candidates) > 1:
        raise Malformed(base, _FIELD, "can be read in two ways")
    content, used = next(iter(candidates.items()))
    spare = stream[used:]
    return content, len(stream) if len(spare) <= _SPARE_BYTES and not any(spare) else used


def _decode(data: bytes, size: int, width: int, base: int) -> tuple[bytes, int]:
    bits = _Bits(data, 8)
    out = bytearray()
    while len(out) < size:
        block = bits.take(16)
        if bits.overrun:
            raise Malformed(base, _FIELD, "ends too early")
        literals, positions = _tables(bits, width, base)
        for _ in range(block or 1 << 16):
            if len(out) >= size:
                raise Malformed(base, _FIELD, "has more codes than bytes")
            symbol = literals.read(bits)
            if symbol < 256:
                out.append(symbol)
                continue
            _copy(out, symbol - 256 + _MIN_MATCH, _distance(bits, positions), size, base)
        if bits.overrun:
            raise Malformed(base, _FIELD, "ends too early")
    return bytes(out), bits.used


def _distance(bits: _Bits, positions: _Code | _Constant) -> int:
    code = positions.read(bits)
    return code + 1 if code < 2 else (1 << code - 1) + bits.take(code - 1) + 1


def _copy(out: bytearray, length: int, distance: int, size: int, base: int) -> None:
    if distance > len(out) or len(out) + length > size:
        raise Malformed(base, _FIELD, "a match leaves the content")
    start = len(out) - distance
    if distance >= length:
        out += out[start : start + length]
        return
    pattern = bytes(out[start:])
    out += (pattern * (length // distance + 1))[:length]


def _tables(bits: _Bits, width: int, base: int) -> tuple[_Code | _Constant, _Code | _Constant]:
    """Read the three tables of a block (19.3.2): lengths of lengths, symbols, positions."""
    extra = _plain_lengths(bits, _LENGTH_CODES, 5, 3, base)
    literals = _symbol_lengths(bits, extra, base)
    positions = _plain_lengths(bits, (1 << width) - 1, width, -1, base)
    return literals, positions


def _plain_lengths(
    bits: _Bits, most: int, width: int, special: int, base: int
) -> _Code | _Constant:
    count = bits.take(width)
    if count == 0:
        return _Constant(bits.take(width))
    if count > most:
        raise Malformed(base, _FIELD, f"a table of {count} codes")
    lengths: list[int] = []
    while len(lengths) < count:
        value = bits.take(3)
        if value == 7:
            while bits.take(1):
                value += 1
                if value > _MAX_CODE_BITS:
                    raise Malformed(base, _FIELD, "a code that is too long")
        lengths.append(value)
        if len(lengths) == special:
            lengths += [0] * bits.take(2)
    if len(lengths) > most:
        raise Malformed(base, _FIELD, "a table that is too long")
    return _Code(lengths, base)


def _symbol_lengths(bits: _Bits, extra: _Code | _Constant, base: int) -> _Code | _Constant:
    count = bits.take(9)
    if count == 0:
        return _Constant(bits.take(9))
    if count > _LITERALS_AND_LENGTHS:
        raise Malformed(base, _FIELD, f"a table of {count} symbols")
    lengths: list[int] = []
    while len(lengths) < count:
        code = extra.read(bits)
        if code > 2:
            lengths.append(code - 2)
        elif code == 0:
            lengths.append(0)
        else:
            lengths += [0] * (bits.take(4) + 3 if code == 1 else bits.take(9) + 20)
    if len(lengths) > count:
        raise Malformed(base, _FIELD, "a table that is too long")
    return _Code(lengths, base)
