"""A case file that is not exactly right is refused with file, line and key."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import digest
from fwverify.case import Case, Context, day_of, load_case, parse_case, time_of
from fwverify.casework.writing import toml_of
from fwverify.strict import InputFileError
from tests.builders.cases import full_case, with_context

TEXT = """\
schema = "fwverify.case/1"
vendor = "acme"
product = "gateway"
class = "vehicle-ecu"
id = "2026-001"
hardware_id = "GW-7"
rxswin = { before = "R1", after = "R2" }

[[custody]]
at = "2026-11-20T08:00:00Z"
person = "A. Carrier"
act = "received"

[[custody]]
at = "2026-11-20T09:30:00+01:00"
person = "B. Keeper"
act = "stored"

[permit]
number = "P-7"
issuer = "Port"
valid_from = "2026-01-01"
valid_until = "2026-12-31"

[[clearances]]
kind = "VGB"
person = "M. Onteur"
reference = "V-1"
valid_until = "2027-01-01"

[countersign]
person = "O. Perator"
operator = "Customs"
at = "2026-11-21T11:00:00Z"

[[declared_claims]]
claim = "NO_SWITCH"

[context]
site = "Hall 3"
connectivity = "stand-alone"
"""


def test_a_right_case_loads(tmp_path):
    file = tmp_path / "case.toml"
    file.write_text(TEXT)
    case = load_case(file)
    assert case == parse_case(TEXT.encode(), "c")
    assert case.rxswin is not None
    assert case.rxswin.after == "R2"
    assert [step.act for step in case.custody] == ["received", "stored"]


UNTIL = "permit.valid_until"
FAULTS = [
    ('id = "2026-001"\n', 'id = "2026-001"\nmode = 1\n', 6, "mode", "unknown field"),
    ('id = "2026-001"\n', 'id = "a"\nid = "b"\n', 6, "", "Cannot overwrite"),
    ('id = "2026-001"', 'id = ""', 5, "id", "is empty"),
    ('hardware_id = "GW-7"', 'hardware_id = "GW\u202e7"', 6, "hardware_id", "invisible"),
    ('after = "R2"', "after = 2", 7, "rxswin.after", "Expected `str`"),
    (', after = "R2"', "", 7, "rxswin", "missing required"),
    ("2026-11-20T08:00:00Z", "2026-02-30T08:00:00Z", 10, "custody.0.at", "no RFC 3339"),
    ("2026-11-20T08:00:00Z", "2026-11-20T08:00:00", 10, "custody.0.at", "no RFC 3339"),
    ("2026-11-20T08:00:00Z", "2026-11-20", 10, "custody.0.at", "no RFC 3339"),
    ("2026-11-20T08:00:00Z", "2026-11-20T25:00:00Z", 10, "custody.0.at", "no RFC 3339"),
    ("2026-11-20T08:00:00Z", "2026-11-20T08:31:00Z", 15, "custody.1.at", "before the step"),
    ('act = "stored"', 'act = "lost"', 17, "custody.1.act", "Invalid enum"),
    ('valid_until = "2026-12-31"', 'valid_until = "2026-13-01"', 23, UNTIL, "no day"),
    ('valid_until = "2026-12-31"', 'valid_until = "20261231"', 23, UNTIL, "no day"),
    ('valid_until = "2026-12-31"', 'valid_until = "2025-12-31"', 23, UNTIL, "before"),
    ('kind = "VGB"', 'kind = "VBG"', 26, "clearances.0.kind", "Invalid enum"),
    ('"2027-01-01"', '"2027-02-29"', 29, "clearances.0.valid_until", "no day"),
    ('person = "O. Perator"', 'person = " "', 32, "countersign.person", "is empty"),
    ("2026-11-21T11:00:00Z", "yesterday", 34, "countersign.at", "no RFC 3339"),
    ('"NO_SWITCH"', '"NO_SWITCHES"', 37, "declared_claims.0.claim", "Invalid enum"),
    (
        'claim = "NO_SWITCH"\n',
        'claim = "NO_SWITCH"\n[[declared_claims]]\nclaim = "NO_SWITCH"\n',
        39,
        "declared_claims.1.claim",
        "twice",
    ),
    ('"stand-alone"', '"alone"', 41, "context.connectivity", "Invalid enum"),
    ('site = "Hall 3"', 'sight = "Hall 3"', 40, "context.sight", "unknown field"),
    ('site = "Hall 3"', 'profile = "../x"', 40, "context.profile", "regex"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "key", "words"), FAULTS)
def test_each_fault_names_file_line_and_key(old, new, line, key, words):
    assert old in TEXT
    with pytest.raises(InputFileError) as caught:
        parse_case(TEXT.replace(old, new, 1).encode(), "case.toml")
    error = caught.value
    assert (error.file, error.line, error.key) == ("case.toml", line, key), str(error)
    assert words in error.why
    assert "\n" not in str(error)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.sampled_from('x"=[]{}\n# 0'))
def test_a_mutated_case_loads_whole_or_is_refused(at, character):
    try:
        case = parse_case((TEXT[:at] + character + TEXT[at + 1 :]).encode(), "case.toml")
    except InputFileError:
        return
    assert case.vendor
    assert all(time_of(step.at) for step in case.custody)


CONTEXT = Context(
    site="a",
    site_class="low",
    connectivity="stand-alone",
    threat_level="normal",
    operator="o",
    profile="port",
    network="n",
    colocated=("x",),
)
OTHER = {
    "site": "b",
    "site_class": "high",
    "connectivity": "networked",
    "threat_level": "raised",
    "operator": "p",
    "profile": "airport",
    "network": "m",
    "colocated": ("x", "y"),
}


@pytest.mark.parametrize("field", Context.__struct_fields__)
def test_any_changed_field_of_the_context_changes_its_digest(field):
    """REQUIREMENTS, row 21; a field that is left out differs, too."""
    case = full_case(context=CONTEXT)
    changed = with_context(case, **{field: OTHER[field]})
    without = with_context(case, **{field: () if field == "colocated" else None})
    assert len({each.context_sha256 for each in (case, changed, without)}) == 3


def test_the_digest_of_a_context_without_later_keys_is_what_it_was():
    early = Context(site="a", connectivity="networked")
    kept = {"site": "a", "site_class": None, "connectivity": "networked", "threat_level": None}
    bare = full_case(component=None, context=early)
    assert bare.context_sha256 == digest(["generic", kept])
    assert full_case(component=None, context=None).context_sha256 == digest(["generic", None])


def test_another_component_is_another_context():
    """What was approved for one component is approved for no other, and for none unnamed."""
    named = [full_case(component=each, context=CONTEXT) for each in ("tcu", "gateway", None)]
    assert len({each.context_sha256 for each in named}) == 3


@pytest.mark.parametrize("text", ["2026-02-29", "2026-1-1", "20260101", "2026-01-01T00:00:00Z", ""])
def test_no_day(text):
    assert day_of(text) is None


def test_what_is_written_reads_back():
    case = full_case()
    text = toml_of(msgspec.to_builtins(case))
    assert parse_case(text.encode(), "c") == case
    odd = msgspec.structs.replace(case, declared_changes=('a"b\\c', "tab\there", "\x7f"))
    assert parse_case(toml_of(msgspec.to_builtins(odd)).encode(), "c") == odd
    with pytest.raises(InputFileError):
        toml_of({"schema": "fwverify.case/1"})
    with pytest.raises(InputFileError):
        toml_of(msgspec.to_builtins(case) | {"mode": "lax"})


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.text(max_size=30), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_is_written_so_that_it_reads_back_or_is_refused(product, declared):
    case = full_case(product=product, declared_changes=tuple(declared))
    try:
        text = toml_of(msgspec.to_builtins(case))
    except (InputFileError, UnicodeEncodeError):
        return
    assert isinstance(parse_case(text.encode(), "c"), Case)
    assert parse_case(text.encode(), "c") == case
