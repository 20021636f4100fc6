"""Rows 55 to 63 of docs/requirements.md, each through the product's own entry points."""
