"""Rows 28 to 36 of docs/requirements.md, each through the product's own entry points."""
