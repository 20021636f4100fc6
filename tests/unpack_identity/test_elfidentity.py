"""What ELF files state of themselves, and texts that only look like a statement."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.model import Identity
from fwverify.unpack.elfidentity import MAX_MODINFO_BYTES, MAX_NOTES
from fwverify.unpack.stated import stated_identity
from tests.builders.mcu import code, cortex_m
from tests.builders.rawcode import elf, note
from tests.unpack.helpers import Bench, kinds

ID = bytes(range(20)).hex()
UBOOT = b"U-Boot 2023.01 (Jun 22 2026 - 08:38:07 +0000)\0"
LINUX = b"Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) (gcc) #1 SMP\n\0"
BANNER = b"MicroPython v1.19.1 on 2022-06-18\0"
BL31 = b"BL31: %s\n\0BL31: %s\n\0v2.8(release):v2.8-dirty\0Built : 06:31:44, Nov 25 2022\0"


def identity(data):
    return Bench().open(data).identity


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_build_id_is_read_from_the_notes(wide, order):
    data = elf([(b".note.gnu.build-id", 7, note(order=order))], wide=wide, order=order)
    opened = Bench().open(data)
    assert opened.complete
    assert (opened.identity.build, opened.identity.version) == (ID, None)
    assert kinds(opened).get("unexplained", 0) == 0


def test_without_sections_of_notes_the_segments_count():
    assert identity(elf([(b".text", 1, code(64))], segments=[(4, note())])).build == ID


@pytest.mark.parametrize(
    "content",
    [
        b"",
        note()[:11],
        note()[:-4],
        note(kind=1),
        note(name=b"GNV\0"),
        note(name=b"GNU"),
        note(desc=b"1234567"),
        note(desc=bytes(65)),
        b"\xff" * 64,
        note() + note(desc=bytes(20)),
        note(kind=1, desc=b"") * (MAX_NOTES + 1) + note(),
    ],
)
def test_a_broken_or_doubtful_build_id_is_none(content):
    opened = Bench().open(elf([(b".note.x", 7, content)]))
    assert opened.identity.build is None


def modinfo(*texts, flags=1):
    return elf([(b".modinfo", flags, b"\0".join(texts) + b"\0")], kind=1)


def test_a_kernel_module_states_its_name_and_version():
    said = identity(
        modinfo(b"name=can", b"version=1.2", b"srcversion=AB12", b"vermagic=6.1.0 SMP mod_unload")
    )
    assert said == Identity(product="can", version="1.2", build="AB12", arch="aarch64")


def test_a_module_without_a_version_has_its_kernels():
    assert identity(modinfo(b"name=can", b"vermagic=6.1.0-18 SMP")).version == "6.1.0-18"


@pytest.mark.parametrize(
    "texts",
    [
        (b"name", b"version"),
        (b"name=a", b"name=b", b"version=1", b"version=2", b"vermagic=", b"srcversion="),
        (b"name=" + b"a" * 129, b"version=\xff"),
        (b"name=a\x07b", b"version=1\n2"),
        (b"x" * MAX_MODINFO_BYTES, b"name=a"),
    ],
)
def test_doubtful_module_fields_state_nothing(texts):
    said = identity(modinfo(*texts))
    assert (said.product, said.version, said.build) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "product", "version"),
    [
        (UBOOT, "U-Boot", "2023.01"),
        (UBOOT.replace(b"U-Boot", b"U-Boot SPL"), "U-Boot SPL", "2023.01"),
        (LINUX, "Linux", "6.1.0-18-amd64"),
        (BANNER, "MicroPython", "v1.19.1"),
        (BL31, "TF-A BL31", "2.8"),
    ],
)
def test_boot_loaders_kernels_and_interpreters_state_their_version(text, product, version):
    for data in (elf([(b".rodata", 1, b"\0" + text)]), cortex_m() + b"\0" + text + code(64)):
        said = identity(data)
        assert (said.product, said.version) == (product, version)


def test_a_program_that_a_loader_starts_may_quote_any_of_them():
    data = elf([(b".rodata", 1, UBOOT)], segments=[(3, b"/lib/ld.so\0")])
    assert identity(data).product is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"U-Boot 2023.01\0",
        b"U-Boot 2023.01 (built today)\0",
        b"U-Boot 23.1 (Jun 22 2026 - 08:38:07 +0000)\0",
        b"Linux version %s (%s)\0",
        b"Linux version 6.1.0 is needed\0",
        b"MicroPython v1.19.1\0",
        b"MicroPython v1.19.1 on 2022-06-181\0",
        b"v2.8(release):v2.8\0",
        b"xBL31: %s\n\0v2.8(release):v2.8\0",
        b"BL31: %s\0BL2: %s\0v2.8(release):v2.8\0",
        UBOOT + UBOOT.replace(b"2023", b"2024"),
        UBOOT + UBOOT.replace(b"Jun", b"Jul"),
        UBOOT + LINUX,
        b"".join(UBOOT.replace(b"2023.01", b"2023.01-%d" % at) for at in range(100)),
    ],
)
def test_a_text_that_may_be_quoted_states_nothing(text):
    said = stated_identity(code(32) + b"\0" + text)
    assert (said.product, said.version) == (None, None)


def test_two_versions_of_trusted_firmware_leave_the_product_alone():
    said = stated_identity(BL31 + b"v2.9(release):x\0")
    assert (said.product, said.version) == ("TF-A BL31", None)


def test_only_the_given_range_is_read():
    assert stated_identity(UBOOT, 1) == Identity()
    assert stated_identity(UBOOT, 0, 40) == Identity()
    assert stated_identity(memoryview(UBOOT)).product == "U-Boot"


def test_truncation_is_never_complete():
    data = elf([(b".note.gnu.build-id", 7, note()), (b".modinfo", 1, b"name=a\0")])
    assert Bench().open(data).complete
    for size in range(4, len(data) - 1, 29):
        assert not Bench().open(data[:size]).complete


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.data())
def test_mutation_never_raises(drawn):
    data = bytearray(elf([(b".note", 7, note()), (b".modinfo", 1, b"name=a\0version=1\0")]))
    for _ in range(3):
        data[drawn.draw(st.integers(4, len(data) - 1))] ^= drawn.draw(st.integers(1, 255))
    Bench().open(bytes(data))


@pytest.mark.parametrize("shown", [0x10000, 0xFFFF])
def test_a_section_table_with_an_absurd_name_index_is_read_without_names(shown):
    data = bytearray(elf([(b".modinfo", 1, b"name=a\0")]))
    data[62:64] = (shown & 0xFFFF).to_bytes(2, "little")
    assert Bench().open(bytes(data)).identity.product is None


def test_readelf_agrees_on_the_build_id():
    tool, program = shutil.which("readelf"), shutil.which("ls")
    if tool is None or program is None:
        pytest.skip("readelf is not installed (package binutils)")
    notes = subprocess.run([tool, "-n", program], capture_output=True, text=True, check=True)
    with open(program, "rb") as stream:
        build = identity(stream.read()).build
    assert build is not None
    assert build in notes.stdout
