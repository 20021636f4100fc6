from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import fwverify
from tests.lookalikes import toolchain
from tests.lookalikes.cases import CASES, Case
from tests.lookalikes.report import Findings, by_carrier


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> toolchain.Toolchain:
    if not toolchain.PRESENT:
        pytest.skip("ziglang is not installed: the look-alikes cannot be built")
    return toolchain.Toolchain(tmp_path_factory.mktemp("lookalikes"))


def packed(tools: toolchain.Toolchain, case: Case, processor: str, *, twin: bool) -> bytes:
    """Return the update of ``case`` for ``processor``."""
    build = tools.static if case.static else tools.program
    files = {**case.both, **({} if twin else case.evil)}
    return case.pack({**files, case.program: build(case.name, processor, twin=twin)})


@pytest.fixture(scope="session")
def found(tools: toolchain.Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """What one run of ``scan`` says of every case, processor and twin."""
    folder = tmp_path_factory.mktemp("updates")
    for case in CASES:
        for processor in toolchain.TARGETS:
            for twin in (False, True):
                name = f"{case.name}-{processor}-{'twin' if twin else 'case'}.bin"
                (folder / name).write_bytes(packed(tools, case, processor, twin=twin))
    return by_carrier(scanned(folder))


def scanned(path: Path) -> dict[str, object]:
    """Return the report of ``fwverify scan``."""
    return fwverify("scan", path, "--format", "json", "--at", "2026-06-01T00:00:00Z").json
