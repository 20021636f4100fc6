"""Devices and kept submissions: taken whole, held against the log, purged for good."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.ledger import Ledger, LedgerError, kept
from fwverify.ledger.devices import read_list
from fwverify.model import Member, Subject
from tests.builders.profiles import node, profile
from tests.ledger.test_both import execute

AT = "2026-11-21T00:00:00Z"
HEAD = "device,vendor,product,site,image_sha256,version,seen_at\n"


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def line(device="d1", body=b"one", site="depot", at=AT, product="meter"):
    return f"{device},acme,{product},{site},{sha(body)},1.0,{at}\n"


def listed(*lines):
    return read_list((HEAD + "".join(lines)).encode(), "list.csv")


def of(*bodies, secret=b""):
    members = [Member(path=f"f{n}", sha256=sha(body), size=len(body))
               for n, body in enumerate(bodies)]  # fmt: skip
    if secret:
        members.append(Member(path="s", sha256=sha(secret), size=len(secret), role="secret"))
    subject = Subject(kind="file", name="f0", sha256=members[0].sha256, members=tuple(members),
                      size=sum(map(len, bodies)))  # fmt: skip
    return msgspec.structs.replace(profile(node("f0")), subject=subject)


@pytest.fixture
def ledger(url):
    with Ledger(url) as made:
        yield made


def store(ledger, ref, *bodies, approve=True, case=None, product="meter", secret=b""):
    known = {sha(body): body for body in bodies}
    ledger.propose(ref, of(*bodies, secret=secret), vendor="acme", product=product,
                   submitter="Desk", at=AT, case=case,
                   content=lambda digest: (known[digest],))  # fmt: skip
    if approve:
        for name in ("A", "B"):
            ledger.approve(ref, name, "examined", AT)


def test_who_runs_what_is_not_approved(ledger):
    store(ledger, "one", b"one", b"part")
    store(ledger, "two", b"two", approve=False)
    ledger.import_devices(
        listed(line(), line("d2", b"two"), line("d3", b"never seen"), line("d4", b"part"),
               line("d5", product="other")), "Desk", AT,
    )  # fmt: skip
    assert [each.device for each in ledger.unapproved(AT)] == ["d2", "d3", "d5"]
    assert [each.device for each in ledger.affected("one")] == ["d1", "d4", "d5"]
    ledger.revoke("one", "C", "leaked key", AT)
    assert len(ledger.unapproved(AT)) == 5


def test_an_expired_approval_approves_no_device(ledger):
    store(ledger, "one", b"one", approve=False)
    for name in ("A", "B"):
        ledger.approve("one", name, "examined", AT, not_after=AT)
    ledger.import_devices(listed(line()), "Desk", AT)
    assert ledger.unapproved(AT) == ()
    assert len(ledger.unapproved("2027-01-01T00:00:00Z")) == 1


def test_the_newest_list_says_what_a_device_runs(ledger):
    assert ledger.import_devices(listed(line(), line("d2")), "Desk", AT) == 1
    assert ledger.import_devices(listed(line(body=b"new", site="port")), "Desk", AT) == 2
    assert [(each.device, each.site) for each in ledger.devices()] == [
        ("d1", "port"), ("d2", "depot"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE devices SET site = 'elsewhere'",
        f"UPDATE devices SET image_sha256 = '{sha(b'other')}'",
        "UPDATE devices SET image_sha256 = 'none'",
        "DELETE FROM devices WHERE device = 'd1'",
        "UPDATE devices SET import_number = 7",
        "UPDATE run_log SET body = replace(body, 'Desk', 'Deck')",
    ],
)
def test_altered_devices_are_said(url, statement):
    with Ledger(url) as ledger:
        ledger.import_devices(listed(line(), line("d2")), "Desk", AT)
    execute(url, statement)
    with Ledger(url) as ledger, pytest.raises(LedgerError):
        ledger.devices()


@pytest.mark.parametrize(
    "text",
    [
        "", "device\nx\n", HEAD.replace("site", "place") + line(), HEAD + line() + line(),
        HEAD + "d1,acme\n", HEAD + line().replace("\n", ",more\n"), HEAD + line(device=""),
        HEAD + line(at="yesterday"), HEAD + line(at="2026-11-21"), HEAD + line(site="\u200b"),
        HEAD + line().replace(sha(b"one"), "abc"), HEAD + line(device="x" * 201),
        HEAD + '"' + line(), HEAD + line(device="a\x1b[31m"),
    ],
)  # fmt: skip
def test_bad_lists_are_refused_with_their_line(text):
    with pytest.raises(LedgerError, match=r"list\.csv"):
        read_list(text.encode(), "list.csv")


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(HEAD) + 50))
def test_any_bytes_are_a_list_or_refused(noise, at):
    data = (HEAD + line()).encode()
    try:
        read_list(data[:at] + noise + data[at:], "f")
    except LedgerError:
        return


def test_submitted_bytes_are_kept_in_parts(ledger, monkeypatch):
    monkeypatch.setattr(kept, "PART_BYTES", 7)
    body = bytes(range(256))
    store(ledger, "one", body, b"")
    assert [(each.path, each.size) for each in ledger.kept("one")] == [("f0", 256), ("f1", 0)]
    assert b"".join(ledger.content(sha(body))) == body
    assert b"".join(ledger.content(sha(b""))) == b""


def test_secrets_and_wrong_bytes_are_never_kept(ledger, monkeypatch):
    store(ledger, "one", b"one", secret=b"key")
    assert [each.path for each in ledger.kept("one")] == ["f0"]
    with pytest.raises(LedgerError, match="does not have its digest"):
        ledger.propose("two", of(b"two"), vendor="v", product="p", submitter="s", at=AT,
                       content=lambda _: (b"other",))  # fmt: skip
    monkeypatch.setattr(kept, "MAX_KEPT_BYTES", 2)
    with pytest.raises(LedgerError, match="more than 2 bytes"):
        store(ledger, "three", b"three")
    assert [each.ref for each in ledger.list()] == ["one"]


def test_altered_bytes_are_never_used(url):
    with Ledger(url) as ledger:
        store(ledger, "one", b"one")
    execute(url, "DELETE FROM kept_blobs")
    with Ledger(url) as ledger, pytest.raises(LedgerError, match="not there, or was altered"):
        list(ledger.content(sha(b"one")))


def test_a_purge_leaves_digests_alone(url, tmp_path):
    body, shared = b"a vendor's secret sauce" * 50, b"shared" * 50
    with Ledger(url) as ledger:
        store(ledger, "one", body, shared, case="case-1")
        store(ledger, "two", shared, case="case-2")
        done = ledger.purge("case-1", "Desk", "the contract ended", AT)
        assert (done.refs, done.blobs) == (("one",), (sha(body),))
        assert ledger.kept("one") == ()
        assert ledger.get("one", AT).baseline.approved
        assert b"".join(ledger.content(sha(shared))) == shared
        with pytest.raises(LedgerError):
            list(ledger.content(sha(body)))
        with pytest.raises(LedgerError, match="no baseline of the case"):
            ledger.purge("case-3", "Desk", "why", AT)
        assert "case.purged" in ledger.history()[-1].body
    for file in tmp_path.glob("ledger.sqlite*"):  # SQLite's own files; PostgreSQL's are not ours
        assert b"secret sauce" not in file.read_bytes()
