"""The stage as a whole: trees, limits, failures, cache, determinism."""

from __future__ import annotations

import gzip
import lzma
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.limits import Limits
from fwverify.model import Entry, Member, Opened, Region, Subject, Unpacked
from fwverify.unpack import engine, unpack
from fwverify.unpack.engine import Result
from fwverify.unpack.tree import build
from fwverify.workers import Outcome, Pool
from tests.builders.archives import (
    CpioItem,
    TarItem,
    ZipItem,
    ar_archive,
    cpio_archive,
    tar_archive,
    zip_archive,
)
from tests.unpack.helpers import (
    Bench,
    Inline,
    check_tree,
    codes,
    node,
    noise,
    sha,
    subject_of,
    unpack_all,
)

TOOL = b"#!/bin/sh\nexit 0\n"


def wrapped(data: bytes, levels: int) -> bytes:
    """``data`` in a chain of different containers."""
    for level in range(levels):
        makers = (
            lambda inner: zip_archive(ZipItem(b"in", inner)),
            lambda inner: tar_archive(TarItem(b"in", inner)),
            lambda inner: gzip.compress(inner, mtime=0),
            lambda inner: cpio_archive(CpioItem(b"in", inner)),
            lzma.compress,
            lambda inner: ar_archive((b"in", inner)),
        )
        data = makers[level % len(makers)](data)
    return data


@pytest.mark.parametrize("levels", [1, 5, 12])
def test_nested_chains_are_opened_to_the_bottom(levels: int) -> None:
    unpacked = unpack_all(("fw", wrapped(TOOL, levels)))
    deepest = max(unpacked.nodes, key=lambda placed: placed.node.path.count("!/"))
    assert (deepest.node.sha256, deepest.node.path.count("!/")) == (sha(TOOL), levels)
    assert unpacked.problems == ()


def test_the_tree_says_what_the_headers_say() -> None:
    rootfs = tar_archive(
        TarItem(b"./bin/su", TOOL, mode=0o4755, uid=0),
        TarItem(b"./etc/", type=b"5", mode=0o755),
        TarItem(b"./etc/data", b"text\n", mode=0o644),
        TarItem(b"./run me", b"\x00\x01binary", mode=0o100),
        TarItem(b"./link", type=b"2", link=b"../a%b\xff"),
        TarItem(b"./n\xff!m", b"x"),
    )
    unpacked = unpack_all(("u.tar", rootfs))
    su = node(unpacked, "u.tar!/bin/su")
    assert (su.node.mode, su.executable, su.stored) == (0o4755, True, True)
    assert su.node.name_raw is not None  # the leading ./ is not in the path
    assert su.extents == ((512, 512 + len(TOOL)),)
    assert not node(unpacked, "u.tar!/etc/data").executable
    assert node(unpacked, "u.tar!/run me").executable
    folder, link = node(unpacked, "u.tar!/etc"), node(unpacked, "u.tar!/link")
    assert (folder.node.kind, folder.node.sha256, folder.executable) == ("directory", None, False)
    assert link.node.link == "../a%25b%FF"
    assert node(unpacked, "u.tar!/n%FF%21m").node.size == 1


def test_duplicate_names_are_numbered() -> None:
    data = zip_archive(ZipItem(b"a", b"1\n"), ZipItem(b"/a", b"2\n"), ZipItem(b"a", b"3\n"))
    unpacked = unpack_all(("z", data))
    assert [placed.node.path for placed in unpacked.nodes] == ["z", "z!/a", "z!/a%232", "z!/a%233"]
    assert {finding.rule for finding in unpacked.findings} == {
        "unpack.evasion.duplicate", "unpack.evasion.name",
    }  # fmt: skip


def test_equal_content_is_opened_once_and_stands_everywhere() -> None:
    inner = zip_archive(ZipItem(b"t", TOOL))
    pool = Inline()
    data = tar_archive(*(TarItem(b"copy%d.zip" % at, inner) for at in range(8)))
    unpacked = unpack_all(("x.tar", data), pool=pool)
    assert pool.opened == 3
    assert (unpacked.image.nodes, unpacked.image.blobs) == (17, 3)


def test_content_that_contains_itself_ends() -> None:
    loop = sha(b"loop")
    region = Region(start=0, end=10, kind="extracted")
    entry = Entry(name=b"again", sha256=loop, size=10, extents=((0, 10),))
    results = {
        loop: Result(opened=Opened(format="zip", size=10, regions=(region,), entries=(entry,)))
    }
    member = Member(path="q", sha256=loop, size=10)
    subject = Subject(kind="file", name="q", sha256=loop, size=10, members=(member,))
    unpacked = build(subject, results, Limits())
    assert [placed.node.path for placed in unpacked.nodes] == ["q", "q!/again"]
    assert [(each.rule, each.path) for each in unpacked.findings] == [
        ("unpack.recursion", "q!/again")
    ]


def test_content_that_stands_twice_is_opened_once() -> None:
    first = tar_archive(TarItem(b"a", b"x"))
    unpacked = unpack_all(("a", tar_archive(TarItem(b"b", first))), ("c", first))
    assert unpacked.problems == ()
    assert len({placed.node.sha256 for placed in unpacked.nodes}) == 3


# --- limits --------------------------------------------------------------------------


def test_depth_is_bounded_and_said() -> None:
    unpacked = unpack_all(("fw", wrapped(TOOL, 6)), limits=Limits(depth=3))
    assert codes(unpacked) == {"limit.depth"}
    assert max(placed.node.path.count("!/") for placed in unpacked.nodes) == 4
    deepest = max(unpacked.nodes, key=lambda placed: placed.node.path.count("!/"))
    assert (deepest.complete, deepest.node.format) == (False, None)
    assert deepest.node.coverage.unexplained == deepest.node.size


def test_entries_of_one_blob_are_bounded_and_said() -> None:
    data = tar_archive(*(TarItem(b"%d" % at, type=b"5") for at in range(60)))
    unpacked = unpack_all(("fw", data), limits=Limits(files=50))
    assert codes(unpacked) == {"limit.files"}
    assert unpacked.image.nodes <= 50


def test_equal_content_cannot_blow_up_the_tree() -> None:
    data = b"leaf\n"
    for _ in range(7):  # ten to the seventh leaves in a kilobyte
        data = gzip.compress(tar_archive(*(TarItem(b"%d" % at, data) for at in range(10))))
    assert len(data) < 4_096
    unpacked = unpack_all(("fw", data), limits=Limits(files=2_000))
    assert unpacked.image.nodes <= 2_000
    assert codes(unpacked) == {"limit.files"}


def test_different_contents_are_bounded() -> None:
    data = tar_archive(*(TarItem(b"%d" % at, b"%d\n" % at) for at in range(40)))
    pool = Inline()
    unpacked = unpack_all(("a", data), ("b", noise(20)), limits=Limits(files=41), pool=pool)
    assert "limit.files" in codes(unpacked)
    assert pool.opened <= 41


def test_total_output_is_bounded() -> None:
    grown = [gzip.compress(bytes(300_000 + at), mtime=0) for at in range(3)]
    data = tar_archive(*(TarItem(b"%d.gz" % at, each) for at, each in enumerate(grown)))
    unpacked = unpack_all(("fw", data), limits=Limits(bytes_out=500_000))
    assert ("limit.bytes_out", "fw!/2.gz") in [(each.code, each.path) for each in unpacked.problems]
    assert node(unpacked, "fw!/1.gz").complete


def test_a_bomb_is_a_limit_at_its_path_and_the_rest_is_opened() -> None:
    bomb = gzip.compress(bytes(9_000_000), mtime=0)
    data = tar_archive(TarItem(b"bomb.gz", bomb), TarItem(b"good", TOOL))
    unpacked = unpack_all(("fw", data), limits=Limits(ratio=10, ratio_free_bytes=10_000))
    assert [(each.code, each.path) for each in unpacked.problems] == [
        ("limit.ratio", "fw!/bomb.gz")
    ]
    assert node(unpacked, "fw!/good").node.format == "script"


# --- failures ------------------------------------------------------------------------


@pytest.mark.parametrize("failure", ["crashed", "deadline", "memory", "raised"])
def test_a_worker_that_fails_costs_that_content_alone(failure: str) -> None:
    bad, good = noise(64), TOOL
    pool = Inline({sha(bad): Outcome(failure=failure, text="why")})  # type: ignore[arg-type]
    unpacked = unpack_all(
        ("fw", tar_archive(TarItem(b"bad", bad), TarItem(b"ok", good))), pool=pool
    )
    assert [(each.code, each.path, each.text) for each in unpacked.problems] == [
        (f"open.{failure}", "fw!/bad", "why")
    ]
    placed = node(unpacked, "fw!/bad")
    assert (placed.complete, placed.node.coverage.unexplained) == (False, 64)
    assert node(unpacked, "fw!/ok").complete


def test_a_garbled_answer_is_a_failure() -> None:
    data = TOOL
    pool = Inline({sha(data): Outcome(result=b"\xc1garbage")})
    assert codes(unpack_all(("fw", data), pool=pool)) == {"open.crashed"}


def test_a_missing_blob_is_a_failure_and_not_silence() -> None:
    bench = Bench()
    member = Member(path="gone", sha256=sha(b"gone"), size=4)
    subject = Subject(kind="file", name="gone", sha256=sha(b"gone"), size=4, members=(member,))
    with Pool(1, 1 << 30, (str(bench.store.root),)) as pool:
        unpacked = unpack(subject, bench.store, pool, Limits())
    check_tree(unpacked, subject)
    assert codes(unpacked) == {"open.raised"}


def test_detected_formats_are_incomplete_by_name() -> None:
    unpacked = unpack_all(("fw", b"\xeb\x17\xa6\x84" + noise(200)))
    (problem,) = unpacked.problems
    assert problem.code == "format.unsupported"
    assert "GBL, version 4" in problem.text
    assert node(unpacked, "fw").node.format == "gbl-v4"
    assert node(unpacked, "fw").node.coverage.unexplained == 204


# --- members -------------------------------------------------------------------------


def test_signature_members_are_opened_and_secrets_are_not_read() -> None:
    bench = Bench()
    signature = bench.store.put(b"signature bytes")
    update = bench.store.put(TOOL)
    members = (
        Member(path="fw", sha256=update, size=len(TOOL)),
        Member(path="fw.sig", sha256=signature, size=15, role="signature"),
        Member(path="keys.toml", sha256=None, size=99, role="secret"),
    )
    subject = Subject(kind="set", name="s", sha256=update, size=len(TOOL) + 15, members=members)
    pool = Inline()
    unpacked = unpack(subject, bench.store, pool, Limits())
    check_tree(unpacked, subject)
    assert [placed.node.path for placed in unpacked.nodes] == ["fw", "fw.sig"]
    assert node(unpacked, "fw.sig").node.format == "text"
    assert pool.opened == 2


def test_a_name_makes_no_signature() -> None:
    bench = Bench()
    hidden = zip_archive(ZipItem(b"tool", TOOL))
    subject = subject_of(bench.store, ("fw.sig", hidden), ("fw", TOOL), role="signature")
    unpacked = unpack(subject, bench.store, Inline(), Limits())
    assert node(unpacked, "fw.sig!/tool").node.sha256 == node(unpacked, "fw").node.sha256


# --- cache and determinism -----------------------------------------------------------


def sample() -> bytes:
    return tar_archive(
        TarItem(b"a.zip", zip_archive(ZipItem(b"t", TOOL), ZipItem(b"n", noise(3000)))),
        TarItem(b"b.gz", gzip.compress(noise(5000, 2), mtime=0) + noise(40)),
        TarItem(b"c", b"PK\x03\x04" + noise(99)),
    )


def test_a_warm_cache_gives_the_same_bytes_without_opening() -> None:
    bench = Bench()
    subject = subject_of(bench.store, ("fw", sample()))
    cold, warm = Inline(), Inline()
    first = unpack(subject, bench.store, cold, Limits())
    second = unpack(subject, bench.store, warm, Limits())
    assert msgspec.msgpack.encode(first) == msgspec.msgpack.encode(second)
    assert cold.opened > 4
    assert warm.opened == 0


def test_a_cached_result_whose_children_are_gone_is_a_miss() -> None:
    bench = Bench()
    subject = subject_of(bench.store, ("fw", sample()))
    first = unpack(subject, bench.store, Inline(), Limits())
    bench.store.path(sha(TOOL)).unlink()
    again = Inline()
    assert unpack(subject, bench.store, again, Limits()) == first
    assert again.opened == 1
    assert sha(TOOL) in bench.store


def test_other_limits_and_another_suffix_are_other_results() -> None:
    bench = Bench()
    for name, limits in (("fw", Limits()), ("fw", Limits(depth=5)), ("fw.hex", Limits())):
        pool = Inline()
        unpack(subject_of(bench.store, (name, TOOL)), bench.store, pool, limits)
        assert pool.opened == 1
    pool = Inline()
    unpack(subject_of(bench.store, ("other.HEX", TOOL)), bench.store, pool, Limits())
    assert pool.opened == 0


def test_changed_code_is_another_result(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    subject = subject_of(bench.store, ("fw", TOOL))
    unpack(subject, bench.store, Inline(), Limits())
    monkeypatch.setattr(engine, "code_digest", lambda _: "0" * 64)
    pool = Inline()
    unpack(subject, bench.store, pool, Limits())
    assert pool.opened == 1


def test_a_damaged_cache_is_a_miss() -> None:
    bench = Bench()
    subject = subject_of(bench.store, ("fw", sample()))
    first = unpack(subject, bench.store, Inline(), Limits())
    for file in (bench.store.root / "results").rglob("*"):
        if file.is_file():
            file.write_bytes(zlib.compress(file.read_bytes()))
    pool = Inline()
    assert unpack(subject, bench.store, pool, Limits()) == first
    assert pool.opened > 4


def test_machine_trouble_is_not_cached() -> None:
    bench = Bench()
    subject = subject_of(bench.store, ("fw", TOOL))
    failing = Inline({sha(TOOL): Outcome(failure="memory", text="")})
    unpack(subject, bench.store, failing, Limits())
    assert unpack(subject, bench.store, Inline(), Limits()).problems == ()


@pytest.mark.parametrize("jobs", [1, 2])
def test_real_workers_give_what_this_process_gives(jobs: int) -> None:
    bench = Bench()
    subject = subject_of(bench.store, ("fw", sample()), ("other", wrapped(TOOL, 5)))
    with Pool(jobs, 1 << 30, (str(bench.store.root),)) as pool:
        apart = unpack(subject, bench.store, pool, Limits())
    inline = Bench()
    again = subject_of(inline.store, ("fw", sample()), ("other", wrapped(TOOL, 5)))
    here = unpack(again, inline.store, Inline(), Limits())
    assert apart == here
    check_tree(apart, subject)


# --- properties ----------------------------------------------------------------------

LEAVES = st.sampled_from([b"", TOOL, b"text\n", noise(300), bytes(64), noise(5000, 3)])


def _contain(children: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    items = st.lists(children, min_size=1, max_size=3)
    return st.one_of(
        items.map(lambda all_: zip_archive(*(ZipItem(b"%d" % n, d) for n, d in enumerate(all_)))),
        items.map(lambda all_: tar_archive(*(TarItem(b"%d" % n, d) for n, d in enumerate(all_)))),
        items.map(lambda all_: cpio_archive(*(CpioItem(b"%d" % n, d) for n, d in enumerate(all_)))),
        children.map(lambda data: gzip.compress(data, mtime=0)),
        children.map(lambda data: b"\x7f" * 9 + zip_archive(ZipItem(b"x", data))),
    )


IMAGES = st.recursive(LEAVES, _contain, max_leaves=6)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(IMAGES)
def test_sums_hold_for_any_image(data: bytes) -> None:
    unpacked = unpack_all(("fw", data))
    assert unpacked.problems == ()


@settings(max_examples=40, derandomize=True, deadline=None)
@given(IMAGES.filter(bool), st.data())
def test_sums_hold_for_any_mutated_image(data: bytes, draw: st.DataObject) -> None:
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        changed[draw.draw(st.integers(0, len(changed) - 1))] ^= draw.draw(st.integers(1, 255))
    result = unpack_all(("fw", bytes(changed)))
    assert isinstance(result, Unpacked)
