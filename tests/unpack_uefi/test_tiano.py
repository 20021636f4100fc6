"""EFI compression against the compressor of EDK II, where its bindings are installed."""

import random
import sys
from pathlib import Path

import pytest

from fwverify.reader import Malformed
from fwverify.unpack.uefi.tiano import expand
from tests.builders.uefi import tiano

CONTENTS = {
    "code": Path(sys.executable).read_bytes()[:150_000],
    "text": b"hello world " * 9_000,
    "noise": random.Random(1).randbytes(70_000),
    "small": b"abc" * 5,
    "mixed": bytes(range(256)) * 100 + bytes(70_000) + bytes(range(256)) * 90,
}


@pytest.mark.parametrize("name", sorted(CONTENTS))
@pytest.mark.parametrize(("function", "width"), [("EfiCompress", 4), ("TianoCompress", 5)])
def test_what_the_reference_packs_comes_out(name, function, width):
    reason = "TIANO NOT COMPARED WITH THE REFERENCE: uefi_firmware is absent"
    efi_compressor = pytest.importorskip("uefi_firmware.efi_compressor", reason=reason)
    content = CONTENTS[name]
    packed = bytes(getattr(efi_compressor, function)(content, len(content)))
    assert expand(packed, 0, (width,)) == (content, len(packed))
    assert expand(packed, 0, (4, 5)) == (content, len(packed))


@pytest.mark.parametrize("width", [4, 5])
def test_what_the_builder_packs_comes_out(width):
    content = b"abracadabra" + b"z" * 50
    assert expand(tiano(content, width=width), 0, (width,))[0] == content


def test_every_cut_and_flip_is_refused_or_bounded():
    packed = tiano(b"abracadabra" * 30 + b"z" * 50)
    for size in range(0, len(packed), 3):
        with pytest.raises(Malformed):
            expand(packed[:size], 0, (4, 5))
    source = random.Random(3)
    for _ in range(300):
        broken = bytearray(packed)
        broken[source.randrange(8, len(packed))] ^= 1 << source.randrange(8)
        try:
            content, used = expand(bytes(broken), 0, (4, 5))
        except Malformed:
            continue
        assert len(content) == 380
        assert used <= len(packed)
