"""The ledger's tables and how a database is opened.

Guarantees: a database that is not a ledger, or one of a newer version, is refused
before anything in it is changed; every change runs in one transaction that takes the
write lock first (``BEGIN IMMEDIATE``), so two approvers cannot both read the old state;
SQLite runs with foreign keys on, a write-ahead log and full synchronisation, so that a
killed process leaves either the old or the new state; log rows cannot be updated or
deleted through SQLite's own interface.

What it does not do: defend against someone who may write the database file. Changed
rows are noticed (``ledger``), a ledger replaced as a whole is not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from fwverify.ledger.model import LedgerError

SCHEMA_VERSION: Final = 1
LOG_START: Final = "0" * 64
BUSY_SECONDS: Final = 30
_WRITE: Final = "fwverify_write"

METADATA: Final = MetaData()

VERSION: Final = Table(
    "ledger_schema",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("log_entries", Integer, nullable=False),
    Column("log_head", String(64), nullable=False),
)

PRODUCTS: Final = Table(
    "products",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("product", Text, nullable=False),
    UniqueConstraint("vendor", "product"),
)

BASELINES: Final = Table(
    "baselines",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("ref", String(200), nullable=False, unique=True),
    Column("product_id", ForeignKey("products.id"), nullable=False),
    Column("version", Text),
    Column("subject_sha256", String(64), nullable=False),
    Column("profile", LargeBinary, nullable=False),
    Column("profile_sha256", String(64), nullable=False),
    Column("context_sha256", String(64)),
    Column("state", String(16), nullable=False),
    Column("submitted_by", Text, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("record_sha256", String(64), nullable=False),
)

APPROVALS: Final = Table(
    "approvals",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("baseline_id", ForeignKey("baselines.id"), nullable=False),
    Column("person", Text, nullable=False),
    Column("person_key", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("at", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("baseline_id", "person_key", "role"),
)

LOG: Final = Table(
    "run_log",
    METADATA,
    Column("entry", Integer, primary_key=True, autoincrement=False),
    Column("prev_hash", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)

_TRIGGERS: Final = tuple(
    f"CREATE TRIGGER run_log_no_{change.lower()} BEFORE {change} ON run_log "
    "BEGIN SELECT RAISE(ABORT, 'the run log is append-only'); END"
    for change in ("UPDATE", "DELETE")
)


def open_engine(url: str, *, create: bool = True) -> Engine:
    """Return an engine on the ledger at ``url``; with ``create`` it is made where absent.

    Raises ``LedgerError`` for a bad URL, a database that cannot be opened, one that
    holds something else, or one of another schema version.
    """
    parsed = _parsed(url)
    shown = parsed.render_as_string(hide_password=True)
    file = parsed.database if parsed.get_backend_name() == "sqlite" else None
    if not create and file and not Path(file).is_file():
        raise LedgerError(f"there is no ledger at {shown}; approving a baseline makes one")
    try:
        engine = _engine(parsed)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(engine.dispose)
            _prepare(engine, shown)
            on_failure.pop_all()
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise LedgerError(f"the ledger {shown} cannot be opened: {_cause(error)}") from error
    return engine


def is_absent(url: str) -> bool:
    """Return whether ``url`` names an SQLite file that is not there."""
    parsed = _parsed(url)
    file = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return bool(file) and file != ":memory:" and not Path(str(file)).is_file()


def _prepare(engine: Engine, shown: str) -> None:
    """Make the tables of a new ledger; look at an old one before touching it."""
    with reading(engine) as connection:
        tables = set(inspect(connection).get_table_names())
        version = _version(connection) if VERSION.name in tables else None
    if tables:
        _refuse_other(shown, version)
    else:
        _create(engine)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        raise LedgerError("the ledger's URL cannot be read; write sqlite:///FILE") from error


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
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
    cursor.close()


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


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
    if version < SCHEMA_VERSION:
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
        if engine.dialect.name == "sqlite":
            for trigger in _TRIGGERS:
                connection.exec_driver_sql(trigger)
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


def _cause(error: BaseException) -> str:
    original = getattr(error, "orig", None)
    return str(original if original is not None else error).splitlines()[0]
