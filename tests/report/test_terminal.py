"""The screens hold what a reader must see, fit, and never carry hostile characters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fwverify.canonical import make_finding
from fwverify.model import (
    Axes,
    ByteMap,
    Coverage,
    Delta,
    Identity,
    Part,
    Problem,
    SignatureCoverage,
    Stage,
    Stages,
    Verdict,
    Verdicts,
)
from fwverify.report import terminal, unpack_screen
from fwverify.report.blocks import LISTED
from fwverify.report.text import cells
from tests.builders.reports import (
    ALLOW,
    COMPLETE,
    DENY,
    EXAMPLES,
    INCOMPLETE,
    NASTY,
    POLICY,
    REVERSE,
    REVIEW,
    SIGNATURE,
    SIZE,
    TELNET,
    hostile,
    node,
    reason,
    sha,
)
from tests.report import golden

LISTS = (
    terminal.render_verify,
    unpack_screen.render_unpack,
    terminal.render_scan,
    terminal.render_diff,
)
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
NOTICE = "Not a type approval and not a national-security judgement."


def widths(text: str) -> int:
    return max(cells(ESCAPE.sub("", line)) for line in text.split("\n"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden_check(name):
    golden.check(f"{name}.check.txt", terminal.render(EXAMPLES[name], out="out").encode())


@pytest.mark.parametrize("render", LISTS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", ["deny", "incomplete", "hostile"])
def test_golden_lists(name, render):
    made = render(EXAMPLES[name]).encode()
    golden.check(f"{name}.{render.__name__.removeprefix('render_')}.txt", made)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_verdict_comes_first_and_the_notice_is_whole(name):
    report = EXAMPLES[name]
    lines = terminal.render(report, out="out").split("\n")
    assert lines[0].split()[0] == report.verdict
    assert lines[-3:] == [f"Result of policy {POLICY[:16]}….", NOTICE, ""]
    wide = terminal.render(report, width=200).split("\n")
    assert wide[-2] == f"Result of policy {POLICY}. {NOTICE}"


def test_a_trojan_is_on_the_first_screen():
    shown = terminal.render(DENY, out="out")
    assert TELNET.path in shown
    assert REVERSE.path in shown
    assert "vendor: remove the telnet server and the reverse shell" in shown
    assert "type approval REVIEW, national security DENY" in shown
    assert "remote.shell.reverse, remote.shell.telnet" in shown


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 8, 40])
@pytest.mark.parametrize("problems", [0, 1, 3, 4, 50])
@pytest.mark.parametrize("width", [10, 60, 80, 132])
def test_every_mixture_fits(count, problems, width):
    long = reason("rule.name", Verdict.DENY, f"{'words that wrap ' * 20}", TELNET, REVERSE)
    problem = Problem(code="unpack.limit", path=f"{'x/' * 60}file", text="why " * 60)
    report = replace(
        DENY,
        reasons=(long,) * count,
        stages=replace(COMPLETE, unpack=Stage(status="incomplete", problems=(problem,) * problems)),
    )
    for height in (5, 20, 24, 40):
        shown = terminal.render(report, width=width, height=height, out="o" * 100)
        assert shown.count("\n") < max(height, 20)
        assert widths(shown) <= max(width, 60)
        assert "DENY" in shown
        assert "Not examined" in shown
        assert NOTICE in shown
        assert count == 0 or "file" in shown.split("Not examined")[0] or TELNET.path[-10:] in shown
        if count == 40:
            more = re.search(r"… and (\d+) more in report.html", shown)
            assert more is not None
            assert int(more[1]) == 40 - shown.count("DENY         rule.name")


def test_the_worst_reason_survives_any_number_of_others():
    reasons = tuple(reason(f"r{index:03}", Verdict.REVIEW, "minor", TELNET) for index in range(100))
    worst = reason("zzz", Verdict.DENY, "the one that matters", REVERSE)
    shown = terminal.render(replace(DENY, reasons=(*reasons, worst)))
    assert "DENY         zzz: the one that matters" in shown
    assert REVERSE.path in shown
    assert re.search(r"… and 9\d more \(use --out DIR or --format json\)", shown)


def test_waived_is_shown_as_waived():
    assert "meter.push [waived by W-7]" in terminal.render(REVIEW)


def test_gaps_are_said_even_beside_an_allow():
    report = replace(ALLOW, stages=replace(COMPLETE, analyse=Stage(status="incomplete")))
    assert "did not finish and gave no reason" in terminal.render(report)
    report = replace(ALLOW, stages=replace(COMPLETE, compare=Stage()))
    assert "compare stage.skipped" in terminal.render(report)
    report = replace(ALLOW, image=replace(ALLOW.image, coverage=Coverage(parsed=SIZE - 1)))
    assert f"unpack bytes.sum: the classes sum to {SIZE - 1} of {SIZE} bytes" in terminal.render(
        report
    )
    report = replace(ALLOW, signature_coverage=SignatureCoverage(covered=SIZE + 1))
    assert f"verify bytes.sum: the classes sum to {SIZE + 1} of {SIZE} bytes" in terminal.render(
        report
    )


def test_all_complete_is_the_only_thing_called_so():
    told = "nothing; every stage that ran is complete"
    assert told in terminal.render(ALLOW)
    assert told not in terminal.render(INCOMPLETE)
    one = replace(ALLOW.image, coverage=Coverage(parsed=SIZE - 1, unexplained=1))
    shown = terminal.render(replace(ALLOW, image=one))
    assert told not in shown
    assert "1 B (<0.1 %) have no known meaning" in shown


def test_the_worst_signature_is_the_one_shown():
    bad = replace(SIGNATURE, signer="CN=Bad", axes=replace(SIGNATURE.axes, trusted="fail"))
    shown = terminal.render(replace(ALLOW, signatures=(SIGNATURE, bad, SIGNATURE)))
    assert "worst of 3: rauc by CN=Bad" in shown
    assert "fail: trusted; pass: authentic, covered, strong; n/a: fresh" in shown
    known = replace(SIGNATURE, signer="CN=Known", known_bad="AOSP testkey")
    shown = terminal.render(replace(ALLOW, signatures=(SIGNATURE, known)))
    assert "worst of 2: KNOWN BAD KEY (AOSP testkey), rauc by CN=Known" in shown


def test_unsigned_and_unchecked_are_different_things():
    assert "Signature    none" in terminal.render(replace(ALLOW, signatures=()))
    unchecked = replace(ALLOW, signatures=(), stages=replace(COMPLETE, verify=Stage()))
    shown = terminal.render(unchecked)
    assert "Signature    not checked" in shown
    assert "verify stage.skipped" in shown


@pytest.mark.parametrize("value", ["pass", "fail", "attested", "not-applicable", "unverifiable"])
def test_labels_leave_a_gap(value):
    axes = Axes(authentic=value, trusted=value, covered=value, strong=value, fresh=value)
    shown = terminal.render_verify(replace(ALLOW, signatures=(replace(SIGNATURE, axes=axes),)))
    assert re.search(r"^\S.{11} rauc by CN=Acme", shown, re.MULTILINE)


def test_no_baseline_and_no_policy_are_said():
    report = replace(REVIEW, digests=replace(REVIEW.digests, policy=None))
    shown = terminal.render(report)
    assert "not compared: no baseline" in shown
    assert f"Result of policy none.\n{NOTICE}" in shown.replace("none. Not", "none.\nNot")
    unapproved = replace(DENY, baseline=replace(DENY.baseline, approved=False))
    assert "(not approved)" in terminal.render(unapproved)


def test_nothing_decided_is_not_called_a_verdict():
    empty = replace(ALLOW, verdict=None, verdicts=None, stages=Stages())
    assert terminal.render(empty).startswith("NO VERDICT ")
    for render in LISTS:
        shown = render(empty)
        assert shown.split()[0] == render.__name__.removeprefix("render_")
        assert not re.search("ALLOW|REVIEW|DENY|INCOMPLETE", shown)


@pytest.mark.parametrize("render", [terminal.render, *LISTS], ids=lambda each: each.__name__)
@pytest.mark.parametrize("length", [0, 10_000])
def test_hostile_text_never_reaches_the_terminal(render, length):
    shown = render(hostile(length=length), out=NASTY)
    assert all(line == "" or line.isprintable() for line in shown.split("\n"))
    assert widths(shown) <= 80
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    # Nothing hostile stands in the label column, where verdicts stand.
    assert "ALLOW" not in {line[:13].strip() for line in shown.split("\n")}
    if render is terminal.render:
        assert shown.count("\n") <= 23


@given(st.text(st.characters(), max_size=80))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_any_text_fits_everywhere(text):
    report = hostile(text, length=0)
    for render in (terminal.render, *LISTS):
        shown = render(report, out=text)
        assert widths(shown) <= 80
        assert "\x1b" not in shown
    assert terminal.render(report, out=text).count("\n") <= 23


@pytest.mark.parametrize("name", EXAMPLES)
def test_colour_changes_nothing_but_colour(name):
    report = EXAMPLES[name]
    plain, colour = (terminal.render(report, colour=each) for each in (False, True))
    assert ESCAPE.sub("", colour) == plain
    assert "\x1b[0m" in colour.split("\n")[0]
    for line in colour.split("\n"):
        assert "\x1b" not in line[40:] or line.startswith("Overlays")


def test_lists_end_with_what_is_left_out():
    many = replace(ALLOW, nodes=tuple(node(f"a!/{index:05}") for index in range(10_000)))
    shown = unpack_screen.render_unpack(many, out="o")
    assert "… and 9950 more in report.html" in shown
    assert shown.count("\n") < 70
    many = replace(DENY, findings=(TELNET,) * 51)
    assert "… and 1 more (use" in terminal.render_scan(many)
    many = replace(DENY, delta=replace(Delta(), added=tuple(sha(str(n)) for n in range(60))))
    shown = terminal.render_diff(many)
    assert "more)" in shown and "all of it (use --format json)" in shown
    many = replace(DENY, signatures=(SIGNATURE,) * 55)
    assert "… and 5 more" in terminal.render_verify(many)


def test_scan_shows_the_worst_first():
    shown = terminal.render_scan(DENY)
    assert "1 critical, 1 high, 1 medium, 1 low" in shown
    assert shown.index("telnetd_launch") < shown.index("elf.reverse_shell")
    assert shown.index("elf.reverse_shell") < shown.index("meter.push_setup")


def test_diff_follows_the_approvers_order():
    shown = terminal.render_diff(DENY)
    order = [
        "+ capability", "+ endpoint", "+ service", "+ account", "+ key", "= version",
        "? declared", "? undeclared", "+ added", "- removed", "> moved",
    ]  # fmt: skip
    places = [shown.index(f"\n{label}") for label in order]
    assert places == sorted(places)
    assert "(use --out" not in shown


def test_verify_names_every_class_of_bytes():
    coverage = SignatureCoverage(
        covered=SIZE - 15, padding=1, container=2, steering=3, unsigned_data=4,
        unsigned_executable=5,
    )  # fmt: skip
    shown = terminal.render_verify(replace(ALLOW, signature_coverage=coverage))
    table = re.findall(r"([\d,]+) +\S+ %  (.+)", shown)
    assert table[0] == ("5", "unsigned executable")
    assert [number for number, _ in table] == ["5", "3", "4", "2", "1", f"{SIZE - 15:,}"]


def test_overlays_may_differ_and_both_are_shown():
    verdicts = Verdicts(
        type_approval_rules=Verdict.ALLOW, national_security_rules=Verdict.INCOMPLETE
    )
    shown = terminal.render(replace(INCOMPLETE, verdicts=verdicts))
    assert "type approval ALLOW, national security INCOMPLETE" in shown


@pytest.mark.parametrize(
    "render",
    [each for each in LISTS if each is not terminal.render_diff],
    ids=lambda each: each.__name__,
)
def test_a_list_tells_what_was_not_examined_in_whole(render):
    problem = Problem(code="unpack.limit", path="update.bin", text=f"{'why ' * 30}at last")
    stage = Stage(status="incomplete", problems=(problem,) * 60)
    shown = render(replace(DENY, stages=replace(COMPLETE, unpack=stage)))
    assert shown.count("at last") == LISTED
    assert "more" in shown
    assert widths(shown) <= 80


def test_unpack_tells_where_unexplained_bytes_are():
    first = DENY.nodes[0]
    nodes = tuple(
        replace(first, path=f"u.bin!/{number:02}", coverage=Coverage(unexplained=1 + number))
        for number in range(12)
    )
    runs = (Part(start=62, end=74, kind="unexplained"), Part(start=510, end=512, kind="parsed"))
    drawn = ByteMap(
        path="u.bin!/11", size=512, cell_bytes=512, entropy_milli=(), runs=(), parts=runs
    )
    image = replace(DENY.image, maps=(drawn,))
    shown = unpack_screen.render_unpack(replace(DENY, nodes=nodes, image=image))
    block = shown.split("Unexplained")[1].split("Nodes")[0].split("\n")[1:]
    assert block[0].split() == ["12", "B", "u.bin!/11", "0x3e-0x4a"]
    assert block[9].split() == ["3", "B", "u.bin!/02"]
    assert "and 2 more" in block[10]
    cut = replace(drawn, parts=(replace(runs[0], end=70),), parts_left_out=2)
    shown = unpack_screen.render_unpack(
        replace(DENY, nodes=nodes, image=replace(image, maps=(cut,)))
    )
    assert "0x3e-0x46 (and more)" in shown
    none = tuple(replace(each, coverage=Coverage()) for each in nodes)
    assert "Unexplained" not in unpack_screen.render_unpack(replace(DENY, nodes=none))


def test_a_gap_in_the_submitted_bytes_hides_none_further_in():
    first = DENY.nodes[0]
    nodes = (
        replace(first, path="u.bin", coverage=Coverage(unexplained=4096)),
        replace(first, path="u.bin!/x", coverage=Coverage(unexplained=150_000)),
        replace(first, path="u.bin!/y", coverage=Coverage(unexplained=30_006)),
    )
    image = replace(DENY.image, coverage=Coverage(unexplained=4096))
    shown = unpack_screen.render_unpack(replace(DENY, nodes=nodes, image=image), width=120)
    assert "4.0 KiB (" in shown.split("Not examined")[1].split("\n")[0]
    assert "175.7 KiB have no known meaning, in 2 contents of what was unpacked" in shown
    alone = replace(DENY, nodes=nodes[:1], image=image)
    assert "meaning, unpacked" not in unpack_screen.render_unpack(alone, width=120)


def test_unpack_tells_what_it_found_and_what_the_headers_say():
    shown = unpack_screen.render_unpack(DENY)
    block = shown.split("Findings")[1].split("Nodes")[0]
    for each in DENY.findings:
        assert (each.rule in block) == (each.rule != "unpack.unexplained")
    first = DENY.nodes[0]
    silent = replace(first, identity=Identity())
    named = replace(first, identity=Identity(product="Meter 7", version="1.2"), path="u.bin!/x")
    shown = unpack_screen.render_unpack(replace(DENY, nodes=(silent,) + (named,) * 12))
    block = shown.split("Identity")[1].split("Nodes")[0]
    assert block.count("product Meter 7, version 1.2") == 10
    assert "and 2 more" in block
    shown = unpack_screen.render_unpack(replace(DENY, findings=(), nodes=(silent,)))
    assert "Findings" not in shown
    assert "Identity" not in shown


def test_verify_tells_what_the_trust_rule_lacks_and_for_whom_it_judged():
    lacks = make_finding(
        rule="trust.threshold", path="u", text="1 distinct key of role r signed validly"
    )
    shown = terminal.render_verify(replace(ALLOW, findings=(lacks,), case="acme/M-100 (meter)"))
    assert "Trust rule   trust.threshold: 1 distinct key of role r" in shown
    assert ", for acme/M-100 (meter)" in shown
    assert "for no vendor and product named" in terminal.render_verify(replace(ALLOW, case=None))
    assert "Trust rule" not in terminal.render_verify(replace(ALLOW, findings=()))
