"""The ZIP and the layout: one form, nothing lost, nothing of the other overlay."""

from __future__ import annotations

import io
import zipfile

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import make_finding, seal
from fwverify.evidence import asic, building, layout, package, sealing
from fwverify.model import Reason, Report, Verdict, Verdicts
from fwverify.reader import Malformed
from tests.builders import reports
from tests.evidence import lab

NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,10}(/[a-z0-9]{1,5})?", fullmatch=True)
FILES = st.dictionaries(NAMES.filter(lambda n: n != "mimetype"), st.binary(max_size=64), max_size=6)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(FILES)
def test_what_is_written_is_read(files):
    data = package.write(files)
    assert package.read(data) == files
    assert package.write(dict(reversed(files.items()))) == data
    with zipfile.ZipFile(io.BytesIO(data)) as seen:
        assert seen.testzip() is None
        assert seen.namelist()[0] == "mimetype"
        assert {one.date_time for one in seen.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.data())
def test_no_byte_can_change(data):
    whole = package.write({"case.json": b"{}", "stages/keys.json": b"[]"})
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    altered = whole[:at] + bytes((whole[at] ^ bit,)) + whole[at + 1 :]
    with pytest.raises(Malformed):
        package.read(altered)


def test_no_cut_is_a_package():
    whole = package.write({"case.json": b"{}"})
    for length in range(len(whole)):
        with pytest.raises(Malformed):
            package.read(whole[:length])


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a//b", "a/", ".x", "a/.x", "-rf", "a b", "ä", "", "a\n", "x" * 201]
)
def test_names_that_are_refused(name):
    with pytest.raises(package.PackageError):
        package.write({name: b""})


def test_too_many_entries():
    with pytest.raises(package.PackageError):
        package.write({f"f{number}": b"" for number in range(package.MAX_ENTRIES)})


def test_every_key_of_a_report_stands_in_one_file():
    keys = [key for _, part in layout.PARTS for key in part]
    assert sorted(keys) == sorted(Report.__struct_encode_fields__)


@pytest.mark.parametrize("which", ["ALLOW", "DENY", "REVIEW", "INCOMPLETE"])
def test_the_report_is_given_back(which):
    report = getattr(reports, which)
    assert layout.report_of(layout.core(report)) == report


def test_hostile_text_is_carried():
    report = reports.hostile(reports.NASTY.replace("\ud800", ""), 20)
    files = package.read(package.write(layout.core(report)))
    assert layout.report_of(files) == report


@pytest.mark.parametrize("name", [name for name, _ in layout.PARTS])
def test_a_file_of_other_keys_is_refused(name):
    files = layout.core(reports.ALLOW)
    for data in (b"[]", b"{}", b"{", b'{"schema":1}'):
        with pytest.raises(Malformed):
            layout.merged({**files, name: data})
    del files[name]
    with pytest.raises(Malformed):
        layout.merged(files)


# --- the two overlays --------------------------------------------------------------------

SECRET_RULE = "supplier.criterion-one-planted"
SECRET_TEXT = "planted: the assessor's view of the supplier"


def national() -> Report:
    """A report whose national-security overlay alone denies, over a finding of its own."""
    marked = make_finding(rule="supplier.origin", path="fw.bin", text=SECRET_TEXT)
    mine: Reason = reports.reason(SECRET_RULE, Verdict.DENY, SECRET_TEXT, marked)
    mine = msgspec.structs.replace(mine, overlays=("national_security_rules",))
    return seal(
        msgspec.structs.replace(
            reports.REVIEW,
            verdict=Verdict.DENY,
            verdicts=Verdicts(
                type_approval_rules=Verdict.REVIEW, national_security_rules=Verdict.DENY
            ),
            reasons=(mine, *reports.REVIEW.reasons),
            findings=(*reports.REVIEW.findings, marked),
        )
    )


def test_national_security_travels_alone():
    report = national()
    made = building.packages(report, sealing.Seal(at=lab.NOW))
    assert sorted(name.partition(".")[2] for name in made) == ["asice", "national-security.asice"]
    for name, data in made.items():
        files = package.read(data)
        seen = b"".join(files.values())
        stands = "national" in name
        for planted in (SECRET_RULE, SECRET_TEXT.partition(":")[2]):
            assert (planted.encode() in seen) is stands, (name, planted)
        assert asic.read_signers(files[asic.SIGNERS]).kind == (
            "national-security" if stands else "evidence"
        )
        decided = layout.report_of(files)
        assert decided.verdict == (Verdict.DENY if stands else Verdict.REVIEW)
        assert (b"national_security_rules" in files["decision.json"]) is stands


def test_without_a_view_of_its_own_there_is_one_package():
    assert len(building.packages(reports.REVIEW, sealing.Seal(at=lab.NOW))) == 1


def test_the_core_knows_no_clock():
    first = layout.core(reports.DENY)
    assert first == layout.core(reports.DENY)
    assert asic.sums(first) == asic.sums(dict(reversed(first.items())))
    for name in ("run-metadata.json", "SIGNERS", "attestations/x"):
        assert not asic.is_core(name)
