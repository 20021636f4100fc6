"""Bringing a ledger of an older schema to the present one, by Alembic's migrations.

Guarantees: all migrations run in the one transaction that the caller holds, so that a
killed process leaves the old ledger; an SQLite ledger is copied beside itself first
(``FILE.schema-N.bak``, synchronised, never written over); a second process that waited
for the lock finds nothing left to do; ``ledger_schema`` and Alembic's mark have to agree,
before and afterwards.

Not done: going back. Put the copy in place of the ledger for that.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, select

from fwverify.ledger.model import LedgerError
from fwverify.ledger.tables import REVISION, REVISIONS, SCHEMA_VERSION, VERSION

if TYPE_CHECKING:
    from alembic.config import Config


def upgrade(connection: Connection, file: Path | None) -> tuple[int, int]:
    """Bring the ledger to ``SCHEMA_VERSION`` inside the caller's write transaction.

    ``file`` is that of an SQLite ledger, copied first. Returns the schema before and
    after. Raises ``LedgerError`` where its marks do not fit, or no copy can be made.
    """
    from alembic import command

    before = _marked(connection)
    if before == SCHEMA_VERSION:
        return before, before
    if file is not None:
        back_up(file, before)
    config = _config(connection)
    if REVISION.name not in inspect(connection).get_table_names():
        command.stamp(config, REVISIONS[before])
    command.upgrade(config, "head")
    after = _marked(connection)
    if after != SCHEMA_VERSION:
        raise LedgerError(f"the migrations led to schema {after}, not {SCHEMA_VERSION}")
    return before, after


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.attributes["connection"] = connection
    return config


def _marked(connection: Connection) -> int:
    """Return the schema of the ledger; its two marks have to agree."""
    version = connection.execute(select(VERSION.c.version)).scalar_one_or_none()
    if version not in REVISIONS:
        raise LedgerError(f"the ledger has the unknown schema {version}; nothing was changed")
    if REVISION.name in inspect(connection).get_table_names():
        marks = connection.execute(select(REVISION.c.version_num)).scalars().all()
        if list(marks) != [REVISIONS[version]]:
            raise LedgerError(
                f"the ledger says schema {version} and migrations {', '.join(marks) or 'none'}; "
                "nothing was changed"
            )
    elif version != 1:
        raise LedgerError(f"the ledger of schema {version} has no mark of its migrations")
    return int(version)


def back_up(file: Path, version: int) -> Path:
    """Copy the SQLite ledger ``file`` of schema ``version`` beside itself; return the copy.

    The caller holds the write lock; readers are let in. The copy is one state of the
    database (SQLite, "Online Backup API") and on the disk before it has its name. Raises
    ``LedgerError`` where it cannot be made.
    """
    target = _free(file, version)
    making = target.with_name(f"{target.name}.new")
    try:
        making.unlink(missing_ok=True)  # of a process that was killed: the lock is ours now
        with (
            closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(making)) as copy,
        ):
            source.backup(copy)
        making.chmod(0o600)
        with making.open("rb") as written:
            os.fsync(written.fileno())
        making.rename(target)
    except (OSError, sqlite3.Error) as error:
        making.unlink(missing_ok=True)
        raise LedgerError(
            f"the ledger has the older schema {version} and no copy of it can be made beside it "
            f"({error}); nothing was changed"
        ) from error
    return target


def _free(file: Path, version: int) -> Path:
    for number in range(1, 1000):
        extra = "" if number == 1 else f".{number}"
        target = file.with_name(f"{file.name}.schema-{version}.bak{extra}")
        if not target.exists():
            return target
    raise LedgerError(f"there are too many copies beside {file}; nothing was changed")
