"""The page loads nothing, runs nothing, hides nothing, and is whole for any report."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fwverify.model import Coverage, Report, SignatureCoverage, Stage, Stages
from fwverify.report import html, view
from tests.builders.reports import (
    ALLOW,
    COMPLETE,
    DENY,
    EXAMPLES,
    INCOMPLETE,
    POLICY,
    REVERSE,
    REVIEW,
    ROOTFS,
    SIGNATURE,
    SIZE,
    TELNET,
    directory,
    hostile,
    node,
    reason,
    sha,
)
from tests.report import golden

VOID = {"meta"}
TAGS = """html head meta title style body header nav main section div span p a h1 h2 h3 b i dl dt dd
table thead tbody tr th td ul li code details summary svg rect"""
ATTRIBUTES = """lang charset http-equiv content name class id href aria-label role viewbox
preserveaspectratio x y width height data-name open"""


class Page(HTMLParser):
    """Reads a page strictly: known tags and attributes, balanced, with its text."""

    def __init__(self, made: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(made.decode("utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.meet(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag == "rect"
        self.meet(tag, attrs)

    def meet(self, tag, attrs):
        assert tag in TAGS.split(), tag
        for name, value in attrs:
            assert name in ATTRIBUTES.split(), name
            if name == "href":
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(report: Report) -> Page:
    return Page(html.render(report))


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden(name):
    golden.check(f"{name}.html", html.render(EXAMPLES[name]))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_page_is_whole_and_loads_nothing(name):
    made = html.render(EXAMPLES[name])
    read = Page(made)
    assert len(read.ids) == len(set(read.ids))
    assert all(link.startswith("#") and link[1:] in read.ids for link in read.links)
    text = made.decode()
    assert text.startswith("<!DOCTYPE html>")
    assert text.count("<style>") == 1
    assert "content=\"default-src 'none'; style-src 'unsafe-inline';" in text
    style = text.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "expression" not in style


@pytest.mark.parametrize("name", EXAMPLES)
def test_verdict_overlays_notice_and_digest_are_words(name):
    report = EXAMPLES[name]
    read = page(report)
    assert f" {report.verdict} " in read.text
    assert f"type approval rules {report.verdicts.type_approval_rules}" in read.text
    assert f"national security rules {report.verdicts.national_security_rules}" in read.text
    assert (
        f"Result of policy {POLICY}. Not a type approval and not a national-security judgement."
        in read.text
    )
    assert report.subject.sha256 in read.text


def test_a_deny_tells_why_where_and_who():
    text = page(DENY).text
    for told in (
        "a new way to log in from outside",
        TELNET.path,
        REVERSE.path,
        "remove the telnet server and the reverse shell",
        "vendor",
        "New capabilities: 2",
        "New endpoints: 1",
        "New services and listeners: 1",
        "New accounts: 1",
        "New keys and trust anchors: 1",
        "Changed while the version stayed: 1",
        "Declared but not found: 1",
        "Found but not declared: 1",
        "telnetd -p 2323 -l /bin/sh",
        "offset 0xd3, 24 bytes",
        "16.1, 29.1",
        "not_refuted",
        "Nothing was left out",
    ):
        assert told in text, told


def test_the_first_screen_keeps_the_approvers_order():
    text = page(DENY).text
    order = [
        "Why, and what to do next", "What was not examined", "New capabilities", "New endpoints",
        "New services", "New accounts", "New keys", "Changed while the version stayed",
        "Declared but not found", "Found but not declared", "Who signed which bytes",
    ]  # fmt: skip
    places = [text.index(told) for told in order]
    assert places == sorted(places)


def test_what_was_not_examined_is_said():
    text = page(INCOMPLETE).text
    for told in (
        "AES-GCM content and no key was given",
        "the opener took longer than 60 seconds",
        "did not finish and gave no reason",
        "97.6 KiB (6.6 %) have no known meaning",
        "Not the whole truth",
        "unsigned executable: 2.6 %",
        "unverifiable",
    ):
        assert told in text, told
    assert "Nothing was left out" not in text


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (replace(ALLOW, signatures=()), "No signature was found that this version can verify."),
        (replace(ALLOW, stages=replace(COMPLETE, verify=Stage())), "Not checked."),
        (REVIEW, "Not compared."),
        (REVIEW, "waived by W-7"),
        (REVIEW, "supersedes 2026-031"),
        (replace(ALLOW, signatures=(replace(SIGNATURE, known_bad="testkey"),)),
         "Publicly known bad key: testkey"),
        (replace(ALLOW, verdict=None, verdicts=None, stages=Stages()), "NO VERDICT"),
        (replace(ALLOW, stages=replace(COMPLETE, analyse=Stage())), "Not analysed."),
        (replace(ALLOW, image=replace(ALLOW.image, coverage=Coverage(parsed=1))),
         f"the classes sum to 1 of {SIZE} bytes"),
        (replace(ALLOW, signature_coverage=SignatureCoverage(covered=1)),
         f"the classes sum to 1 of {SIZE} bytes"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(report, told):
    assert told in page(report).text


def test_an_undecided_page_names_no_verdict():
    empty = replace(ALLOW, verdict=None, verdicts=None, stages=Stages(), signatures=())
    assert not re.search("ALLOW|REVIEW|DENY|INCOMPLETE", page(empty).text)


def test_the_worst_bytes_are_drawn_last_and_listed():
    made = html.render(INCOMPLETE).decode()
    start = made.index("Where those bytes are")
    drawn = re.findall(r'<rect class="(\w+)" x="(\d+)" y="0" width="(\d+)"', made[start:])
    assert drawn[:4] == [
        ("covered", "0", "928"),
        ("container", "994", "6"),
        ("unsigned_data", "954", "40"),
        ("unsigned_executable", "928", "26"),
    ]
    assert "0x153d80 to 0x15d9c0 unsigned executable" in made
    assert "4 parts, 3 milder or smaller ones left out" in made


@pytest.mark.parametrize("length", [0, 200, 10_000])
def test_hostile_text_is_only_text(length):
    made = html.render(hostile(length=length))
    read = Page(made)
    assert "<script>alert(1)</script>" in read.text
    for raw in ("\x1b", "\u202e", "\u2066", "\u05d0", "\u200b", "\x00", "\x9b"):
        assert raw not in made.decode()
    assert b"<script" not in made.lower()
    assert b"<img" not in made.lower()


@given(st.text(st.characters(), max_size=60))
@settings(max_examples=25, derandomize=True, deadline=None)
def test_any_text_gives_a_whole_page(text):
    read = page(hostile(text, length=0))
    assert len(read.ids) == len(set(read.ids))


def test_equal_reports_give_equal_bytes():
    html._environment.cache_clear()
    first = html.render(DENY)
    html._environment.cache_clear()
    assert html.render(DENY) == first
    swapped = replace(DENY, tools=dict(reversed(DENY.tools.items())))
    assert html.render(swapped) == first


def test_a_large_report_is_cut_and_says_so():
    files = tuple(node(f"{ROOTFS}!/f{index:06}") for index in range(20_000))
    told = replace(TELNET, path=f"{ROOTFS}!/f019999")
    many = replace(
        DENY,
        nodes=(*ALLOW.nodes, *files),
        findings=(*((REVERSE,) * 3_000), told),
        reasons=(reason("r", DENY.verdict, "text", told),) * 5,
    )
    made = html.render(many)
    text = Page(made).text
    assert len(made) < 6_000_000
    assert "The tree shows the first 5,000; 15,009 more stand in report.json" in text
    assert "f019999" in text
    assert "… and 15,009 more entries in report.json" in text
    assert "… and 1001 more in report.json" in text


def test_lists_are_cut_and_say_so():
    added = tuple(f"{ROOTFS}!/{index:05}" for index in range(2_500))
    text = page(replace(DENY, delta=replace(DENY.delta, added=added))).text
    assert "Added (2500)" in text
    assert "… and 1500 more in report.json" in text
    covered = tuple((index * 10, index * 10 + 5) for index in range(3_000))
    text = page(replace(DENY, signatures=(replace(SIGNATURE, covered=covered),))).text
    assert "3000 ranges" in text
    assert "… and 2950 more in report.json" in text


# --- drawings ----------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=7))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_a_bar_is_full_and_shows_every_class(numbers):
    segments = view.bar((str(index), "", number) for index, number in enumerate(numbers))
    held = [number for number in numbers if number]
    assert [each.bytes for each in segments] == held
    assert all(each.width >= 6 for each in segments)
    if held:
        assert sum(each.width for each in segments) == view.BAR
        assert [each.start for each in segments] == [
            sum(each.width for each in segments[:index]) for index in range(len(segments))
        ]


@given(
    st.integers(1, 5_000),
    st.lists(st.tuples(st.integers(-10, 6_000), st.integers(-10, 6_000)), max_size=6),
)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_a_strip_never_draws_more_than_is_covered(size, ranges):
    covered = {byte for low, high in ranges for byte in range(max(0, low), min(high, size))}
    for run in view.strip(ranges, size):
        assert 0 <= run.start < run.start + run.width <= view.BAR
        for column in range(run.start, run.start + run.width):
            low, high = -(-column * size // view.BAR), -(-(column + 1) * size // view.BAR)
            held = covered & set(range(low, high))
            assert held
            assert run.whole is (len(held) == high - low)


@pytest.mark.parametrize("size", [None, 0, -5])
def test_an_unknown_size_has_no_strip(size):
    assert view.strip(((0, 10),), size) == ()


def test_one_uncovered_byte_is_never_drawn_as_covered():
    size = 10_000_000
    (left, hole, right) = view.strip(((0, 5_000_000), (5_000_001, size)), size)
    assert (left.whole, hole.whole, right.whole) == (True, False, True)
    assert hole.width == 1
    assert left.width + hole.width + right.width == view.BAR


def drawn(report: Report, limit: int = 5_000) -> list[str]:
    made = view.tree(report, limit)
    return [row.name if row.step != "close" else "/" for row in made.rows]


def test_the_tree_nests_by_container():
    assert drawn(ALLOW) == [
        "meter-2.1.raucb", "rootfs.squashfs", "bin", "bin/metrologyd", "bin/sh", "etc",
        "etc/init.d", "etc/init.d/S50net", "etc/passwd", "/", "/",
    ]  # fmt: skip


def test_a_node_without_its_container_is_still_drawn():
    report = replace(ALLOW, nodes=(node("a!/b!/c"), node("z")))
    assert drawn(report) == ["c", "z"]
    assert view.tree(report).left_out == 0


def test_equal_paths_are_all_drawn():
    report = replace(ALLOW, nodes=(node("a"), node("a"), node("a!/b"), node("a!/b")))
    assert drawn(report) == ["a", "b", "b", "/", "a"]


@pytest.mark.parametrize("depth", [1, 39, 40, 41, 3_000])
def test_depth_is_bounded(depth):
    path, nodes = "r", [directory("r")]
    for _ in range(depth):
        path += "!/d"
        nodes.append(directory(path))
    made = view.tree(replace(ALLOW, nodes=tuple(nodes)))
    assert made.left_out == 0
    steps = [row.step for row in made.rows]
    assert steps.count("open") == steps.count("close") == min(depth, view.TREE_DEPTH)
    assert len([step for step in steps if step != "close"]) == depth + 1


@given(st.integers(0, 12))
@settings(max_examples=13, derandomize=True, deadline=None)
def test_nothing_is_left_out_uncounted(limit):
    made = view.tree(DENY, limit)
    shown = sum(1 for row in made.rows if row.step != "close")
    assert shown + made.left_out == len(DENY.nodes)
    assert shown <= limit


def test_what_has_a_finding_is_drawn_first():
    assert "etc/init.d/S50net" in drawn(DENY, limit=4)
    assert "etc/passwd" not in drawn(DENY, limit=4)
    assert sha("x") not in drawn(DENY)
