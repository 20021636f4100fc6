"""Signed approvals: judged at each use, whatever stands in the rows."""

from __future__ import annotations

import base64
import shutil
import sqlite3
import subprocess

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import canonical_json, sha256_hex
from fwverify.keyring.detached import SigningError, load_private
from fwverify.ledger import Approval, Ledger, LedgerError
from fwverify.ledger.approvals import message, signed, standing
from fwverify.model import Counter
from tests.builders.profiles import node, profile
from tests.ledger.people import ANN, ANN_KEY, BOB, BOB_KEY, CY_KEY, EVE_KEY, PEOPLE, person

AT = "2026-11-21T00:00:00Z"
LATER = "2027-11-21T00:00:00Z"
REF = "acme/gateway/1"
PROFILE = profile(node("update.swu", "x"))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ledger.sqlite"


def opened(file, people=PEOPLE):
    return Ledger(f"sqlite:///{file}", people=people)


@pytest.fixture
def ledger(file):
    with opened(file) as made:
        propose(made)
        yield made


def propose(ledger, ref=REF, **changes):
    fields = {"vendor": "acme", "product": "gateway", "submitter": "Desk", "at": AT}
    return ledger.propose(ref, PROFILE, **(fields | changes))


def approve(ledger, name, key, ref=REF, at=AT, **changes):
    return ledger.approve(ref, name, "examined", at, key=key, **changes)


def both(ledger, **changes):
    approve(ledger, "Ann", ANN_KEY, **changes)
    return approve(ledger, "Bob", BOB_KEY, **changes)


def alter(file, *statements):
    connection = sqlite3.connect(file)
    with connection:
        for statement, *values in statements:
            connection.execute(statement, values)
    connection.close()


def rewrite(file, change):
    """Change rows as somebody would who may write the file and knows how the log is made."""
    connection = sqlite3.connect(file)
    connection.execute("DROP TRIGGER run_log_no_update")
    with connection:
        change(connection)
        previous, count = "0" * 64, 0
        rows = connection.execute("SELECT entry, body FROM run_log ORDER BY entry").fetchall()
        for entry, body in rows:
            told = sha256_hex(f"{previous}\n{body}".encode())
            connection.execute(
                "UPDATE run_log SET prev_hash = ?, hash = ? WHERE entry = ?",
                (previous, told, entry),
            )
            previous, count = told, count + 1
        connection.execute("UPDATE ledger_schema SET log_head = ?, log_entries = ?",
                           (previous, count))  # fmt: skip
    connection.close()


def in_log(connection, change):
    """Apply ``change`` to the content of every approval in the log."""
    for entry, body in connection.execute("SELECT entry, body FROM run_log").fetchall():
        told = msgspec.json.decode(body)
        if told["kind"] == "baseline.approver":
            change(told["content"])
            connection.execute("UPDATE run_log SET body = ? WHERE entry = ?",
                               (canonical_json(told).decode(), entry))  # fmt: skip


def test_two_signatures_make_it_approved(ledger):
    assert approve(ledger, "ann", ANN_KEY).state == "provisional"
    assert not ledger.get(REF, AT).baseline.approved
    approve(ledger, "Bob", BOB_KEY)
    stored = ledger.get(REF, AT)
    assert stored.baseline.approved
    assert all(each.signature and each.key_sha256 for each in stored.approvals)
    assert ledger.standing(stored.entry, AT).by == ("ann", "Bob")


@pytest.mark.parametrize("make", [
    lambda: rsa.generate_private_key(65537, 3072),
    lambda: ec.generate_private_key(ec.SECP256R1()),
    ed448.Ed448PrivateKey.generate,
])  # fmt: skip
def test_other_kinds_of_keys_sign_too(file, make):
    key = make()
    with opened(file, (ANN, person("Dee", key))) as ledger:
        propose(ledger)
        approve(ledger, "Ann", ANN_KEY)
        approve(ledger, "Dee", key)
        assert ledger.get(REF, AT).baseline.approved


def test_names_alone_are_refused_once_people_are_registered(ledger):
    with pytest.raises(LedgerError, match="needs the key"):
        ledger.approve(REF, "Ann", "examined", AT)
    assert ledger.show(REF).approvals == ()


@pytest.mark.parametrize(
    ("name", "key", "why"),
    [
        ("Ann", EVE_KEY, "nobody's"),
        ("Eve", EVE_KEY, "nobody's"),
        ("Ann", BOB_KEY, "that of Bob"),
        ("Eve", ANN_KEY, "that of Ann"),
    ],
)
def test_a_key_that_is_not_the_persons_signs_nothing(ledger, name, key, why):
    with pytest.raises(SigningError, match=why):
        approve(ledger, name, key)
    assert ledger.show(REF).approvals == ()


def test_a_person_without_the_role_signs_nothing(file):
    with opened(file, (ANN, person("Bob", BOB_KEY, roles=("signer",)))) as ledger:
        propose(ledger)
        with pytest.raises(SigningError, match="without the role"):
            approve(ledger, "Bob", BOB_KEY)


def test_one_person_with_two_keys_counts_once(file):
    with opened(file, (person("Ann", ANN_KEY, CY_KEY), BOB)) as ledger:
        propose(ledger)
        approve(ledger, "Ann", ANN_KEY)
        approve(ledger, "ANN", CY_KEY, at=LATER)
        assert not ledger.get(REF, LATER).baseline.approved


def test_the_submitter_cannot_sign(file):
    with opened(file) as ledger:
        propose(ledger, submitter="ann")
        with pytest.raises(LedgerError, match="cannot approve"):
            approve(ledger, "Ann", ANN_KEY)


def test_approvals_by_name_leave_it_provisional(file):
    with opened(file, ()) as ledger:
        propose(ledger)
        for name in ("Ann", "Bob"):
            ledger.approve(REF, name, "examined", AT)
        assert ledger.get(REF, AT).baseline.approved
    with opened(file) as ledger:
        stored = ledger.get(REF, AT)
        assert (stored.state, stored.baseline.approved) == ("provisional", False)
        assert ledger.standing(stored.entry, AT).unsigned == ("Ann", "Bob")
        both(ledger, at=LATER)
        assert ledger.get(REF, LATER).baseline.approved


def test_only_signatures_raise_the_accepted_values(file):
    counter = Counter(component="", field="version", part="", value="2.0")
    with opened(file, ()) as ledger:
        propose(ledger, counters=(counter,))
        ledger.approve(REF, "Ann", "examined", AT)
    with opened(file) as ledger:
        approve(ledger, "Bob", BOB_KEY)
        assert ledger.highest("acme", "gateway") == ()
        approve(ledger, "Ann", ANN_KEY, at=LATER)
        assert ledger.highest("acme", "gateway") == (counter,)


@pytest.mark.parametrize(
    "column", ["person", "at", "reason", "not_after", "conditions", "key_sha256", "signature"]
)
def test_an_altered_row_is_refused(ledger, file, column):
    both(ledger, not_after=LATER, conditions=("site A only",))
    values = {
        "person": "Cy",
        "at": "2020-01-01T00:00:00Z",
        "reason": "none",
        "not_after": None,
        "conditions": "[]",
        "key_sha256": PEOPLE[2].keys[0].identity,
        "signature": "",
    }
    where = "WHERE person = 'Bob'"
    alter(file, (f"UPDATE approvals SET {column} = ? {where}", values[column]))
    for act in (lambda: ledger.get(REF, AT), lambda: ledger.show(REF), ledger.list):
        with pytest.raises(LedgerError):
            act()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "2020-01-01T00:00:00Z"),
        ("reason", "none"),
        ("not_after", None),
        ("conditions", []),
        ("person", "Cy"),
        ("key_sha256", PEOPLE[2].keys[0].identity),
        ("signature", "AAAA"),
        ("signature", "not base64!"),
    ],
)
def test_a_rewritten_log_does_not_help(ledger, file, column, value):
    """Whoever may write everything still has no one's key."""
    both(ledger, not_after=LATER, conditions=("site A only",))

    def change(connection):
        in_row = canonical_json(value).decode() if column == "conditions" else value
        connection.execute(f"UPDATE approvals SET {column} = ? WHERE person = 'Bob'", (in_row,))

        def told(content):
            if content["person"] == "Bob":
                content[column] = value

        in_log(connection, told)

    rewrite(file, change)
    with pytest.raises(LedgerError, match="does not count"):
        ledger.get(REF, AT)


def test_a_stripped_signature_never_counts(ledger, file):
    both(ledger)

    def change(connection):
        connection.execute("UPDATE approvals SET signature = '', key_sha256 = ''")
        in_log(connection, lambda content: content.update(signature="", key_sha256=""))

    rewrite(file, change)
    assert not ledger.get(REF, AT).baseline.approved


def test_an_invented_approval_never_counts(ledger, file):
    approve(ledger, "Ann", ANN_KEY)
    (mine,) = ledger.show(REF).approvals
    forged = signed(ledger.show(REF), msgspec.structs.replace(mine, person="Bob"), EVE_KEY, ())

    def change(connection):
        connection.execute(
            "INSERT INTO approvals (baseline_id, person, person_key, role, at, reason, key_sha256,"
            " signature) SELECT baseline_id, 'Bob', 'bob', role, at, reason, ?, ? FROM approvals",
            (forged.key_sha256, forged.signature),
        )
        connection.execute("UPDATE baselines SET state = 'approved'")
        body = canonical_json({"kind": "baseline.approver", "content": forged}).decode()
        connection.execute("INSERT INTO run_log VALUES (3, '', ?, 'x')", (body,))

    rewrite(file, change)
    with pytest.raises(LedgerError, match="nobody's"):
        ledger.get(REF, AT)


def test_a_signature_is_for_one_baseline(ledger, file):
    propose(ledger, ref="other")
    both(ledger, ref="other")
    taken = ledger.show("other").approvals

    def change(connection):
        for act in taken:
            moved = msgspec.structs.replace(act, ref=REF)
            connection.execute(
                "INSERT INTO approvals (baseline_id, person, person_key, role, at, reason, "
                "key_sha256, signature) VALUES (1, ?, ?, 'approver', ?, ?, ?, ?)",
                (act.person, act.person.lower(), act.at, act.reason, act.key_sha256, act.signature),
            )
            number = connection.execute("SELECT count(*) FROM run_log").fetchone()[0] + 1
            body = canonical_json({"kind": "baseline.approver", "content": moved}).decode()
            connection.execute("INSERT INTO run_log VALUES (?, '', ?, ?)", (number, body, number))
        connection.execute("UPDATE baselines SET state = 'approved'")

    rewrite(file, change)
    assert ledger.get("other", AT).baseline.approved
    with pytest.raises(LedgerError, match="was altered"):
        ledger.get(REF, AT)


def test_an_expired_approval_is_refused_and_can_be_renewed(ledger):
    both(ledger, not_after="2026-12-01T00:00:00Z")
    assert ledger.get(REF, "2026-12-01T00:00:00Z").baseline.approved
    for at in ("2026-12-01T00:00:01Z", LATER, None):
        with pytest.raises(LedgerError, match="expired at 2026-12-01"):
            ledger.get(REF, at)
    both(ledger, at=LATER)
    assert ledger.get(REF, LATER).baseline.approved


def test_an_approval_can_be_prolonged_before_it_ends(ledger):
    both(ledger, not_after="2026-12-01T00:00:00Z")
    both(ledger, not_after="2026-11-30T00:00:00Z")
    assert len(ledger.show(REF).approvals) == 2
    both(ledger, at="2026-11-22T00:00:00Z", not_after=LATER)
    assert len(ledger.show(REF).approvals) == 4
    assert ledger.get(REF, "2027-01-01T00:00:00Z").baseline.approved
    both(ledger, at="2026-11-23T00:00:00Z")
    both(ledger, at="2026-11-24T00:00:00Z", not_after=LATER)
    assert len(ledger.show(REF).approvals) == 6
    assert ledger.get(REF, "2030-01-01T00:00:00Z").baseline.approved


def test_an_expiry_holds_without_registered_people(file):
    with opened(file, ()) as ledger:
        propose(ledger)
        for name in ("A", "B"):
            ledger.approve(REF, name, "examined", AT, not_after=AT)
        assert ledger.get(REF, AT).baseline.approved
        with pytest.raises(LedgerError, match="expired"):
            ledger.get(REF, LATER)


@pytest.mark.parametrize("end", ["", "never", "9999", "2026-11-21"])
def test_an_expiry_that_cannot_be_read_has_passed(ledger, end):
    with pytest.raises(LedgerError):
        approve(ledger, "Ann", ANN_KEY, not_after=end)
    both(ledger)
    acts = tuple(
        signed(ledger.show(REF), msgspec.structs.replace(each, not_after=end), key, PEOPLE)
        for each, key in zip(ledger.show(REF).approvals, (ANN_KEY, BOB_KEY), strict=True)
    )
    entry = msgspec.structs.replace(ledger.show(REF), approvals=acts)
    assert standing(entry, PEOPLE, "2026-11-22T00:00:00Z").by == () or end == "9999"


def test_a_person_who_left_counts_no_more(ledger, file):
    both(ledger)
    with opened(file, (ANN, person("Cy", CY_KEY))) as after:
        with pytest.raises(LedgerError, match="Bob is signed with a key that is nobody's"):
            after.get(REF, AT)
        assert [each.state for each in after.list()] == ["approved"]
        assert after.standing(after.show(REF), AT).state == "provisional"


def test_anybody_may_revoke_and_nobody_can_undo_it(ledger):
    both(ledger)
    ledger.revoke(REF, "Somebody", "leaked key", AT)
    with pytest.raises(LedgerError, match="leaked key"):
        ledger.get(REF, AT)
    with pytest.raises(LedgerError, match="leaked key"):
        approve(ledger, "Cy", CY_KEY)


def test_conditions_have_bounds(ledger):
    for conditions in (("",), ("x",) * 101, ("a\u200bb",)):
        with pytest.raises(LedgerError):
            approve(ledger, "Ann", ANN_KEY, conditions=conditions)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 63), st.integers(1, 255))
def test_no_other_bytes_are_a_signature(noise, at, bit):
    base = Approval(ref=REF, person="Ann", role="approver", at=AT, reason="r")
    entry = _ENTRY
    good = signed(entry, base, ANN_KEY, PEOPLE)
    raw = bytearray(base64.b64decode(good.signature))
    raw[at] ^= bit
    for value in (bytes(raw), noise):
        bad = msgspec.structs.replace(good, signature=base64.b64encode(value).decode() or "=")
        found = standing(msgspec.structs.replace(entry, approvals=(bad,)), PEOPLE, AT)
        assert found.broken
        assert found.by == ()


def _an_entry():
    from fwverify.ledger import Entry

    return Entry(ref=REF, vendor="v", product="p", version=None, subject_sha256="0" * 64,
                 profile_sha256="0" * 64, context_sha256=None, state="provisional",
                 submitted_by="Desk", created_at=AT, approvals=())  # fmt: skip


_ENTRY = _an_entry()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: NOT compared")
@pytest.mark.parametrize("kind", ["ed25519", "ec", "rsa"])
def test_openssl_agrees_on_every_kind_of_signature(tmp_path, kind):
    """The oracle makes the key, packs it as PKCS#12 and checks the signature."""
    asked = {
        "ed25519": ("-algorithm", "ed25519"),
        "ec": ("-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        "rsa": ("-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:3072"),
    }[kind]

    def openssl(*arguments):
        return subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True)

    assert openssl("genpkey", *asked, "-out", "key.pem").returncode == 0
    openssl("req", "-x509", "-key", "key.pem", "-subj", "/CN=a", "-out", "cert.pem")
    openssl("pkey", "-in", "key.pem", "-pubout", "-out", "key.pub")
    packed = openssl("pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-passout",
                     "pass:open", "-out", "key.p12")  # fmt: skip
    assert packed.returncode == 0, packed.stderr
    key = load_private((tmp_path / "key.p12").read_bytes(), "key.p12", b"open")
    act = signed(_ENTRY, Approval(ref=REF, person="Ann", role="approver", at=AT, reason="r"),
                 key, (person("Ann", key),))  # fmt: skip
    (tmp_path / "message").write_bytes(message(_ENTRY, act))
    (tmp_path / "signature").write_bytes(base64.b64decode(act.signature))
    options = {
        "ed25519": ("-rawin",),
        "ec": ("-rawin", "-digest", "sha256"),
        "rsa": ("-rawin", "-digest", "sha256", "-pkeyopt", "rsa_padding_mode:pss",
                "-pkeyopt", "rsa_pss_saltlen:32"),
    }[kind]  # fmt: skip
    call = ("pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-in", "message", "-sigfile",
            "signature", *options)  # fmt: skip
    assert openssl(*call).returncode == 0
    (tmp_path / "message").write_bytes(message(_ENTRY, act) + b" ")
    assert openssl(*call).returncode != 0
