import shutil
import subprocess
import time
import zlib

import pytest

from fwverify.unpack.documents.pdf import PDF
from tests.unpack.helpers import Bench, codes, kinds, noise, rules
from tests.unpack_packages.helpers import (
    never_complete_when_cut,
    never_raises_when_flipped,
    opened_by,
)

PAGE = b"BT /F1 12 Tf (Release notes 1.2) Tj [(fi) 3 (xed)] TJ ET"


def stream(number, data, entries=b"", *, flate=True, length=None):
    body = zlib.compress(data) if flate else data
    size = len(body) if length is None else length
    filters = b"/Filter /FlateDecode" if flate else b""
    return b"%d 0 obj\n<< /Length %d %s %s >>\nstream\n%s\nendstream\nendobj\n" % (
        number, size, filters, entries, body,
    )  # fmt: skip


def pdf(*objects, trailer=b"<< /Root 1 0 R /Size 9 >>", tail=b""):
    body = b"%PDF-1.7\n" + b"1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    body += b"".join(objects)
    end = b"trailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (trailer, len(body))
    return body + b"xref\n0 1\n0000000000 65535 f \n" + end + tail


def obj(number, text):
    return b"%d 0 obj\n%s\nendobj\n" % (number, text)


GOOD = pdf(stream(3, PAGE))


def test_streams_and_text_are_children_and_every_byte_has_a_class():
    bench = Bench()
    opened = bench.open(GOOD)
    assert (opened.format, opened.complete) == ("pdf", True)
    assert bench.content(opened, b"obj-3-0") == PAGE
    assert bench.content(opened, b"text") == b"Release notes 1.2\nfixed\n"
    assert "unexplained" not in kinds(opened)
    assert not rules(opened)


@pytest.mark.parametrize(
    "text",
    [b"<< /OpenAction 5 0 R >>", b"<< /S /JavaScript /JS (app.alert) >>", b"<</S/Launch/F(x)>>",
     b"<< /A << /S /U#52I >> >>", b"[ << /Type /EmbeddedFile >> ]", b"<< /XFA [] >>",
     b"<< /S /SubmitForm >>", b"<< /AA << >> >>", b"<< /Subtype /RichMedia >>"],
)  # fmt: skip
def test_active_content_is_said_with_its_offset(text):
    data = pdf(obj(4, text))
    opened = Bench().open(data)
    (first, *_) = [each for each in opened.observations if each.rule == "pdf.active"]
    assert data[first.offset : first.offset + 1] == b"/"


def test_active_content_in_an_object_stream_is_said():
    inside = b"5 0 << /S /JavaScript /JS (x) >>"
    data = pdf(stream(4, inside, b"/Type /ObjStm /N 1 /First 4"))
    assert "pdf.active" in rules(Bench().open(data))


def test_an_object_that_no_table_names_is_read():
    assert "pdf.active" in rules(Bench().open(GOOD + obj(9, b"<< /S /Launch >>") + b"%%EOF\n"))


def test_a_change_after_writing_is_said():
    assert "pdf.updates" in rules(Bench().open(GOOD + obj(9, b"<< >>") + b"%%EOF\n"))


def test_an_embedded_file_is_a_child():
    bench = Bench()
    opened = bench.open(pdf(stream(4, b"MZ evil", b"/Type /EmbeddedFile")))
    assert bench.content(opened, b"obj-4-0") == b"MZ evil"


def test_an_encrypted_document_is_said_and_not_read():
    opened = Bench().open(pdf(stream(3, PAGE), trailer=b"<< /Encrypt 8 0 R >>"))
    assert codes(opened) == {"encrypted"}
    assert "extracted" not in kinds(opened)


@pytest.mark.parametrize("name", [b"LZWDecode", b"Crypt", b"RunLengthDecode", b"Unknown"])
def test_a_filter_that_is_not_undone_is_unsupported(name):
    data = pdf(stream(4, noise(200), b"/Filter /" + name, flate=False))
    opened = Bench().open(data)
    assert codes(opened) == {"unsupported"}
    assert kinds(opened)["unexplained"] == 200


def test_ascii_filters_and_chains_are_undone():
    bench = Bench()
    packed = zlib.compress(PAGE).hex().encode() + b">"
    data = pdf(stream(4, packed, b"/Filter [/ASCIIHexDecode /FlateDecode]", flate=False))
    assert bench.content(bench.open(data), b"obj-4-0") == PAGE


def test_a_length_that_lies_does_not_hide_the_stream():
    bench = Bench()
    opened = bench.open(pdf(stream(3, PAGE, length=3)))
    assert bench.content(opened, b"obj-3-0") == PAGE
    opened = bench.open(pdf(stream(3, PAGE, length=10**9)))
    assert bench.content(opened, b"obj-3-0") == PAGE


def test_bytes_behind_the_compressed_data_are_a_child_and_said():
    body = zlib.compress(PAGE) + b"hidden payload"
    data = pdf(stream(4, body, b"/Filter /FlateDecode", flate=False))
    bench = Bench()
    opened = bench.open(data)
    assert "pdf.hidden" in rules(opened)
    assert bench.content(opened, b"obj-4-0.rest") == b"hidden payload"


def test_bytes_between_objects_are_unexplained_and_incomplete():
    opened = Bench().open(pdf(b"junk" + noise(300), stream(3, PAGE)))
    assert not opened.complete
    assert kinds(opened)["unexplained"] >= 290


def test_bytes_behind_the_end_are_unexplained():
    assert kinds(Bench().open(GOOD + b"\x01" + noise(300)))["unexplained"] >= 290


def test_damaged_data_is_incomplete():
    opened = Bench().open(pdf(stream(4, noise(300), b"/Filter /FlateDecode", flate=False)))
    assert not opened.complete


def test_a_long_string_is_a_child():
    bench = Bench()
    opened = bench.open(pdf(obj(4, b"<< /JS (" + b"a" * 5000 + b") >>")))
    assert [each.size for each in opened.entries] == [5000]


@pytest.mark.parametrize(
    "part",
    [b"4 0 obj (", b"4 0 obj <<", b"4 0 obj [[[[", b"4 0 obj <</A>> stream", b"4 0 obj <",
     b"4 0 obj ]", b"xref ", b"trailer <<", b"4 0 obj <</Length 9999999999>> stream\n"],
)  # fmt: skip
def test_hostile_repetition_ends_soon(part):
    started = time.monotonic()
    opened = Bench().open(b"%PDF-1.4\n" + obj(1, b"1") + part * 20_000)
    assert not opened.complete
    assert time.monotonic() - started < 10


def test_a_document_without_objects_or_end_is_not_whole():
    assert opened_by(PDF, b"%PDF-1.7\n%%EOF\n") is None
    assert not opened_by(PDF, b"%PDF-1.7\n" + obj(1, b"<< >>")).complete


def test_truncation_is_never_complete():
    never_complete_when_cut(PDF, GOOD, last=len(GOOD) - 5)


def test_flips_never_raise():
    never_raises_when_flipped(PDF, GOOD, 200)


def test_what_qpdf_rewrites_is_read(tmp_path):
    if shutil.which("qpdf") is None:
        pytest.skip("qpdf is not installed (Debian package qpdf)")
    (tmp_path / "a.pdf").write_bytes(GOOD)
    for option in ("--object-streams=generate", "--linearize", "--qdf"):
        done = subprocess.run(["qpdf", option, "a.pdf", "b.pdf"], cwd=tmp_path, capture_output=True)
        if not (tmp_path / "b.pdf").exists():
            pytest.skip(f"qpdf refused: {done.stderr[:200]!r}")
        opened = Bench().open((tmp_path / "b.pdf").read_bytes())
        assert opened.complete, opened.problems
