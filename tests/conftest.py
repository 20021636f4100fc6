"""What all tests share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest

LONGEST_NAME = 60
SLOWEST = (
    "tests/test_corpus.py",
    "tests/evidence/test_forgery.py",
    "tests/packaging/test_bundle.py",
    "tests/gate_release/test_matrix.py",
    "tests/policy/test_effects.py",
    "tests/test_gate.py",
    "tests/samples/test_expected.py",
    "tests/evidence/test_commands.py",
    "tests/unpack/test_corpus_unpack.py",
    "tests/test_corpus_signatures.py",
    "tests/cli/test_process.py",
    "tests/analyse_engine/test_trial.py",
    "tests/analyse/test_shell.py",
    "tests/lookalikes/test_documented.py",
    "tests/verify_cms/test_rauc.py",
    "tests/packaging/test_setup.py",
)
"""Modules of more than ten seconds of processor time. A process takes whole modules in this
order; one of these taken last would leave the other processes without work.
"""


def pytest_configure(config: pytest.Config) -> None:
    """Have pytest-xdist keep the order of the modules; its own is by their number of tests."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slowest modules."""
    ranks = {name: rank for rank, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0], len(ranks)))


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a case by its argument where its value is bytes or a long text.

    Keys and signatures are made anew in every process; a name made of them would differ
    between the processes that share the tests out.
    """
    if isinstance(val, bytes) or (isinstance(val, str) and len(val) > LONGEST_NAME):
        return argname
    return None


@pytest.fixture(autouse=True, scope="session")
def temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what a process makes through ``tempfile`` in one folder, and remove that.

    A process of pytest-xdist ends without its exit handlers. Pytest's own folder is chosen
    before: below this one its paths would be too long for the sockets of gpg-agent.
    """
    tmp_path_factory.getbasetemp()
    before = tempfile.tempdir
    tempfile.tempdir = folder = tempfile.mkdtemp(prefix="fwverify-test-")
    Path(folder).chmod(0o711)  # a database server runs as another user below it
    yield
    tempfile.tempdir = before
    rmtree(folder, ignore_errors=True)
