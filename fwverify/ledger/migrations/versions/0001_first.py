"""Schema 1: baselines, approvals by name, the run log.

Ledgers of that schema were made before there were migrations: they are stamped with this
one, not run through it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fwverify.ledger.tables import LOG_START, PG_TRIGGERS, TRIGGERS

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of schema 1."""
    op.create_table(
        "ledger_schema",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("log_entries", sa.Integer, nullable=False),
        sa.Column("log_head", sa.String(64), nullable=False),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("vendor", sa.Text, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.UniqueConstraint("vendor", "product"),
    )
    op.create_table(
        "baselines",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("ref", sa.String(200), nullable=False, unique=True),
        sa.Column("product_id", sa.Integer, sa.ForeignKey("products.id"), nullable=False),
        sa.Column("version", sa.Text),
        sa.Column("subject_sha256", sa.String(64), nullable=False),
        sa.Column("profile", sa.LargeBinary, nullable=False),
        sa.Column("profile_sha256", sa.String(64), nullable=False),
        sa.Column("context_sha256", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("submitted_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("record_sha256", sa.String(64), nullable=False),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("baseline_id", sa.Integer, sa.ForeignKey("baselines.id"), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("person_key", sa.Text, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.UniqueConstraint("baseline_id", "person_key", "role"),
    )
    op.create_table(
        "run_log",
        sa.Column("entry", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
    )
    for trigger in TRIGGERS if op.get_bind().dialect.name == "sqlite" else PG_TRIGGERS:
        op.execute(trigger)
    op.execute(f"INSERT INTO ledger_schema VALUES (1, 1, 0, '{LOG_START}')")  # noqa: S608
