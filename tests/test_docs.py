"""The documentation tells what the program does today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fwverify.report.tables import formats_page, schemes_page
from fwverify.verify.schemes import SCHEMES
from tests.cli.program import ROOT, fwverify

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("file", "page"), [("formats.md", formats_page), ("schemes.md", schemes_page)]
)
def test_generated_tables_are_those_of_the_registries(file: str, page) -> None:
    """Refresh with ``fwverify formats --markdown`` and ``fwverify schemes --markdown``."""
    assert (ROOT / "docs" / file).read_text() == page() + "\n"


def test_every_command_in_the_readme_exists() -> None:
    named = set(re.findall(r"^\| `([a-z]+)", README, flags=re.MULTILINE))
    named |= set(re.findall(r"`fwverify ([a-z]+)", README))
    for command in sorted(named):
        assert fwverify(command, "--help").code == 0, command


def test_every_option_in_the_documentation_exists() -> None:
    for file in (ROOT / "README.md", ROOT / "docs" / "guide.md"):
        for call in re.findall(
            r"fwverify ((?:baseline )?[a-z]+)[^`\n]*?(--[a-z-]+)", file.read_text()
        ):
            assert call[1] in fwverify(*call[0].split(), "--help").out, call


def test_links_lead_somewhere() -> None:
    for file in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text()):
            assert (file.parent / target).exists(), f"{file.name}: {target}"


def test_every_test_that_the_documentation_names_exists() -> None:
    named = 0
    for file in (ROOT / "docs").rglob("*.md"):
        for path, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", file.read_text()):
            assert f"def {test}" in (ROOT / path).read_text(), f"{file.name}: {path}::{test}"
            named += 1
    assert named > 20


def test_nothing_names_a_machine() -> None:
    pattern = re.compile(r"(?<![\w.])/(?:home|root|work|mnt|Users)/[a-z]")
    for file in ROOT.rglob("*"):
        if file.suffix in (".md", ".toml", ".py", ".yar", ".sh") and not _generated(file):
            text = file.read_text()
            for match in pattern.finditer(text):
                assert text[match.start() :].startswith(("/home/user", "/root/.ssh", "/root:")), (
                    file,
                    match,
                )


def _generated(file: Path) -> bool:
    parts = file.relative_to(ROOT).parts
    return parts[0].startswith(".") or parts[:2] == ("samples", "out") or parts[0] == "tests"


def test_every_test_that_a_page_names_is_there():
    named = re.findall(
        r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", (ROOT / "docs" / "verifiers.md").read_text()
    )
    assert len(named) > 20
    for file, name in named:
        text = (ROOT / file).read_text()
        assert not name or f"def {name}(" in text, (file, name)


def test_every_scheme_has_its_line_on_how_to_write_the_rule():
    named = set(re.findall(r"`([\w-]+)`", (ROOT / "docs" / "trust-rules.md").read_text()))
    assert {scheme.name for scheme in SCHEMES} - named == set()
    anchors = {one.name for one in (ROOT / "signatures" / "anchors").iterdir()}
    assert {name for name in named if name.startswith("debian-archive")} <= anchors
