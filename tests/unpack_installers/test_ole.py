"""Compound files: what must not pass, then what comes out."""

from __future__ import annotations

import random
import struct

import pytest

from fwverify.unpack.installers import ole
from fwverify.unpack.installers.compound import Compound
from tests.unpack.helpers import Bench, codes, is_broken, kinds, noise, rules, sha
from tests.unpack_installers.builders import END, FREE, CompoundFile, utf16

BIG, SMALL = noise(5000, 3), b"#!/bin/sh\nreboot\n"


def sample(major=3):
    made = CompoundFile(major=major)
    made.stream(utf16("big"), BIG)
    folder = made.storage(utf16("folder"))
    made.stream(utf16("small"), SMALL, folder)
    return made, made.build()


def patched(data, at, value, form="<I"):
    changed = bytearray(data)
    struct.pack_into(form, changed, at, value)
    return bytes(changed)


def word(made, sector):
    """Where the FAT's word for ``sector`` stands."""
    return made.fat_at + 4 * sector


def field(made, number, offset):
    return made.directory_at + 128 * number + offset


def test_a_chain_that_loops_is_said_and_the_rest_comes_out():
    made, data = sample()
    opened = Bench().open(patched(data, word(made, 1), 0))
    assert not opened.complete
    assert "unpack.malformed" in rules(opened)
    entries = {entry.name: entry.sha256 for entry in opened.entries}
    assert entries[b"big"] is None
    assert entries[b"folder/small"] == sha(SMALL)


def test_two_streams_that_share_a_sector_are_said():
    made = CompoundFile()
    made.stream(utf16("a"), BIG)
    made.stream(utf16("b"), noise(5000, 4))
    data = made.build()
    opened = Bench().open(patched(data, field(made, 2, 116), 0))
    assert is_broken(opened)
    assert {entry.name: entry.sha256 is None for entry in opened.entries} == {
        b"a": False,
        b"b": True,
    }


def test_a_directory_loop_is_said():
    made, data = sample()
    opened = Bench().open(patched(data, field(made, 3, 72), 2))
    assert "ole.loop" in rules(opened)
    assert not opened.complete


def test_an_entry_that_no_storage_names_comes_out_as_orphan():
    made, data = sample()
    opened = Bench().open(patched(data, field(made, 2, 76), FREE))
    assert "ole.orphan" in rules(opened)
    assert any(entry.sha256 == sha(SMALL) and entry.generated for entry in opened.entries)


def test_a_chain_longer_than_its_stream_is_incomplete_and_its_bytes_stay():
    made, data = sample()
    opened = Bench().open(patched(data, field(made, 1, 120), 4100, "<Q"))
    assert "ole.long_chain" in rules(opened)
    assert not opened.complete
    assert kinds(opened)["unexplained"] > 400


def test_bytes_behind_a_stream_in_its_last_sector_are_unexplained():
    _, data = sample()
    opened = Bench().open(patched(data, 512 + len(BIG) + 10, 0x41424344))
    assert kinds(opened)["unexplained"] > 0


def test_a_free_sector_with_content_is_unexplained():
    made = CompoundFile()
    made.stream(utf16("a"), BIG)
    made.body += noise(512, 9)
    made.fat.append(FREE)
    opened = Bench().open(made.build())
    assert kinds(opened)["unexplained"] >= 512


def test_lost_sectors_are_said():
    made = CompoundFile()
    made.stream(utf16("a"), BIG)
    made.body += noise(512, 9)
    made.fat.append(END)
    assert "ole.lost_sectors" in rules(Bench().open(made.build()))


def test_words_of_the_fat_for_no_sector_are_no_place_to_hide():
    _made, data = sample()
    opened = Bench().open(patched(data, len(data) - 8, 0x41424344))
    assert kinds(opened)["unexplained"] > 0


@pytest.mark.parametrize(
    ("at", "value", "form"),
    [
        (26, 9, "<H"),
        (28, 0xFEFF, "<H"),
        (30, 31, "<H"),
        (32, 1, "<H"),
        (44, 0x7FFFFFFF, "<I"),
        (48, 0x7FFFFFFF, "<I"),
        (56, 0, "<I"),
        (76, 0x7FFFFFFF, "<I"),
    ],
)
def test_a_header_that_leads_nowhere_is_broken(at, value, form):
    _, data = sample()
    opened = Bench().open(patched(data, at, value, form))
    assert is_broken(opened)
    assert not opened.complete


def test_an_absurd_stream_size_is_said():
    made, data = sample(4)
    opened = Bench().open(patched(data, field(made, 1, 120), 1 << 62, "<Q"))
    assert codes(opened) == {"truncated"}


def test_an_unused_entry_that_is_not_empty_is_said():
    made, data = sample(4)
    opened = Bench().open(patched(data, field(made, 10, 0), 0x41424344))
    assert "ole.entry" in rules(opened)
    assert not opened.complete


def test_a_name_used_twice_is_evasion():
    made = CompoundFile()
    made.stream(utf16("a"), b"one")
    made.stream(utf16("a"), b"two")
    opened = Bench().open(made.build())
    assert "unpack.evasion.duplicate" in rules(opened)
    assert len(opened.entries) == 2


@pytest.mark.parametrize("name", ["..", "a/b", "../x", "a\0b"])
def test_hostile_names_are_evasion(name):
    made = CompoundFile()
    made.stream(utf16(name), b"x")
    assert "unpack.evasion.name" in rules(Bench().open(made.build()))


def test_a_signature_stream_that_is_none_is_a_child():
    made = CompoundFile()
    made.stream(utf16("\x05DigitalSignature"), b"0\x03not")
    opened = Bench().open(made.build())
    assert "ole.signature" in rules(opened)
    assert "signature" not in kinds(opened)
    assert opened.entries[0].sha256 == sha(b"0\x03not")


def test_every_prefix_is_incomplete():
    _, data = sample()
    for end in range(1, len(data), 173):
        opened = Bench().open(data[:end])
        # the FAT's unused words may be cut: they say nothing
        assert not opened.complete or opened.format == "unknown" or kinds(opened)["unexplained"]


def test_flipped_bytes_never_raise_and_never_change_the_sum():
    _, data = sample()
    chance = random.Random(5)
    bench = Bench()
    for _ in range(50):
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        bench.open(bytes(changed))


@pytest.mark.parametrize("major", [3, 4])
def test_every_byte_and_every_stream(major):
    _, data = sample(major)
    opened = Bench().open(data)
    assert opened.complete
    assert "unexplained" not in kinds(opened)
    assert opened.format == "ole"
    entries = {entry.name: entry for entry in opened.entries}
    assert entries[b"big"].sha256 == sha(BIG)
    assert entries[b"folder/small"].sha256 == sha(SMALL)
    assert entries[b"folder"].kind == "directory"
    assert entries[b"big"].stored


def test_many_small_streams_in_a_torn_mini_stream_are_read_in_linear_time():
    made = CompoundFile()
    for at in range(3000):
        made.stream(utf16(f"s{at}"), bytes([65 + at % 26]) * 64)
    compound = Compound(made.build())
    ranges = [compound.ranges(placed.entry) for placed in compound.walk()]
    assert len(set(ranges)) == 3000


def test_the_format_is_named():
    assert ole.OLE.recognise(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "")
    assert not ole.OLE.recognise(b"\xd0\xcf\x11\xe0", "")
