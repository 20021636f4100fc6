"""What a command loads: a stage that does not run costs nothing, and its digest is still named."""

import json
import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from fwverify import tools
from fwverify.analyse.rules import RuleError, load_rules
from fwverify.config import load_config
from fwverify.strict import InputFileError
from fwverify.trust_listing import name_trust
from fwverify.verify.trust import load_trust

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, sys
from fwverify.cli import _run
code = _run(sys.argv[1:])
print()
print(json.dumps([code, sorted(sys.modules)]))
"""
HEAVY = (
    "asn1crypto",
    "cryptography",
    "importlib.metadata",
    "lief",
    "pefile",
    "rfc8785",
    "sqlalchemy",
)
STAGES = (
    "fwverify.analyse.stage",
    "fwverify.compare.stage",
    "fwverify.policy.decide",
    "fwverify.unpack.formats",
    "fwverify.verify",
)


@pytest.fixture
def update(tmp_path: Path) -> Path:
    file = tmp_path / "update.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("note.txt", "plain words\n")
    return file


def ran(tmp_path: Path, *arguments: object) -> tuple[int, set[str], dict[str, object]]:
    """Return the exit code, the modules loaded, and the report of a command."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, arguments), "--format", "json", "--no-cache"],
        capture_output=True,
        env=environment,
        cwd=tmp_path,
        check=True,
    )
    report, _, last = done.stdout.strip().partition(b"\n\n")
    code, modules = json.loads(last)
    return code, set(modules), json.loads(report)


def test_unpack_loads_no_other_stage_and_none_of_their_libraries(
    update: Path, tmp_path: Path
) -> None:
    code, modules, _ = ran(tmp_path, "unpack", update, "--out", tmp_path / "out")
    assert code == 0
    assert not modules & set(STAGES)
    assert not [name for name in HEAVY if name in modules]


def test_scan_loads_no_verification(update: Path, tmp_path: Path) -> None:
    _, modules, _ = ran(tmp_path, "scan", update)
    assert "fwverify.analyse.stage" in modules
    assert not modules & {"fwverify.verify", "fwverify.policy.decide", "sqlalchemy"}


def test_the_report_names_rules_and_trust_all_the_same(update: Path, tmp_path: Path) -> None:
    _, _, unpacked = ran(tmp_path, "unpack", update, "--out", tmp_path / "out")
    _, _, checked = ran(tmp_path, "check", update)
    named, known = unpacked["digests"], checked["digests"]
    assert (named["trust"], named["rules"]) == (known["trust"], known["rules"])
    assert named["policy"] is None
    assert unpacked["tools"] == checked["tools"]


def test_trust_and_rules_have_one_digest_however_far_they_are_read() -> None:
    config = load_config(None)
    assert name_trust(config.trust).sha256 == load_trust(config.trust).sha256
    assert load_rules(config.rules, compiled=False) == load_rules(config.rules)


def test_a_trust_store_that_is_not_there_is_misuse_even_where_it_is_only_named(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputFileError, match="no such folder"):
        name_trust(tmp_path / "none")
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(InputFileError, match="links are refused"):
        name_trust(tmp_path)


def test_rules_that_do_not_compile_matter_where_they_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "bad.yar").write_text("rule broken { condition: nonsense }")
    assert load_rules((tmp_path,), compiled=False).sha256
    with pytest.raises(RuleError, match="nonsense"):
        load_rules((tmp_path,))


@pytest.mark.parametrize("name", tools._PACKAGES)
def test_versions_are_those_of_the_standard_library(name: str) -> None:
    try:
        known = metadata.version(name)
    except metadata.PackageNotFoundError:
        known = "absent"
    assert tools._version(name) == known


def test_what_is_not_installed_is_absent() -> None:
    assert tools._version("no-such-distribution-anywhere") == "absent"


def test_metadata_is_read_from_the_first_folder_that_has_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, version in (("one", "1.5"), ("two", "2.0")):
        folder = tmp_path / place / "Some_Thing-9.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nVersion: {version}\n\nVersion: 7\n"
        )
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one"), str(tmp_path / "two")])
    tools._installed.cache_clear()
    try:
        assert tools._version("some.thing") == "1.5"
    finally:
        monkeypatch.undo()
        tools._installed.cache_clear()
