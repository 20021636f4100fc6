"""Every shipped rule is tried both ways, wherever its family's cases lie.

The families' own tests look at their own files; this looks at the folder, so that a new
file of rules, or a rule without cases, turns red.
"""

from __future__ import annotations

from pathlib import Path

from fwverify.analyse.rulefile import read_rules
from fwverify.analyse.rules import lint_rules
from tests.analyse.test_yara_rules import CASES as FIRST
from tests.rules_backdoor.test_rules import FAMILIES as BACKDOOR
from tests.rules_remote.test_rules import CASES as REMOTE
from tests.rules_vehicle.test_rules import CASES as VEHICLE

RULES = Path(__file__).parents[2] / "yara_rules"
FAMILIES = {
    *("anti_analysis", "backdoor_creds", "cellular", "covert_update", "crypto_keys"),
    *("exfiltration", "meter_control", "persistence", "remote_access", "surveillance"),
    *("tunnels", "vehicle_bus", "windows_remote_admin"),
}
FEWEST_RULES = 150


def shipped() -> list[str]:
    return [rule.name for file in RULES.rglob("*.yar*") for rule in read_rules(file.read_text())]


def tried() -> set[str]:
    """Return the rules with content that they must find and content that they must leave."""
    backdoor = {case for family in BACKDOOR.values() for case in family}
    return {
        *(case.rule for case in (*backdoor, *VEHICLE) if case.wanted and case.unwanted),
        *(rule for rule, wanted, unwanted in (*FIRST, *REMOTE) if wanted and unwanted),
    }


def test_the_thirteen_families_are_all_there_is() -> None:
    assert {file.relative_to(RULES).as_posix() for file in RULES.rglob("*.yar*")} == {
        f"{family}.yar" for family in FAMILIES
    }


def test_there_are_enough_rules_each_with_its_own_name_and_complete() -> None:
    names = shipped()
    assert len(names) == len(set(names)) >= FEWEST_RULES
    assert lint_rules((RULES,)) == ()


def test_every_rule_has_a_positive_and_a_negative_case() -> None:
    assert set(shipped()) - tried() == set()
    assert tried() - set(shipped()) == set()
