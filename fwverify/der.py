"""A bound on ASN.1 before a parser sees it: the shape of DER, nothing of its meaning.

Guarantees, for bytes that ``walk`` lets pass (X.690, sections 8.1 and 10.1): every
length is definite and in its shortest form, every element lies inside its parent, only
SEQUENCE, SET and tagged elements are constructed (no BER segmented strings), tags are
below 31, and depth, element count, total size and the sizes of numbers and object
identifiers are bounded, so that ``asn1crypto`` can be driven neither into deep recursion
nor into large allocations or quadratic time.

Not checked: the order of SET OF, the encodings of primitive values, the size of a number
or identifier under an implicit tag, and what hides in OCTET STRINGs (certificate extensions
are parsed one by one by ``asn1crypto``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fwverify.reader import Malformed

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 50_000

MAX_OID_BYTES: Final = 128
"""An arc is a number of any size, and writing it in decimals takes quadratic time: a megabyte
of one takes minutes. No identifier in use has more than 40 bytes."""

MAX_INTEGER_BYTES: Final = 4096
"""A modulus of 32768 bits; serial numbers have 20 bytes (RFC 5280, 4.1.2.2)."""

_LONGEST: Final = {0x02: MAX_INTEGER_BYTES, 0x06: MAX_OID_BYTES, 0x0D: MAX_OID_BYTES}
SEQUENCE: Final = 0x30
SET: Final = 0x31
OCTET_STRING: Final = 0x04
_CONSTRUCTED: Final = 0x20
_CLASS_BITS: Final = 0xC0


@dataclass(frozen=True)
class Element:
    """One element: its tag byte, and where it, its content and its end lie."""

    tag: int
    at: int
    start: int
    end: int


def element(data: bytes, at: int, limit: int) -> Element:
    """Return the element whose tag byte is at ``at``; it ends at or before ``limit``.

    Raises ``Malformed`` for BER: indefinite or overlong lengths, high tag numbers.
    """
    if at + 2 > limit:
        raise Malformed(at, "asn1.header", f"needs 2 bytes, {max(0, limit - at)} remain")
    tag, first = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise Malformed(at, "asn1.tag", "a tag number above 30 has no place here")
    if first < 0x80:
        start, length = at + 2, first
    else:
        start, length = _long_length(data, at, limit)
    if length > limit - start:
        raise Malformed(at, "asn1.length", f"needs {length} bytes, {limit - start} remain")
    return Element(tag, at, start, start + length)


def _long_length(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Return where the content starts and its length, for the long form (X.690, 8.1.3.5)."""
    count = data[at + 1] & 0x7F
    if count == 0:
        raise Malformed(at, "asn1.length", "indefinite length: this is BER, not DER")
    if count > 4 or at + 2 + count > limit:
        raise Malformed(at, "asn1.length", f"a length of {count} bytes is absurd")
    length = int.from_bytes(data[at + 2 : at + 2 + count], "big")
    if length < 0x80 or length >> (8 * (count - 1)) == 0:
        raise Malformed(at, "asn1.length", "not in its shortest form: this is BER, not DER")
    return at + 2 + count, length


def walk(data: bytes, *, trailing: bool = False) -> int:
    """Return the end of the first element after looking at everything inside it.

    Raises ``Malformed`` where the shape is not DER or a bound is passed, and for bytes
    behind the element unless ``trailing`` allows them.
    """
    if len(data) > MAX_BYTES:
        raise Malformed(0, "asn1.size", f"{len(data)} bytes, the bound is {MAX_BYTES}")
    outer = element(data, 0, len(data))
    if outer.end != len(data) and not trailing:
        raise Malformed(outer.end, "asn1.trailing", f"{len(data) - outer.end} bytes follow")
    ends = [outer.end]
    at, seen = 0, 0
    while ends:
        if at == ends[-1]:
            ends.pop()
            continue
        found = element(data, at, ends[-1])
        if found.end - found.start > _LONGEST.get(found.tag, MAX_BYTES):
            why = f"{found.end - found.start} bytes of tag {found.tag:#04x} are absurd"
            raise Malformed(at, "asn1.value", why)
        seen += 1
        if seen > MAX_ELEMENTS:
            raise Malformed(at, "asn1.count", f"more than {MAX_ELEMENTS} elements")
        if _is_constructed(found):
            if len(ends) > MAX_DEPTH:
                raise Malformed(at, "asn1.depth", f"nested deeper than {MAX_DEPTH}")
            ends.append(found.end)
            at = found.start
        else:
            at = found.end
    return outer.end


def _is_constructed(found: Element) -> bool:
    if found.tag & _CLASS_BITS == 0:
        if found.tag == 0:
            raise Malformed(found.at, "asn1.tag", "end-of-contents: this is BER, not DER")
        if found.tag & _CONSTRUCTED and found.tag not in (SEQUENCE, SET):
            raise Malformed(found.at, "asn1.tag", "a string in segments: this is BER, not DER")
        if found.tag in (0x10, 0x11):
            raise Malformed(found.at, "asn1.tag", "a primitive SEQUENCE or SET")
    return bool(found.tag & _CONSTRUCTED)


def children(data: bytes, parent: Element) -> tuple[Element, ...]:
    """Return the elements directly inside ``parent``.

    Raises ``Malformed`` where they do not fill it exactly.
    """
    found: list[Element] = []
    at = parent.start
    while at < parent.end:
        found.append(element(data, at, parent.end))
        at = found[-1].end
        if len(found) > MAX_ELEMENTS:
            raise Malformed(at, "asn1.count", f"more than {MAX_ELEMENTS} elements")
    return tuple(found)


def wrap(tag: int, content: bytes) -> bytes:
    """Return one DER element of ``tag`` around ``content``."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


LIBRARY_ERRORS: Final = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    NotImplementedError,
    UnboundLocalError,
)
"""What ``asn1crypto`` was seen to raise for hostile values; it has no error type of its own."""
