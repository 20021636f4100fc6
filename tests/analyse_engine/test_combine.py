"""One finding per fact, as sure as all sources make it, and never milder than its parts."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse import analyse
from fwverify.analyse.combinations import COMBINATIONS
from fwverify.analyse.combine import combined, program_name, started_programs
from fwverify.analyse.rules import RuleSet
from fwverify.analyse.stage import _finding
from fwverify.analyse.taxonomy import CAPABILITY_IDS, CONFIDENCES, SEVERITIES, THREATS
from fwverify.analyse.values import Hit
from fwverify.limits import Limits
from fwverify.merged_rules import per_rule, told
from fwverify.model import Analysed, Fact, Service
from fwverify.policy.facts import judged_findings
from fwverify.store import Store
from fwverify.workers import Pool
from tests.builders.facts import good_facts
from tests.builders.linuxfs import ROOT, elf_program, tree


def a_hit(rule: str = "a_rule", **fields: object) -> Hit:
    base = {
        "rule": rule,
        "text": f"{rule} holds",
        "capability": "remote.shell.telnet",
        "threat": "both",
        "severity": "high",
        "confidence": "medium",
        "evidence": (f"text of {rule}",),
    }
    return msgspec.convert(base | fields, Hit)


def imports(*names: str) -> tuple[Fact, ...]:
    return tuple(Fact(kind="import", text=name) for name in names)


def strengths(hits: tuple[Hit, ...]) -> set[tuple[str, ...]]:
    return {
        (each.rule, each.threat, each.severity, each.confidence)
        for hit in hits
        for each in per_rule(_finding(hit, "p"))
    }


# --- one finding per fact ---------------------------------------------------------------


def test_several_rules_of_one_ability_are_one_finding_with_all_evidence() -> None:
    weak = a_hit("b_rule", severity="low", confidence="high", threat="espionage", r155=("1.2",))
    (found,) = combined((weak, a_hit(r155=("16.1",))))
    assert (found.rule, found.severity, found.confidence) == ("a_rule", "high", "medium")
    assert found.evidence == (
        "rule:b_rule espionage low/high",
        "text of a_rule",
        "text of b_rule",
    )
    assert found.r155 == ("1.2", "16.1")


def test_other_abilities_and_hits_without_one_stay_apart() -> None:
    hits = (
        a_hit(),
        a_hit("b_rule", capability="tunnel.vpn"),
        a_hit("c_rule", capability=None),
        a_hit("d_rule", capability=None),
    )
    assert {hit.rule for hit in combined(hits)} == {"a_rule", "b_rule", "c_rule", "d_rule"}


def test_an_analyser_leads_a_rule_of_the_same_strength() -> None:
    (found,) = combined((a_hit("a_rule"), a_hit("service.telnet")))
    assert found.rule == "service.telnet"


@pytest.mark.parametrize("rule", ["cred.uid0", "key.private", "elf.opaque", "pe.opaque"])
def test_objects_are_counted_one_by_one(rule: str) -> None:
    objects = tuple(a_hit(rule, evidence=(f"object {index}",)) for index in range(3))
    assert len(combined(objects)) == 3
    assert len(combined((*objects, a_hit("a_rule"), a_hit("b_rule")))) == 4
    (one,) = combined((objects[0], a_hit("a_rule")))
    assert one.rule in (rule, "a_rule")


def test_a_content_cannot_forge_a_rule_s_word() -> None:
    forged = told("cred.uid0", "both", "critical", "high")
    (found,) = combined((a_hit(evidence=(forged,)),))
    assert found.evidence == (f"text {forged}",)
    assert strengths((found,)) == {("a_rule", "both", "high", "medium")}


def test_a_long_list_is_sealed_and_keeps_every_rule() -> None:
    hits = tuple(
        a_hit(f"rule_{index:03}", evidence=tuple(f"{index} {n}" for n in range(9)))
        for index in range(40)
    )
    (found,) = combined(hits)
    assert len(strengths((found,))) == 40
    assert any(text.startswith("and ") and "sha256:" in text for text in found.evidence)
    assert len(found.evidence) < 140


HITS = st.lists(
    st.builds(
        lambda rule, capability, threat, severity, confidence, text: a_hit(
            rule,
            capability=capability,
            threat=threat,
            severity=severity,
            confidence=confidence,
            evidence=(text,),
        ),
        st.sampled_from(("a_rule", "b_rule", "c_rule", "key.private", "service.x")),
        st.sampled_from((None, "tunnel.vpn", "surv.sniff", "key.private")),
        st.sampled_from(THREATS),
        st.sampled_from(SEVERITIES),
        st.sampled_from(CONFIDENCES),
        st.sampled_from(("one", "two", "rule:x both high/high")),
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(HITS, st.booleans(), st.randoms(use_true_random=False))
def test_merging_loses_no_strength_and_no_order_matters(
    hits: list[Hit], supported: bool, chance: random.Random
) -> None:
    facts = imports("pcap_open_live") if supported else ()
    result = combined(hits, facts)
    shuffled = list(hits)
    chance.shuffle(shuffled)
    assert combined(shuffled, facts) == result
    said = strengths(result)
    for hit in hits:
        least = CONFIDENCES.index(hit.confidence)
        assert any(
            (hit.rule, hit.threat, hit.severity) == each[:3] and CONFIDENCES.index(each[3]) >= least
            for each in said
        )
    if not supported:
        assert said == {(h.rule, h.threat, h.severity, h.confidence) for h in hits}


def test_a_policy_judges_every_rule_of_a_merged_finding() -> None:
    weak = a_hit("b_rule", severity="low", confidence="high")
    (merged,) = combined((weak, a_hit()))
    finding = _finding(merged, "u!/p")
    facts = good_facts(analysed=Analysed(findings=(finding,)))
    judged = judged_findings(facts)
    assert {(each.rule, each.severity, each.confidence) for each in judged} >= {
        ("a_rule", "high", "medium"),
        ("b_rule", "low", "high"),
    }
    assert {each.fingerprint for each in judged if each.path == "u!/p"} == {finding.fingerprint}


# --- confidence by combination ----------------------------------------------------------


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_a_name_with_the_calls_behind_it_is_sure(confidence: str) -> None:
    facts = imports("forkpty", "listen", "printf")
    (found,) = combined((a_hit(confidence=confidence),), facts)
    assert found.confidence == "high"
    expected = () if confidence == "high" else ("import forkpty", "import listen")
    assert found.evidence == (*expected, "text of a_rule")


@pytest.mark.parametrize(
    "facts",
    [
        (),
        imports("forkpty"),
        imports("listen", "accept"),
        (Fact(kind="section", text="forkpty"), Fact(kind="section", text="listen")),
        (Fact(kind="needed", text="forkpty"), *imports("listen")),
    ],
)
def test_half_a_combination_raises_nothing(facts: tuple[Fact, ...]) -> None:
    (found,) = combined((a_hit(confidence="low"),), facts)
    assert (found.confidence, found.evidence) == ("low", ("text of a_rule",))


@pytest.mark.parametrize(
    ("capability", "facts"),
    [
        ("surv.sniff", (Fact(kind="constant", text="AF_PACKET"),)),
        ("can.inject", (Fact(kind="call", text="socket(AF_CAN, SOCK_RAW, CAN_RAW)"),)),
        ("remote.shell.reverse", imports("connect", "dup2", "execve")),
        (
            "remote.shell.reverse",
            tuple(Fact(kind="syscall", text=name) for name in ("connect", "dup3", "execve")),
        ),
        ("win.user_add", (Fact(kind="import", text="NETAPI32.dll!NetUserAdd"),)),
        (
            "remote.desktop",
            (Fact(kind="needed", text="libvncserver.so.1"), *imports("accept")),
        ),
    ],
)
def test_each_kind_of_support_counts(capability: str, facts: tuple[Fact, ...]) -> None:
    (found,) = combined((a_hit(capability=capability, confidence="low"),), facts)
    assert found.confidence == "high"


@pytest.mark.parametrize("rule", ["elf.reverse_shell", "code.packet_socket"])
def test_what_an_analyser_read_does_not_support_itself(rule: str) -> None:
    weak = a_hit(rule, capability="remote.shell.reverse", confidence="low")
    (found,) = combined((weak,), imports("connect", "dup2", "execve"))
    assert found.confidence == "low"
    (started,) = combined((weak,), (), ("started by etc/init.d/S1 (boot)",))
    assert started.confidence == "medium"


def test_a_service_of_another_name_raises_what_a_rule_knows_by_name_alone() -> None:
    run = ("started by lib/systemd/system/helper.service (systemd multi-user.target)",)
    (named,) = combined((a_hit(confidence="medium"),), (), (), run)
    assert (named.confidence, run[0] in named.evidence) == ("high", True)
    calls = a_hit("elf.bind_shell", capability="remote.shell.bind", confidence="medium")
    (daemon,) = combined((calls,), (), (), run)
    assert (daemon.confidence, daemon.evidence) == ("medium", calls.evidence)


def test_a_start_by_the_device_raises_one_level() -> None:
    (found,) = combined((a_hit(confidence="low"),), (), ("started by etc/init.d/S50x (boot)",))
    assert (found.confidence, found.severity) == ("medium", "high")
    assert "started by etc/init.d/S50x (boot)" in found.evidence
    (other,) = combined((a_hit(capability="key.weak", confidence="low"),), (), ("started by x",))
    assert other.confidence == "low"


def test_every_row_speaks_of_known_abilities_and_asks_for_something() -> None:
    for row in COMBINATIONS:
        assert any(each.startswith(row.prefix) for each in CAPABILITY_IDS), row.prefix
        assert row.groups and all(row.groups)
        assert 1 <= row.levels <= 2


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("u!/etc/init.d/S50frpc", "frpc"),
        ("u!/lib/systemd/system/frpc.service", "frpc"),
        ("u!/usr/bin/frpc", "frpc"),
        ("K01x.sh", "x"),
        ("", ""),
    ],
)
def test_services_and_programs_share_a_bare_name(path: str, name: str) -> None:
    assert program_name(path) == name


def test_only_a_service_of_the_same_file_system_counts() -> None:
    service = Service(
        name="frpc", kind="init", starts="boot", listens=(), path="a!/etc/init.d/S9frpc"
    )
    started = started_programs((service,))
    assert started[("a", "frpc")] == ("started by etc/init.d/S9frpc (boot)",)
    assert ("b", "frpc") not in started


# --- through the stage ------------------------------------------------------------------


def build(padding: int, order: int, version: bytes) -> bytes:
    """Return the same program as another compiler lays it out."""
    texts = [
        b"frp/client/control.go",
        b"github.com/fatedier/frp v" + version,
        b"telnetd -l /bin/sh",
        b"/bin/sh",
    ]
    calls = ("socket", "connect", "dup2", "execve", "listen", "accept", "forkpty")
    return elf_program(
        calls[::order], strings=(bytes(padding) + b"pad", *texts[::order], version + b" built")
    )


def test_a_rebuild_of_the_same_source_has_the_same_fingerprints(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    seen = []
    for padding, order, version in ((3, 1, b"0.51.3"), (777, -1, b"0.52.0")):
        unpacked = tree(store, {"usr/bin/agent": build(padding, order, version)})
        result = analyse(unpacked, store, pool, rules, Limits())
        assert result.problems == ()
        seen.append(result.findings)
    assert len(seen[0]) >= 3
    assert [each.offset for each in seen[0]] != [each.offset for each in seen[1]]
    marks = [{(each.rule, each.fingerprint) for each in found} for found in seen]
    assert marks[0] == marks[1]


def test_an_ability_that_is_added_changes_the_fingerprint(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    seen = []
    for more in ((), (b"utelnetd -l /bin/login -p 2323",)):
        content = elf_program(("listen",), strings=(b"telnetd -l /bin/sh", *more))
        result = analyse(tree(store, {"bin/x": content}), store, pool, rules, Limits())
        seen.append({f.fingerprint for f in result.findings if f.capability})
    assert seen[0] and not seen[0] & seen[1]


def test_a_started_program_says_so(store: Store, pool: Pool, rules: RuleSet) -> None:
    files = {
        "etc/init.d/S50agent": b"#!/bin/sh\n/usr/bin/agent &\n",
        "usr/bin/agent": elf_program(("connect",), strings=(b"telnetd -l /bin/sh",)),
    }
    result = analyse(tree(store, files), store, pool, rules, Limits())
    (found,) = [f for f in result.findings if f.path == f"{ROOT}!/usr/bin/agent"]
    assert found.capability == "remote.shell.telnet"
    assert found.confidence == "high"
