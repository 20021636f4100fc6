"""The same life of a ledger on SQLite and on PostgreSQL: people, faults, processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event, text

from fwverify.ledger import Ledger, LedgerError, schema, tables
from fwverify.model import Counter
from tests.builders.profiles import member, node, profile, subject
from tests.ledger.people import ANN_KEY, BOB_KEY, CY_KEY, PEOPLE, private_pem

ROOT = Path(__file__).parents[2]
AT = "2026-11-21T00:00:00Z"
KEYS = {"Ann": ANN_KEY, "Bob": BOB_KEY, "Cy": CY_KEY}


def propose(ledger, ref="one", **changes):
    fields = {"vendor": "acme", "product": "meter", "submitter": "Desk", "at": AT}
    return ledger.propose(ref, profile(node("u", ref)), **(fields | changes))


def approve(ledger, name, ref="one"):
    return ledger.approve(ref, name, "examined", AT, key=KEYS[name])


def execute(url, *statements):
    """Change rows past the ledger, with the triggers out of the way."""
    engine = schema._engine(schema._parsed(url))
    sqlite = engine.dialect.name == "sqlite"
    off = [f"DROP TRIGGER IF EXISTS run_log_no_{each}" for each in ("update", "delete")]
    off = off if sqlite else ["DROP TRIGGER IF EXISTS run_log_append_only ON run_log"]
    with schema.writing(engine) as connection:
        for statement in (*off, *statements):
            connection.execute(text(statement))
    engine.dispose()


def test_a_whole_life(url):
    with Ledger(url, people=PEOPLE) as ledger:
        counter = Counter(component="", field="version", part="", value="1.0")
        propose(ledger, counters=(counter,), case="case-1")
        approve(ledger, "Ann")
        assert not ledger.get("one", AT).baseline.approved
        approve(ledger, "Bob")
        assert ledger.get("one", AT).baseline.approved
        assert ledger.highest("acme", "meter") == (counter,)
    with Ledger(url, create=False, people=PEOPLE) as ledger:
        assert [each.ref for each in ledger.list()] == ["one"]
        ledger.revoke("one", "Cy", "leaked key", AT)
        with pytest.raises(LedgerError, match="leaked key"):
            ledger.get("one", AT)
        assert ledger.verify_log().entries == 6


def test_components_and_hardware_ids_are_kept(url):
    from msgspec.structs import replace

    parts = (replace(member("a.bin", "a"), ecu="BCM", hw_id="H1", sw_id="S1"), member("b.bin"))
    kept = replace(profile(node("u", "x")), subject=subject(*parts))
    with Ledger(url) as ledger:
        ledger.propose("one", kept, vendor="v", product="p", submitter="s", at=AT)
        part, plain = ledger.components("one")
    assert (plain.path, plain.ecu) == ("b.bin", None)
    for statement in ("UPDATE components SET hw_id = 'H2'", "DELETE FROM components WHERE id = 2"):
        execute(url, statement)
        with Ledger(url) as ledger, pytest.raises(LedgerError, match="components of one"):
            ledger.components("one")
    assert (part.path, part.ecu, part.hw_id, part.sw_id) == ("a.bin", "BCM", "H1", "S1")


def test_the_rxswin_register_tells_before_and_after(url):
    from msgspec.structs import replace

    with Ledger(url, people=PEOPLE) as ledger:
        for number, rxswin, product in ((1, "X1", "meter"), (2, "X1", "meter"), (3, "X2", "meter"),
                                        (4, "X1", "other"), (5, None, "meter")):  # fmt: skip
            part = replace(member("a.bin", str(number)), ecu="BCM", sw_id=f"S{number}")
            kept = replace(profile(node("u", "x")), subject=subject(part))
            ledger.propose(f"r{number}", kept, vendor="acme", product=product, submitter="Desk",
                           at=AT, rxswin=rxswin)  # fmt: skip
            approve(ledger, "Ann", f"r{number}")
            assert f"r{number}" not in {each.ref for each in ledger.rxswin("acme", product)}
            approve(ledger, "Bob", f"r{number}")
            approve(ledger, "Cy", f"r{number}")
        told = [
            (each.ref, [one.sw_id for one in each.before], [one.sw_id for one in each.after])
            for each in ledger.rxswin("acme", "meter")
        ]
        assert told == [("r1", [], ["S1"]), ("r2", ["S1"], ["S2"]), ("r3", [], ["S3"])]
        assert ledger.rxswin("acme", "other")[0].before == ()
        with pytest.raises(LedgerError, match="RXSWIN"):
            propose(ledger, "bad", rxswin="")
    execute(url, "UPDATE run_log SET body = replace(body, '\"S2\"', '\"S9\"')")
    with Ledger(url) as ledger, pytest.raises(LedgerError, match="run log"):
        ledger.rxswin("acme", "meter")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE baselines SET state = 'approved'",
        "UPDATE baselines SET submitted_by = 'Other'",
        "UPDATE products SET product = 'other'",
        "UPDATE approvals SET reason = 'other'",
        "UPDATE approvals SET signature = ''",
        "UPDATE approvals SET conditions = '[1]'",
        "DELETE FROM approvals",
        "UPDATE run_log SET body = replace(body, 'examined', 'glanced at') WHERE entry = 2",
        "DELETE FROM run_log WHERE entry = 2",
        "UPDATE ledger_schema SET log_entries = 1",
    ],
)
def test_whatever_is_altered_is_said(url, statement):
    with Ledger(url, people=PEOPLE) as ledger:
        propose(ledger)
        approve(ledger, "Ann")
    execute(url, statement)
    with Ledger(url, people=PEOPLE) as ledger:
        with pytest.raises(LedgerError):
            ledger.list()
        with pytest.raises(LedgerError):
            ledger.get("one", AT)


def test_a_baseline_that_vanished_is_missed(url):
    with Ledger(url) as ledger:
        propose(ledger)
        propose(ledger, "two")
    execute(url, "DELETE FROM components", "DELETE FROM baselines WHERE ref = 'two'")
    with Ledger(url) as ledger, pytest.raises(LedgerError, match="tells of two"):
        ledger.list()


def test_the_log_is_append_only(url):
    with Ledger(url) as ledger:
        propose(ledger)
        for statement in ("UPDATE run_log SET body = ''", "DELETE FROM run_log"):
            with pytest.raises(LedgerError, match="append-only"), ledger._write() as connection:
                connection.execute(text(statement))
        assert ledger.verify_log().entries == 1


def test_a_newer_schema_is_refused_unchanged(url):
    Ledger(url).close()
    execute(url, "UPDATE ledger_schema SET version = 3")
    for upgrading in (False, True):
        with pytest.raises(LedgerError, match="schema 3, this program knows 2"):
            Ledger(url, upgrading=upgrading)


def test_a_foreign_database_is_refused(url):
    engine = schema._engine(schema._parsed(url))
    with schema.writing(engine) as connection:
        connection.execute(text("CREATE TABLE accounts (name TEXT)"))
    engine.dispose()
    with pytest.raises(LedgerError, match="no fwverify ledger"):
        Ledger(url)


def test_an_absent_ledger_is_not_made_by_asking(url):
    with pytest.raises(LedgerError, match="there is no ledger"):
        Ledger(url, create=False)


def test_a_team_upgrades_by_its_own_decision(postgresql):
    from alembic import command

    from fwverify.ledger import upgrade
    from tests.ledger.postgres import database

    url = database(postgresql)
    engine = schema._engine(schema._parsed(url))
    with schema.writing(engine) as connection:
        command.upgrade(upgrade._config(connection), "0001")
        connection.execute(text("INSERT INTO products VALUES (1, 'acme', 'meter')"))
    with pytest.raises(LedgerError, match="ledger upgrade"):
        Ledger(url)
    with Ledger(url, upgrading=True, people=PEOPLE) as ledger:
        propose(ledger)
        approve(ledger, "Ann")
        approve(ledger, "Bob")
        assert ledger.get("one", AT).baseline.approved
    with schema.reading(engine) as connection:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        context = MigrationContext.configure(
            connection, opts={"version_table": tables.REVISION.name, "compare_type": True}
        )
        assert compare_metadata(context, tables.METADATA) == []
    engine.dispose()


_ACTS = """
import sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fwverify.ledger import Ledger, LedgerError
url, name, act, file = sys.argv[1:]
key = load_pem_private_key(open(file, "rb").read(), None)
ledger = Ledger(url)
sys.stdin.readline()
done = []
for number in range(12):
    try:
        if act == "revoke":
            ledger.revoke(f"ref/{number}", name, "stop", "2026-11-21T00:00:00Z", key=key)
        else:
            ledger.approve(f"ref/{number}", name, "go", "2026-11-21T00:00:00Z", key=key)
        done.append(number)
    except LedgerError as error:
        assert "was revoked" in str(error), error
print(*done)
"""


def test_processes_that_approve_and_revoke_at_once_lose_nothing(url, tmp_path):
    with Ledger(url, people=PEOPLE) as ledger:
        for number in range(12):
            propose(ledger, f"ref/{number}")
    jobs = (("Ann", "approve"), ("Bob", "approve"), ("Cy", "revoke"))
    running = []
    for name, act in jobs:
        file = tmp_path / f"{name}.pem"
        file.write_bytes(private_pem(KEYS[name]))
        running.append(
            subprocess.Popen([sys.executable, "-c", _ACTS, url, name, act, str(file)], cwd=ROOT,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )  # fmt: skip
    for each in running:
        each.stdin.write("go\n")
        each.stdin.flush()
    done = {}
    for (name, _), each in zip(jobs, running, strict=True):
        output, _ = each.communicate(timeout=120)
        assert each.returncode == 0
        done[name] = set(map(int, output.split()))
    assert done["Cy"] == set(range(12))
    with Ledger(url, people=PEOPLE) as ledger:
        entries = {int(each.ref[4:]): each for each in ledger.list()}
        for name, numbers in done.items():
            for number, entry in entries.items():
                assert (name in {act.person for act in entry.approvals}) == (number in numbers)
        assert {each.state for each in entries.values()} == {"revoked"}
        acts = sum(len(each.approvals) for each in entries.values())
        assert ledger.verify_log().entries == 12 + acts
        assert all(ledger.standing(each, AT).broken == () for each in entries.values())


def approve_and_be_killed(url, ref, number, when):
    """Let a process of its own approve ``ref``, killed at its ``number``-th statement.

    Returns whether it came to its end before.
    """
    child = os.fork()
    if child == 0:
        left = number

        def count(*_):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            ledger = Ledger(url, people=PEOPLE)
            event.listen(ledger._engine, f"{when}_cursor_execute", count)
            event.listen(ledger._engine, "commit", count)
            approve(ledger, "Bob", ref)
            os._exit(0)
        finally:
            os._exit(3)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL)
    return status == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_9_at_every_statement_of_an_approval(url, when):
    """The approval that makes it approved, with its log entry and its accepted values."""
    counter = Counter(component="", field="version", part="", value="1.0")
    finished, killed, number, approved = False, 0, 0, 0
    while not finished:
        number += 1
        ref = f"ref/{number}"
        with Ledger(url, people=PEOPLE) as ledger:
            propose(ledger, ref, product=ref, counters=(counter,))
            approve(ledger, "Ann", ref)
        finished = approve_and_be_killed(url, ref, number, when)
        killed += not finished
        with Ledger(url, people=PEOPLE) as ledger:
            entries = {each.ref: each for each in ledger.list()}
            state = ledger.get(ref, AT).state
            approved += state == "approved"
            assert ledger.highest("acme", ref) == ((counter,) if state == "approved" else ())
            acts = sum(len(each.approvals) for each in entries.values())
            # what was proposed (with its values), every act, every accepted value
            assert ledger.verify_log().entries == 2 * number + acts + approved
            if state == "provisional":  # it can be done again, and is then done
                approve(ledger, "Bob", ref)
                approved += 1
                assert ledger.get(ref, AT).baseline.approved
    assert killed >= 8


def test_many_acts_in_any_order_keep_the_rules(url):
    """A random life, judged by the rules written down a second time."""
    choose = random.Random(6)
    with Ledger(url, people=PEOPLE) as ledger:
        signers: dict[str, set[str]] = {}
        gone: set[str] = set()
        for _ in range(60):
            ref = f"r{choose.randrange(4)}"
            act = choose.choice(("propose", "Ann", "Bob", "Cy", "Ann", "Bob", "revoke"))
            refused = ref in gone or (act != "propose" and ref not in signers)
            try:
                if act == "propose":
                    propose(ledger, ref)
                    signers.setdefault(ref, set())
                elif act == "revoke":
                    if choose.random() < 0.7 and not refused:
                        continue
                    ledger.revoke(ref, "Cy", "stop", AT)
                    gone.add(ref)
                else:
                    approve(ledger, act, ref)
                    signers[ref].add(act)
                assert not refused
            except LedgerError:
                assert refused
            for known, names in signers.items():
                if known in gone:
                    with pytest.raises(LedgerError, match="revoked"):
                        ledger.get(known, AT)
                else:
                    assert ledger.get(known, AT).baseline.approved == (len(names) >= 2)
