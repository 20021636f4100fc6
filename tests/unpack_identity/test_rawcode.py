"""Raw code: recognised only where it holds together, and never more of it than code."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.unpack.a64 import Walk
from fwverify.unpack.rawcode import architecture, uboot_header
from fwverify.unpack.rawmcu import MAX_IMAGE_BYTES
from fwverify.unpack.rawmcu import architecture as mcu_architecture
from fwverify.unpack.zigbee import MAGIC
from tests.builders.mcu import code, cortex_m
from tests.builders.rawcode import (
    DSB,
    ISB,
    MOV,
    NOP,
    RET,
    a64,
    arm,
    branch,
    branch_if,
    opensbi,
    telink,
    uboot,
)
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import Bench, kinds, noise, unpack_all

UBOOT = b"U-Boot 2023.01+dfsg-2 (Jun 22 2026 - 08:38:07 +0000)"


@pytest.mark.parametrize(
    ("data", "arch"),
    [
        (a64(), "aarch64"),
        (uboot(), "aarch64"),
        (arm(), "arm"),
        (arm(order=">"), "armeb"),
        (arm(vectors=[0xEA000010] * 5 + [0] + [0xEAFFFFFE] * 2), "arm"),
        (opensbi(), "riscv64"),
        (telink(), "tc32"),
        (telink(mark=0x20), "riscv32"),
    ],
)
def test_code_that_holds_together_is_recognised(data, arch):
    opened = Bench().open(data)
    assert (opened.format, opened.identity.arch) == ("raw-code", arch)
    assert opened.executable
    assert opened.complete
    assert kinds(opened)["parsed"] == len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(8192),
        b"\xff" * 8192,
        code(8192),
        noise(8192),
        b"#!/bin/sh\necho hello\n" * 400,
        "UTF-16 text, long enough to be looked at. ".encode("utf-16-le") * 100,
        a64(words=[MOV] * 1200, size=8192),
        a64(words=[RET]),
        a64(words=[ISB, RET]),
        a64(words=[MOV, branch(0x3C, link=True), 0, RET]),
        a64(words=[branch(0x40, link=True), branch(0x10000, link=True), branch(0x38, link=True)]),
        a64(words=[branch(-4, link=True), branch(0x3C, link=True), branch(0x38, link=True), RET]),
        a64(words=[branch_if(0x40), branch_if(0x3C), branch_if(0x38), branch_if(0x34), RET]),
        a64(words=[ISB, DSB, 0x12400000, RET]),
        a64(words=[ISB, DSB, 0xD4000000, RET]),
        a64(words=[ISB, DSB, 0x18FFFF00, NOP, RET]),
        arm(vectors=[0xEA000010] + [0xE59FF014] * 6 + [0]),
        arm(vectors=[0xEA100000] + [0xE59FF014] * 7),
        arm(vectors=[0xEAFFFFF0] + [0xE59FF014] * 7),
        arm(vectors=[0xEB000010] + [0xE59FF014] * 7),
        opensbi()[:12] + bytes(4) + code(8192),
        opensbi(size=512, call=0x7FE),
        telink(stated=4095),
        telink(flip=1),
        telink()[:-4],
        uboot()[:255],
    ],
)
def test_what_contradicts_itself_is_not(data):
    assert architecture(data) is None
    assert Bench().open(data).format != "raw-code"


def test_a_contradiction_after_too_few_bits_ends_the_walk():
    """Three calls in 1 MiB are worth 8 bits each and one return 18: 42 of 48."""
    calls = [branch(0x40 - 4 * at, link=True) for at in range(3)]
    assert architecture(a64(1 << 20, words=[*calls, 0])) is None
    assert architecture(a64(8192, words=[*calls, 0])) == "aarch64"


@pytest.mark.parametrize("at", [0, 4, 0x40])
def test_one_changed_word_of_the_walk_ends_it(at):
    data = bytearray(a64())
    data[at : at + 4] = bytes(4)
    assert architecture(bytes(data)) is None


def test_an_image_past_the_bound_is_not_recognised():
    assert architecture(memoryview(a64() + bytes(MAX_IMAGE_BYTES))) is None


def test_random_words_never_hold():
    """The bound in the module's text is 2^-40 each; here also with plausible first words."""
    pick = random.Random(5)
    pool = pick.randbytes(1 << 18) * 2
    for _ in range(8_000):
        at = 4 * pick.randrange(1 << 16)
        assert not Walk(pool[at : at + 65_536 if at % 8 else at + 4096]).holds()
    for _ in range(2_000):
        words = struct.pack("<2I", branch(0x40, link=True), MOV)
        assert architecture(words + pool[4 * pick.randrange(1 << 16) :][:8192]) is None


def test_the_walk_is_bounded():
    loop = struct.pack("<2I", MOV, branch_if(-4)) * 100_000
    walk = Walk(loop)
    assert not walk.holds()


@pytest.mark.parametrize("size", [64, 256, 512])
def test_a_signature_like_tail_stays_unexplained(size):
    opened = Bench().open(a64(tail=noise(size)))
    assert opened.regions[-1].kind == "unexplained"
    assert kinds(opened)["unexplained"] >= size


@pytest.mark.parametrize("offset", [0, 700, 3333])
def test_a_cipher_text_behind_code_stays_unexplained(offset):
    opened = Bench().open(a64(8192 + offset) + noise(16_384) + code(4096))
    assert kinds(opened)["unexplained"] >= 16_384


@pytest.mark.parametrize("inner", [b"\x7fELF\x01\x01\x01", b"PK\x03\x04", b"070701", b"ustar\0"])
def test_another_format_inside_is_left_to_be_searched(inner):
    opened = Bench().open(a64(4096) + inner + code(1024))
    region = opened.regions[-1]
    assert (region.kind, region.start) == ("unexplained", 4096)


def test_bytes_behind_the_stated_end_of_uboot_are_not_code():
    opened = Bench().open(uboot(end=6144) + b"A" * 2000)
    assert opened.regions[-1].start == 6144
    assert opened.regions[-1].kind == "unexplained"
    assert dict(opened.attributes)["text_base"] == "0x200000"


@pytest.mark.parametrize("end", [0, 0x28, 8193, 1 << 40])
def test_a_uboot_header_that_does_not_fit_is_none(end):
    assert uboot_header(uboot(end=end)) is None


def test_uboot_states_its_version():
    identity = Bench().open(uboot(text=UBOOT)).identity
    assert (identity.product, identity.version, identity.build) == (
        "U-Boot",
        "2023.01+dfsg-2",
        "Jun 22 2026 - 08:38:07 +0000",
    )


def test_truncation_never_raises():
    data = uboot(text=UBOOT)
    for size in range(0, len(data), 411):
        opened = Bench().open(data[:size])
        assert kinds(opened).get("parsed", 0) <= size


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200), st.integers(1, 255))
def test_mutation_never_raises_and_sums_hold(tail, at, flip):
    data = bytearray(uboot(2048, text=UBOOT) + tail)
    data[at] ^= flip
    Bench().open(bytes(data))


# --- microcontrollers ------------------------------------------------------------------


def gecko(at=0x200, kind=0x0AA7, size=8192, first=None):
    """An application address table, then the vector table at ``at``."""
    vectors = cortex_m(size - at, base=0x4000, stack=0x2000_1B20)
    head = (first or vectors[:16]) + struct.pack("<2HI", kind, 0x010A, 0x4000 + at)
    return head.ljust(at, b"\xff") + vectors


def test_a_vector_table_behind_an_address_table_is_recognised():
    opened = Bench().open(gecko())
    assert (opened.format, opened.identity.arch) == ("raw-mcu", "arm-cortex-m")
    assert dict(opened.attributes)["vector_table"] == "0x200"


@pytest.mark.parametrize(
    "data",
    [
        gecko(kind=0x0AA8),
        gecko(at=0x180),
        gecko(first=bytes(16)),
        gecko()[:0x200] + code(8192),
        gecko()[:0x208],
    ],
)
def test_a_broken_address_table_is_not(data):
    assert mcu_architecture(data) is None


def test_an_image_at_address_0_may_have_its_stack_in_itself():
    handlers = dict.fromkeys((1, 2, 3, 4, 5, 6, 11, 12, 14, 15), 513)
    data = cortex_m(8192, stack=0x310, handlers=handlers)
    assert mcu_architecture(data) == "arm-cortex-m"
    assert mcu_architecture(cortex_m(8192, stack=0x314, handlers=handlers)) is None
    assert mcu_architecture(cortex_m(8192, stack=0x200, handlers=handlers)) is None


# --- Zigbee files ----------------------------------------------------------------------


def ota_header(total, control=0, extra=b""):
    length = 56 + len(extra)
    text = b"fw".ljust(32, b"\0")
    head = struct.pack("<4s5HIH", MAGIC, 0x100, length, control, 0x1037, 1, 0x11, 2)
    return head + text + struct.pack("<I", total) + extra


def test_the_header_that_a_program_holds_is_a_constant():
    data = cortex_m(1024) + ota_header(1 << 20) + code(4096)
    assert Bench().open(data).format == "raw-mcu"


def test_an_image_behind_a_program_is_opened_as_the_file_it_is():
    element = struct.pack("<HI", 0, 16) + code(16)
    data = cortex_m(1024) + ota_header(56 + len(element)) + element
    assert Bench().open(data).format == "zigbee-ota"


@pytest.mark.parametrize(
    ("control", "extra", "hardware"),
    [
        (0, b"", "0x1037:0x0001"),
        (4, struct.pack("<2H", 1, 3), "0x1037:0x0001 0x0001-0x0003"),
        (1, b"\x02", "0x1037:0x0001"),
    ],
)
def test_a_zigbee_file_names_its_hardware(control, extra, hardware):
    element = struct.pack("<HI", 0, 16) + code(16)
    total = 56 + len(extra) + len(element)
    opened = Bench().open(ota_header(total, control, extra) + element)
    assert (opened.format, opened.identity.hardware) == ("zigbee-ota", hardware)


# --- real images -----------------------------------------------------------------------


@needs_corpus
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (
            "fit_uboot_rockpi4/baseline_2023.01/u-boot.itb",
            {
                "TF-A BL31": ("2.8", "aarch64"),
                "U-Boot": ("2023.01+dfsg-2+deb12u3", "aarch64"),
            },
        ),
        (
            "fit_uboot_rockpi4/update_2025.01/u-boot.itb",
            {"TF-A BL31": ("2.12.1", "aarch64"), "U-Boot": ("2025.01-3+deb13u1", "aarch64")},
        ),
    ],
)
def test_real_boot_images_state_their_versions(file, expected):
    unpacked = unpack_all((Path(file).name, (CORPUS / file).read_bytes()))
    told = {
        placed.node.identity.product: (placed.node.identity.version, placed.node.identity.arch)
        for placed in unpacked.nodes
        if placed.node.format == "raw-code" and placed.node.identity.product
    }
    assert told == expected


@needs_corpus
@pytest.mark.parametrize("folder", ["meter_zlinky_tic_zigbee", "meter_nodon_sem_zigbee_gbl"])
def test_real_meter_images_are_code_to_the_last_byte(folder):
    files = [each for each in sorted((CORPUS / folder).iterdir()) if each.is_file()]
    assert files
    for file in files:
        unpacked = unpack_all((file.name, file.read_bytes()))
        assert not unpacked.problems
        assert all(placed.node.coverage.unexplained == 0 for placed in unpacked.nodes)
        assert [placed.node.format for placed in unpacked.nodes][-1] == "raw-mcu"


@pytest.mark.parametrize(
    ("file", "arch"),
    [
        ("/usr/lib/u-boot/qemu_arm/u-boot.bin", "arm"),
        ("/usr/lib/u-boot/qemu_arm64/u-boot.bin", "aarch64"),
        ("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin", "riscv64"),
    ],
)
def test_what_debian_builds_is_recognised(file, arch):
    path = Path(file)
    if not path.is_file():
        pytest.skip(f"{file} is not installed (packages u-boot-qemu, opensbi)")
    opened = Bench().open(path.read_bytes())
    assert (opened.format, opened.identity.arch) == ("raw-code", arch)
