"""Time stamps: asked for at a configured place alone, and believed only when they hold."""

from __future__ import annotations

import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from fwverify.evidence import asic, package, sealing
from fwverify.evidence.check import check
from fwverify.evidence.stamps import Authority, StampError, stamp
from fwverify.reader import Malformed
from tests.builders import pki, reports
from tests.evidence import lab

pytestmark = lab.needs_openssl


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with lab.stamping(tmp_path_factory.mktemp("tsa")) as served:
        yield served


def now() -> datetime:
    return datetime.now(UTC)


def test_a_token_is_good_for_openssl_too(url, tmp_path):
    token = stamp(lab.time_authority(url), b"data", now())
    for name, data in (("t", token), ("d", b"data"), ("ca", lab.authority("Time CA").pem)):
        (tmp_path / name).write_bytes(data)
    command = ["openssl", "ts", "-verify", "-data", "d", "-in", "t", "-token_in", "-CAfile", "ca"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "Verification: OK" in done.stdout


def test_a_token_of_another_authority_is_refused(url):
    with pytest.raises(StampError, match="issuer"):
        stamp(lab.time_authority(url, "Evil CA"), b"data", now())


def test_a_clock_far_ahead_is_refused(url):
    with pytest.raises(StampError):
        stamp(lab.time_authority(url), b"data", now() - timedelta(days=1))


def _answer(**changed) -> bytes:
    status = changed.pop("status", "granted")
    token = pki.token(b"data", now(), lab.stamper("Time CA stamper", "Time CA"), **changed)
    if status != "granted":
        return pki.seq(pki.seq(pki.integer(2)))
    return pki.seq(pki.seq(pki.integer(0)), token)


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"0\x80", bytes(2_000_000), _answer(), _answer(status="rejection")],
    ids=["empty", "page", "indefinite", "huge", "without nonce", "rejection"],
)
def test_what_is_no_answer(tmp_path, answer):
    with (
        lab.stamping(tmp_path / "tsa", answer=answer) as served,
        pytest.raises(StampError, match=r"127\.0\.0\.1"),
    ):
        stamp(lab.time_authority(served), b"data", now())


def test_a_replayed_answer_is_refused(tmp_path):
    with lab.stamping(tmp_path / "one") as first:
        stamp(lab.time_authority(first), b"data", now())
    kept = (tmp_path / "one" / "reply").read_bytes()
    with (
        lab.stamping(tmp_path / "two", answer=kept) as served,
        pytest.raises(StampError, match="nonce"),
    ):
        stamp(lab.time_authority(served), b"data", now())


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(StampError, match="cannot be reached"):
        stamp(Authority(f"http://127.0.0.1:{port}/"), b"data", now())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "nothing"])
def test_only_http_is_asked(url):
    with pytest.raises(StampError, match="http"):
        stamp(Authority(url), b"data", now())


def test_a_redirect_is_not_followed(url):
    class Moved(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(302)
            self.send_header("Location", url)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Moved)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        with pytest.raises(StampError, match="302"):
            stamp(Authority(f"http://127.0.0.1:{server.server_port}/"), b"data", now())
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- ten years ---------------------------------------------------------------------------


def test_a_stamped_package_outlives_its_certificates(url):
    data = lab.package(reports.ALLOW, lab.person("Lab"), None, url)
    later = now() + timedelta(days=290)
    short = lab.package(reports.ALLOW, _short(), None, url)
    assert check(data, lab.trust(at=later)).state == "verified"
    assert check(short, lab.trust(at=later)).state == "verified"
    bare = lab.package(reports.ALLOW, _short())
    assert check(bare, lab.trust(at=now() + timedelta(days=1))).state == "verified"
    assert check(bare, lab.trust(at=later)).state == "refused"


def _short():
    """A certificate that is at its end in a week."""
    key = pki.key("p256", 77)
    valid = lab.VALID | {"until": lab.NOW + timedelta(days=7)}
    return pki.issue("Short", key, lab.authority("Lab CA"), extensions=lab.SIGNING, **valid)


def test_a_renewed_package_outlives_its_first_authority(tmp_path):
    with lab.stamping(tmp_path / "a") as first, lab.stamping(tmp_path / "b", "Other CA") as second:
        data = lab.package(reports.ALLOW, lab.person("Lab"), None, first)
        once = sealing.renew(data, lab.time_authority(second, "Other CA"), now())
        twice = sealing.renew(once, lab.time_authority(second, "Other CA"), now())
    names = set(package.read(twice))
    assert {asic.NEWEST, f"{asic.META}ASiCArchiveManifest001.xml"} <= names
    assert b'Rootfile="true"' in package.read(twice)[asic.NEWEST]
    at = now() + timedelta(seconds=1)
    for one in (data, once, twice):
        only_first = check(one, lab.trust(at=at))
        assert (only_first.state == "verified") is (one is data)
    assert package.read(twice)[asic.SUMS] == package.read(data)[asic.SUMS]


def test_what_has_no_stamp_is_not_renewed(url):
    data = lab.package(reports.ALLOW, lab.person("Lab"))
    with pytest.raises(Malformed):
        sealing.renew(data, lab.time_authority(url), now())


def test_xml_is_well_formed(url, tmp_path):
    if shutil.which("xmllint") is None:
        pytest.skip("xmllint is not here")
    data = lab.package(reports.ALLOW, lab.person("Lab"), lab.person("Approver"), url)
    for name, content in package.read(data).items():
        if name.endswith(".xml"):
            (tmp_path / "m.xml").write_bytes(content)
            subprocess.run(["xmllint", "--noout", "m.xml"], cwd=tmp_path, check=True)
