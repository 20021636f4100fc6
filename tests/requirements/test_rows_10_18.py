"""Rows 10 to 18 of docs/requirements.md, each through the product's own entry points."""
