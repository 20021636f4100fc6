import hashlib
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.unpack.hexfiles import INTEL_HEX
from fwverify.unpack.rawmcu import MAX_IMAGE_BYTES, RAW_MCU, architecture, looks_random
from fwverify.unpack.zigbee import ZIGBEE_OTA
from tests.builders.mcu import avr, avr_small, code, cortex_m
from tests.corpus import CORPUS, needs_corpus
from tests.unpack_formats.helpers import check, count, new_store, source


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def opened(data, tmp_path):
    store = new_store(tmp_path)
    return check(RAW_MCU.open(source(data, store)), data, store)


@pytest.mark.parametrize(
    ("data", "arch"),
    [
        (cortex_m(), "arm-cortex-m"),
        (cortex_m(base=0, stack=0x0401_5FE0), "arm-cortex-m"),
        (cortex_m(stack=4096, tail=noise(128)), "arm-cortex-m"),
        (cortex_m(handlers={4: 0, 5: 0, 6: 0, 12: 0}), "arm-cortex-m"),
        (avr(), "avr"),
        (avr_small(), "avr"),
    ],
)
def test_a_whole_table_is_recognised(data, arch, tmp_path):
    assert RAW_MCU.recognise(data, "x")
    result = opened(data, tmp_path)
    assert result.identity.arch == arch
    assert result.executable
    assert result.complete
    assert any(region.executable for region in result.regions)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(4096),
        b"\xff" * 4096,
        cortex_m(size=4096)[:255],
        cortex_m(stack=0x9000_0000),
        cortex_m(stack=0x2000_4001),
        cortex_m(handlers={1: 0x0800_0100}),
        cortex_m(handlers={1: 0}),
        cortex_m(handlers={2: 0}),
        cortex_m(handlers={3: 0x0900_0001}),
        cortex_m(handlers={5: 0x0800_0102}),
        cortex_m(handlers={15: 0}),
        cortex_m(base=0x5000_0000),
        avr(vectors=12),
        avr(reset=8),
        avr(default=0x1_0000),
        code(4096),
        noise(4096),
    ],
)
def test_an_inconsistent_table_is_not_recognised(data):
    assert architecture(data) is None


def test_a_plain_image_is_parsed_whole(tmp_path):
    data = cortex_m()
    assert count(opened(data, tmp_path), "parsed") == len(data)


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_a_signature_like_tail_stays_unexplained(size, tmp_path):
    data = cortex_m(tail=noise(size))
    last = opened(data, tmp_path).regions[-1]
    assert last.kind == "unexplained"
    assert size <= last.end - last.start <= 2 * size


def test_bytes_behind_a_stated_length_are_never_code(tmp_path):
    data = cortex_m(stack=4096, tail=b"A" * 100)
    result = opened(data, tmp_path)
    assert result.regions[-1].start == 4096
    assert result.regions[-1].kind == "unexplained"


@pytest.mark.parametrize("offset", [0, 1, 700, 2048, 3333])
def test_a_cipher_text_under_a_valid_table_stays_unexplained(offset, tmp_path):
    data = cortex_m(8192 + offset) + noise(16_384) + code(4096)
    result = opened(data, tmp_path)
    hidden = [r for r in result.regions if r.kind == "unexplained"]
    start = 8192 + offset
    assert hidden[0].start <= start
    assert hidden[-1].end >= start + 16_384
    assert max(region.entropy_milli for region in hidden) >= 7200


def test_a_block_of_4_kib_cannot_hide_between_windows(tmp_path):
    for offset in range(0, 4096, 256):
        data = cortex_m(8192 + offset) + noise(5120) + code(8192)
        assert count(opened(data, tmp_path), "unexplained") >= 4096


@pytest.mark.parametrize("inner", [b"\x7fELF\x01\x01\x01", b"PK\x03\x04", b"hsqs", b"ustar\0"])
def test_another_format_inside_is_left_to_be_searched(inner, tmp_path):
    data = cortex_m(4096) + inner + code(1024)
    region = opened(data, tmp_path).regions[-1]
    assert (region.kind, region.start) == ("unexplained", 4096)


def test_compressed_content_inside_is_unexplained(tmp_path):
    text = b"".join(hashlib.sha256(bytes([i])).hexdigest().encode() for i in range(250))
    data = cortex_m(4096) + zlib.compress(text)
    assert count(opened(data, tmp_path), "unexplained") >= 4096


def test_trailing_erased_flash_is_padding(tmp_path):
    data = cortex_m() + b"\xff" * 1000
    assert count(opened(data, tmp_path), "padding") == 1000


@pytest.mark.parametrize(
    ("texts", "version", "build"),
    [
        ([b"v1.7.3-hotfix"], "1.7.3", "v1.7.3-hotfix"),
        ([b">v1.7.3-hotfix"], "1.7.3", "v1.7.3-hotfix"),
        ([b"2.10.4"], "2.10.4", "2.10.4"),
        ([b"1.0.0", b"2.0.0"], None, None),
        ([b"1.0.0-a", b"1.0.0-b"], None, None),
        ([b"1.0.0", b"1.0.0"], "1.0.0", "1.0.0"),
        ([b"192.168.0.1"], None, None),
        ([b"https://example.org/1.2.3"], None, None),
        ([b"no version"], None, None),
    ],
)
def test_a_version_counts_only_when_there_is_one(texts, version, build, tmp_path):
    data = cortex_m() + b"\0" + b"\0".join(texts) + b"\0" + code(100)
    identity = opened(data, tmp_path).identity
    assert (identity.version, identity.build) == (version, build)


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_random_bytes_look_random_and_code_does_not(size):
    assert sum(looks_random(noise(size, seed)) for seed in range(200)) >= 198
    assert not looks_random(code(size))
    assert not looks_random(bytes(size))
    assert not looks_random((b"The quick brown fox jumps over the lazy dog. " * 12)[:size])


def test_random_data_is_never_recognised():
    """No hit in 200,000 images; the bound in the module's text is 2^-40 each."""
    pick = random.Random(2)
    pool = pick.randbytes(1 << 20)
    big = memoryview(pool + pool)
    hits = 0
    for _ in range(200_000):
        at = pick.randrange(1 << 20)
        hits += architecture(big[at : at + 4096]) is not None
    assert hits == 0


def test_an_image_past_the_bound_is_not_recognised():
    data = cortex_m() + bytes(MAX_IMAGE_BYTES)
    assert architecture(data) is None


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.binary(max_size=600), st.integers(0, 63), st.integers(1, 255))
def test_mutation_never_crashes_and_sums_hold(tmp_path_factory, tail, at, flip):
    data = bytearray(cortex_m(2048) + tail)
    data[at] ^= flip
    opened(bytes(data), tmp_path_factory.mktemp("s"))


def test_a_truncated_image_keeps_its_sums(tmp_path):
    data = cortex_m(1024, tail=noise(128))
    for size in range(256, len(data), 41):
        opened(data[:size], tmp_path)


@needs_corpus
def test_real_encrypted_images_are_not_recognised():
    files = sorted((CORPUS / "meter_dlms_spodes_1phase").glob("*.bin"))
    assert files
    for file in files:
        assert architecture(file.read_bytes()) is None


@needs_corpus
def test_real_panda_images_keep_their_signature_apart(tmp_path):
    files = sorted((CORPUS / "vehicle_panda_release").glob("*.signed"))
    assert len(files) == 4
    for file in files:
        data = file.read_bytes()
        result = opened(data, tmp_path)
        assert result.identity.arch == "arm-cortex-m"
        assert [(r.kind, r.end - r.start) for r in result.regions] == [
            ("parsed", len(data) - 128),
            ("unexplained", 128),
        ]


@needs_corpus
@pytest.mark.parametrize(
    ("folder", "pattern", "form", "arch"),
    [
        ("meter_emonpi_hex", "*.hex", INTEL_HEX, "avr"),
        ("mcuboot_nrf52840dk", "*.hex", INTEL_HEX, "arm-cortex-m"),
        ("meter_zlinky_tic_zigbee", "*.ota", ZIGBEE_OTA, "arm-cortex-m"),
    ],
)
def test_real_payloads_inside_their_containers(folder, pattern, form, arch, tmp_path):
    files = sorted((CORPUS / folder).glob(pattern))
    assert files
    store = new_store(tmp_path)
    for file in files:
        container = form.open(source(file.read_bytes(), store))
        data = store.read(container.entries[0].sha256)
        result = opened(data, tmp_path)
        assert result.identity.arch == arch
        assert count(result, "unexplained") == 0
