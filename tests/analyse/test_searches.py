"""The searches that go from a rare byte on, beside the plain ones that they stand for."""

from __future__ import annotations

import random
import re

from fwverify.analyse.dialled import _OBJECT, _OCTET_DIGITS, _QUAD
from fwverify.analyse.metering import _registers
from fwverify.analyse.stacks import _ROUTE, _routes
from fwverify.analyse.windows import holds_wide

QUAD = re.compile(rb"(?<=\x00)([1-9]\d{0,2}(?:\.\d{1,3}){3})(:\d{2,5})?(?=\x00)")
OBJECT = re.compile(rb"(?<=\x00)(?:1\.[0-3]|2\.\d{1,2})(?:\.\d{1,8}){4,}(?=\x00)")
OBIS = re.compile(
    rb"[01]-([0-9]{1,2}):([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?:[*.]([0-9]{1,3}))?(?![0-9.])"
)
DOTTED = re.compile(
    rb"[01]\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.(255)(?![0-9.])"
)
WIDE = re.compile(rb"(?:[\x20-\x7e]\x00){6}")


def texts(
    pieces: tuple[bytes, ...], seed: str, length: int = 12, count: int = 20_000
) -> list[bytes]:
    dice = random.Random(seed)
    return [b"".join(dice.choices(pieces, k=dice.randrange(1, length))) for _ in range(count)]


def test_addresses() -> None:
    pieces = (b"\0", b".", b"1", b"9", b"25", b"203.0.113.7", b":80", b"\x001", b"2.")
    found = 0
    for text in texts(pieces, "addresses"):
        plain = [(each[1], each[2], each.end()) for each in QUAD.finditer(text)]
        fast = [
            (
                text[max(0, each.start() - _OCTET_DIGITS) : each.start()].rpartition(b"\0")[2]
                + b"."
                + each[1],
                each[2],
                each.end(),
            )
            for each in _QUAD.finditer(text)
        ]
        assert fast == plain, text
        found += len(plain)
    assert found > 250


def test_object_identifiers() -> None:
    pieces = (b"\0", b"\x001", b"\x002", b".", b".1", b".3.6", b".25", b"9")
    found = 0
    for text in texts(pieces, "objects"):
        plain = OBJECT.search(text) is not None
        assert (_OBJECT.search(text) is not None) is plain, text
        found += plain
    assert found > 200


def test_registers() -> None:
    pieces = (
        b"1-0:",
        b"0-",
        b"1",
        b".8",
        b".255",
        b"*255",
        b".0",
        b"1.0",
        b" ",
        b"0.1.2.3.4",
        b":",
    )
    found = 0
    for text in texts(pieces, "registers"):
        plain = sorted(
            (each.start(), each.end(), each.groups())
            for pattern in (OBIS, DOTTED)
            for each in pattern.finditer(text)
        )
        fast = sorted((start, each.end(), each.groups()) for start, each in _registers(text))
        assert fast == plain, text
        found += len(plain)
    assert found > 600


def test_routes() -> None:
    plain_route = re.compile(b"(?m)^" + _ROUTE.pattern.removeprefix(b"(?m)"))
    pieces = (
        b"route add default gw ", b"10.0.0.1", b"\n", b" ", b"ip route add default via ",
        b"gateway ", b"option gateway '", b"'", b"Gateway=", b"x", b"\t", b"route", b";",
    )  # fmt: skip
    found = 0
    for text in texts(pieces, "routes"):
        plain = [(each.start(), each[0]) for each in plain_route.finditer(text)]
        assert [(each.start(), each[0]) for each in _routes(text)] == plain, text
        found += len(plain)
    assert found > 250


def test_wide_texts() -> None:
    pieces = (b"a\0", b"\0", b"~\0", b"\x7f\0", b"b", b"\x80", b"c\0d\0e\0")
    found = 0
    for text in texts(pieces, "wide"):
        plain = WIDE.search(text) is not None
        assert holds_wide(text, 6) is plain, text
        found += plain
    assert 500 < found < 19_000
