"""The words of the marks: complete, compiled by both engines, found as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.engines import examine
from fwverify.analyse.marks import MARKS, MAX_TEXTS, SINKS, SOURCES, marks_source
from fwverify.analyse.rulefile import read_rules
from fwverify.analyse.rules import RuleSet
from fwverify.analyse.windows import Extracted
from tests.builders.linuxfs import elf_program

NOTHING = Extracted(())
ENGINES = ("yara-python", "yara-x")


def marked(rules: RuleSet, content: bytes, engine: str = "yara-python", extracted=NOTHING):
    if engine == "yara-x":
        pytest.importorskip("yara_x", reason="SKIPPED: yara-x is not installed")
    return examine(content, rules.bundle(), extracted, 20, engine).marked


def test_every_source_and_way_out_of_the_specification_is_there() -> None:
    assert set(SOURCES) >= {
        *("location", "vin", "imei", "imsi", "iccid", "contacts", "camera", "microphone"),
        *("can", "meter", "scan_image", "keystrokes", "screen"),
    }
    assert {"mqtt", "http upload", "ftp", "smtp", "sms", "removable storage"} <= set(SINKS)
    assert len({mark.id for mark in MARKS}) == len(MARKS) == len(SOURCES) + len(SINKS)
    for mark in MARKS:
        assert bool(mark.category) == (mark.side == "source")
        assert mark.category.startswith(("personal: ", "operational: ", ""))


def words(index: int) -> list[bytes]:
    rule = read_rules(marks_source())[index]
    return [
        string.body[1:-1].replace('\\"', '"').encode()
        for string in rule.strings
        if string.body.startswith('"')
    ]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("index", range(len(MARKS)), ids=[mark.id for mark in MARKS])
def test_each_word_is_found_alone_in_both_encodings(
    rules: RuleSet, index: int, engine: str
) -> None:
    for word in words(index):
        for text in (word, word.decode().encode("utf-16le")):
            found = marked(rules, b"\x01 \0" + text + b"\0 \x01", engine)
            assert MARKS[index].id in dict(found.marks), word


def test_no_mark_stands_in_ordinary_content(rules: RuleSet) -> None:
    for content in (
        elf_program(("printf", "malloc"), strings=(b"usage: %s [-v]", b"out of memory")),
        b"#!/bin/sh\nset -e\nip link set eth0 up\n",
        b"VINEGAR canonical MIMEInfo DRIVING stimsi can01 OBISX vaccid",
        bytes(range(256)) * 40,
    ):
        assert marked(rules, content).marks == ()


@pytest.mark.parametrize("engine", ENGINES)
def test_absolute_paths_are_named(rules: RuleSet, engine: str) -> None:
    content = b'a="/etc/agent.conf" /usr/bin/agent. /opt/v/x/y; /tmp/no /etc/ /usr/lib/no.so'
    assert marked(rules, content, engine).mentions == (
        "/etc/agent.conf",
        "/opt/v/x/y",
        "/usr/bin/agent",
    )


def test_what_a_child_holds_is_left_to_the_child(rules: RuleSet) -> None:
    content = b"x AT+CGSN /etc/agent.conf"
    found = marked(rules, content, extracted=Extracted(((0, len(content)),)))
    assert (found.marks, found.mentions) == ((), ())


def test_few_words_are_kept_per_mark(rules: RuleSet) -> None:
    found = marked(rules, b" \0 ".join(words([m.id for m in MARKS].index("location"))))
    assert 1 <= len([text for mark, text in found.marks if mark == "location"]) <= MAX_TEXTS


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.binary(max_size=400))
def test_any_content_can_be_marked(rules_bundle: bytes, content: bytes) -> None:
    found = examine(content, rules_bundle, NOTHING, 20, "yara-python").marked
    assert list(found.marks) == sorted(found.marks)
    assert all(text.isprintable() for _, text in found.marks)


@pytest.fixture(scope="session")
def rules_bundle(rules: RuleSet) -> bytes:
    return rules.bundle()
