"""What travels between organisations: only whole, only signed by a partner, provisional."""

from __future__ import annotations

import hashlib
import io
import zipfile

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.keyring.detached import SigningError
from fwverify.ledger import Ledger, LedgerError
from fwverify.ledger.exports import _message, read, write
from fwverify.model import Counter, Member, Subject
from fwverify.register import Partner
from tests.builders.profiles import finding, node, profile
from tests.ledger.people import ANN, ANN_KEY, BOB, BOB_KEY, EVE_KEY, PEOPLE, person

AT = "2026-11-21T00:00:00Z"
REF = "acme/meter/1"
BODY = b"the update" * 1000
SHA = hashlib.sha256(BODY).hexdigest()
SUBJECT = Subject(
    kind="file", name="u.bin", sha256=SHA, size=len(BODY),
    members=(Member(path="u.bin", sha256=SHA, size=len(BODY)),),
)  # fmt: skip
PROFILE = msgspec.structs.replace(profile(node("u.bin"), findings=(finding(),)), subject=SUBJECT)
COUNTER = Counter(component="", field="version", part="", value="1.0")
PARTNER = Partner(name="Lab A", keys=(*ANN.keys, *BOB.keys), signatures_required=1)
BOTH = (("Ann", ANN_KEY), ("Bob", BOB_KEY))


def content(sha256):
    assert sha256 == SHA
    return (BODY[:5], BODY[5:])


@pytest.fixture
def ledger(tmp_path):
    with Ledger(f"sqlite:///{tmp_path / 'a.sqlite'}", people=PEOPLE) as made:
        made.propose(REF, PROFILE, vendor="acme", product="meter", submitter="Desk", at=AT,
                     counters=(COUNTER,), content=content)  # fmt: skip
        yield made


@pytest.fixture
def other(url):
    with Ledger(url, people=PEOPLE) as made:
        yield made


def approved(ledger):
    for name, key in BOTH:
        ledger.approve(REF, name, "examined", AT, key=key)
    return ledger


def exported(ledger, *signers):
    return approved(ledger).export(REF, AT, signers or BOTH[:1])


def test_it_arrives_whole_and_provisional(ledger, other):
    data = exported(ledger)
    assert data == ledger.export(REF, AT, BOTH[:1])
    entry = other.import_(read(data, "f", (PARTNER,)), AT)
    assert (entry.state, entry.submitted_by, entry.approvals) == ("provisional", "Lab A", ())
    assert not other.get(REF, AT).baseline.approved
    assert other.get(REF, AT).profile == PROFILE
    assert [each.sha256 for each in other.kept(REF)] == [SHA]
    assert b"".join(other.content(SHA)) == BODY
    assert other.highest("acme", "meter") == ()
    for name, key in BOTH:
        other.approve(REF, name, "the partner is trusted", AT, key=key)
    assert other.get(REF, AT).baseline.approved
    assert other.highest("acme", "meter") == (COUNTER,)
    assert "baseline.imported" in "".join(each.body for each in other.history())
    assert other.import_(read(data, "f", (PARTNER,)), AT).state == "approved"


def test_another_name_can_be_given(ledger, other):
    assert (
        other.import_(read(exported(ledger), "f", (PARTNER,)), AT, "partner/1").ref == "partner/1"
    )


@pytest.mark.parametrize(
    "partners",
    [
        (),
        (Partner("Lab B", person("Eve", EVE_KEY).keys, 1),),
        (Partner("Lab A", PARTNER.keys, 2),),
    ],
)
def test_a_foreign_signer_is_refused_and_nothing_changes(ledger, other, partners):
    with pytest.raises(LedgerError, match=r"signed by no partner|1 of 2 signatures"):
        other.import_(read(exported(ledger), "f", partners), AT)
    assert other.list() == ()


def test_as_many_signatures_as_asked_for(ledger):
    strict = Partner("Lab A", PARTNER.keys, 2)
    assert len(read(exported(ledger, *BOTH), "f", (strict,)).keys) == 2
    with pytest.raises(LedgerError, match="1 of 2"):
        read(ledger.export(REF, AT, (BOTH[0], BOTH[0])), "f", (strict,))


def test_only_what_is_approved_travels(ledger):
    with pytest.raises(LedgerError, match="only approved"):
        ledger.export(REF, AT, BOTH[:1])
    approved(ledger)
    ledger.revoke(REF, "Cy", "leaked key", AT)
    with pytest.raises(LedgerError, match="leaked key"):
        ledger.export(REF, AT, BOTH[:1])


def test_an_export_needs_its_own_signer(ledger):
    approved(ledger)
    with pytest.raises(LedgerError, match="needs a signature"):
        ledger.export(REF, AT, ())
    for signer in (("Eve", EVE_KEY), ("Ann", BOB_KEY), ("Ann", EVE_KEY)):
        with pytest.raises(SigningError):
            ledger.export(REF, AT, (signer,))


def test_another_products_reference_is_not_taken_over(ledger, other):
    other.propose(REF, profile(node("x", "y")), vendor="umbrella", product="meter",
                  submitter="Desk", at=AT)  # fmt: skip
    with pytest.raises(LedgerError, match="already stands for"):
        other.import_(read(exported(ledger), "f", (PARTNER,)), AT)
    assert other.show(REF).vendor == "umbrella"


def test_a_revoked_baseline_does_not_come_back(ledger, other):
    found = read(exported(ledger), "f", (PARTNER,))
    other.import_(found, AT)
    other.revoke(REF, "Cy", "leaked key", AT)
    with pytest.raises(LedgerError, match="leaked key"):
        other.import_(found, AT)


def small():
    entry = _ENTRY
    return write(entry, PROFILE, (COUNTER,), {}, BOTH[:1])


def _make_entry():
    from fwverify.ledger import Entry
    from fwverify.ledger.profiles import packed

    return Entry(ref=REF, vendor="v", product="p", version=None, subject_sha256=SHA,
                 profile_sha256=packed(PROFILE)[1], context_sha256=None, state="approved",
                 submitted_by="Desk", created_at=AT, approvals=())  # fmt: skip


_ENTRY = _make_entry()
_SMALL = small()


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.integers(0, len(_SMALL) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(at, bit):
    data = bytearray(_SMALL)
    data[at] ^= bit
    with pytest.raises(LedgerError):
        read(bytes(data), "f", (PARTNER,))


def test_nothing_can_be_cut_off_or_added():
    read(_SMALL, "f", (PARTNER,))
    for size in range(0, len(_SMALL), 37):
        with pytest.raises(LedgerError):
            read(_SMALL[:size], "f", (PARTNER,))
    for data in (_SMALL + b"x", b"x" + _SMALL, _SMALL + _SMALL, b"PK\x05\x06" + bytes(18)):
        with pytest.raises(LedgerError):
            read(data, "f", (PARTNER,))


def rezipped(change, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(io.BytesIO(_SMALL)) as archive:
        entries = {each: archive.read(each) for each in archive.namelist()}
    change(entries)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for name, body in entries.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o100644 << 16
            info.compress_type = compression
            archive.writestr(info, body)
    return made.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: entries.update({"blobs/" + "0" * 64: b"more"}),
        lambda entries: entries.update({"../../etc/passwd": b"x"}),
        lambda entries: entries.pop("profile.json"),
        lambda entries: entries.update({"profile.json": entries["profile.json"] + b" "}),
        lambda entries: entries.update({"baseline.json": entries["baseline.json"] + b" "}),
        lambda entries: entries.update(
            {"baseline.json": entries["baseline.json"].replace(b'"vendor":"v"', b'"vendor":"w"')}
        ),
        lambda entries: entries.update({"signatures.json": b"[]"}),
        lambda entries: entries.update(
            {"signatures.json": entries["signatures.json"].replace(b"Ann", b"Bob")}
        ),
        lambda entries: entries.clear(),
    ],
)
def test_other_contents_are_refused(change):
    assert rezipped(lambda _: None) == _SMALL
    with pytest.raises(LedgerError):
        read(rezipped(change), "f", (PARTNER,))


def test_compressed_entries_are_refused():
    with pytest.raises(LedgerError, match="not stored"):
        read(rezipped(lambda _: None, zipfile.ZIP_DEFLATED), "f", (PARTNER,))


def test_a_signature_over_something_else_signs_no_export():
    assert b"baseline-export" in _message(b"", "Ann")
    from fwverify.ledger.approvals import signed
    from fwverify.ledger.model import Approval

    act = Approval(ref=REF, person="Ann", role="approver", at=AT, reason="r")
    value = signed(_ENTRY, act, ANN_KEY, PEOPLE).signature

    def change(entries):
        (one,) = msgspec.json.decode(entries["signatures.json"])
        entries["signatures.json"] = msgspec.json.encode([one | {"value": value}], order="sorted")

    with pytest.raises(LedgerError, match="does not hold"):
        read(rezipped(change), "f", (PARTNER,))


def test_a_profile_of_another_update_is_refused():
    wrong = msgspec.structs.replace(_ENTRY, subject_sha256="0" * 64)
    with pytest.raises(LedgerError, match="not that of the record"):
        read(write(wrong, PROFILE, (), {}, BOTH[:1]), "f", (PARTNER,))
    with pytest.raises(LedgerError, match="does not name"):
        read(write(_ENTRY, PROFILE, (), {"0" * 64: b"x"}, BOTH[:1]), "f", (PARTNER,))
