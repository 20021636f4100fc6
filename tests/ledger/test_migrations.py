"""Older ledgers come along, newer ones are refused, and nothing is lost on the way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from fwverify.ledger import Ledger, LedgerError, schema, tables, upgrade
from tests.ledger import old

ROOT = Path(__file__).parents[2]
AT = old.AT


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "ledger.sqlite"
    old.write(path)
    return path


def url(file):
    return f"sqlite:///{file}"


def dump(file):
    connection = sqlite3.connect(file)
    lines = tuple(connection.iterdump())
    connection.close()
    return lines


def layout(file):
    connection = sqlite3.connect(file)
    found = {}
    names = [name for (name,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'")]  # fmt: skip
    for name in names:
        columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
        unique = sorted(
            tuple(row[2] for row in connection.execute(f"PRAGMA index_info({index[1]})"))
            for index in connection.execute(f"PRAGMA index_list({name})")
        )
        keys = sorted(row[2:5] for row in connection.execute(f"PRAGMA foreign_key_list({name})"))
        found[name] = (sorted(row[1:] for row in columns), unique, keys)
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    ).fetchall()
    found["triggers"] = [(name, " ".join(sql.split())) for name, sql in triggers]
    connection.close()
    return found


def test_everything_of_an_old_ledger_is_there(file):
    before = dump(file)
    with Ledger(url(file)) as ledger:
        assert [(each.ref, each.state) for each in ledger.list()] == [
            ("old/1", "approved"), ("old/2", "provisional"), ("old/3", "revoked"),
        ]  # fmt: skip
        assert ledger.get("old/1", AT).baseline.approved
        assert ledger.verify_log().entries == 8
        assert ledger.approve("old/2", "Bob", "examined", AT).state == "approved"
    copy = file.with_name("ledger.sqlite.schema-1.bak")
    assert dump(copy) == before
    assert copy.stat().st_mode & 0o777 == 0o600


def test_it_is_upgraded_once(file, tmp_path):
    for _ in range(3):
        Ledger(url(file)).close()
    assert [each.name for each in tmp_path.glob("*.bak*")] == ["ledger.sqlite.schema-1.bak"]


def test_a_copy_is_never_written_over(file, tmp_path):
    there = file.with_name("ledger.sqlite.schema-1.bak")
    there.write_text("kept")
    Ledger(url(file)).close()
    assert there.read_text() == "kept"
    assert (tmp_path / "ledger.sqlite.schema-1.bak.2").is_file()


def test_migrations_lead_to_the_tables_of_the_program(file, tmp_path):
    Ledger(url(file)).close()
    fresh = tmp_path / "fresh.sqlite"
    Ledger(url(fresh)).close()
    assert layout(file) == layout(fresh)
    engine = create_engine(url(file))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": tables.REVISION.name, "compare_type": True}
        )
        assert compare_metadata(context, tables.METADATA) == []
        assert context.get_current_revision() == tables.REVISIONS[tables.SCHEMA_VERSION]
    engine.dispose()


def test_the_first_migration_makes_what_schema_1_was(file, tmp_path):
    from alembic import command

    made = tmp_path / "made.sqlite"
    engine = schema._engine(schema._parsed(url(made)))
    with schema.writing(engine) as connection:
        command.upgrade(upgrade._config(connection), "0001")
    engine.dispose()
    new = layout(made)
    del new[tables.REVISION.name]
    assert new == layout(file)


@pytest.mark.parametrize("version", [3, 4, 2**31])
def test_a_newer_schema_is_refused_unchanged(file, version):
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("UPDATE ledger_schema SET version = ?", (version,))
    connection.close()
    before = file.read_bytes()
    with pytest.raises(LedgerError, match=f"schema {version}, this program knows 2"):
        Ledger(url(file), upgrading=True)
    assert file.read_bytes() == before
    assert not list(file.parent.glob("*.bak*"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_schema SET version = 0",
        "DELETE FROM ledger_schema",
        "CREATE TABLE ledger_revision (version_num TEXT)",
        "CREATE TABLE devices (x TEXT)",
        "DROP TABLE approvals",
    ],
)
def test_a_ledger_that_does_not_fit_is_refused_unchanged(file, statement):
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(statement)
    connection.close()
    before = dump(file)
    with pytest.raises(LedgerError):
        Ledger(url(file))
    assert dump(file) == before


def test_marks_that_disagree_are_refused(tmp_path):
    path = tmp_path / "l.sqlite"
    Ledger(url(path)).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE ledger_schema SET version = 1")
    connection.close()
    before = dump(path)
    with pytest.raises(LedgerError, match="schema 1 and migrations 0002"):
        Ledger(url(path))
    assert dump(path) == before


def test_without_a_copy_there_is_no_upgrade(file, monkeypatch):
    def refuse(*_):
        raise OSError("no space left")

    monkeypatch.setattr(upgrade.os, "fsync", refuse)
    before = dump(file)
    with pytest.raises(LedgerError, match="no space left"):
        Ledger(url(file))
    monkeypatch.undo()
    assert dump(file) == before
    assert not list(file.parent.glob("*.new"))


def test_an_altered_old_log_stays_altered(file):
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("DROP TRIGGER run_log_no_update")
        connection.execute("UPDATE run_log SET body = replace(body, 'Ann', 'Zoe')")
    connection.close()
    with Ledger(url(file)) as ledger, pytest.raises(LedgerError, match="run log"):
        ledger.list()


def test_processes_upgrade_at_once(file):
    code = "import sys; from fwverify.ledger import Ledger; print(len(Ledger(sys.argv[1]).list()))"
    running = [
        subprocess.Popen([sys.executable, "-c", code, url(file)], cwd=ROOT, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]  # fmt: skip
    assert [each.communicate(timeout=60) for each in running] == [("3\n", "")] * 4
    assert len(list(file.parent.glob("*.bak*"))) == 1


def upgrade_and_be_killed(url, number):
    """Open ``url`` in a process of its own, killed before its ``number``-th statement."""
    child = os.fork()
    if child == 0:
        left = number

        def count(*_):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            event.listen(Engine, "before_cursor_execute", count)
            Ledger(url).close()
            os._exit(0)
        finally:
            os._exit(3)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL)
    return status == 0


def test_a_killed_upgrade_leaves_the_old_or_the_new(file, tmp_path):
    whole, before, killed, done = file.read_bytes(), dump(file), 0, False
    for number in range(1, 200, 3):
        target = tmp_path / f"at-{number}.sqlite"
        target.write_bytes(whole)
        done = upgrade_and_be_killed(url(target), number)
        killed += not done
        assert done or dump(target) == before
        with Ledger(url(target)) as ledger:
            assert len(ledger.list()) == 3
            assert ledger.get("old/1", AT).baseline.approved
        if done:
            break
    assert done
    assert killed >= 5
