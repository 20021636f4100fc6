"""The shipped catalogues have the official ids, each once; a wrong catalogue does not load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from fwverify.analyse.taxonomy import CAPABILITIES, R155_THREATS
from fwverify.catalogue import catalogues, load_catalogue, shipped
from fwverify.catalogue.load import faults
from fwverify.catalogue.values import Catalogue
from fwverify.catalogue.words import claims
from fwverify.strict import InputFileError
from tests.cli.program import ROOT, fwverify

BY_ID = {each.id: each for each in shipped()}

R155_EXAMPLES = {
    1: 3, 2: 1, 3: 5, 4: 2, 5: 5, 6: 3, 7: 2, 8: 2, 9: 1, 10: 1, 11: 4, 12: 4, 13: 1, 15: 2,
    16: 3, 17: 1, 18: 3, 19: 3, 20: 5, 21: 1, 23: 1, 24: 1, 25: 2, 26: 3, 27: 1, 28: 2, 29: 2,
    31: 1, 32: 1,
}  # fmt: skip
"""How many examples Table A1 gives below each number; 22 has only 22.2, 14 does not exist."""

NOT_COVERED = [
    *("1.1", "1.3", "2.1", "3.1", "3.2", "3.4", "3.5", "4.1", "4.2", "5.3", "5.4", "6.1"),
    *("8.1", "8.2", "11.2", "13.1", "16.3", "19.1", "20.2", "24.1", "32.1"),
]
DIRECT = ["10.1", "17.1", "19.3", "22.2", "26.1", "26.2", "26.3"]


def ids(catalogue: str, part: str) -> list[str]:
    return [each.id for each in BY_ID[catalogue].requirements if each.part == part]


def test_r155_has_the_67_examples_of_table_a1() -> None:
    wanted = {f"{number}.{k}" for number, n in R155_EXAMPLES.items() for k in range(1, n + 1)}
    wanted.add("22.2")
    found = ids("r155", "Annex 5 Part A")
    assert len(found) == 67
    assert set(found) == wanted


def test_r155_number_30_stands_in_part_c_alone() -> None:
    assert ids("r155", "Annex 5 Part C") == ["30.1", "30.2", "30.3"]
    assert not any(each.startswith("30.") for each in ids("r155", "Annex 5 Part A"))


@pytest.mark.parametrize("absent", ["14.1", "22.1", "33.1", "30.1"])
def test_r155_numbering_traps(absent: str) -> None:
    assert absent not in ids("r155", "Annex 5 Part A")


def test_r155_coverage_is_that_of_the_design() -> None:
    coverage = {
        each.id: each.coverage
        for each in BY_ID["r155"].requirements
        if each.part == "Annex 5 Part A"
    }
    assert {each for each in coverage if coverage[each] == "none"} == set(NOT_COVERED)
    assert {each for each in coverage if coverage[each] == "direct"} == set(DIRECT)
    assert {each for each in coverage if coverage[each] != "none"} == R155_THREATS


def test_every_covered_threat_is_asked_by_its_own_id() -> None:
    for each in BY_ID["r155"].requirements:
        if each.part == "Annex 5 Part A" and each.coverage != "none":
            assert each.id in each.threats, each.id


def test_a_threat_that_no_capability_names_needs_more_than_silence() -> None:
    """Where no ability can bear on a threat, "analysed" alone would support it by chance."""
    named = {threat for capability in CAPABILITIES for threat in capability.r155}
    named |= {"18.1", "5.5", "6.2", "3.3"}  # rules of the shipped set name these
    for each in BY_ID["r155"].requirements:
        if each.part != "Annex 5 Part A" or set(each.checks) != {"analysed"}:
            continue
        assert set(each.threats) & named or each.capabilities, each.id


def test_r156_has_the_paragraphs_of_7_1_and_7_2() -> None:
    found = ids("r156", "Paragraphs")
    assert [each for each in found if each.startswith("7.1.1.")] == [
        f"7.1.1.{k}" for k in range(1, 13)
    ]
    assert [each for each in found if each.startswith("7.1.2.5")] == [
        f"7.1.2.5({letter})" for letter in "abcdefghi"
    ]
    assert {each for each in found if each.startswith("7.2.2.")} == {
        *(f"7.2.2.1.{k}" for k in (1, 2, 3)),
        *(f"7.2.2.2({letter})" for letter in "abcde"),
        *(f"7.2.2.{k}({letter})" for k in (3, 4) for letter in "ab"),
        "7.2.2.5",
    }


@pytest.mark.parametrize(
    "absent", ["7.1.1.11", "7.1.4.1", "7.1.4.2", "7.1.2.1", "7.1.2.5(a)", "7.1.2.5(g)", "7.2.2.5"]
)
def test_r156_what_no_package_shows_is_not_covered(absent: str) -> None:
    (found,) = (each for each in BY_ID["r156"].requirements if each.id == absent)
    assert found.coverage == "none"


def test_21434_has_42_work_products() -> None:
    per_clause = {5: 5, 6: 4, 7: 1, 8: 6, 9: 7, 10: 7, 11: 1, 12: 1, 13: 1, 14: 1, 15: 8}
    wanted = [f"WP-{clause:02}-{k:02}" for clause, n in per_clause.items() for k in range(1, n + 1)]
    assert ids("iso21434", "Work products") == wanted
    assert len(wanted) == 42


def test_welmec_and_boaum() -> None:
    assert ids("welmec-7.2", "Type P") == [f"P{k}" for k in range(1, 8)]
    assert ids("welmec-7.2", "Extension D") == [f"D{k}" for k in range(1, 5)]
    assert ids("boaum", "Articles") == ["4"]


# --- a wrong catalogue -------------------------------------------------------------

SMALL = """
schema = "fwverify.catalogue/1"
id = "house"
title = "House rules"
version = "1"
valid_from = "2026-01-01"
scope = "all"
checked = "by hand"

[[parts]]
name = "A"
ids = ["1", "2"]

[[requirements]]
part = "A"
id = "1"
title = "signed"
coverage = "direct"
basis = "signatures"
checks = ["signed"]

[[requirements]]
part = "A"
id = "2"
title = "installed by two people"
coverage = "none"
basis = "not in an update"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "own"
    place.mkdir()
    (place / "house.toml").write_text(SMALL)
    return place


def test_the_operators_catalogue_loads_the_same_way(folder: Path) -> None:
    assert [each.id for each in catalogues((folder,))] == sorted([*BY_ID, "house"])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('id = "2"', 'id = "3"', "no id of the source|0 times"),
        ('id = "2"', 'id = "1"', "2 times|0 times"),
        ('ids = ["1", "2"]', 'ids = ["1", "2", "4"]', "4 stands 0 times"),
        ('ids = ["1", "2"]', 'ids = ["1", "2", "2"]', "stands twice"),
        ('part = "A"\nid = "2"', 'part = "B"\nid = "2"', "no id of the source|0 times"),
        ('checks = ["signed"]', 'checks = ["blessed"]', "blessed is no check"),
        ('checks = ["signed"]', "", "at least one check"),
        ('checks = ["signed"]', 'checks = ["signed"]\nthreats = ["1.1"]', "1.1 is no threat"),
        ('checks = ["signed"]', 'checks = ["signed"]\ncapabilities = ["magic."]', "magic"),
        ('coverage = "none"', 'coverage = "none"\nchecks = ["signed"]', "names no checks"),
        ('coverage = "direct"', 'coverage = "full"', "full"),
        ('title = "signed"', 'title = "compliant"', "claims too much"),
        ('basis = "signatures"', 'basis = "certified as R155"', "claims too much"),
        ('scope = "all"', 'scope = "conforms to all"', "claims too much"),
        ('valid_from = "2026-01-01"', 'valid_from = "01.01.2026"', "regex"),
        (
            'valid_from = "2026-01-01"',
            'valid_from = "2026-01-01"\nvalid_until = "2025-01-01"',
            "before valid_from",
        ),
        ('id = "house"', 'id = "house"\nmagic = 1', "magic"),
        ('id = "house"', 'id = "../house"', "regex"),
        ('id = "house"', 'id = "house"\nid = "house"', "overwrite"),
        ('schema = "fwverify.catalogue/1"', 'schema = "fwverify.catalogue/2"', "catalogue/2"),
    ],
)
def test_a_wrong_catalogue_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    assert old in SMALL
    file = tmp_path / "wrong.toml"
    file.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(InputFileError, match=why):
        load_catalogue(file)


def test_no_catalogue_replaces_another(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SMALL.replace('id = "house"', 'id = "r155"'))
    with pytest.raises(InputFileError, match="r155 is the id of another"):
        catalogues((tmp_path,))


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_without_catalogues_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputFileError, match="holds 0 catalogues"):
        catalogues((tmp_path / name,))


def test_each_requirement_of_the_shipped_ones_is_needed() -> None:
    for catalogue in shipped():
        for index in range(len(catalogue.requirements)):
            fewer = (
                *catalogue.requirements[:index],
                *catalogue.requirements[index + 1 :],
            )
            changed: Catalogue = replace(catalogue, requirements=fewer)
            assert any("0 times" in why for _, why in faults(changed))


# --- words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "compliant", "non-compliant", "R155 compliance", "complies with", "it conforms",
        "conformity", "conformant", "certified", "certification", "approved as a type",
        "approved as type", "type-approved", "type approved", "homologated",
        "meets the requirements", "fulfils all requirements", "satisfies R155", "COMPLIANT",
    ],
)  # fmt: skip
def test_words_that_claim(text: str) -> None:
    assert list(claims(f"the update is {text} today"))


@pytest.mark.parametrize(
    "text",
    [
        "Not a type approval and not a national-security judgement.",
        "type approval DENY",
        "a certificate in the file",
        "what the content supports or contradicts",
        "effects on type-approved systems are assessed",
    ],
)
def test_words_that_do_not(text: str) -> None:
    assert not list(claims(text))


OWN_TEXTS = [
    *sorted((ROOT / "fwverify" / "catalogue" / "data").glob("*.toml")),
    *sorted((ROOT / "fwverify" / "report").rglob("*.html")),
    *sorted((ROOT / "fwverify" / "report").rglob("*.typ")),
    *sorted((ROOT / "fwverify" / "report").rglob("*.py")),
    *sorted((ROOT / "fwverify" / "sbom").rglob("*.py")),
    ROOT / "fwverify" / "catalogue" / "checks.py",
    ROOT / "fwverify" / "catalogue" / "mapping.py",
    *(ROOT / "docs" / f"{name}.md" for name in ("regulation", "sbom", "reports")),
]


@pytest.mark.parametrize("file", OWN_TEXTS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_text_of_ours_claims(file: Path) -> None:
    text = re.sub(r"`[^`]*`", "", file.read_text(encoding="utf-8"))
    assert not list(claims(text))


# --- the command -------------------------------------------------------------------


def test_list_show_and_lint(folder: Path) -> None:
    listed = fwverify("catalogue", "list", "--catalogues", folder)
    assert listed.code == 0
    assert "house" in listed.out and "r155" in listed.out
    shown = fwverify("catalogue", "show", "r155")
    assert shown.code == 0
    assert "22.2" in shown.out and "not covered" in shown.out
    assert fwverify("catalogue", "lint").code == 0
    assert fwverify("catalogue", "lint", folder / "house.toml").code == 0


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(SMALL.replace('id = "2"', 'id = "3"'))
    ran = fwverify("catalogue", "lint", bad)
    assert ran.code == 4
    assert "A 2 stands 0 times" in ran.out
    assert fwverify("catalogue", "lint", tmp_path / "none.toml").code == 2
    assert fwverify("catalogue", "show", "nothing").code == 2
    assert fwverify("catalogue", "list", "--catalogues", tmp_path / "none").code == 2
