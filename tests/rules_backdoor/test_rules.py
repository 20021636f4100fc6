"""Each rule of the seven families finds its own and leaves its near misses alone.

The contents are written for these tests; nothing here is malware, and every secret is a
filler or one that its vendor's advisory or a standard prints.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fwverify.analyse.rulefile import read_rules
from fwverify.analyse.rules import lint_rules, load_rules
from fwverify.analyse.windows import Extracted
from fwverify.analyse.yara import match
from tests.analyse.test_yara_rules import CASES as FIRST
from tests.rules_backdoor.creds import CREDS
from tests.rules_backdoor.evade import EVADE
from tests.rules_backdoor.exfil import EXFIL
from tests.rules_backdoor.keys import KEYS
from tests.rules_backdoor.make import Case, elf, pe, sh, wide
from tests.rules_backdoor.persist import PERSIST
from tests.rules_backdoor.update import UPDATE
from tests.rules_backdoor.windows import WINDOWS

RULES = Path(__file__).parents[2] / "yara_rules"
FAMILIES = {
    "backdoor_creds": CREDS,
    "windows_remote_admin": WINDOWS,
    "persistence": PERSIST,
    "crypto_keys": KEYS,
    "exfiltration": EXFIL,
    "covert_update": UPDATE,
    "anti_analysis": EVADE,
}
CASES = tuple(each for cases in FAMILIES.values() for each in cases)
BUNDLE = load_rules((RULES,)).bundle()


def names(content: bytes) -> set[str]:
    hits, troubles = match(content, BUNDLE, Extracted(()), 20)
    assert troubles == ()
    return {hit.rule for hit in hits}


@pytest.mark.parametrize("case", CASES, ids=[case.rule for case in CASES])
def test_a_rule_finds_its_own_and_not_its_neighbours(case: Case) -> None:
    for content in case.wanted:
        assert case.rule in names(content), content
    for content in case.unwanted:
        assert case.rule not in names(content), content


@pytest.mark.parametrize("family", FAMILIES)
def test_every_rule_has_a_positive_and_a_negative_case(family: str) -> None:
    tried = {case.rule for case in FAMILIES[family] if case.wanted and case.unwanted}
    tried |= {rule for rule, wanted, unwanted in FIRST if wanted and unwanted}
    shipped = {rule.name for rule in read_rules((RULES / f"{family}.yar").read_text())}
    assert shipped - tried == set()
    assert {case.rule for case in FAMILIES[family]} <= shipped


def test_the_rules_are_many_and_complete() -> None:
    assert lint_rules((RULES,)) == ()
    counts = [len(read_rules((RULES / f"{family}.yar").read_text())) for family in FAMILIES]
    assert min(counts) >= 12
    assert sum(counts) >= 150


def test_a_match_cut_short_is_no_match() -> None:
    """The last byte of evidence counts: rules do not hold on half of what they look for."""
    content = elf("MfgThread", "w302r_mfg")
    assert "creds_router_knock" in names(content)
    assert "creds_router_knock" not in names(content[: content.index(b"w302r_mfg") + 8])


ORDINARY = {
    "utility": elf("login: ", "Password: ", "strcmp", "connect", "/etc/passwd", "usage: %s [-v]"),
    "daemon": elf("socket", "bind", "listen", "/var/run/%s.pid", "syslog", "reload", "fork"),
    "updater": sh(
        "curl -fsSLo /tmp/u.raucb https://updates.invalid/u.raucb",
        "rauc install /tmp/u.raucb",
        "reboot",
    ),
    "service": b"[Unit]\nDescription=x\n[Service]\nExecStart=/usr/sbin/x\n[Install]\n",
    "installer": pe(wide("Software\\Vendor"), wide("C:\\Program Files\\Vendor"), "CreateServiceW"),
    "manual": b"The service password is printed on the label. Change it with passwd(1).\n",
    "release notes": "更新说明:修复了登录页面的错误。\n".encode(),
    "zeros": bytes(8192),
}


@pytest.mark.parametrize("content", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_content_is_left_alone(content: bytes) -> None:
    assert names(content) == set()


def test_both_engines_say_the_same() -> None:
    """yara-x is the second engine behind the same rules."""
    yara_x = pytest.importorskip("yara_x", reason="SECOND ENGINE NOT COMPARED: no yara-x")
    compiler = yara_x.Compiler()
    for family in FAMILIES:
        compiler.new_namespace(family)
        compiler.add_source((RULES / f"{family}.yar").read_text())
    scanner = yara_x.Scanner(compiler.build())
    ours = {
        rule.name
        for family in FAMILIES
        for rule in read_rules((RULES / f"{family}.yar").read_text())
    }
    for case in CASES:
        for content in case.wanted + case.unwanted:
            found = {rule.identifier for rule in scanner.scan(content).matching_rules}
            assert found == names(content) & ours, content
