"""Rows 46 to 54 of docs/requirements.md, each through the product's own entry points."""
