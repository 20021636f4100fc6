"""The ledger's tables, as the newest migration leaves them.

Guarantees: what these tables say is what ``migrations`` make (a test compares the two);
log rows cannot be updated or deleted through SQLite's or PostgreSQL's own interface while
the triggers stand.

Not kept here but in the run log alone: verdicts, revocations' reasons beside their rows,
RXSWIN entries and the highest accepted values.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION: Final = 2
"""Raised with each migration; ``REVISIONS`` names the migration that leads there."""
REVISIONS: Final = {1: "0001", 2: "0002"}
LOG_START: Final = "0" * 64

METADATA: Final = MetaData()

VERSION: Final = Table(
    "ledger_schema",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("log_entries", Integer, nullable=False),
    Column("log_head", String(64), nullable=False),
)

REVISION: Final = Table(
    "ledger_revision",
    METADATA,
    Column("version_num", String(32), primary_key=True),
)
"""Alembic's own mark: which migration this database has seen."""

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
    Column("case_id", Text),
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
    Column("conditions", Text, nullable=False, server_default="[]"),
    Column("not_after", String(32)),
    Column("key_sha256", String(64), nullable=False, server_default=""),
    Column("signature", Text, nullable=False, server_default=""),
    UniqueConstraint(
        "baseline_id", "person_key", "role", "at", "key_sha256", name="one_act_at_a_time"
    ),
)

COMPONENTS: Final = Table(
    "components",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("baseline_id", ForeignKey("baselines.id"), nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", String(64)),
    Column("ecu", Text),
    Column("hw_id", Text),
    Column("sw_id", Text),
)

KEPT: Final = Table(
    "kept_blobs",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

KEPT_OF: Final = Table(
    "baseline_blobs",
    METADATA,
    Column("baseline_id", ForeignKey("baselines.id"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
)

DEVICES: Final = Table(
    "devices",
    METADATA,
    Column("import_number", Integer, primary_key=True, autoincrement=False),
    Column("device", String(200), primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("image_sha256", String(64), nullable=False),
    Column("version", Text),
    Column("seen_at", String(32), nullable=False),
)

LOG: Final = Table(
    "run_log",
    METADATA,
    Column("entry", Integer, primary_key=True, autoincrement=False),
    Column("prev_hash", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)

TRIGGERS: Final = tuple(
    f"CREATE TRIGGER run_log_no_{change.lower()} BEFORE {change} ON run_log "
    "BEGIN SELECT RAISE(ABORT, 'the run log is append-only'); END"
    for change in ("UPDATE", "DELETE")
)

PG_TRIGGERS: Final = (
    (
        "CREATE FUNCTION run_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the run log is append-only'; END $$"
    ),
    (
        "CREATE TRIGGER run_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON run_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION run_log_refuse()"
    ),
)
