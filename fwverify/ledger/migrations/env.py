"""Alembic's entry: runs migrations on the connection that ``ledger.upgrade`` hands over.

Guarantees: no connection is opened here and no transaction ended; the caller's one
transaction holds all of it, on SQLite too (its DDL is transactional).
"""

from __future__ import annotations

from alembic import context

from fwverify.ledger.tables import METADATA, REVISION

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=REVISION.name,
    transactional_ddl=True,
)
context.run_migrations()
