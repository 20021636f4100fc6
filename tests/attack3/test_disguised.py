"""The last net: programs in bytes that an opener explains."""

import random
import struct
import time
import zlib

import pytest

from fwverify.model import Opened, Region
from fwverify.unpack import disguised
from fwverify.unpack.disguised import MAX_FOUND, with_programs
from fwverify.unpack.formats import LEAVES
from fwverify.unpack.source import Budget, Source
from tests.attack3.helpers import SCRIPT
from tests.builders import boot
from tests.unpack.helpers import LIMITS, Bench, codes, rules

ELF = b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00" + bytes(40)
PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(40)


def searched(data, *kinds, name="made", executable=False):
    """What is found in ``data`` that is cut into equal regions of ``kinds``."""
    bench, step = Bench(), len(data) // len(kinds)
    regions = tuple(
        Region(start=at * step, end=(at + 1) * step, kind=kind) for at, kind in enumerate(kinds)
    )
    opened = Opened(
        format=name, size=len(data), regions=regions, complete=True, executable=executable
    )
    budget = Budget(LIMITS.blob_bytes(len(data)), LIMITS.files)
    return with_programs(Source(data, bench.store, LIMITS, "", budget), opened, LEAVES)


@pytest.mark.parametrize("kind", ["parsed", "signature", "padding"])
@pytest.mark.parametrize("program", [SCRIPT, ELF, PE])
def test_a_program_in_explained_bytes_is_a_child_and_said(kind, program):
    opened = searched(b"head" + program, kind)
    assert rules(opened) == {"unpack.evasion.hidden"}
    assert [each.extents for each in opened.entries] == [((4, 4 + len(program)),)]
    assert [(each.kind, each.start) for each in opened.regions] == [(kind, 0), ("extracted", 4)]


@pytest.mark.parametrize(
    "data",
    [b"#!", b"#! not a path \n", b"\x7fELF" + b"\xff" * 40, b"MZ" * 40, b"x#!/\n", b"\x7fELF"],
)
def test_what_only_looks_like_one_is_none(data):
    opened = searched(data, "parsed")
    assert not opened.entries
    assert not opened.observations


@pytest.mark.parametrize("options", [{"name": "text"}, {"name": "elf"}, {"executable": True}])
def test_what_is_analysed_as_it_stands_is_left(options):
    assert not searched(SCRIPT, "parsed", **options).entries


@pytest.mark.parametrize("kind", ["extracted", "unexplained"])
def test_what_is_a_child_or_carved_is_left(kind):
    assert not searched(SCRIPT, kind).entries


def test_too_many_are_a_limit():
    many = (MAX_FOUND + 5) * 2
    opened = searched(SCRIPT * many, *["parsed", "signature"] * (many // 2))
    assert codes(opened) == {"limit.carving"}
    assert not opened.complete
    assert len(opened.entries) == MAX_FOUND


def every_place(data):
    """Return where the pattern finds programs when it is tried on every byte."""
    whole = memoryview(data)
    return [
        (match.start(), match.lastgroup)
        for match in disguised._PROGRAM.finditer(data)
        if match.lastgroup != "pe" or disguised._is_pe(whole, match.start())
    ]


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 16, 1 << 20])
@pytest.mark.parametrize("seed", range(12))
def test_looking_for_magics_first_misses_no_program(monkeypatch, chunk, seed):
    source = random.Random(seed)
    pe = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0"
    elf = b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00"
    known = (pe, elf, b"#!/bin/sh\n", b"#!", b"MZ", elf[:9], b"\x7fE", b"##!/bin/sh ")
    data = b"".join(
        source.choice(known)
        if source.random() < 0.5
        else bytes(source.choices(b"#!MZ/\x7fELF", k=7))
        for _ in range(20)
    )
    monkeypatch.setattr(disguised, "CHUNK_BYTES", chunk)
    assert list(disguised._programs(data, 0, len(data))) == every_place(data)


def test_marks_without_programs_cost_little():
    data = (b"MZ#!/a/" * 40_000)[:280_000]
    begin = time.monotonic()
    searched(data, "parsed")
    assert time.monotonic() - begin < 2


def test_a_script_in_a_header_that_an_opener_reads_is_found():
    """The name of a uImage is 32 bytes that may say anything."""
    bench = Bench()
    opened = bench.open(boot.uimage(b"D" * 64, name=b"#!/bin/sh\nreboot -f\n"))
    assert "unpack.evasion.hidden" in rules(opened)
    assert any(each.name.endswith(b".script") for each in opened.entries)


def test_a_script_in_a_boot_environment_is_found():
    data = boot.uboot_env([b"bootcmd=run x", b"x=#!/bin/sh\nnc -l -p 1 -e sh\n", b"bootdelay=1"])
    opened = Bench().open(data)
    assert "unpack.evasion.hidden" in rules(opened)
    assert zlib.crc32(b"") == 0


def test_a_dex_map_without_items_is_said():
    from tests.unpack_android.test_apk import dex

    data = dex()
    at = struct.unpack_from("<I", data, 0x34)[0]
    opened = Bench().open(data[:at] + bytes(4) + data[at + 4 :])
    assert not opened.complete
