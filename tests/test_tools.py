"""What decides whether a cached result is still one of this program."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from fwverify import reader, tools


@pytest.fixture(autouse=True)
def fresh():
    tools.code_digest.cache_clear()
    yield
    tools.code_digest.cache_clear()


def digest():
    tools.code_digest.cache_clear()
    return tools.code_digest("compare")


def test_the_same_program_has_the_same_digest():
    assert digest() == digest()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", sys.version.replace("3.", "4.", 1)),
        ("implementation", SimpleNamespace(name="another")),
    ],
)
def test_another_python_reads_no_cached_result(monkeypatch, name, value):
    before = digest()
    monkeypatch.setattr(sys, name, value)
    assert digest() != before


def test_another_reader_reads_no_cached_result(monkeypatch, tmp_path):
    """The bounds of every parser stand in ``reader``, beside the packages."""
    for file in ("tools.py", "reader.py"):
        (tmp_path / file).write_text("1")
    assert reader.__file__.endswith("fwverify/reader.py")
    monkeypatch.setattr(tools, "__file__", str(tmp_path / "tools.py"))
    before = digest()
    (tmp_path / "reader.py").write_text("2")
    assert digest() != before
