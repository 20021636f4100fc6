"""Registry hives held against each other: by key, value, kind and security, to the last byte."""

from __future__ import annotations

import random
import struct
import time
from hashlib import sha256

import pytest

from fwverify.analyse.config import hive as hives
from fwverify.analyse.config.hive import Hive
from fwverify.compare.content.hives import hive_facts, pairs
from fwverify.reader import Malformed
from tests.builders.hive import Key, dword, hive, text

SERVICE = r"Microsoft\Windows\CurrentVersion\Run"


def run(values, name="Run"):
    inner = Key(name, values)
    for outer in ("CurrentVersion", "Windows", "Microsoft"):
        inner = Key(outer, {}, (inner,))
    return hive(Key("ROOT", {}, (inner,)))


def told(old, new):
    found = hive_facts(old, new)
    assert found is not None
    facts, hits = found
    return {(one.kind, one.text) for one in facts}, [one.rule for one in hits]


OLD = run({"Update": text(r"C:\update.exe"), "Level": dword(1)})


def test_an_added_a_removed_and_a_changed_value_are_told_with_their_key():
    new = run({"Level": dword(2), "Agent": text(r"C:\agent.exe")})
    assert told(OLD, new) == (
        {
            ("key added", rf"{SERVICE}\Agent = REG_SZ C:\agent.exe"),
            ("key removed", rf"{SERVICE}\Update = REG_SZ C:\update.exe"),
            ("key changed", rf"{SERVICE}\Level: REG_DWORD 1 -> REG_DWORD 2"),
        },
        [],
    )


def test_a_new_key_is_told_even_without_values():
    facts, _ = told(run({}), run({}, name="RunOnce"))
    assert {kind for kind, _ in facts} == {"key added", "key removed"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (text("C:\\%a%"), (2, text("C:\\%a%")[1])),  # REG_SZ became REG_EXPAND_SZ
        (text("a"), (1, "a".encode("utf-16-le"))),  # not ended
        (text("a"), (1, "a\0evil\0".encode("utf-16-le"))),  # behind the end
        ((7, "a\0b\0\0".encode("utf-16-le")), (7, "a b\0\0".encode("utf-16-le"))),
        ((3, b"A" * 5000), (3, b"A" * 4999 + b"B")),  # at the end of a long value
        ((3, b"A" * 5000), (3, b"A" * 4999)),
        ((1, b"\0\xd8" * 2), (1, b"\1\xd8" * 2)),  # no text at all
        (text("a"), text("a ")),
        ((1, b"x" * 21), text("(21 bytes, sha256 " + sha256(b"x" * 21).hexdigest() + ")")),
        ((1, b"x"), text("(hex 78)")),
        (dword(1), (5, struct.pack("<I", 1))),
        ((0x20001, b"abcd"), (0x20002, b"abcd")),
    ],
)
def test_nothing_that_differs_in_a_value_is_taken_for_equal(old, new):
    facts, hits = told(run({"v": old}), run({"v": new}))
    assert ([kind for kind, _ in facts], hits) == (["key changed"], [])


@pytest.mark.parametrize("name", [r"Run\x", "(default)", "", '"x"', "a\nb"])
def test_the_name_of_a_value_stands_for_no_other_place(name):
    others = [r"Run\x", "(default)", "", '"x"', "a\nb", "x", '("Run\\\\x")']
    for other in others:
        if other != name:
            facts, _ = told(run({name: dword(1)}), run({other: dword(1)}))
            assert {kind for kind, _ in facts} == {"key added", "key removed"}, other


def test_a_key_whose_name_could_be_a_path_is_said():
    for name in (r"a\b", ""):
        made = run({"v": dword(1)}, name=name)
        assert told(OLD, made) == (set(), ["compare.registry_unread"])


def test_a_second_value_of_one_name_does_not_hide_behind_the_first():
    key = Key("K", {"a": dword(1), "b": dword(2)})
    twice = bytearray(hive(Key("R", {}, (key,))))
    at = bytes(twice).index(b"vk\1\0", bytes(twice).index(b"vk\1\0") + 1)
    name = at + 20
    assert twice[name : name + 1] == b"b"
    twice[name : name + 1] = b"a"
    facts, _ = told(hive(Key("R", {}, (Key("K", {"a": dword(1)}),))), bytes(twice))
    assert facts == {("key added", r"K\a#2 = REG_DWORD 2")}


def test_a_password_is_not_shown():
    facts, _ = told(run({}), run({"DefaultPassword": text("hunter2hunter2")}))
    (shown,) = (line for _, line in facts)
    assert "hunter2" not in shown


def test_another_security_descriptor_is_told():
    made = bytearray(run({"v": dword(1)}))

    def secured(data):
        content = bytearray(made)
        free = content.index(b"\0" * 256, 4096) // 8 * 8 + 8
        cell = b"sk" + bytes(14) + struct.pack("<I", len(data)) + data
        size = len(cell) + 4 + 7 & ~7
        content[free : free + 4 + len(cell)] = struct.pack("<i", -size) + cell
        for at in range(4096, len(content)):
            if content[at : at + 2] == b"nk":
                struct.pack_into("<I", content, at + 44, free - 4096)
        return bytes(content)

    facts, hits = told(secured(b"only me."), secured(b"everyone"))
    assert {kind for kind, _ in facts} == {"key changed"}
    assert all("security" in line for _, line in facts)
    assert hits == []


def test_what_differs_in_no_key_is_left_to_the_bytes():
    assert hive_facts(OLD, OLD[:100] + b"\1" + OLD[101:]) is None
    assert hive_facts(OLD, b"[x]\ny=1\n") is None


# --- big values, and lies ------------------------------------------------------------------


def with_segments(data, lie=None):
    """Return a hive whose one value stands in segments (``db``)."""
    content = bytearray(run({"v": (3, b"12345678")}))
    base = len(content) - 4096
    cells = bytearray()

    def add(body):
        at = base + len(cells)
        size = len(body) + 4 + 7 & ~7
        cells.extend(struct.pack("<i", -size) + body.ljust(size - 4, b"\0"))
        return at

    parts = [add(data[at : at + 16344]) for at in range(0, len(data), 16344)]
    listed = add(struct.pack(f"<{len(parts)}I", *parts))
    head = add(b"db" + struct.pack("<HI", len(parts) if lie is None else lie, listed))
    at = bytes(content).index(b"vk\1\0")
    struct.pack_into("<II", content, at + 4, len(data), head)
    return bytes(content + cells)


def test_a_value_in_segments_is_read_to_its_end():
    big = bytes(random.Random(1).randbytes(50_000))
    changed = big[:-1] + bytes([big[-1] ^ 1])
    facts, hits = told(with_segments(big), with_segments(changed))
    assert ([kind for kind, _ in facts], hits) == (["key changed"], [])


@pytest.mark.parametrize("lie", [0, 1, 9, 65535])
def test_a_count_of_segments_that_lies_is_said(lie):
    facts, hits = told(OLD, with_segments(bytes(50_000), lie))
    assert (facts, hits) == (set(), ["compare.registry_unread"])


@pytest.mark.parametrize("side", [0, 1])
def test_a_hive_that_is_cut_is_said_whichever_it_is(side):
    sides = [OLD, run({"v": dword(3)})]
    sides[side] = sides[side][:4200]
    assert told(*sides) == (set(), ["compare.registry_unread"])


def test_a_circle_ends():
    content = bytearray(hive(Key("R", {}, (Key("A"), Key("B")))))
    at = bytes(content).index(b"lf\2\0")
    root = struct.unpack_from("<I", content, 36)[0]
    struct.pack_into("<I", content, at + 4, root)
    assert told(OLD, bytes(content))[1] == ["compare.registry_unread"]


def test_a_name_longer_than_any_is_refused():
    long = hive(Key("R", {}, (Key("A" * 3000),)))
    with pytest.raises(Malformed, match=r"nk\.name"):
        list(Hive(long).values())


@pytest.mark.parametrize("bound", ["MAX_VALUES", "MAX_RAW_BYTES"])
def test_what_all_keys_share_is_counted_over_the_whole_hive(monkeypatch, bound):
    """Thousands of keys may name one list of values: its length counts for each of them."""
    keys = tuple(Key(f"k{number}", {"v": (3, b"x" * 40)}) for number in range(20))
    whole = hive(Key("R", {}, keys))
    assert len(list(pairs(whole))) == 41
    monkeypatch.setattr(hives, bound, 19 if bound == "MAX_VALUES" else 700)
    assert told(OLD, whole)[1] == ["compare.registry_unread"]


@pytest.mark.parametrize("seed", range(150))
def test_damage_is_told_or_nothing_differs(seed):
    chooser = random.Random(seed)
    new = bytearray(OLD)
    for _ in range(chooser.randrange(1, 6)):
        new[chooser.randrange(4096, len(new))] = chooser.randrange(256)
    found = hive_facts(OLD, bytes(new))
    if found is not None:
        facts, hits = found
        assert facts or hits


def test_a_large_hive_takes_linear_time():
    def timed(count):
        keys = tuple(
            Key(f"key{number}", {f"v{each}": dword(each) for each in range(10)})
            for number in range(count)
        )
        made = hive(Key("R", {}, keys))
        began = time.process_time()
        list(pairs(made))
        return time.process_time() - began

    timed(200)
    assert timed(4000) < 12 * max(timed(1000), 0.01)
