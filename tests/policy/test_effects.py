"""lint and compare: what they find, and that the ready policies pass."""

from __future__ import annotations

import functools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.model import Verdict
from fwverify.policy import load
from fwverify.policy.compared import compare
from fwverify.policy.decide import decide
from fwverify.policy.effects import Judge, TooManyError, domain, raised, situations
from fwverify.policy.lint import lint
from tests.builders.cases import case_for, with_context
from tests.builders.facts import good_facts
from tests.policy.ready import BOTH, BUILTIN_FOLDER, FLOOR, IDS, MINE, condition, linted, rule


@pytest.mark.parametrize("name", load.BUILTIN)
def test_no_ready_policy_is_milder_than_the_floor_or_has_a_dead_rule(name):
    found = lint(BUILTIN_FOLDER / f"{name}.toml", (), IDS)
    assert (found.faults, found.relaxes) == ((), ())
    assert compare(load.load_class(name).policy, FLOOR, IDS).stricter in ("left", "equal")


@pytest.mark.parametrize("name", load.SITES)
def test_no_site_profile_lowers_any_class(name):
    assert lint(BUILTIN_FOLDER / "sites" / f"{name}.toml", (), IDS).faults == ()


def test_an_airport_asks_for_all_that_a_port_asks_for():
    """REQUIREMENTS, row 40."""
    port = load.with_tightening(load.load_floor(), load.load_tightening("sites", "port"))
    airport = load.with_tightening(load.load_floor(), load.load_tightening("sites", "airport"))
    found = compare(airport.policy, port.policy, IDS)
    assert found.stricter == "left"
    for where in ("stand-alone", "networked"):
        ours = load.load_class(f"scanner-airport-{where}").policy
        theirs = load.load_class(f"scanner-port-{where}").policy
        assert compare(ours, theirs, IDS).stricter == "left"
        assert compare(theirs, ours, IDS).stricter == "right"


HIGH = condition("severity", "at_least", '"high"')
LINT_FAULTS = [
    # name, what is changed in the floor's text, key, words
    ("empty", lambda _: "", "", "is empty"),
    ("no rules", lambda t: t[: t.index("[[rules]]")], "", "missing required"),
    ("unknown key", lambda t: "lax = true\n" + t, "lax", "unknown field"),
    ("twice", lambda t: t.replace('version = "1"', 'version = "1"\nversion = "2"'), "", "Cannot"),
    (
        "fewer bytes examined",
        lambda t: t.replace("max_bytes = 262144", "max_bytes = 262145"),
        "unexplained_max_bytes",
        "lowers the common floor",
    ),
    (
        "a rule made milder",
        lambda t: t.replace('id = "shell.new"\n' + BOTH + '\nverdict = "DENY"',
                            'id = "shell.new"\n' + BOTH + '\nverdict = "REVIEW"'),
        "rules.1",
        "lowers the common floor",
    ),
    (
        "a rule of one overlay only",
        lambda t: t.replace('id = "login.new"\n' + BOTH,
                            'id = "login.new"\noverlays = ["type_approval_rules"]'),
        "rules.5",
        "lowers the common floor",
    ),
    (
        "a rule from a later day on",
        lambda t: t.replace('id = "login.new"', 'id = "login.new"\nfrom_date = "2030-01-01"'),
        "rules.5",
        "lowers the common floor",
    ),
    (
        "a rule for one deployment",
        lambda t: t.replace('id = "login.new"', 'id = "login.new"\ndeployment = "networked"'),
        "rules.5",
        "lowers the common floor",
    ),
    (
        "no knock-out any more",
        lambda t: t.replace("knock_out = true\n", ""),
        "rules.0",
        "lowers the common floor",
    ),
    (
        "what is left over later",
        lambda t: t.replace('at_least = "medium"\nverdict', 'at_least = "medium"\nverdict', 1)
        .replace('{ field = "severity", op = "at_least", value = "medium" }',
                 '{ field = "severity", op = "at_least", value = "high" }')
        .replace("[[rules]]", '[[capabilities]]\nid = "modem."\nstance = "allowed"\n'
                 'reason = "r"\n\n[[rules]]', 1),
        "rules",
        "lowers the common floor",
    ),
    (
        "two that exclude each other",
        lambda t: t + rule("odd", condition("capability", "prefix", '"modem."')
                           + ", " + condition("capability", "equals", '"tunnel.vpn"')),
        "rules.7.when",
        "contradictory",
    ),
    (
        "critical and low",
        lambda t: t + rule("odd", HIGH + ", " + condition("severity", "in", '["low", "info"]')),
        "rules.7.when",
        "contradictory",
    ),
    (
        "an endpoint inside and outside",
        lambda t: t + rule("odd", condition("outside", "equals", "true") + ", "
                           + condition("outside", "not_equals", "true"), more='over = "endpoint"'),
        "rules.7.when",
        "contradictory",
    ),
    (
        "never the toughest",
        lambda t: t + rule("late", condition("capability", "equals", '"cred.uid0"') + ", " + HIGH
                           + ", " + condition("confidence", "equals", '"high"') + ", "
                           + condition("in_baseline", "equals", "false"), "REVIEW"),
        "rules.7",
        "unreachable",
    ),
    (
        "for a deployment that the policy is not meant for",
        lambda t: t.replace("unexplained_max", 'deployments = ["networked"]\nunexplained_max', 1)
        + rule("alone", condition("severity", "equals", '"low"'),
               more='deployment = "stand-alone"'),
        "rules.7.deployment",
        "unreachable",
    ),
    (
        "allowed and forbidden",
        lambda t: t.replace("[[rules]]", '[[capabilities]]\nid = "modem."\nstance = "allowed"\n'
                            'reason = "r"\n[[capabilities]]\nid = "modem."\n'
                            'stance = "forbidden"\n\n[[rules]]', 1),
        "capabilities.1",
        "contradictory",
    ),
    (
        "a capability that is none",
        lambda t: t.replace("[[rules]]", '[[capabilities]]\nid = "modern."\n'
                            'stance = "forbidden"\n\n[[rules]]', 1),
        "capabilities.0.id",
        "no capability",
    ),
    (
        "allowed without a reason",
        lambda t: t.replace("[[rules]]", '[[capabilities]]\nid = "modem."\n'
                            'stance = "allowed"\n\n[[rules]]', 1),
        "capabilities.0.reason",
        "needs a reason",
    ),
    (
        "a day that does not exist",
        lambda t: t.replace("[[rules]]", '[[crypto]]\nfrom_date = "2027-02-29"\n'
                            'min_rsa_bits = 3072\n\n[[rules]]', 1),
        "crypto.0.from_date",
        "is no day",
    ),
    (
        "no digest left",
        lambda t: t.replace("[[rules]]", '[[crypto]]\nfrom_date = "2027-01-01"\n'
                            'digests = ["sha256"]\n[[crypto]]\nfrom_date = "2028-01-01"\n'
                            'digests = ["sha512"]\n\n[[rules]]', 1),
        "crypto",
        "no digest is left",
    ),
    (
        "a network that is none",
        lambda t: t.replace("[[rules]]", '[[jurisdictions]]\ncountry = "CN"\nsource = "s"\n'
                            'networks = ["1.2.3.4/8"]\n\n[[rules]]', 1),
        "jurisdictions.0.networks",
        "no network",
    ),
    ("no deployment", lambda t: "deployments = []\n" + t, "deployments", "names none"),
    ("an unknown base", lambda t: 'extends = "crate"\n' + t, "class", "no class"),
    ("its own base", lambda t: 'extends = "crane"\n' + t, "extends", "leads back"),
    ("unknown measures", lambda t: 'adopt = ["us"]\n' + t, "adopt", "not among"),
    ("an unknown site", lambda t: 'site = "moon"\n' + t, "profile", "not among"),
    (
        "a review that is refused already",
        lambda t: t.replace('id = "shell.new"', 'id = "shell.new"\ndeny_from_threat = "high"'),
        "rules.1.deny_from_threat",
        "already",
    ),
    (
        "a knock-out that a baseline excuses",
        lambda t: t + rule("odd", condition("added", "equals", "true"),
                           more='over = "account"\nknock_out = true'),
        "rules.7.when",
        "must not depend on added",
    ),
    (
        "a field of another kind of row",
        lambda t: t + rule("odd", condition("severity", "equals", '"high"'), more='over = "key"'),
        "rules.7.when",
        "nothing that a rule over key can ask",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "key", "words"), [pytest.param(*row[1:], id=row[0]) for row in LINT_FAULTS]
)
def test_lint_refuses_with_file_line_and_key(change, key, words, tmp_path):
    text = change(MINE)
    assert text != MINE
    found = linted(tmp_path, text)
    assert found.faults, found
    fitting = [each for each in found.faults if words in each.why and each.key == key]
    assert fitting, [str(each) for each in found.faults]
    lines = text.count("\n") + 2
    assert all(each.line is None or 1 <= each.line <= lines for each in found.faults)
    assert all("\n" not in str(each) for each in found.faults)


def test_the_floor_under_another_name_is_right(tmp_path):
    found = linted(tmp_path, MINE)
    assert (found.faults, found.label) == ((), "mine 1")


def test_a_relaxation_with_a_reason_is_said_and_is_no_fault(tmp_path):
    text = MINE.replace("required = true", 'required = false\nreason = "a trial"', 1)
    found = linted(tmp_path, text)
    assert (found.faults, found.relaxes) == ((), ("signatures.required = false: a trial",))


SITE = 'schema = "fwverify.tightening/1"\nname = "dock"\nversion = "1"\ntext = "t"\n'


@pytest.mark.parametrize(
    ("more", "key", "words"),
    [
        ("unexplained_max_bytes = 999999\n", "unexplained_max_bytes", "lowers the floor"),
        (
            '[[capabilities]]\nid = "modem."\nstance = "allowed"\nreason = "r"\n',
            "capabilities.0.stance",
            "cannot allow",
        ),
        ("[signatures]\nrequired = false\n", "signatures", "unknown field"),
        ("[strength]\nmin_rsa_bits = 512\n", "strength.min_rsa_bits", ">= 1024"),
        (rule("x", condition("severity", "at_least", '"medium"'), "ALLOW"), "rules.0.verdict", ""),
    ],
)
def test_a_site_profile_that_lowers_is_refused(more, key, words, tmp_path):
    found = linted(tmp_path, SITE + more, "sites/dock.toml")
    assert [each.key for each in found.faults][:1] == [key]
    assert words in found.faults[0].why


def test_a_site_profile_of_the_operator_is_laid_over_its_own_classes(tmp_path):
    """REQUIREMENTS, rows 12 and 40: a class and a site are files, not code."""
    (tmp_path / "crane.toml").write_text(MINE)
    text = SITE + 'site_class = "high"\n[intake]\nrequired = ["ticket"]\n'
    assert linted(tmp_path, text, "sites/dock.toml").faults == ()
    loaded = load.select_policy("crane", tmp_path, None, IDS, "dock")
    assert loaded.label == "mine 1 + dock 1"
    assert loaded.sha256 != load.load_class("crane", (tmp_path,)).sha256
    case = msgspec.structs.replace(case_for(loaded.policy), ticket=None)
    decision = decide(good_facts(case=case), loaded.policy)
    assert decision.verdict == Verdict.DENY
    assert [each.rule for each in decision.reasons] == ["intake.refused", "intake.ticket"]


def test_a_site_that_leaves_no_digest_is_refused_before_it_judges(tmp_path):
    def dated(day, name):
        return f'[[crypto]]\nfrom_date = "{day}"\ndigests = ["{name}"]\n'

    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "dock.toml").write_text(SITE + dated("2028-01-01", "sha512"))
    text = MINE.replace("[[rules]]", dated("2027-01-01", "sha256") + "\n[[rules]]", 1)
    (tmp_path / "crane.toml").write_text(text)
    with pytest.raises(load.PolicyError, match="no digest is left"):
        load.select_policy("crane", tmp_path, None, IDS, "dock")


def test_too_many_kinds_are_refused_and_never_sampled(monkeypatch, tmp_path):
    monkeypatch.setattr("fwverify.policy.effects.MAX_COMBINATIONS", 10)
    with pytest.raises(TooManyError):
        domain((FLOOR,), IDS)
    assert "told apart" in linted(tmp_path, MINE).faults[0].why


# --- the proof is about decide: an effect is what decide says ---------------------------


CLASSES = [load.load_class(name).policy for name in load.BUILTIN]


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.sampled_from(CLASSES), st.integers(0, 10**6), st.integers(0, 10**6))
def test_an_effect_is_what_decide_says_of_that_finding_alone(policy, which, where):
    kinds = KINDS[policy.device]
    index = which % len(kinds)
    kind = kinds[index]
    if kind.finding.rule != "\x00other":
        return
    now = situations((policy,))[where % len(situations((policy,)))]
    here = raised(policy, now)
    case = with_context(
        case_for(policy, update_kind="planned"),
        threat_level=now.threat_level,
        site_class=now.site_class,
        **({"connectivity": now.deployment} if now.deployment in policy.deployments else {}),
    )
    if now.deployment is not None and now.deployment not in policy.deployments:
        return
    declared = (kind.finding.capability,) if kind.declared and kind.finding.capability else ("x",)
    case = msgspec.structs.replace(case, declared_changes=declared)
    decision = decide(_facts(kind.finding, case), policy)
    judge = _judge(policy.device)
    for overlay in ("type_approval_rules", "national_security_rules"):
        assert judge.effect(index, overlay, here).verdict == getattr(decision.verdicts, overlay)


@functools.cache
def _judge(name):
    (policy,) = [each for each in CLASSES if each.device == name]
    return Judge(policy, KINDS[name])


KINDS = {each.device: domain((each,), IDS) for each in CLASSES}


def _facts(finding, case):
    from fwverify.model import Analysed
    from tests.builders.facts import compared

    bare = msgspec.structs.replace(finding, in_baseline=False, path="update", rule="some.rule")
    known = (bare.fingerprint,) if finding.in_baseline else ()
    return good_facts(
        analysed=Analysed(findings=(bare,)), compared=compared(known=known), case=case
    )


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.sampled_from(CLASSES), st.sampled_from(load.SITES), st.integers(0, 10**6))
def test_a_site_profile_is_never_milder_on_any_kind(policy, site, which):
    over = load.load_tightening("sites", site).tightening
    both = load.tightened(policy, over)
    kind = KINDS[policy.device][which % len(KINDS[policy.device])]
    facts = _facts(kind.finding, case_for(policy))
    before, after = decide(facts, policy), decide(facts, both)
    assert after.verdict.rank >= before.verdict.rank
