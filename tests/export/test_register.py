"""The RXSWIN register: before and after, unit by unit, as a value and as files."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fwverify.canonical import digest
from fwverify.case import Rxswin
from fwverify.compare.rxswin import change, paired
from fwverify.export.register import HEAD, as_csv, as_json, state
from fwverify.ledger.model import LogHead
from fwverify.ledger.rxswin import RxswinEntry
from fwverify.model import Member, Subject
from tests.builders.reports import sha

AT = "2026-06-01T00:00:00Z"
NUMBERS = Rxswin(before="R1", after="R2")


def part(path: str, text: str = "", **more) -> Member:
    return Member(path=path, sha256=sha(text or path), size=1, **more)


def subject(*members: Member) -> Subject:
    return Subject(kind="set", name="u", sha256=sha("u"), size=len(members), members=members)


def entry(number: str = "R1", ref: str = "a/1", at: str = AT, before=(), after=()) -> RxswinEntry:
    kept = tuple(
        tuple(
            {"ref": ref} | {n: getattr(p, n) for n in ("path", "sha256", "ecu", "hw_id", "sw_id")}
            for p in side
        )
        for side in (before, after)
    )
    import msgspec

    return msgspec.convert(
        {"rxswin": number, "ref": ref, "vendor": "acme", "product": "bus", "at": at,
         "before": kept[0], "after": kept[1]},
        RxswinEntry,
    )  # fmt: skip


OLD = part("bcm-1.bin", "old", ecu="BCM", hw_id="H1", sw_id="S1")
NEW = part("bcm-2.bin", "new", ecu="BCM", hw_id="H1", sw_id="S2")


def known(*members: Member):
    return SimpleNamespace(
        profile=SimpleNamespace(subject=subject(*members)), baseline=SimpleNamespace(ref="p.tar")
    )


def test_the_register_goes_before_the_baseline_and_the_baseline_before_nothing():
    register = (entry(after=(part("x"),)), entry(ref="a/2", after=(OLD,)))
    told = change(NUMBERS, subject(NEW), register, known(part("bcm-1.bin")), AT)
    assert (told.source, told.ref, told.before, told.after) == ("register", "a/2", "R1", "R2")
    (row,) = told.rows
    assert (row.before.sha256, row.after.sha256) == (sha("old"), sha("new"))
    assert (row.before.sw_id, row.after.sw_id, row.ecu) == ("S1", "S2", "BCM")
    told = change(NUMBERS, subject(NEW), (entry("R7", after=(OLD,)),), known(OLD), AT)
    assert (told.source, told.ref, len(told.rows)) == ("baseline", "p.tar", 1)
    told = change(NUMBERS, subject(NEW), (), None, AT)
    assert (told.source, told.ref, told.rows[0].before) == ("none", None, None)


def test_an_entry_later_than_the_report_is_not_its_past():
    later = entry(ref="a/9", at="2026-06-01T00:00:01Z", after=(OLD,))
    assert change(NUMBERS, subject(NEW), (later,), None, AT).source == "none"
    both = (entry(after=(OLD,)), later)
    assert change(NUMBERS, subject(NEW), both, None, AT).ref == "a/1"


def test_a_secret_member_stands_on_no_side():
    secret = Member(path="key", sha256=None, size=1, role="secret")
    told = change(NUMBERS, subject(NEW, secret), (), known(OLD, secret), AT)
    assert [row.after.path for row in told.rows] == ["bcm-2.bin"]


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        ((part("a"),), (part("a"),), [("a", "a", "same")]),
        ((part("a"),), (part("a", "b"),), [("a", "a", "changed")]),
        ((part("a"),), (part("b", "a"),), [("a", None, "removed"), (None, "b", "added")]),
        ((OLD,), (replace(NEW, hw_id="H2"),),
         [("bcm-1.bin", None, "removed"), (None, "bcm-2.bin", "added")]),
        ((OLD, replace(OLD, path="z")), (NEW,),
         [("bcm-1.bin", None, "removed"), ("z", None, "removed"), (None, "bcm-2.bin", "added")]),
        ((replace(OLD, sha256=None),), (replace(OLD, sha256=None),),
         [("bcm-1.bin", "bcm-1.bin", "changed")]),
    ],
)  # fmt: skip
def test_units_are_paired_only_where_nothing_has_to_be_guessed(before, after, rows):
    found = paired(before, after)
    paths = [tuple(side and side.path for side in (row.before, row.after)) for row in found]
    assert [(*sides, state(row)) for sides, row in zip(paths, found, strict=True)] == rows


SIDES = st.lists(
    st.builds(part, st.sampled_from("abcd"), st.sampled_from("xy"),
              ecu=st.sampled_from((None, "E", "F"))),
    max_size=5, unique_by=lambda each: each.path,
)  # fmt: skip


@settings(max_examples=60, derandomize=True, deadline=None)
@given(SIDES, SIDES)
def test_nothing_is_left_out_or_told_twice(before, after):
    rows = paired(before, after)
    for side, members in (("before", before), ("after", after)):
        told = [getattr(row, side) for row in rows if getattr(row, side)]
        assert sorted((one.path, one.sha256) for one in told) == sorted(
            (one.path, one.sha256) for one in members
        )
    assert rows == paired(before[::-1], after[::-1])


HEADED = LogHead(entries=3, hash=sha("head"))


def test_an_edited_row_shows_in_the_document():
    document = json.loads(as_json("acme", "bus", (entry(before=(OLD,), after=(NEW,)),), HEADED))
    assert digest(document["entries"]) == document["entries_sha256"]
    assert document["run_log"] == {"entries": 3, "hash": sha("head")}
    document["entries"][0]["software"][0]["after"]["sha256"] = sha("forged")
    assert digest(document["entries"]) != document["entries_sha256"]


def test_the_table_has_a_line_per_unit_and_no_formula():
    evil = part("=cmd|' /C calc'!A0", ecu="@SUM(1)", sw_id="-1")
    read = list(csv.reader(io.StringIO(as_csv((entry(after=(evil, NEW)),)).decode(), newline="")))
    assert tuple(read[0]) == HEAD and len(read) == 3
    cells = [cell for line in read[1:] for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "@", "-", "+"))]
    assert sha("new") in cells and "added" in cells
    assert as_csv(()).count(b"\r\n") == 1
