"""Pickles: never loaded, their constants are children, their calls are findings."""

from __future__ import annotations

import io
import os
import pickle
import pickletools

import pytest

from tests.unpack_vehicle.helpers import Bench, codes, contents, kinds, never_whole, rules

FIRST, SECOND = bytes(range(256)) * 4, b"\x00\xff" * 300
CATALOGUE = {"OTA_METER_": {(1, 3, 30): FIRST, (1, 6, 2): SECOND}, "note": "x"}


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/fwverify-owned",)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_constants_are_children_named_by_their_keys(protocol):
    bench = Bench()
    data = pickle.dumps(CATALOGUE, protocol)
    opened = bench.open(data)
    assert (opened.format, opened.complete, rules(opened)) == ("python-pickle", True, set())
    assert contents(bench, opened) == {
        b"data-0000.OTA_METER_.1.3.30": FIRST,
        b"data-0001.OTA_METER_.1.6.2": SECOND,
    }
    assert kinds(opened)["extracted"] == len(FIRST) + len(SECOND)
    assert all(each.stored for each in opened.entries)
    assert "unexplained" not in kinds(opened)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_bytes_of_old_protocols_are_decoded(protocol):
    bench = Bench()
    opened = bench.open(pickle.dumps(CATALOGUE, protocol))
    assert opened.format == "python-pickle"
    assert set(contents(bench, opened).values()) == {FIRST, SECOND}


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_a_finding_and_never_made(protocol):
    marker = "/tmp/fwverify-owned"
    opened = Bench().open(pickle.dumps(Evil(), protocol))
    assert opened.format == "python-pickle"
    assert {"pickle.import", "pickle.call"} <= rules(opened)
    severities = {each.severity for each in opened.observations if each.rule == "pickle.import"}
    assert severities == {"critical"}
    assert not os.path.exists(marker)


def test_a_disguised_import_is_still_a_finding():
    strings = b"".join(
        b"\x8c" + bytes([len(word)]) + word + b"\x94" + b"0"
        for word in (b"posix", b"system", b"builtins", b"set")
    )
    data = b"\x80\x04" + strings + b"h\x00h\x01\x93\x8c\x02id\x85R."
    pickletools.dis(data, out=io.StringIO())
    seen = [each.text for each in Bench().open(data).observations if each.rule == "pickle.import"]
    assert seen == ["loading it imports posix.system"]


@pytest.mark.parametrize("before", [b"", b"I1\n0", b"N0", b"(0V x\n0"])
def test_a_program_in_letters_is_no_text(before):
    opened = Bench().open(before + b"cos\nsystem\n(S'id'\ntR.\n")
    assert "pickle.import" in rules(opened)


def test_a_program_that_fails_after_its_call_is_still_a_finding():
    for rest in (b"hello\n", b"S'\xad'\n.", b"", b"S" + b"x" * 70_000):
        opened = Bench().open(b"cos\nsystem\n(S'id'\ntR" + rest)
        assert {"pickle.import", "pickle.call"} <= rules(opened)
        assert not opened.complete


def test_an_odd_escape_warns_nobody():
    opened = Bench().open(b"cos\nsystem\n(S'\\q'\ntR.")
    assert "pickle.import" in rules(opened)


def test_what_stands_behind_the_end_is_unexplained():
    opened = Bench().open(pickle.dumps(CATALOGUE, 4) + b"\x13\x37" * 40)
    assert "pickle.trailing" in rules(opened)
    assert kinds(opened)["unexplained"] == 80


@pytest.mark.parametrize(
    "tail",
    [
        b"\x8e" + b"\xff" * 8,
        b"\x8d" + (1 << 40).to_bytes(8, "little"),
        b"\x8b\xff\xff\xff\x7f",
        b"I" + b"9" * 70_000 + b"\n.",
        b"\xfe\xfe.",
        b"\x82\x01\x84\xff\xff\xff\xff",
    ],
)
def test_hostile_opcodes_are_incomplete(tail):
    data = b"\x80\x04" + b"N0" * 8 + tail
    opened = Bench().open(data)
    assert opened.format == "python-pickle"
    assert not opened.complete


def test_a_stack_or_memo_of_any_size_is_bounded():
    assert not Bench().open(b"\x80\x04" + b"N" * 50_100 + b".").complete
    assert not Bench().open(b"\x80\x04N" + b"\x94" * 50_100 + b".").complete


def test_a_long_number_is_unexplained():
    opened = Bench().open(pickle.dumps([1, 2, 3, 4, 5, int.from_bytes(FIRST, "big")], 4))
    assert kinds(opened)["unexplained"] >= len(FIRST)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04garbage",
        b"(hello)\n",
        b"cat\n",
        b"import os\n.",
        b".PHONY: all\n",
        b"N.\n",
        b"cat\ndog\nRead me.\n",
        b"cat foo\nbar\n.profile\n",
    ],
)
def test_what_is_no_pickle(data):
    assert Bench().open(data).format != "python-pickle"


def test_truncation_is_never_whole():
    never_whole(pickle.dumps(CATALOGUE, 4), step=97, start=40)


def test_a_persistent_reference_is_incomplete():
    opened = Bench().open(b"\x80\x04" + b"N0" * 8 + b"\x8c\x01xQ.")
    assert codes(opened) == {"unsupported"}
