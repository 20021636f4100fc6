"""A/B update payloads, full and incremental. What is wrong comes first."""

from __future__ import annotations

import bz2
import hashlib
import shutil
import struct
import subprocess

import pytest

from fwverify.model import Entry, Opened
from fwverify.unpack.android import verity
from fwverify.unpack.given import Base, Given
from fwverify.unpack.opening import examine
from fwverify.unpack.source import Budget, Source
from tests.unpack.helpers import Bench, check, codes, kinds, noise, rules, sha
from tests.unpack_android import build
from tests.unpack_android.build import BROTLI, BSDIFF, COPY, PUFF, REPLACE, Payload

OLD = noise(4096 * 6, 11)


def opened_with(bench: Bench, data: bytes, *bases: bytes) -> Opened:
    """``data`` opened with ``bases`` as the baseline's contents."""
    given = Given(
        bases=tuple(
            Base(path=f"old!/part{number}", sha256=bench.store.put(each), size=len(each))
            for number, each in enumerate(bases)
        )
    )
    budget = Budget(bench.limits.blob_bytes(len(data)), bench.limits.files)
    opened = examine(Source(data, bench.store, bench.limits, "blob", budget, given))
    check(opened, data, bench.store)
    return opened


def own(opened: Opened) -> tuple[Entry, ...]:
    """The entries that are not carved out of unexplained bytes."""
    return tuple(each for each in opened.entries if not each.name.startswith(b"@0x"))


def bspatch40(old: bytes, new: bytes) -> bytes:
    """A BSDIFF40 patch whose diff covers what both have, the rest as extra."""
    shared = min(len(old), len(new))
    diff = bytes((b - a) & 255 for a, b in zip(old, new, strict=False))
    control = bz2.compress(struct.pack("<3q", shared, len(new) - shared, 0))
    body = bz2.compress(diff)
    head = b"BSDIFF40" + struct.pack("<3q", len(control), len(body), len(new))
    return head + control + body + bz2.compress(new[shared:])


def bsdf2(old: bytes, new: bytes) -> bytes:
    import brotli

    diff = bytes((b - a) & 255 for a, b in zip(old, new, strict=True))
    control = brotli.compress(struct.pack("<3q", len(new), 0, 0))
    body = brotli.compress(diff)
    head = b"BSDF2\x02\x02\x02" + struct.pack("<3q", len(control), len(body), len(new))
    return head + control + body + brotli.compress(b"")


def delta_payload():
    """An incremental payload over ``OLD`` and its new partition."""
    payload = Payload(minor=7)
    changed = bytes(range(256)) * 16
    patched = OLD[4096:8192][:-4] + b"new!"
    new = OLD[8192:12288] + patched + changed + patched
    payload.partition(
        b"system",
        new,
        [
            payload.operation(COPY, [(0, 1)], source=[(2, 1)], old=OLD[8192:12288]),
            payload.operation(
                BSDIFF, [(1, 1)], bspatch40(OLD[4096:8192], patched), [(1, 1)], old=OLD[4096:8192]
            ),
            payload.operation(REPLACE, [(2, 1)], changed),
            payload.operation(
                BROTLI, [(3, 1)], bsdf2(OLD[4096:8192], patched), [(1, 1)], old=OLD[4096:8192]
            ),
        ],
        OLD,
    )
    return payload, new


FULL, NEW = build.full_payload()
FULL_BYTES = FULL.build()


def one(operations, new=NEW, **kwargs) -> bytes:
    payload = Payload()
    payload.partition(b"boot", new, operations(payload), **kwargs)
    return payload.build()


@pytest.mark.parametrize(
    "bad",
    [
        # a digest of the data that is not its own
        one(lambda p: [p.operation(REPLACE, [(0, 6)], NEW, digest=bytes(32))]),
        # a partition that is not the one of the manifest
        one(lambda p: [p.operation(REPLACE, [(0, 6)], NEW)], digest=b"\x01" * 32),
        # blocks nobody wrote
        one(lambda p: [p.operation(REPLACE, [(0, 1)], NEW[:4096])]),
        # more data than blocks
        one(lambda p: [p.operation(REPLACE, [(0, 6)], NEW + b"more")]),
        # a compressed stream with a tail
        one(lambda p: [p.operation(1, [(0, 6)], bz2.compress(NEW) + b"tail")]),
        # not a stream at all
        one(lambda p: [p.operation(8, [(0, 6)], NEW)]),
        # the same blocks for ever
        one(lambda p: [p.operation(6, [(0, 6)])] * 15000),
    ],
)
def test_a_partition_that_is_not_right_is_no_child(bad):
    opened = Bench().open(bad)
    assert opened.format == "android-payload"
    assert not opened.complete
    assert own(opened) == ()


@pytest.mark.parametrize(
    "bad",
    [
        one(lambda p: [p.operation(REPLACE, [(6, 1)], NEW[:4096])]),
        one(lambda p: [p.operation(REPLACE, [(1 << 60, 1 << 60)], NEW[:4096])]),
        Payload().build(extra=build.octets(1, b"")),
        Payload().build(extra=b"\x6a\xff\xff\xff\xff\xff\x0f"),
        Payload().build(extra=b"\x0b"),
        Payload().build(extra=b"\xff" * 11),
        b"CrAU" + struct.pack(">2QI", 2, 1 << 60, 0),
    ],
)
def test_a_broken_manifest_is_said(bad):
    opened = Bench().open(bad)
    assert not opened.complete
    assert own(opened) == ()


def test_a_huge_partition_stops_at_the_bound():
    payload = Payload()
    payload.partitions += build.octets(
        13, build.octets(1, b"x") + build.octets(7, build.integer(1, 1 << 62))
    )
    assert {each.partition(".")[0] for each in codes(Bench().open(payload.build()))} == {"limit"}


def test_a_cut_payload_is_never_complete():
    bench = Bench()
    for end in range(12, len(FULL_BYTES), 301):
        assert not bench.open(FULL_BYTES[:end]).complete or end < 24


def test_a_changed_byte_is_never_silent():
    bench = Bench()
    signed = len(FULL_BYTES) - 100
    for at in range(24, signed, 211):
        opened = bench.open(
            FULL_BYTES[:at] + bytes((FULL_BYTES[at] ^ 0x55,)) + FULL_BYTES[at + 1 :]
        )
        for entry in own(opened):
            assert entry.sha256 == sha(NEW), at


def test_an_unsigned_payload_is_said():
    opened = Bench().open(FULL.build(signed=False))
    assert "payload.unsigned" in rules(opened)


def test_an_unsupported_operation_is_said_by_name():
    opened = opened_with(
        Bench(), one(lambda p: [p.operation(PUFF, [(0, 6)], b"x", [(0, 1)])], old=OLD), OLD
    )
    assert codes(opened) == {"format.unsupported"}
    assert "PUFFDIFF" in opened.problems[0].text


def test_without_the_baseline_nothing_is_made():
    payload, _ = delta_payload()
    opened = Bench().open(payload.build())
    assert codes(opened) == {"delta.base"}
    assert hashlib.sha256(OLD).hexdigest() in opened.problems[0].text
    assert own(opened) == ()
    assert not opened.given


def test_another_baseline_is_none():
    payload, _ = delta_payload()
    assert codes(opened_with(Bench(), payload.build(), noise(len(OLD), 99))) == {"delta.base"}


def test_source_blocks_with_another_digest_are_said():
    payload = Payload()
    payload.partition(
        b"x", OLD[:4096], [payload.operation(COPY, [(0, 1)], source=[(0, 1)], old=b"other")], OLD
    )
    opened = opened_with(Bench(), payload.build(), OLD)
    assert codes(opened) == {"format.malformed"}
    assert opened.given  # it depends on the baseline, so it is never kept


def test_source_blocks_outside_the_baseline_are_said():
    payload = Payload()
    operation = payload.operation(COPY, [(0, 1)], source=[(1000, 1)])
    payload.partition(b"x", OLD[:4096], [operation], OLD)
    assert codes(opened_with(Bench(), payload.build(), OLD)) == {"format.malformed"}


def test_a_delta_is_applied_to_the_baseline():
    payload, new = delta_payload()
    bench = Bench()
    opened = opened_with(bench, payload.build(), noise(100), OLD)
    assert opened.complete, opened.problems
    assert opened.given
    assert bench.content(opened, b"system") == new
    assert dict(opened.attributes)["payload_kind"] == "delta"


def test_the_hash_tree_and_parity_that_a_device_computes():
    data = noise(4096 * 200, 5)
    tree, _ = verity.tree(data, len(data), 4096, "sha256", b"salt")
    whole = data + tree
    parity = b"".join(verity.parity(whole, len(whole), 2, 4096))
    blocks = len(tree) // 4096
    extra = (
        build.extent(10, 0, 200)
        + build.extent(11, 200, blocks)
        + build.octets(12, b"sha256")
        + build.octets(13, b"salt")
        + build.extent(14, 0, 200 + blocks)
        + build.extent(15, 200 + blocks, len(parity) // 4096)
        + build.integer(16, 2)
    )
    bad = one(lambda p: [p.operation(REPLACE, [(0, 200)], data)], whole + parity)
    assert not Bench().open(bad).complete
    good = one(lambda p: [p.operation(REPLACE, [(0, 200)], data)], whole + parity, extra=extra)
    bench = Bench()
    opened = bench.open(good)
    assert opened.complete, opened.problems
    assert bench.content(opened, b"boot") == whole + parity


def test_a_full_payload_gives_its_partitions():
    bench = Bench()
    opened = bench.open(FULL_BYTES)
    assert opened.complete, opened.problems
    assert bench.content(opened, b"boot") == NEW
    assert kinds(opened)["signature"] == 2 * len(build.SIGNATURES)
    assert "unexplained" not in kinds(opened)
    assert opened.identity.build == "2024-05-05"
    manifest = 24 + struct.unpack(">Q", FULL_BYTES[12:20])[0]
    assert dict(opened.attributes)["metadata_signed"] == f"0-{manifest}"


def test_bsdiff_equals_the_reference_program(tmp_path):
    tool = shutil.which("bsdiff")
    if tool is None:
        pytest.skip("ORACLE ABSENT: bsdiff")
    new = OLD[100:9000] + noise(333, 4) + OLD[3000:20000].replace(b"\x07", b"\x08")
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(new)
    subprocess.run([tool, "old", "new", "patch"], cwd=tmp_path, check=True)
    from fwverify.unpack.delta import bsdiff

    patch = (tmp_path / "patch").read_bytes()
    assert b"".join(bsdiff.apply(patch, OLD)) == new
    assert bsdiff.needed_bytes(patch) <= len(OLD)
