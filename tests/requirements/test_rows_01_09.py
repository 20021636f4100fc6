"""Rows 1 to 9 of docs/requirements.md, each through the product's own entry points."""
