"""How a ledger's database is opened, and how one reads and writes in it.

Guarantees: a database that is not a ledger, or one of a newer schema, is refused before
anything in it is changed; one of an older schema is upgraded (SQLite: a copy is made
first; PostgreSQL: only by ``ledger upgrade``, since it is the team's); every change runs
in one transaction that takes the write lock first (SQLite ``BEGIN IMMEDIATE``, PostgreSQL
an advisory lock of the transaction), so two approvers cannot both read the old state;
readers see one state throughout; SQLite runs with foreign keys on, a write-ahead log and
full synchronisation, so that a killed process leaves either the old or the new state.

What it does not do: defend against someone who may write the database. Changed rows are
noticed (``ledger``), a ledger replaced as a whole is not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from fwverify.ledger.model import LedgerError
from fwverify.ledger.tables import (
    LOG_START,
    METADATA,
    PG_TRIGGERS,
    REVISION,
    REVISIONS,
    SCHEMA_VERSION,
    TRIGGERS,
    VERSION,
)

BUSY_SECONDS: Final = 30
_WRITE: Final = "fwverify_write"
_ADVISORY_LOCK: Final = 0x66777665
"""The number of the lock that PostgreSQL's writers hold in turn; ours alone by its rarity."""

_DRIVERS: Final = {"postgresql": "postgresql+pg8000", "sqlite": "sqlite"}


def open_engine(url: str, *, create: bool = True, upgrading: bool = False) -> Engine:
    """Return an engine on the ledger at ``url``; with ``create`` it is made where absent.

    ``upgrading`` lets a ledger of an older schema on PostgreSQL be upgraded. Raises
    ``LedgerError`` for a bad URL, a database that cannot be opened, one that holds
    something else, or one of a schema that is not known or not to be upgraded.
    """
    parsed = _parsed(url)
    shown = parsed.render_as_string(hide_password=True)
    file = _file(parsed)
    if not create and file and not file.is_file():
        raise LedgerError(f"there is no ledger at {shown}; approving a baseline makes one")
    try:
        if file and file.is_file() and _is_cut_off(file):
            raise LedgerError(f"the ledger {shown} is cut off: its last page is not whole")
        engine = _engine(parsed)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(engine.dispose)
            _prepare(engine, shown, file, create=create, upgrading=upgrading)
            on_failure.pop_all()
    except (SQLAlchemyError, ImportError, OSError, TypeError, ValueError) as error:
        raise LedgerError(f"the ledger {shown} cannot be opened: {_cause(error)}") from error
    return engine


def is_absent(url: str) -> bool:
    """Return whether ``url`` names an SQLite file that is not there."""
    file = _file(_parsed(url))
    return file is not None and not file.is_file()


def _file(url: URL) -> Path | None:
    """Return the file of an SQLite database, None for one on a server."""
    if url.get_backend_name() != "sqlite":
        return None
    return Path(str(url.database))


def _is_cut_off(file: Path) -> bool:
    """Return whether the SQLite database ends within a page (file format, 1.3.2).

    SQLite reads such a page as if zeros followed. While a write-ahead log is there, it
    may still hold the rest.
    """
    log = file.with_name(file.name + "-wal")
    if log.is_file() and log.stat().st_size:
        return False
    with file.open("rb") as opened:
        head = opened.read(18)
    page = int.from_bytes(head[16:18], "big") if head.startswith(b"SQLite format 3\0") else 0
    page = 65536 if page == 1 else page
    return bool(page) and file.stat().st_size % page != 0


def _prepare(
    engine: Engine, shown: str, file: Path | None, *, create: bool, upgrading: bool
) -> None:
    """Make the tables of a new ledger; look at an old one before touching it."""
    with reading(engine) as connection:
        tables = set(inspect(connection).get_table_names())
        version = _version(connection) if VERSION.name in tables else None
    if not tables:
        if not create and file is None:
            raise LedgerError(f"there is no ledger at {shown}; approving a baseline makes one")
        _create(engine)
        return
    _refuse_other(shown, version)
    if version != SCHEMA_VERSION:
        if engine.dialect.name != "sqlite" and not upgrading:
            raise LedgerError(
                f"the ledger {shown} has the older schema {version}, this program knows "
                f"{SCHEMA_VERSION}; back it up and run: fwverify ledger upgrade"
            )
        _upgrade(engine, file)


def _upgrade(engine: Engine, file: Path | None) -> None:
    from fwverify.ledger import upgrade

    with writing(engine) as connection:
        upgrade.upgrade(connection, file)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise LedgerError("the ledger's URL cannot be read; write sqlite:///FILE") from error
    if parsed.get_backend_name() == "sqlite":
        _require_plain_file(parsed)
    if parsed.drivername == "postgresql":
        return parsed.set(drivername=_DRIVERS["postgresql"])
    return parsed


def _require_plain_file(url: URL) -> None:
    """Refuse an SQLite URL that is not simply a file.

    Options and ``file:`` names open another file than the one that is looked for, or one
    whose changes are not seen (``immutable``); what is in memory is forgotten at the end.
    """
    if url.query:
        raise LedgerError("an SQLite ledger takes no options behind ?; write sqlite:///FILE")
    name = url.database or ""
    if name in ("", ":memory:") or name.startswith("file:") or "\0" in name:
        raise LedgerError("an SQLite ledger is a file; write sqlite:///FILE")


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        engine = create_engine(url)
        event.listen(engine, "begin", _on_begin_postgresql)
        return engine
    if url.get_backend_name() != "sqlite":
        raise LedgerError("a ledger is kept in SQLite or PostgreSQL; write sqlite:///FILE")
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    """Leave transactions to SQLAlchemy and set what SQLite forgets per connection."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _on_begin_postgresql(connection: Connection) -> None:
    """Let one writer in at a time; a reader gets one snapshot.

    A writer stays at READ COMMITTED: what it reads after it got the lock is what the
    writer before left (PostgreSQL, "Transaction Isolation"; a snapshot taken before the
    lock would be older).
    """
    if not connection.get_execution_options().get(_WRITE, False):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def _version(connection: Connection) -> int | None:
    return connection.execute(select(VERSION.c.version)).scalar_one_or_none()


def _refuse_other(shown: str, version: int | None) -> None:
    if version is None:
        raise LedgerError(f"{shown} is a database, but no fwverify ledger")
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger {shown} has schema {version}, this program knows {SCHEMA_VERSION}; "
            "use a newer fwverify; nothing was changed"
        )
    if version not in REVISIONS:
        raise LedgerError(f"the ledger {shown} has the unknown schema {version}")


def _create(engine: Engine) -> None:
    """Make the tables in one transaction; a second process that was faster is no fault."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            raw = connection.connection.cursor()
            raw.execute("PRAGMA journal_mode=WAL")
            raw.close()
    with writing(engine) as connection:
        if VERSION.name in inspect(connection).get_table_names():
            return
        METADATA.create_all(connection)
        for trigger in TRIGGERS if engine.dialect.name == "sqlite" else PG_TRIGGERS:
            connection.exec_driver_sql(trigger)
        connection.execute(insert(REVISION).values(version_num=REVISIONS[SCHEMA_VERSION]))
        connection.execute(
            insert(VERSION).values(id=1, version=SCHEMA_VERSION, log_entries=0, log_head=LOG_START)
        )


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees one state of the ledger throughout."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that holds the write lock; commits at the end or rolls back."""
    with (
        engine.connect().execution_options(**{_WRITE: True}) as connection,
        connection.begin(),
    ):
        yield connection


def forget(engine: Engine) -> None:
    """Let SQLite move its write-ahead log into the database, where what is gone is zeros."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            raw = connection.connection.cursor()
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            raw.close()


def _cause(error: BaseException) -> str:
    original = getattr(error, "orig", None)
    return str(original if original is not None else error).splitlines()[0]
