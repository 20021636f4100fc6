from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.mcu import PERIPHERALS, mcu
from tests.builders.mcu import avr, cortex_m

TEXTS = (b"AT+CGDCONT=1\0", b"http://a.acme.test/up\0", b"unlock %s\0", b"boot ok\0", b"idle\0")


def image(base: int, texts: tuple[bytes, ...] = TEXTS, words: tuple[int, ...] = ()) -> bytes:
    """An image whose literal pool names its texts, and one text that nothing names."""
    plain = cortex_m(8192, base=base)
    at = len(plain)
    pool_bytes = 4 * (len(texts) + len(words))
    places, body = [], b""
    for text in texts:
        places.append(base + at + pool_bytes + len(body))
        body += text + b"\0" * (-len(text) % 4)
    return (
        plain
        + struct.pack(f"<{len(texts) + len(words)}I", *places, *words)
        + body
        + b"\xffunused text\0"
    )


def facts(content: bytes, kind: str) -> list[str]:
    return [fact.text for fact in mcu(content) if fact.kind == kind]


@pytest.mark.parametrize("base", [0x0800_0000, 0x0800_4000, 0x0000_0000, 0x6000_0400])
def test_the_load_address_and_the_texts_that_are_used(base: int) -> None:
    content = image(base)
    assert facts(content, "load address") == [f"{base:#010x}"]
    assert facts(content, "text") == sorted(text.rstrip(b"\0").decode() for text in TEXTS)


def test_too_few_texts_give_no_address() -> None:
    content = image(0x0800_0000, TEXTS[:3])
    assert facts(content, "load address") == []
    assert facts(content, "text") == []


def test_texts_that_nothing_names_give_no_address() -> None:
    plain = cortex_m(8192) + b"\0".join(TEXTS)
    assert facts(plain, "load address") == []


@pytest.mark.parametrize("word", sorted(PERIPHERALS))
def test_a_controller_by_its_register_base(word: int) -> None:
    assert facts(image(0x0800_0000, words=(word,)), "peripheral") == [
        f"{word:#010x} {PERIPHERALS[word]}"
    ]
    assert facts(image(0x0800_0000, words=(word + 4,)), "peripheral") == []


def test_other_content_is_none() -> None:
    assert mcu(avr()) == ()
    assert mcu(b"") == ()
    assert mcu(b"x" * 5000) == ()


def test_too_many_texts_are_said() -> None:
    texts = tuple(f"text {number}\0".encode() for number in range(2100))
    assert facts(image(0x0800_0000, texts), "texts") == ["2100 are used, the first 2000 are listed"]


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.integers(0, 9000), st.binary(min_size=1, max_size=16))
def test_changed_bytes_never_raise(at: int, change: bytes) -> None:
    content = bytearray(image(0x0800_0000))
    content[at : at + len(change)] = change
    assert mcu(bytes(content)) == mcu(bytes(content))
