"""Lists of digests, and the tables that are none."""

from __future__ import annotations

import hashlib
import math
import struct
import uuid
import zlib

import pytest

from fwverify.analyse.targets import targets
from fwverify.analyse.values import Hit

ASKS = frozenset(("GetAdaptersInfo", "ReadFile"))
START = bytes.fromhex("0123456789abcdeffedcba9876543210")
PADDING = bytes(64)


def digests(count: int) -> bytes:
    return b"".join(hashlib.md5(b"adapter %d" % index).digest() for index in range(count))


def said(table: bytes, names: frozenset[str] = ASKS, state: bytes = START) -> tuple[Hit, ...]:
    content = PADDING + table + PADDING + state
    return targets(names, content, ((".rdata", (0, len(content))),))


@pytest.mark.parametrize("count", [4, 5, 24, 300])
def test_a_list_of_digests_is_found(count: int) -> None:
    (hit,) = said(digests(count))
    assert (hit.rule, hit.capability, hit.offset) == ("targets.digests", "logic.targeting", 64)
    assert (hit.severity, hit.confidence) == ("medium", "low")
    assert hit.excerpt == f"{count} values of 16 bytes"


def test_what_comes_from_outside_makes_it_surer() -> None:
    (hit,) = said(digests(8), ASKS | {"InternetReadFile"})
    assert hit.confidence == "medium"


def test_a_call_asks_as_well_as_an_import() -> None:
    content = PADDING + digests(8) + PADDING + START
    calls = frozenset(("ioctl(SIOCGIFHWADDR)",))
    (hit,) = targets(frozenset(("ioctl",)), content, (("d", (0, len(content))),), calls=calls)
    assert hit.confidence == "low"
    assert "asks ioctl(SIOCGIFHWADDR)" in hit.evidence


@pytest.mark.parametrize("names", [frozenset(), frozenset(("ReadFile", "getifaddrs", "ioctl"))])
def test_who_asks_for_no_address_looks_for_nothing(names: frozenset[str]) -> None:
    assert said(digests(24), names) == ()


def test_without_a_digest_function_there_is_nothing() -> None:
    assert said(digests(24), state=b"") == ()
    assert said(digests(24), ASKS | {"CryptHashData"}, state=b"")


def sines() -> bytes:
    values = (int(abs(math.sin(index + 1)) * 2**32) for index in range(64))
    return b"".join(struct.pack("<I", value) for value in values)


def remainders(width: str, polynomial: int = 0xEDB88320) -> bytes:
    table = []
    for index in range(256):
        value = index
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return b"".join(struct.pack(width, value) for value in table)


PRIME = bytes.fromhex(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a0879"
    "8e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a3620"
    "ffffffffffffffff"
)
NOT_DIGESTS = {
    "too short": digests(3),
    "zeros": bytes(4096),
    "text": zlib.compress(digests(9)).hex().encode() * 4,
    "sines of MD5": sines(),
    "remainders": remainders("<I"),
    "remainders, the other order": remainders(">I"),
    "remainders of 64 bits": remainders("<Q", 0xC96C5795D7870F42),
    "remainders of CRC-32C": remainders("<I", 0x82F63B78),
    "a prime of RFC 3526": PRIME,
    "numbers": b"".join(struct.pack("<d", 1 / (index + 3)) for index in range(64)),
    "identifiers": b"".join(
        uuid.UUID(bytes=digests(40)[at : at + 16], version=4).bytes for at in range(0, 640, 16)
    ),
    "addresses": b"".join(struct.pack("<Q", 0x140001000 + 37 * index) for index in range(64)),
}


@pytest.mark.parametrize("name", NOT_DIGESTS)
def test_other_tables_are_no_list(name: str) -> None:
    assert said(NOT_DIGESTS[name]) == ()


@pytest.mark.parametrize("name", ["sines of MD5", "zeros", "text"])
def test_a_list_beside_another_table_is_found(name: str) -> None:
    assert said(NOT_DIGESTS[name] + digests(24))
    assert said(digests(24) + NOT_DIGESTS[name])


def test_a_list_in_the_operands_of_instructions() -> None:
    table = digests(5)
    bytewise = b"".join(b"\x80\xf9" + bytes((byte,)) + b"\x75\x02" for byte in table)
    wordwise = b"".join(
        b"\xc7\x45" + bytes((at,)) + table[at : at + 4] for at in range(0, len(table), 4)
    )
    for code in (bytewise, wordwise):
        content = START + code
        place = (16, len(content))
        (hit,) = targets(ASKS, content, (), (place,), 64)
        assert hit.excerpt == "5 values of 16 bytes"
        assert targets(ASKS, START + bytes(len(code)), (), (place,), 64) == ()


def test_comparisons_with_letters_are_no_list() -> None:
    text = b"the quick brown fox jumps over the lazy dog and then over the other one, too....."
    code = b"".join(b"\x80\xf9" + bytes((byte,)) + b"\x75\x02" for byte in text)
    assert targets(ASKS, START + code, (), ((16, 16 + len(code)),), 64) == ()


@pytest.mark.parametrize("place", [(0, 0), (5, 3), (0, 10**9), (10**9, 10**9 + 5)])
def test_places_outside_the_file_say_nothing(place: tuple[int, int]) -> None:
    assert targets(ASKS, START, (("d", place),), (place,), 32) == ()


def test_parts_that_overlap_are_read_once() -> None:
    content = PADDING + digests(24) + PADDING + START
    whole = (0, len(content))
    parts = tuple((str(index), (index % 16, len(content))) for index in range(5000))
    assert targets(ASKS, content, parts) == targets(ASKS, content, (("d", whole),))
