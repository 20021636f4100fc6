"""Schema 2: approvals that are signed, with conditions and expiry; devices; kept blobs.

An approval by name alone stays what it was: its new columns are empty. One person may
approve again (signed, or anew after an expiry), so the act's time and key tell them apart.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
_ACT = ("baseline_id", "person_key", "role", "at", "key_sha256")


def upgrade() -> None:
    """Change approvals and add the other tables."""
    op.add_column("baselines", sa.Column("case_id", sa.Text))
    _approvals()
    _new_tables()
    op.execute("UPDATE ledger_schema SET version = 2")


def _approvals() -> None:
    """Rebuild the table on SQLite, which cannot drop a constraint; change it elsewhere."""
    added = (
        sa.Column("conditions", sa.Text, nullable=False, server_default="[]"),
        sa.Column("not_after", sa.String(32)),
        sa.Column("key_sha256", sa.String(64), nullable=False, server_default=""),
        sa.Column("signature", sa.Text, nullable=False, server_default=""),
    )
    if op.get_bind().dialect.name != "sqlite":
        for column in added:
            op.add_column("approvals", column)
        op.drop_constraint("approvals_baseline_id_person_key_role_key", "approvals")
        op.create_unique_constraint("one_act_at_a_time", "approvals", list(_ACT))
        return
    op.create_table(
        "approvals_new",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("baseline_id", sa.Integer, sa.ForeignKey("baselines.id"), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("person_key", sa.Text, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        *added,
        sa.UniqueConstraint(*_ACT, name="one_act_at_a_time"),
    )
    kept = "id, baseline_id, person, person_key, role, at, reason"
    op.execute(f"INSERT INTO approvals_new ({kept}) SELECT {kept} FROM approvals")  # noqa: S608
    op.drop_table("approvals")
    op.rename_table("approvals_new", "approvals")


def _new_tables() -> None:
    op.create_table(
        "components",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("baseline_id", sa.Integer, sa.ForeignKey("baselines.id"), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        *(sa.Column("sha256", sa.String(64)), sa.Column("ecu", sa.Text)),
        *(sa.Column("hw_id", sa.Text), sa.Column("sw_id", sa.Text)),
    )
    op.create_table(
        "kept_blobs",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "baseline_blobs",
        sa.Column("baseline_id", sa.Integer, sa.ForeignKey("baselines.id"), primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
    )
    op.create_table(
        "devices",
        sa.Column("import_number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("device", sa.String(200), primary_key=True),
        sa.Column("vendor", sa.Text, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("image_sha256", sa.String(64), nullable=False),
        sa.Column("version", sa.Text),
        sa.Column("seen_at", sa.String(32), nullable=False),
    )
