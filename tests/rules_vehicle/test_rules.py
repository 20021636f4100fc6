"""The rules of the vehicle, meter, modem and surveillance families, on contents of the field."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.rulefile import read_rules
from fwverify.analyse.rules import RuleSet, load_rules
from fwverify.analyse.windows import Extracted
from fwverify.analyse.yara import match
from tests.analyse.conftest import RULES
from tests.analyse.test_yara_rules import CASES as SHARED
from tests.rules_vehicle import cellular, meter, surveillance, vehicle, vehicle_remote
from tests.rules_vehicle.contents import Case, elf, mcu, pe, script, wide

FAMILIES: Final = ("vehicle_bus", "meter_control", "cellular", "surveillance")
CASES: Final = (
    *vehicle.CASES,
    *vehicle_remote.CASES,
    *meter.CASES,
    *cellular.CASES,
    *surveillance.CASES,
)

# Texts of good software that use the words of the field.
GOODWARE: Final = (
    b"The immobiliser is armed when the key is removed. See the workshop manual, page 12.\n",
    b"J1939 PGN 61444 is the electronic engine controller; TSC1 is not supported.\n",
    b"OBIS codes such as 1-0:1.8.0 name the active energy in kWh that was imported.\n",
    elf("libusb", "usb_modeswitch", "option", "modem", "SIM", "APN", "GPS", "CAN", "sms"),
    elf("camera", "microphone", "location", "contacts", "clipboard", "screenshot", "upload"),
    pe("BitBlt", "GetDC", "waveOutOpen", "GetKeyState", "WinHttpOpen", "GetClipboardData"),
    script("set -e\nmodprobe can\nip link set can0 up type can bitrate 500000\ncandump can0\n"),
    script("mmcli -m 0 | grep signal\ngpsctl\narecord -l\ntcpdump --version\n"),
    wide("Open the door", "Battery switch", "Remote control", "Vehicle locked"),
    mcu("breaker", "relay", "switch", "valve", "limiter", "push", "calibration"),
    b'{"type": "Polygon", "coordinates": [[[4.1, 52.2], [4.2, 52.3]]]}',
)


@pytest.fixture(scope="session")
def rules() -> RuleSet:
    return load_rules((RULES,))


def family_sources() -> dict[str, str]:
    return {name: (RULES / f"{name}.yar").read_text() for name in FAMILIES}


def names(rules: RuleSet, content: bytes) -> set[str]:
    hits, troubles = match(content, rules.bundle(), Extracted(()), 20)
    assert troubles == ()
    return {hit.rule for hit in hits}


@pytest.mark.parametrize("case", CASES, ids=[case.rule for case in CASES])
def test_a_rule_finds_its_own_and_leaves_near_misses(rules: RuleSet, case: Case) -> None:
    for content in case.wanted:
        assert case.rule in names(rules, content), content
    for content in case.unwanted:
        assert case.rule not in names(rules, content), content


def test_every_rule_of_the_families_has_both_cases() -> None:
    own = {case.rule for case in CASES if case.wanted and case.unwanted}
    shared = {rule for rule, wanted, unwanted in SHARED if wanted and unwanted}
    written = {rule.name for text in family_sources().values() for rule in read_rules(text)}
    assert written <= own | shared
    assert own <= written
    assert len(written) >= 60 + 16
    assert len(CASES) == len(own)


def test_the_families_have_both_encodings_and_both_languages() -> None:
    for text in family_sources().values():
        assert " wide" in text
        assert "_utf8 = {" in text
        assert "_gbk = {" in text
        assert "_wide = {" in text


@pytest.mark.parametrize("content", GOODWARE)
def test_words_of_the_field_alone_are_never_high(rules: RuleSet, content: bytes) -> None:
    hits, _ = match(content, rules.bundle(), Extracted(()), 20)
    assert [hit.rule for hit in hits if hit.confidence == "high" and hit.severity != "low"] == []


@lru_cache(maxsize=1)
def second_engine() -> object:
    yara_x = pytest.importorskip("yara_x", reason="the second engine is not installed")
    compiler = yara_x.Compiler()
    for text in family_sources().values():
        compiler.add_source(text)
    return compiler.build()


@pytest.mark.parametrize("case", CASES, ids=[case.rule for case in CASES])
def test_the_second_engine_sees_the_same(case: Case) -> None:
    import yara

    second = second_engine()
    first = compiled_first()
    assert isinstance(first, yara.Rules)
    for content in (*case.wanted, *case.unwanted):
        found = {hit.identifier for hit in second.scan(content).matching_rules}  # type: ignore[attr-defined]
        assert found == {hit.rule for hit in first.match(data=content)}, content


@lru_cache(maxsize=1)
def compiled_first() -> object:
    import yara

    return yara.compile(sources=family_sources())


# An entry of a COSEM object list: class 70, version 0, name 0-0:96.3.10.255.
# An entry of a COSEM object list: class 70, version 0, name 0-0:96.3.10.255.
DISCONNECT: Final = bytes.fromhex("12004611010906000060030aff")


@pytest.mark.parametrize("place", [1, 2, 7, *range(9, 13)])
def test_a_changed_class_or_name_is_another_object(rules: RuleSet, place: int) -> None:
    changed = bytearray(DISCONNECT)
    changed[place] ^= 0x80
    assert "meter_disconnect_control" in names(rules, mcu(DISCONNECT))
    assert "meter_disconnect_control" not in names(rules, mcu(bytes(changed)))


@pytest.mark.parametrize("place", [0, 3, 4, 5, 6, 8])
def test_tags_version_and_channel_do_not_hide_an_object(rules: RuleSet, place: int) -> None:
    changed = bytearray(DISCONNECT)
    changed[place] ^= 0x01
    assert "meter_disconnect_control" in names(rules, mcu(bytes(changed)))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(before=st.binary(max_size=64), cut=st.integers(0, 12))
def test_an_object_is_found_anywhere_and_never_when_cut(
    rules: RuleSet, before: bytes, cut: int
) -> None:
    assert "meter_disconnect_control" in names(rules, before + DISCONNECT)
    assert "meter_disconnect_control" not in names(rules, bytes(16) + DISCONNECT[:cut])
