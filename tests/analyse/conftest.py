from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fwverify.analyse.rules import RuleSet, load_rules
from fwverify.store import Store
from fwverify.workers import Pool

RULES = Path(__file__).parents[2] / "yara_rules"


@pytest.fixture(scope="session")
def rules() -> RuleSet:
    return load_rules((RULES,))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    with Pool(2, 2 * 1024**3) as running:
        yield running
