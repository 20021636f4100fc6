"""Both back ends: SQLite always, PostgreSQL where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from fwverify.ledger import Ledger
from tests.ledger import postgres


@pytest.fixture(scope="session")
def postgresql():
    if postgres.programs() is None or importlib.util.find_spec("pg8000") is None:
        pytest.skip(postgres.ABSENT)
    with postgres.server() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of a ledger that is not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return postgres.database(request.getfixturevalue("postgresql"))


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "sub" / "ledger.sqlite"


@pytest.fixture
def ledger(file):
    with Ledger(f"sqlite:///{file}") as made:
        yield made
