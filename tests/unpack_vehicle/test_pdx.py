"""PDX: the catalogue against the archive."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.builders.vehicle import odx, odx_block, odx_data
from tests.unpack.helpers import node, unpack_all
from tests.unpack_vehicle.helpers import Bench, codes, never_whole, rules

INNER = odx(odx_data("FD1", "00112233"), odx_block("FD1", (0x100, 4)))
EXTERNAL = odx(
    '<FLASHDATA ID="A" xsi:type="EXTERN-FLASHDATA"><SHORT-NAME>A</SHORT-NAME>'
    '<DATAFORMAT SELECTION="BINARY"/><DATAFILE>data.bin</DATAFILE></FLASHDATA>',
    odx_block("A", (0, 4)),
)


def index(*names):
    rows = "".join(f"<FILE MIME-TYPE='x'>{name}</FILE>" for name in names)
    return (
        "<?xml version='1.0'?><CATALOG><SHORT-NAME>Campaign</SHORT-NAME><ABLOCKS><ABLOCK>"
        f"<SHORT-NAME>A</SHORT-NAME><FILES>{rows}</FILES></ABLOCK></ABLOCKS></CATALOG>"
    ).encode()


def pdx(files):
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return raw.getvalue()


def test_an_archive_that_is_as_its_catalogue_says():
    opened = Bench().open(pdx({"index.xml": index("a.odx-f"), "a.odx-f": INNER}))
    assert (opened.format, opened.complete, rules(opened)) == ("pdx", True, set())
    assert opened.identity.product == "Campaign"


def test_the_whole_tree():
    unpacked = unpack_all(("u.pdx", pdx({"index.xml": index("a.odx-f"), "a.odx-f": INNER})))
    assert node(unpacked, "u.pdx!/a.odx-f").node.format == "odx-f"
    assert node(unpacked, "u.pdx!/a.odx-f!/FD1").node.size == 4


@pytest.mark.parametrize(
    "files",
    [
        {"index.xml": index("a.odx-f", "gone.odx-f"), "a.odx-f": INNER},
        {"index.xml": index("a.odx-f"), "a.odx-f": EXTERNAL},
        {"Index.xml": index("a.odx-f"), "a.odx-f": INNER, "x/index.xml": b""},
    ],
    ids=["listed", "data", "catalogue"],
)
def test_what_is_missing_is_incomplete(files):
    assert "odx.missing" in codes(Bench().open(pdx(files)))


def test_a_file_that_is_not_listed_is_observed():
    files = {"index.xml": index("a.odx-f"), "a.odx-f": INNER, "job.jar": b"x"}
    assert "pdx.unlisted" in rules(Bench().open(pdx(files)))


@pytest.mark.parametrize("data", [b"<a>", b"<!DOCTYPE x><CATALOG/>", b"\x00"])
def test_a_catalogue_that_is_none_is_incomplete(data):
    assert not Bench().open(pdx({"index.xml": data, "a.odx-f": INNER})).complete


def test_a_carved_archive_is_opened_as_its_own_blob():
    data = pdx({"index.xml": index("a.odx-f"), "a.odx-f": INNER})
    unpacked = unpack_all(("u.bin", b"\xa5\x13" * 64 + data))
    assert any(each.node.format == "pdx" for each in unpacked.nodes)


def test_truncation_is_never_whole():
    never_whole(pdx({"index.xml": index("a.odx-f"), "a.odx-f": INNER}), step=91, start=40)
