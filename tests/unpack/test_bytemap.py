"""Maps: how blocks look, which contents are drawn, and that the drawing adds up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import lief
import msgspec
import pytest

from fwverify.model import Placed, Region, Unpacked
from fwverify.report import view
from fwverify.unpack import unpack
from fwverify.unpack.blockclass import classify
from fwverify.unpack.bytemap import (
    MAX_CELLS,
    MAX_MAPS,
    MAX_PARTS,
    Measured,
    _map,
    maps,
    measure,
    measure_blob,
)
from fwverify.workers import Outcome, Task
from tests.builders import reports
from tests.unpack.helpers import LIMITS, Bench, Inline, noise, subject_of


class Measuring:
    """An executor that measures in this process."""

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        for task in tasks:
            yield Outcome(result=measure_blob(task.argument))


def unpacked_set(bench: Bench, files: dict[str, bytes]) -> tuple[Unpacked, Measuring]:
    subject = subject_of(bench.store, *files.items())
    return unpack(subject, bench.store, Inline(), LIMITS), Measuring()


def test_padding_and_text() -> None:
    assert classify(bytes(4096)) == ("padding", None)
    assert classify(b"\xff" * 4000 + bytes(16)) == ("padding", None)
    assert classify(b"key = value # plain words\n" * 157) == ("text", None)
    assert classify(("plain words, one \u00fcber all " * 120).encode("utf-16-le"))[0] == "text"


def test_random_bytes_look_encrypted_and_counters_do_not() -> None:
    assert classify(noise(4096)) == ("encrypted", None)
    skewed = bytes(min(255, each | 0x10) for each in noise(4096))
    assert classify(skewed)[0] in ("compressed", "data")
    assert classify(bytes(range(256)) * 16)[0] != "code"


@pytest.mark.parametrize(
    ("arch", "instructions"),
    [
        # push/mov/call/test/je/pop/ret, as a compiler emits them
        ("x86_64", "554889e5 4883ec10 48897df8 e812000000 4885c0 0f8420000000 488b45f8 5d c3"),
        ("aarch64", "fd7bbea9 fd030091 e00313aa 12000094 1f0000f1 60000054 fd7bc2a8 c0035fd6"),
        ("arm", "10402de9 0040a0e1 060000eb 000050e3 0400a0e1 1080bde8 0330a0e1 1eff2fe1"),
        ("mips-be", "27bdffe0 afbf001c 8f998010 0320f809 00000000 8fbf001c 03e00008 27bd0020"),
        ("mips-le", "e0ffbd27 1c00bfaf 1080998f 09f82003 2128a000 1c00bf8f 0800e003 2000bd27"),
        ("powerpc", "9421fff0 7c0802a6 90010014 4bfffff1 80010014 7c0803a6 38210010 4e800020"),
    ],
)
def test_machine_code(arch: str, instructions: str) -> None:
    code = bytes.fromhex(instructions)
    block = (code * (4096 // len(code) + 1))[:4096]
    assert classify(block) == ("code", arch)


def test_tables_of_addresses_are_not_code() -> None:
    table = b"".join((0x0800_0000 + 4 * index).to_bytes(4, "little") for index in range(1024))
    assert classify(table) == ("data", None)
    assert classify(table[::-1]) == ("data", None)


def test_code_of_this_machine() -> None:
    """What a compiler made of a library beside us is mostly code of one architecture."""
    binary = lief.ELF.parse(str(Path(msgspec._core.__file__)))
    if binary is None or binary.header.machine_type != lief.ELF.ARCH.X86_64:
        pytest.skip("the library is no x86-64 ELF file: its code is not looked at")
    text = bytes(binary.get_section(".text").content)
    looks = [classify(text[at : at + 4096]) for at in range(0, len(text) - 4095, 4096)]
    share = looks.count(("code", "x86_64")) / len(looks)
    assert share > 0.9


def test_cells_cover_the_content_and_are_bounded() -> None:
    for size in (1, 4095, 4096, 4097, MAX_CELLS * 4096, MAX_CELLS * 4096 + 1):
        measured = measure(bytes(size))
        cells = len(measured.entropy_milli)
        assert cells <= MAX_CELLS
        assert (cells - 1) * measured.cell_bytes < size <= cells * measured.cell_bytes
        assert sum(run.cells for run in measured.runs) == cells


def test_a_submitted_file_is_drawn_and_its_parts_are_its_classes() -> None:
    bench = Bench()
    unpacked, pool = unpacked_set(bench, {"a.bin": noise(40_000), "small": b"x"})
    (drawn,) = maps(unpacked, bench.store, pool)
    assert drawn.path == "a.bin"
    assert drawn.size == 40_000
    assert [run.kind for run in drawn.runs] == ["encrypted"]
    (part,) = drawn.parts
    assert (part.start, part.end, part.kind) == (0, 40_000, "unexplained")


def test_the_number_of_maps_is_bounded_and_equal_content_is_drawn_once() -> None:
    bench = Bench()
    files = {f"{index:02}.bin": noise(20_000, index) for index in range(MAX_MAPS + 5)}
    unpacked, pool = unpacked_set(bench, files)
    assert len(maps(unpacked, bench.store, pool)) == MAX_MAPS
    same, pool = unpacked_set(bench, {"a.bin": noise(20_000), "b.bin": noise(20_000)})
    assert [each.path for each in maps(same, bench.store, pool)] == ["a.bin"]


def test_many_parts_leave_the_smallest_out() -> None:
    regions = tuple(
        Region(start=8 * index, end=8 * index + 8, kind="parsed" if index % 2 else "extracted")
        for index in range(MAX_PARTS + 7)
    )
    placed = _placed(regions)
    drawn = _map(placed, [], Measured(cell_bytes=4096, entropy_milli=(0,), runs=()))
    assert len(drawn.parts) == MAX_PARTS
    assert drawn.parts_left_out == 7


def test_the_name_of_an_entry_stands_on_its_extent() -> None:
    placed = _placed((Region(start=0, end=100, kind="extracted"),))
    drawn = _map(
        placed, [(10, 20, "a"), (20, 60, "b")], Measured(cell_bytes=4096, entropy_milli=(), runs=())
    )
    assert [(part.start, part.end, part.name) for part in drawn.parts] == [
        (0, 10, None),
        (10, 20, "a"),
        (20, 60, "b"),
        (60, 100, None),
    ]


def test_the_drawing_is_as_wide_as_the_blob() -> None:
    (drawn,) = view.maps(reports.ALLOW)
    assert drawn.columns[0].start == 0
    last = drawn.columns[-1]
    assert last.start + last.width == view.BAR
    assert [each.kind for each in drawn.columns][:2] == ["code", "encrypted"]
    assert dict(drawn.legend)["code"] == "arm"
    assert drawn.columns[1].height == 7_950 * view.MAP_HEIGHT // 8000


def _placed(regions: tuple[Region, ...]) -> Placed:
    bench = Bench()
    unpacked, _ = unpacked_set(bench, {"a.bin": noise(regions[-1].end)})
    return msgspec.structs.replace(unpacked.nodes[0], regions=regions)
