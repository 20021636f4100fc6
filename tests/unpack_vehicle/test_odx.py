"""ODX-F: data, segments, what is said of it, and hostile XML."""

from __future__ import annotations

import time
import zlib

import pytest

from tests.builders.hexfiles import intel_image
from tests.builders.vehicle import odx, odx_block, odx_data
from tests.unpack_vehicle.helpers import (
    Bench,
    codes,
    contents,
    flips,
    kinds,
    never_whole,
    rules,
)  # fmt: skip

IMAGE = bytes(range(256)) * 3
SIZED = (0x8000, len(IMAGE))
DOCTYPE = '<?xml version="1.0"?><!DOCTYPE ODX [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
LATEBOUND = (
    '<FLASHDATA ID="A" xsi:type="EXTERN-FLASHDATA"><SHORT-NAME>A</SHORT-NAME>'
    '<DATAFORMAT SELECTION="BINARY"/><DATAFILE LATEBOUND-DATAFILE="true">x.bin</DATAFILE>'
    "</FLASHDATA>"
)
EXTERNAL = '<?xml version="1.0"?><!DOCTYPE ODX SYSTEM "file:///etc/passwd">'


def simple(**options):
    return odx(odx_data("FD1", IMAGE.hex()), odx_block("FD1", SIZED), **options)


def test_binary_data_is_a_child_with_its_address():
    bench = Bench()
    opened = bench.open(simple())
    assert (opened.format, opened.complete, rules(opened)) == ("odx-f", True, set())
    assert contents(bench, opened) == {b"FD1": IMAGE}
    assert opened.entries[0].address == 0x8000
    assert kinds(opened) == {
        "extracted": 2 * len(IMAGE),
        "parsed": opened.size - 2 * len(IMAGE),
    }
    identity = opened.identity
    assert (identity.vendor, identity.product, identity.version) == ("ACME", "FL_ECM", "1.4")
    assert identity.hardware == "H07"


def test_segments_cut_the_data():
    bench = Bench()
    blocks = odx_block("FD1", (0x1000, 256), (0x4000, 512))
    opened = bench.open(odx(odx_data("FD1", IMAGE.hex(" ")), blocks))
    assert contents(bench, opened) == {
        b"FD1@0x00001000": IMAGE[:256],
        b"FD1@0x00004000": IMAGE[256:],
    }
    assert opened.complete


def test_hex_text_is_a_file_of_its_own():
    text = intel_image({0x100: IMAGE}).decode()
    for content in (text, f"<![CDATA[{text}]]>"):
        bench = Bench()
        opened = bench.open(odx(odx_data("FD1", content, "INTEL-HEX"), odx_block("FD1", SIZED)))
        (entry,) = opened.entries
        assert entry.name == b"FD1.hex"
        assert bench.open(bench.store.read(entry.sha256)).format == "intel-hex"


def test_the_own_version_and_the_signature():
    own = (
        "<OWN-IDENTS><OWN-IDENT><SHORT-NAME>SW_VERSION</SHORT-NAME><IDENT-VALUES>"
        '<IDENT-VALUE TYPE="A_ASCIISTRING">9.1</IDENT-VALUE></IDENT-VALUES></OWN-IDENT>'
        "</OWN-IDENTS>"
        '<SECURITYS><SECURITY><FW-SIGNATURE TYPE="A_BYTEFIELD">'
        + "AB" * 256
        + "</FW-SIGNATURE></SECURITY></SECURITYS>"
    )
    opened = Bench().open(odx(odx_data("FD1", "00FF"), odx_block("FD1", (0, 2), own=own)))
    assert opened.identity.version == "9.1"
    assert kinds(opened)["signature"] == 512
    assert opened.complete


def checksum(result):
    return (
        "<CHECKSUMS><CHECKSUM><SHORT-NAME>C</SHORT-NAME><SOURCE-START-ADDRESS>00008000"
        "</SOURCE-START-ADDRESS><CHECKSUM-ALG>CRC32</CHECKSUM-ALG>"
        f"<UNCOMPRESSED-SIZE>{len(IMAGE)}</UNCOMPRESSED-SIZE>"
        f'<CHECKSUM-RESULT TYPE="A_BYTEFIELD">{result}</CHECKSUM-RESULT></CHECKSUM></CHECKSUMS>'
    )


def test_a_checksum_is_computed():
    good = Bench().open(simple(session=checksum(f"{zlib.crc32(IMAGE):08X}")))
    assert good.complete
    assert not good.observations
    wrong = Bench().open(simple(session=checksum("00000001")))
    assert "odx.checksum" in rules(wrong)
    assert not wrong.complete


@pytest.mark.parametrize("head", [DOCTYPE, EXTERNAL, "<!DOCTYPE ODX>"])
def test_a_document_type_is_refused(head):
    opened = Bench().open(simple(head=head))
    assert opened.format == "odx-f"
    assert "unpack.evasion.xml" in rules(opened)
    assert not opened.complete
    assert not opened.entries


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (odx(odx_data("A", "00", method="01"), odx_block("A", (0, 1))), "encrypted"),
        (odx(odx_data("A", "00", method="AA"), odx_block("A", (0, 1))), "encrypted"),
        (odx(odx_data("A", "00", method="10"), odx_block("A", (0, 1))), "unsupported"),
        (odx(odx_data("A", "00", method="zip"), odx_block("A", (0, 1))), "unsupported"),
        (
            odx(
                odx_data(
                    "A",
                    "0",
                ),
                odx_block("A", (0, 1)),
            ),
            "format.malformed",
        ),
        (odx(odx_data("A", "00XX"), odx_block("A", (0, 1))), "format.malformed"),
        (odx(odx_data("A", "00&#48;0"), odx_block("A", (0, 2))), "unsupported"),
        (odx(odx_data("A", "00<!-- x -->11"), odx_block("A", (0, 2))), "unsupported"),
        (odx(odx_data("A", "00", "USER-DEFINED"), odx_block("A", (0, 1))), "unsupported"),
        (odx(odx_data("A", "00"), odx_block("B", (0, 1))), "odx.missing"),
        (simple().replace(b"UTF-8", b"utf-7"), "format.malformed"),
        (simple().replace(b"FL_ECM", b"FL_\xff\xfe"), "format.malformed"),
        (simple()[:-8], "truncated"),
        (simple() + b"trailing", "format.malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "data",
)
def test_what_is_not_examined_is_said(data, code):
    opened = Bench().open(data)
    assert code in codes(opened)


@pytest.mark.parametrize(
    ("flashdata", "blocks", "rule"),
    [
        (odx_data("A", "00") * 2, odx_block("A", (0, 1)), "odx.duplicate_id"),
        (odx_data("A", "00"), "", "odx.unused"),
        (odx_data("A", "0011"), odx_block("A", (0, 9)), "odx.segments"),
        (
            odx_data("A", "0011") + odx_data("B", "22"),
            odx_block("A", (0, 2)) + odx_block("B", (1, 1)),
            "odx.overlap",
        ),
        (odx_data("../x", "00"), odx_block("../x", (0, 1)), "unpack.evasion.name"),
        (
            LATEBOUND,
            odx_block("A", (0, 1)),
            "odx.external",
        ),
    ],
    ids=lambda value: "case",
)
def test_what_contradicts_itself_is_observed(flashdata, blocks, rule):
    assert rule in rules(Bench().open(odx(flashdata, blocks)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_flash_data_in_utf16_is_not_passed_as_text(encoding):
    data = simple(head="<?xml version='1.0' encoding='UTF-16'?>").decode().encode(encoding)
    opened = Bench().open(data)
    assert opened.format == "odx-f"
    assert not opened.complete


@pytest.mark.parametrize(
    "head", ["<!-- " + "x" * 20_000 + " -->", "<?xml version='1.0'?>\n<?x y?>\n", "\ufeff", "\n\n"]
)
def test_what_stands_before_the_root_hides_nothing(head):
    opened = Bench().open(simple(head=head))
    assert (opened.format, len(opened.entries)) == ("odx-f", 1)


def test_another_root_is_no_odx():
    opened = Bench().open(b"<html>" + simple(head="") + b"</html>")
    assert opened.format == "text"
    assert not opened.complete


def test_depth_and_counts_are_bounded():
    deep = odx("<SDG>" * 5000 + "</SDG>" * 5000, "")
    assert "unpack.evasion.xml" in rules(Bench().open(deep))
    many = odx(
        "".join(odx_data(f"f{at}", "00") for at in range(4200)), odx_block("f1", (0, 1)) * 4200
    )
    began = time.monotonic()
    assert not Bench().open(many).complete
    assert time.monotonic() - began < 10


def test_truncation_is_never_whole():
    never_whole(simple(), step=211, start=60)


def test_flips_never_raise():
    data = simple(session=checksum(f"{zlib.crc32(IMAGE):08X}"))
    flips(data, Bench().open(data), range(data.index(b"<DATA>"), len(data), 97))
