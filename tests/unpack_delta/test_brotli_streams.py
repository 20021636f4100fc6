"""Brotli streams inside deltas: output that waits in the library is not lost."""

from __future__ import annotations

import brotli
import pytest

from fwverify.reader import Malformed
from fwverify.unpack.delta import bsdiff
from tests.unpack.helpers import noise


def test_a_stream_whose_output_waits_in_the_library_is_read_whole() -> None:
    content = b"".join(noise(9000, seed) * 40 for seed in range(20))
    packed = brotli.compress(content, quality=4)
    stream = bsdiff._Stream(packed, 0, len(packed), bsdiff._BROTLI, "diff")
    assert stream.take(len(content)) == content
    assert not stream.rest()


def test_a_cut_stream_is_malformed() -> None:
    content = noise(9000) * 40
    packed = brotli.compress(content, quality=4)[:-9]
    stream = bsdiff._Stream(packed, 0, len(packed), bsdiff._BROTLI, "diff")
    with pytest.raises(Malformed):
        stream.take(len(content))
