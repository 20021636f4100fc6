"""Rows 64 to 72 of docs/requirements.md, each through the product's own entry points."""
