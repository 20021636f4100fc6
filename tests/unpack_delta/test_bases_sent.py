"""Only contents that begin as a delta does are sent the baseline's contents."""

from __future__ import annotations

from fwverify.unpack.android import payload_manifest as payload
from fwverify.unpack.delta import bsdiff, casync, vcdiff, zchunk
from fwverify.unpack.engine import Content, _with_bases
from fwverify.unpack.given import DELTA_MAGICS, Base
from tests.unpack.helpers import Bench, sha


def test_every_delta_format_is_among_the_magics() -> None:
    for magic in (
        bsdiff.MAGIC,
        bsdiff.MAGIC2,
        vcdiff.MAGIC,
        zchunk.MAGIC,
        zchunk.DETACHED_MAGIC,
        casync._MAGIC,
        payload.MAGIC,
    ):
        assert magic.startswith(DELTA_MAGICS), magic


def test_a_delta_is_given_the_bases_and_nothing_else_is() -> None:
    bench = Bench()
    base = Base(path="old", sha256=sha(b"old"), size=3)
    for data, given in ((b"BSDIFF40 and more", True), (b"plain", False), (b"", False)):
        digest = bench.store.put(data)
        content = _with_bases(Content(digest, len(data), "blob"), bench.store, (base,))
        assert bool(content.given.bases) is given
