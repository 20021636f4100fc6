"""Migrations of the ledger (Alembic), one module each."""
