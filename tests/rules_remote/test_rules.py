"""Every rule for tunnels and remote access finds what it is for and nothing beside it.

The contents are made here, as the strings of such programs, scripts and profiles look in
the field; nothing is malware and no address leads anywhere.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fwverify.analyse.rulefile import read_rules
from fwverify.analyse.rules import RuleSet, lint_rules, load_rules
from fwverify.analyse.windows import Extracted
from fwverify.analyse.yara import match
from tests.analyse.test_yara_rules import CASES as FIRST
from tests.rules_remote import cases_remote, cases_tunnels
from tests.rules_remote.contents import Cases, elf, sh, text

RULES = Path(__file__).parents[2] / "yara_rules"
FAMILIES = ("tunnels", "remote_access")
NAMES = (
    *("autossh", "tincd", "frpc", "ngrok", "chisel", "socat", "ncat", "ttyd", "x11vnc", "xrdp"),
    *("telnetd", "sshd", "dropbear", "tor", "stunnel", "openvpn", "strongSwan", "knockd", "adbd"),
    *("TeamViewer", "AnyDesk", "RustDesk", "rinetd", "gsocket"),
)
CASES: Cases = (*cases_tunnels.CASES, *cases_remote.CASES)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules((RULES,))


def names(rules: RuleSet, content: bytes) -> set[str]:
    hits, troubles = match(content, rules.bundle(), Extracted(()), 20)
    assert troubles == ()
    return {hit.rule for hit in hits}


def ours() -> dict[str, str]:
    """Return the confidence of each rule of the two families."""
    found = [rule for name in FAMILIES for rule in read_rules((RULES / f"{name}.yar").read_text())]
    return {rule.name: rule.get("confidence") for rule in found}


@pytest.mark.parametrize(("rule", "wanted", "unwanted"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_finds_its_own_and_leaves_its_neighbours(
    rules: RuleSet, rule: str, wanted: tuple[bytes, ...], unwanted: tuple[bytes, ...]
) -> None:
    for content in wanted:
        assert rule in names(rules, content), content
    for content in unwanted:
        assert rule not in names(rules, content), content


def test_every_rule_of_the_families_is_tried_both_ways() -> None:
    tried = {rule for rule, wanted, unwanted in (*FIRST, *CASES) if wanted and unwanted}
    assert set(ours()) - tried == set()
    assert {rule for rule, _, _ in CASES} - set(ours()) == set()


def test_there_are_at_least_fifty_rules_and_the_lint_is_silent() -> None:
    assert len(ours()) >= 50
    mine = {f"{name}.yar" for name in FAMILIES}
    assert [fault for fault in lint_rules((RULES,)) if Path(fault.file).name in mine] == []


def test_a_rule_matches_in_upper_half_and_behind_other_content(rules: RuleSet) -> None:
    far = elf("x" * 100_000, "AUTOSSH_GATETIME", "AUTOSSH_MAXSTART")
    assert "tunnel_autossh" in names(rules, far)
    lines = sh("true", *("echo step" for _ in range(2000)), "frpc -c /etc/frpc.ini &")
    assert "tunnel_frp_launch" in names(rules, lines)


@pytest.mark.parametrize(
    "name",
    NAMES,
)
def test_a_lone_name_in_a_program_says_nothing_for_certain(rules: RuleSet, name: str) -> None:
    confidences = ours()
    found = names(rules, elf(name, f"see {name}(8)"))
    assert {rule for rule in found if confidences.get(rule) == "high"} == set()


@pytest.mark.parametrize(
    "content",
    [
        text("socks5 = no", "vpn = off", "remote = none", "proxy =", "# tunnel"),
        sh("ssh-keygen -t ed25519 -f /etc/k", "scp f u@h:/tmp", "rsync -e ssh a b:c"),
        elf("SSL_connect", "CONNECT %s HTTP/1.1", "socks5://", "Proxy-Authorization: Basic %s"),
        elf("RFB 003.008\n", "VNC authentication succeeded", "Invalid VNC server"),
        text("client", "dev tun", "# remote vpn.invalid 1194"),
        b"\x7fELF" + bytes(range(256)) * 64,
    ],
    ids=["words", "ssh", "client", "viewer", "profile", "bytes"],
)
def test_ordinary_neighbours_are_left_alone(rules: RuleSet, content: bytes) -> None:
    assert names(rules, content) & set(ours()) == set()


def test_the_second_engine_compiles_the_rules_and_agrees(rules: RuleSet) -> None:
    yara_x = pytest.importorskip("yara_x", reason="yara-x is not installed")
    compiler = yara_x.Compiler()
    for family in FAMILIES:
        compiler.add_source((RULES / f"{family}.yar").read_text())
    second = compiler.build()
    mine = set(ours())
    for _, wanted, unwanted in CASES:
        for content in (*wanted, *unwanted):
            found = {rule.identifier for rule in second.scan(content).matching_rules}
            assert found == names(rules, content) & mine, content
