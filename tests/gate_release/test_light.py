"""The gate loads no analyser, no parser of updates and no database."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.cli.program import ROOT
from tests.gate_release.papers import AT, SCRIPT, Trial

HEAVY = ("alembic", "asn1crypto", "lief", "msgspec", "sqlalchemy", "yara", "fwverify.unpack",
         "fwverify.analyse", "fwverify.verify", "fwverify.model")  # fmt: skip


def test_what_the_gate_imports(tmp_path):
    Trial().write(tmp_path)
    files = [word for name in ("release", "context", "pins", "revocations")
             for word in (f"--{name}", str(tmp_path / name))]  # fmt: skip
    code = (
        "import sys; from fwverify.cli import _run\n"
        f"code = _run(['gate', {str(tmp_path / 'update')!r}, *{files!r}, '--at', {AT!r}])\n"
        f"print(code, sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True,
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout.splitlines()[-1] == "0 []"


def test_the_script_is_plain_sh():
    text = SCRIPT.read_text("ascii")
    assert "eval" not in text
    assert "set -eu" in text
    assert "[[" not in text.replace("[[:", "")
    if not shutil.which("dash"):
        pytest.skip("LOUD: dash is not here to read the script")
    assert subprocess.run(["dash", "-n", str(SCRIPT)], check=False).returncode == 0
