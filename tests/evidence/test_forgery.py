"""Every manipulation is refused with its reason: here, and by openssl and a shell alone."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from asn1crypto import pem

from fwverify.evidence import asic, package, sealing
from fwverify.evidence.check import Trust, check
from fwverify.verify.chain import Anchors
from tests.builders import pki, reports
from tests.evidence import forgery, lab
from tests.evidence.forgery import MATRIX, Made

pytestmark = lab.needs_openssl
OPTIONS = ("--anchor", "lab.pem", "--time-anchor", "time.pem")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("authority")
    one, two = lab.person("Lab"), lab.person("Approver")
    with lab.stamping(folder / "own") as url, lab.stamping(folder / "foreign", "Evil CA") as evil:
        allow, steering = lab.steered(reports.ALLOW)
        other = msgspec.structs.replace(lab.CASE, id="case-8", vendor="other")
        deny, denied = lab.steered(reports.DENY, other, lab.policy("its own site"), "# another")
        own = lab.package(allow, one, two, url, steering=steering)
        return Made(
            own=own,
            other=lab.package(deny, one, two, url, steering=denied),
            foreign=lab.package(
                reports.ALLOW, lab.person("Lab", "Evil CA"), lab.person("Approver", "Evil CA"), url
            ),
            foreign_time=lab.package(reports.ALLOW, one, two, evil, ca="Evil CA"),
            plain=lab.package(reports.ALLOW, one),
            renewed=sealing.renew(own, lab.time_authority(url), datetime.now(UTC)),
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("outside")
    (place / "lab.pem").write_bytes(lab.authority("Lab CA").pem)
    (place / "time.pem").write_bytes(lab.authority("Time CA").pem)
    return place


@pytest.fixture(scope="module")
def dash(tmp_path_factory) -> lab.Shell:
    return lab.shell("dash", tmp_path_factory.mktemp("dash"))


@pytest.fixture(scope="module")
def busybox(tmp_path_factory) -> lab.Shell:
    return lab.shell("busybox", tmp_path_factory.mktemp("busybox"))


def test_the_matrix_is_large_enough():
    assert len({name for name, _, _ in MATRIX}) == len(MATRIX) >= 25


def test_no_python_is_within_reach_of_the_script(dash, busybox):
    for one in (dash, busybox):
        assert shutil.which("python3", path=str(one.path)) is None
        assert shutil.which("fwverify", path=str(one.path)) is None


@pytest.mark.parametrize("which", ["own", "other", "plain", "renewed"])
def test_genuine(made, folder, dash, busybox, which):
    data = getattr(made, which)
    later = datetime.now(UTC) + timedelta(seconds=2)
    found = check(data, lab.trust(at=later))
    assert (found.state, found.reason) == ("verified", "")
    for shell in (dash, busybox):
        code, said = shell.verify(data, folder, *OPTIONS)
        assert code == 0, said
        assert "VERIFIED" in said and found.signers.core in said


@pytest.mark.parametrize(("name", "forge", "rule"), MATRIX, ids=[name for name, _, _ in MATRIX])
def test_refused_here(made, name, forge, rule):
    data = forge(made)
    assert data != made.own
    found = check(data, lab.trust(at=datetime.now(UTC) + timedelta(seconds=2)))
    assert found.state == "refused"
    assert re.match(rf"({rule}): ", found.reason), found.reason


@pytest.mark.parametrize(("name", "forge", "rule"), MATRIX, ids=[name for name, _, _ in MATRIX])
def test_refused_by_the_script(made, folder, dash, busybox, name, forge, rule):
    shells = (dash, busybox)
    shell = shells[[each for each, _, _ in MATRIX].index(name) % 2]
    code, said = shell.verify(forge(made), folder, *OPTIONS)
    assert code == 4, said
    assert re.search(rf"^REFUSED: ({rule}): ", said, re.MULTILINE), said


def test_a_part_that_the_laboratory_edited_is_not_the_report(made):
    """Signed anew by the laboratory itself: only who puts the report together again sees it."""
    for name in ("rxswin-register.json", "decision.json", "stages/unpack.json"):
        files = made.files
        files[name] = files[name].replace(b'null', b'{}', 1) if name[0] == "r" else (
            files[name].replace(b":0", b":1", 1)
        )  # fmt: skip
        if files[name] == made.files[name]:
            continue
        found = check(forgery.resealed(files, lab.person("Lab")), lab.trust())
        assert found.state == "refused", name
        assert re.match("report: |layout: ", found.reason), found.reason


def test_each_file_counts(made):
    for name, data in made.files.items():
        files = made.files
        files[name] = data[:-1] + bytes((data[-1] ^ 1,))
        found = check(package.write(files), lab.trust())
        assert found.state == "refused", name


def test_stripped_of_everything_is_unsigned_and_never_verified(made, folder, dash):
    files = {name: data for name, data in made.files.items() if not name.startswith(asic.META)}
    forgery._name_core(files, lab=None, approver=None, stamped=False)
    data = package.write(files)
    assert check(data, lab.trust()).state == "unsigned"
    code, said = dash.verify(data, folder, *OPTIONS)
    assert (code, said[:8]) == (5, "UNSIGNED")


@pytest.mark.parametrize(
    ("ca", "time", "options"),
    [
        (None, None, ()),
        ("Lab CA", None, OPTIONS[:2]),
        (None, "Time CA", OPTIONS[2:]),
    ],
)
def test_without_an_anchor_it_is_not_verified(made, folder, busybox, ca, time, options):
    at = datetime.now(UTC) + timedelta(seconds=2)
    assert check(made.own, lab.trust(ca, time, at)).state == "untrusted"
    code, said = busybox.verify(made.own, folder, *options)
    assert code == 5, said


@pytest.mark.parametrize("arguments", [(), ("--anchor",), ("--other", "x"), ("second.asice",)])
def test_usage(made, folder, dash, arguments):
    code, _ = dash.verify(made.own, folder, *arguments, *(() if arguments else ("--anchor",)))
    assert code == 2


@pytest.mark.parametrize(("pinned", "state"), [("Lab", "verified"), ("Approver", "refused")])
def test_an_anchor_may_be_the_very_certificate(made, tmp_path, dash, pinned, state):
    pin = lab.person(pinned)
    (tmp_path / "pin.pem").write_bytes(pin.pem)
    assert check(made.plain, Trust(datetime.now(UTC), Anchors((pin.cert,)))).state == state
    code, said = dash.verify(made.plain, tmp_path, "--anchor", "pin.pem")
    assert code == (0 if state == "verified" else 4), said


@pytest.mark.parametrize(("name", "state"), [("Lab", "verified"), ("Gone", "refused")])
def test_a_revoked_certificate(tmp_path, busybox, name, state):
    ca, past = lab.authority("Lab CA"), lab.NOW - timedelta(days=3)
    crl = pki.crl(
        ca,
        ((lab.person("Gone").cert.serial_number, past, None, None),),
        since=lab.NOW - timedelta(days=1),
        until=lab.NOW + timedelta(days=3),
    )
    data = lab.package(reports.ALLOW, lab.person(name))
    trust = Trust(datetime.now(UTC), Anchors((ca.cert,), crls=(crl,)))
    assert check(data, trust).state == state
    listed = pem.armor("X509 CRL", crl.dump())
    (tmp_path / "ca.pem").write_bytes(ca.pem + listed)
    code, said = busybox.verify(data, tmp_path, "--anchor", "ca.pem", "--crl-check")
    assert code == (0 if state == "verified" else 4), said


@pytest.mark.parametrize("deep", [b"[" * 200_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000])
def test_deep_nesting_is_refused_and_no_crash(made, deep):
    files = package.read(made.plain)
    files["case.json"] = deep
    files[asic.SUMS] = asic.sums(files)
    forgery._name_core(files)
    assert check(package.write(files), lab.trust()).state == "refused"
