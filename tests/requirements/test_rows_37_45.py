"""Rows 37 to 45 of docs/requirements.md, each through the product's own entry points."""
