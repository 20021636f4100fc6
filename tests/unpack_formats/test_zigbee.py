import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.limits import Limits
from fwverify.reader import Malformed
from fwverify.unpack.zigbee import ZIGBEE_OTA
from tests.builders.zigbee import element, header, ota
from tests.corpus import CORPUS, needs_corpus
from tests.unpack_formats.helpers import check, count, new_store, source

IMAGE = bytes(range(250)) * 8


def sha(data):
    return hashlib.sha256(data).hexdigest()


def opened(data, tmp_path, **options):
    store = new_store(tmp_path)
    return check(ZIGBEE_OTA.open(source(data, store, **options)), data, store)


def rules(result):
    return {observation.rule for observation in result.observations}


def test_sub_elements_are_children_and_the_header_is_identity(tmp_path):
    data = ota(element(0, IMAGE), element(1, b"s" * 50), element(0xF123, b"maker"))
    result = opened(data, tmp_path)
    assert result.complete
    assert [entry.name for entry in result.entries] == [
        b"tag-0x0000.upgrade-image",
        b"tag-0x0001.ecdsa-signature",
        b"tag-0xf123.manufacturer",
    ]
    assert result.entries[0].sha256 == sha(IMAGE)
    assert result.entries[0].extents == ((62, 62 + len(IMAGE)),)
    assert result.identity.vendor == "0x1037"
    assert result.identity.product == "0x0001"
    assert result.identity.version == "0x00000007"
    assert result.identity.build == "TEST-METER"
    assert count(result, "unexplained") == 0
    assert not result.observations


def test_optional_fields_are_read(tmp_path):
    extra = b"\x02" + bytes(range(8)) + b"\x01\x00\x05\x00"
    facts = dict(opened(ota(element(0, IMAGE), control=7, extra=extra), tmp_path).attributes)
    assert facts["security_credential"] == "2"
    assert facts["destination"] == "0706050403020100"
    assert (facts["hardware_min"], facts["hardware_max"]) == ("0x0001", "0x0005")


def test_a_wrapper_before_the_header_is_unexplained_and_named(tmp_path):
    wrapper = b"VENDOR" + bytes(range(1, 60))
    data = wrapper + ota(element(0, IMAGE))
    assert ZIGBEE_OTA.recognise(data, "x")
    result = opened(data, tmp_path)
    assert "zigbee.wrapper" in rules(result)
    assert count(result, "unexplained") == len(wrapper)
    assert result.entries[0].sha256 == sha(IMAGE)


def test_bytes_behind_the_stated_image_are_unexplained_and_named(tmp_path):
    data = ota(element(0, IMAGE)) + b"appended"
    result = opened(data, tmp_path)
    assert "zigbee.trailing" in rules(result)
    assert count(result, "unexplained") == len(b"appended")


def test_a_tag_that_stands_twice_keeps_both(tmp_path):
    result = opened(ota(element(0, IMAGE), element(0, b"second")), tmp_path)
    assert "zigbee.duplicate_tag" in rules(result)
    assert [entry.sha256 for entry in result.entries] == [sha(IMAGE), sha(b"second")]
    assert len({entry.name for entry in result.entries}) == 2


def test_a_file_without_an_image_is_named(tmp_path):
    assert "zigbee.no_image" in rules(opened(ota(element(2, b"cert")), tmp_path))


def test_an_element_longer_than_the_file_is_incomplete(tmp_path):
    data = ota(element(0, IMAGE, length=0xFFFF_FFFF))
    result = opened(data, tmp_path)
    assert not result.complete
    assert "zigbee.element.length" in result.problems[0].text


@pytest.mark.parametrize("length", [0, 55, 1025, 0xFFFF])
def test_a_header_length_no_header_has_is_malformed(length, tmp_path):
    data = header(100, length=length) + element(0, b"x" * 2000)
    assert not ZIGBEE_OTA.recognise(data, "x")
    with pytest.raises(Malformed):
        opened(data, tmp_path)


def test_a_header_length_off_by_one_is_incomplete(tmp_path):
    data = header(100, length=57) + element(0, b"x" * 38)
    assert not opened(data, tmp_path).complete


def test_optional_fields_beyond_the_header_length_are_malformed(tmp_path):
    data = header(200, control=7, length=56) + element(0, b"x" * 138)
    with pytest.raises(Malformed):
        opened(data, tmp_path)


def test_truncation_is_never_complete(tmp_path):
    data = ota(element(0, IMAGE[:40]), element(1, b"s" * 20))
    store = new_store(tmp_path)
    for size in range(len(data)):
        piece = data[:size]
        try:
            result = check(ZIGBEE_OTA.open(source(piece, store)), piece, store)
        except Malformed:
            continue
        assert not result.complete, size


def test_more_elements_than_allowed_are_a_limit(tmp_path):
    data = ota(*(element(i, b"x") for i in range(20)))
    result = opened(data, tmp_path, limits=Limits(files=5))
    assert result.problems[0].code == "limit.files"
    assert len(result.entries) == 5


@pytest.mark.parametrize("data", [b"", b"\x1e\xf1\xee\x0b", b"\x1e\xf1\xee\x0b" + bytes(60)])
def test_what_is_not_recognised(data):
    assert not ZIGBEE_OTA.recognise(data, "x.ota")


@settings(max_examples=120, derandomize=True, deadline=None)
@given(st.integers(0, 120), st.integers(1, 255))
def test_a_flipped_byte_never_crashes_and_sums_hold(tmp_path_factory, at, flip):
    data = bytearray(ota(element(0, IMAGE[:40]), element(1, b"s" * 20)))
    data[at % len(data)] ^= flip
    store = new_store(tmp_path_factory.mktemp("s"))
    try:
        check(ZIGBEE_OTA.open(source(bytes(data), store)), bytes(data), store)
    except Malformed as error:
        assert error.field  # noqa: PT017


@needs_corpus
@pytest.mark.parametrize(
    ("folder", "versions"),
    [
        ("meter_zlinky_tic_zigbee", {"0x00000010", "0x00000011"}),
        ("meter_nodon_sem_zigbee_gbl", {"0x0000000e", "0x0000000f", "0x00000011"}),
    ],
)
def test_real_meter_updates(folder, versions, tmp_path):
    found = set()
    for file in sorted((CORPUS / folder).glob("*.*")):
        data = file.read_bytes()
        assert ZIGBEE_OTA.recognise(data, file.name)
        result = opened(data, tmp_path)
        assert result.complete
        assert count(result, "unexplained") == 0
        assert result.entries[0].name == b"tag-0x0000.upgrade-image"
        found.add(result.identity.version)
    assert found == versions
