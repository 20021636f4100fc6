from __future__ import annotations

from tests.analyse.conftest import pool, rules, store

__all__ = ["pool", "rules", "store"]
