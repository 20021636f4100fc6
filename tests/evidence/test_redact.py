"""What is published holds none of the removed strings, and says what is missing."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import msgspec
import pytest

from fwverify.canonical import make_finding, seal
from fwverify.evidence import asic, layout, package, redact, sealing
from fwverify.evidence.check import check
from fwverify.model import Endpoint
from fwverify.reader import Malformed
from tests.builders import reports
from tests.evidence import lab

SECRET = b"0123456789abcdef0123456789abcdef"
PLANTED = ("Depot-Nord/7", "+4930555123", "zählwerk.example")
PATH = f"{reports.ROOTFS}!/etc/Depot-Nord/7.conf"
CODED = base64.b64encode(b"call +4930555123 now").decode()


def report():
    """A report with the planted strings in paths, findings, base64 and percent-encoding."""
    findings = tuple(
        make_finding(rule="test.plant", path=path, text=text, evidence=evidence)
        for path, text, evidence in (
            (PATH, "names the depot", ()),
            (reports.ROOTFS, "calls home", (f"calls {PLANTED[1]}",)),
            (reports.ROOTFS, "encoded", (f"value {CODED}",)),
            (reports.ROOTFS, "percent", ("z%C3%A4hlwerk.example",)),
            (reports.ROOTFS, "case", ("DEPOT-NORD/7",)),
            (reports.ROOTFS, "hexadecimal", (b"Depot-Nord/7".hex(),)),
        )
    )
    named = reports.reason("test.plant", reports.REVIEW.verdict, "found", *findings)
    return seal(
        msgspec.structs.replace(
            reports.REVIEW,
            findings=(*reports.REVIEW.findings, *findings),
            reasons=(*reports.REVIEW.reasons, named),
            endpoints=(Endpoint(kind="host", value=PLANTED[2], path=PATH),),
            nodes=(*reports.REVIEW.nodes, reports.node(PATH)),
        )
    ), findings


@pytest.fixture(scope="module")
def original():
    return package.read(lab.package(report()[0], lab.person("Lab")))


@pytest.fixture(scope="module")
def published(original):
    core, update = redact.redact(original, PLANTED, SECRET)
    by = sealing.Seal(at=datetime.now(UTC), lab=lab.signatory(lab.person("Lab")))
    return sealing.seal(core, "redacted", update, by, None)


def test_nothing_that_was_removed_stands_anywhere(published, original):
    whole = b"".join(original.values())
    files = package.read(published)
    left = b"".join(files.values())
    forms = [form for one in PLANTED for form in (one.encode(), one.upper().encode())]
    forms += [CODED.encode(), b"z%C3%A4hlwerk", b"Depot-Nord/7".hex().encode()]
    assert sum(form in whole for form in forms) >= 5
    for form in forms:
        assert form not in left, form
    for finding in report()[1]:
        assert finding.fingerprint.encode() in whole
        assert finding.fingerprint.encode() not in left
    core = asic.read_signers(original[asic.SIGNERS]).core
    assert core.encode() not in left and report()[0].core_sha256.encode() not in left


def test_it_verifies_and_the_owner_can_show_what_it_was(published, original):
    found = check(published, lab.trust())
    assert (found.state, found.reason) == ("verified", "")
    assert redact.faults(found.files, original, SECRET) == ()
    assert redact.faults(found.files, original, SECRET[::-1])
    other = {**original, "stages/keys.json": b'{"keys":[{}]}'}
    assert any("stages/keys.json" in one for one in redact.faults(found.files, other, SECRET))


def test_leaves_of_equal_values_differ(published):
    leaves = redact.listed(package.read(published)).removed
    assert len({one.hmac_sha256 for one in leaves}) == len(leaves) > 8


def _with(published, change):
    files = package.read(published)
    what = redact.listed(files)
    files = {name: data for name, data in files.items() if not name.startswith(asic.META)}
    change(files, what)
    return files


def test_only_what_is_listed_is_absent(published):
    def one_leaf_less(files, what):
        files[redact.FILE] = msgspec.json.encode(
            msgspec.structs.replace(what, removed=what.removed[1:])
        )

    def one_mark_more(files, _):
        files["decision.json"] = files["decision.json"].replace(
            b'"notice":"', b'"notice":"[redacted]","x":"', 1
        )

    def part_withheld(files, what):
        leaf = redact.leaf(SECRET, "stages/keys.json", b"")
        files[redact.FILE] = msgspec.json.encode(
            msgspec.structs.replace(what, withheld=(*what.withheld, leaf))
        )

    for change in (one_leaf_less, one_mark_more, part_withheld):
        with pytest.raises(Malformed):
            redact.withheld(_with(published, change))


@pytest.mark.parametrize(
    ("strings", "secret"), [((), SECRET), (("abc",), SECRET), (("abcd",), b"short")]
)
def test_given_too_little(original, strings, secret):
    with pytest.raises(redact.RedactionError):
        redact.redact(original, strings, secret)


@pytest.mark.parametrize(
    "data",
    [
        b"x Depot-nord/7 y",
        b"Depot-Nord\\/7".replace(b"\\", b""),
        "Depot-Nord/7".encode("utf-16-le"),
        b"Depot-Nord%2F7",
        base64.b64encode(b"xxDepot-Nord/7yy"),
        b"Depot-Nord/7".hex().encode(),
    ],
)
def test_the_guard_sees_it_in_any_form(data):
    with pytest.raises(redact.RedactionError):
        redact.guard({"a": data}, ("Depot-Nord/7",))
    redact.guard({"a": b"depot nord"}, ("Depot-Nord/7",))


def test_a_string_that_is_a_key_cannot_be_removed(original):
    with pytest.raises(redact.RedactionError):
        redact.redact(original, ("capabilities",), SECRET)


def test_readable_forms_are_there(published):
    files = package.read(published)
    assert any(name in files for name, _ in layout.VIEWS)
