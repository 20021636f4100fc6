"""Rows 19 to 27 of docs/requirements.md, each through the product's own entry points."""
