"""The approver's first screen: its order, its room, and that nothing is starved."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fwverify.canonical import make_finding
from fwverify.model import Account, Changed, Delta, Endpoint, Fact, Left, Moved, Superseded, Verdict
from fwverify.report import approver, blocks, html, terminal
from fwverify.report.text import cells
from tests.builders.reports import DENY, EXAMPLES, sha


def crowded(number: int) -> Delta:
    """Return a delta with ``number`` of everything, and one account among them."""
    return Delta(
        added=tuple(f"u.bin!/new/{each}" for each in range(number)),
        changed=tuple(
            Changed(
                path=f"u.bin!/old/{each}",
                old_sha256=sha("a"),
                new_sha256=sha("b"),
                facts=(Fact(kind="same-version", text="v"), Fact(kind="bytes at", text="0x1")),
            )
            for each in range(number)
        ),
        endpoints_added=tuple(
            Endpoint(kind="host", value=f"h{each}.example", path="u.bin!/a")
            for each in range(number)
        ),
        accounts_added=(Account(name="eve", uid=0, state="hash", path="u.bin!/etc/shadow"),),
    )


@pytest.mark.parametrize("number", [0, 1, 7, 5_000])
@pytest.mark.parametrize("size", [(80, 24), (60, 20), (200, 50)])
def test_it_fits_and_one_account_is_seen_among_thousands(number, size):
    width, height = size
    shown = terminal.render_diff(replace(DENY, delta=crowded(number)), width=width, height=height)
    lines = shown.split("\n")
    assert len(lines) - 1 < height and all(cells(line) <= width for line in lines)
    assert "eve (hash)" in shown and "etc/shadow" in shown
    assert ("more)" in shown) == (number > 30 or (number == 7 and height < 30))


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_example_fits(name):
    lines = terminal.render_diff(EXAMPLES[name]).split("\n")
    assert len(lines) <= 24 and all(cells(line) <= 80 for line in lines)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(12, 30))
def test_every_kind_has_a_line_and_all_are_counted(sizes, room):
    listed = tuple(
        approver.Group(f"g{index}", "t", tuple(approver.Row("x", f"p{n}") for n in range(size)))
        for index, size in enumerate(sizes)
    )
    lines = approver.screen(listed, 80, room)
    assert len(lines) == min(room, sum(sizes))
    for index, size in enumerate(sizes):
        assert any(line.startswith(f"g{index} ") for line in lines) == (size > 0)
    left_out = sum(int(line.split("(+")[1].split()[0]) for line in lines if "(+" in line)
    assert left_out == sum(sizes) - len(lines)


def test_a_change_that_no_list_has_is_still_a_row():
    found = make_finding(
        rule="compare.device_added", path="u.bin!/dev/x", text="t", severity="high"
    )
    report = replace(DENY, delta=Delta(added=("u.bin!/dev/x",)), findings=(found,))
    shown = terminal.render_diff(report)
    assert "! can now    device added  u.bin!/dev/x" in shown
    assert "device added" in html.render(report).decode()


LEFT = Superseded(
    ref="2026-031",
    core_sha256=sha("refused"),
    verdict=Verdict.DENY,
    resolved=(Left(rule="shell.new", text="telnetd", path="u.bin!/etc/init.d/S50"),),
    new=(Left(rule="compare.account_added", text="account eve", path="u.bin!/etc/passwd"),),
    still_open=(Left(rule="key.private", text="a key", path="u.bin!/k"),),
    outside=("u.bin!/bin/agent",),
)


@pytest.mark.parametrize("render", [terminal.render, terminal.render_diff])
def test_a_superseded_case_stands_on_the_first_screen(render):
    shown = render(replace(DENY, superseded=LEFT))
    assert len(shown.split("\n")) <= 24
    for text in ("! new since", "etc/passwd", "! still open", "! beside fix", "resolved"):
        assert text in shown


def test_a_case_that_was_not_held_is_said():
    bare = Superseded(ref="2026-031", core_sha256=None, verdict=None)
    shown = terminal.render(replace(DENY, superseded=bare))
    assert "! not held   its report was not named: nothing was held" in shown
    page = html.render(replace(DENY, superseded=LEFT)).decode()
    assert "Changed although not in the fix" in page and "u.bin!/bin/agent" in page


def test_a_flood_of_one_sort_leaves_a_line_to_every_other():

    def medium(rule, path):
        return make_finding(rule=f"compare.{rule}", path=path, text="t", severity="medium")

    flood = [medium("startup_changed", f"a!/etc/c{n:03}") for n in range(300)]
    rare = [medium(rule, f"a!/usr/{rule}") for rule in ("link_added", "writable_folder")]
    report = replace(DENY, delta=Delta(), findings=tuple(flood + rare))
    rows = approver.can_now(report)
    assert len(rows) == 302
    assert {row.path for row in rows[:2]} == {each.path for each in rare}
    assert rows[2].path == "a!/etc/c000"


def test_what_can_now_do_more_is_notable():
    found = [
        make_finding(rule=f"compare.{rule}", path=path, text="t", severity=severity)
        for rule, path, severity in (
            ("signer_changed", "a.apk", "medium"),
            ("executable_added", "a.apk", "high"),
            ("link_added", "a!/bin/x", "medium"),
            ("signer_unclear", "b", "info"),
            ("key_added", "c", "high"),
        )
    ]
    told = blocks.new_things(replace(DENY, delta=Delta(), findings=tuple(found)))
    assert told == "2 paths that can now do more"
    quiet = blocks.new_things(replace(DENY, delta=Delta(), findings=()))
    assert quiet == "no new capability, endpoint, service, account or key"


def test_many_endpoints_of_one_file_leave_room_for_another():
    found = [Endpoint(kind="url", value=f"http://e{n}", path="a!/flood") for n in range(50)]
    found.append(Endpoint(kind="ip", value="198.51.100.7", path="a!/usr/bin/agent"))
    report = replace(DENY, delta=replace(Delta(), endpoints_added=tuple(found)))
    (rows,) = (each.rows for each in approver.groups(report) if each.label == "+ endpoint")
    assert rows[1].path == "a!/usr/bin/agent"


def test_kinds_without_a_line_are_named():
    delta = replace(
        Delta(),
        added=tuple(f"a!/n{n}" for n in range(9)),
        removed=tuple(f"a!/o{n}" for n in range(9)),
        moved=(Moved(source="a!/x", target="a!/y", sha256=sha("m")),),
    )
    listed = approver.groups(replace(DENY, findings=(), delta=delta))
    assert approver.without_line(listed, 1) == approver.without_line(listed, 0)[1:]
    assert approver.without_line(listed, 50) == ()
