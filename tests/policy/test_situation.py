"""Threat level, site class, dated crypto, deployment, what is declared and adopted."""

from __future__ import annotations

import msgspec
import pytest

from fwverify.model import (
    Account,
    Analysed,
    Delta,
    Endpoint,
    Key,
    Service,
)
from fwverify.places import host_of, is_outside, jurisdiction
from fwverify.policy import load
from fwverify.policy.decide import decide
from fwverify.policy.model import (
    CapabilityRule,
    Condition,
    DatedStrength,
    Jurisdiction,
    Strength,
)
from fwverify.policy.situation import strength_on
from tests.builders.cases import case_for, facts_for, full_case, with_context
from tests.builders.facts import compared, good_facts
from tests.builders.profiles import finding
from tests.policy.situation import (
    ALLOW,
    DENY,
    GENERIC,
    INCOMPLETE,
    LOW,
    REVIEW,
    a_rule,
    altered,
    found,
    verdict,
)


@pytest.mark.parametrize("by", ["case", "policy"])
def test_a_raised_threat_level_adds_rules(by):
    """REQUIREMENTS, row 6."""
    given = {"normal": ALLOW, "raised": REVIEW, "high": DENY}
    for level, expected in given.items():
        rules = (a_rule(from_threat="raised", deny_from_threat="high"),)
        case = full_case()
        policy = altered(rules=rules)
        if by == "case":
            case = with_context(case, threat_level=level)
        else:
            policy = altered(rules=rules, threat_level=level)
        assert verdict(policy, found(LOW, case=case)) == expected, level


@pytest.mark.parametrize("by", ["case", "policy"])
def test_a_site_of_high_risk_turns_review_into_deny(by):
    """REQUIREMENTS, row 7."""
    for level, expected in {"low": REVIEW, "medium": REVIEW, "high": DENY}.items():
        rules = (a_rule(deny_from_site_class="high"),)
        case = with_context(full_case(), site_class=level if by == "case" else "low")
        policy = altered(rules=rules, site_class=level if by == "policy" else "low")
        decision = decide(found(LOW, case=case), policy)
        assert decision.verdict == expected
        if expected == DENY:
            assert "site of class high" in decision.reasons[0].text


def test_the_case_cannot_go_below_the_level_of_the_policy():
    policy = altered(rules=(a_rule(deny_from_site_class="high"),), site_class="high")
    for case in (None, full_case(), with_context(full_case(), site_class="low")):
        assert verdict(policy, found(LOW, case=case)) == DENY


def test_ready_classes_refuse_a_grave_finding_at_a_site_of_high_risk():
    grave = finding(capability=None, rule="any", severity="high", confidence="high")
    for name in ("generic", "vehicle-ecu", "meter", "scanner", "bus-truck"):
        policy = load.load_class(name).policy
        case = case_for(policy)
        assert verdict(policy, found(grave, case=case)) == REVIEW
        assert verdict(policy, found(grave, case=with_context(case, site_class="high"))) == DENY


# --- row 67: dated crypto ---------------------------------------------------------------


def test_floors_of_strength_count_from_their_day_on():
    """REQUIREMENTS, row 67."""
    policy = altered(
        strength=Strength(min_rsa_bits=2048, digests=("sha1", "sha256", "sha512")),
        crypto=(
            DatedStrength(from_date="2027-01-01", digests=("sha256", "sha512")),
            DatedStrength(from_date="2031-01-01", min_rsa_bits=3072, min_ec_bits=256),
        ),
    )
    assert strength_on(policy, "2026-12-31") == policy.strength
    assert strength_on(policy, "2027-01-01").digests == ("sha256", "sha512")
    assert strength_on(policy, "2030-12-31").min_rsa_bits == 2048
    assert strength_on(policy, "2031-01-01").min_rsa_bits == 3072
    assert strength_on(GENERIC, "2030-12-31") == Strength()
    assert strength_on(GENERIC, "2031-01-01") == Strength(min_rsa_bits=3072)


def test_a_dated_floor_that_nothing_was_held_to_is_incomplete():
    facts = good_facts(policy_strength_applied=False)
    assert verdict(GENERIC, facts) == ALLOW
    later = msgspec.structs.replace(facts, at="2031-01-01T00:00:00Z")
    assert verdict(GENERIC, later) == INCOMPLETE


def test_a_rule_counts_from_its_day_on():
    policy = altered(rules=(a_rule(from_date="2027-01-01", verdict="DENY"),))
    for at, expected in (("2026-12-31T23:59:59Z", ALLOW), ("2027-01-01T00:00:00Z", DENY)):
        assert verdict(policy, found(LOW, at=at)) == expected


# --- rows 21, 22, 23: deployment --------------------------------------------------------


def test_a_void_approval_is_refused_with_re_test():
    """REQUIREMENTS, rows 21, 22 and 31."""
    (reason,) = decide(good_facts(approval_void=True), GENERIC).reasons
    assert (reason.rule, reason.verdict) == ("context.changed", DENY)
    assert "re-test" in reason.text


def test_a_stand_alone_class_is_refused_on_a_network():
    """REQUIREMENTS, row 22."""
    policy = load.load_class("scanner-port-stand-alone").policy
    case = with_context(case_for(policy), connectivity="networked")
    decision = decide(facts_for(policy, case=case), policy)
    assert decision.verdict == DENY
    assert decision.reasons[0].rule == "context.deployment"
    assert "re-test" in decision.reasons[0].text


LINKS = ("modem.apn", "modem.tcp", "tunnel.vpn", "tunnel.dns", "remote.maintenance")


@pytest.mark.parametrize("capability", LINKS)
def test_a_link_outside_in_isolated_equipment_is_refused(capability):
    """REQUIREMENTS, row 23: even where the baseline has it, and it is a knock-out."""
    policy = load.load_class("scanner-port-stand-alone").policy
    link = finding(capability=capability, severity="medium", confidence="medium")
    decision = decide(found(link, known=(link,), case=case_for(policy)), policy)
    assert decision.verdict == DENY
    assert any(each.knock_out for each in decision.reasons)
    networked = load.load_class("scanner-port-networked").policy
    assert verdict(networked, found(link, known=(link,), case=case_for(networked))) == (
        DENY if capability == "tunnel.dns" else ALLOW
    )


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ("0.pool.ntp.example.org", "u!/etc/ntp.conf", DENY),
        ("9.9.9.9", "u!/etc/resolv.conf", DENY),
        ("203.0.113.9", "u!/etc/resolv.conf", ALLOW),
        ("10.0.0.1", "u!/etc/ntp.conf", ALLOW),
        ("time.scanner.lan", "u!/etc/chrony.conf", ALLOW),
        ("8.8.4.4", "u!/etc/network/interfaces", DENY),
    ],
)
def test_names_and_time_from_outside_are_refused_in_isolated_equipment(value, path, expected):
    """REQUIREMENTS, row 23; 203.0.113.0/24 is not global (RFC 5737)."""
    policy = load.load_class("scanner-port-stand-alone").policy
    row = Endpoint(kind="host", value=value, path=path)
    facts = facts_for(policy, analysed=Analysed(endpoints=(row,)))
    assert verdict(policy, facts) == expected


def test_what_dials_out_is_refused_in_isolated_equipment():
    policy = load.load_class("scanner-airport-stand-alone").policy
    row = Service(name="ModemManager.service", kind="systemd", starts="boot", listens=(), path="u")
    assert verdict(policy, facts_for(policy, analysed=Analysed(services=(row,)))) == DENY


def test_a_rule_for_one_deployment_holds_where_it_is_not_stated():
    policy = altered(rules=(a_rule(deployment="stand-alone", verdict="DENY"),))
    case = full_case()
    for stated, expected in ((None, DENY), ("stand-alone", DENY), ("networked", ALLOW)):
        at = with_context(case, connectivity=stated)
        assert verdict(policy, found(LOW, case=at)) == expected
    assert verdict(policy, found(LOW)) == DENY


# --- rows 33 and 18, 30: declared, adopted, jurisdiction ---------------------------------


def test_a_declared_link_is_for_a_person_and_an_undeclared_one_is_refused():
    """REQUIREMENTS, row 33."""
    policy = load.load_class("scanner-port-networked").policy
    vpn, modem = finding(capability="tunnel.vpn"), finding(capability="modem.apn")
    case = case_for(policy, declared_changes=("tunnel.vpn",))
    assert verdict(policy, found(vpn, case=case)) == REVIEW
    assert verdict(policy, found(vpn, case=case_for(policy))) == DENY
    assert verdict(policy, found(modem, case=case)) == DENY
    assert verdict(policy, found(vpn, known=(vpn,), case=case_for(policy))) == ALLOW


@pytest.mark.parametrize("declared", ["*", "tunnel.*", "tunnel.", "TUNNEL.VPN", "tunnel"])
def test_only_the_id_itself_declares(declared):
    policy = altered(capabilities=(CapabilityRule(id="tunnel.", stance="declared"),))
    vpn = finding(capability="tunnel.vpn")
    case = full_case(declared_changes=(declared,))
    assert verdict(policy, found(vpn, case=case)) == DENY


def test_an_allowed_capability_silences_no_rule_and_nothing_grave():
    policy = altered(
        rules=(a_rule("capability", "equals", "net.listener"),),
        capabilities=(CapabilityRule(id="net.", stance="allowed", reason="r"),),
    )
    for severity, capability, expected in (
        ("medium", "net.endpoint", ALLOW),
        ("high", "net.endpoint", REVIEW),
        ("critical", "net.endpoint", DENY),
        ("medium", "net.listener", REVIEW),
        ("medium", "modem.apn", REVIEW),
        ("medium", None, REVIEW),
    ):
        one = finding(rule="any", capability=capability, severity=severity)
        assert verdict(policy, found(one)) == expected, (severity, capability)


ABROAD = Endpoint(kind="host", value="update.vendor.cn", path="u!/etc/app.conf")


def test_measures_of_another_country_are_off_until_adopted(tmp_path):
    """REQUIREMENTS, row 18."""
    facts = good_facts(analysed=Analysed(endpoints=(ABROAD,)))
    assert all(load.load_class(name).policy.adopt == () for name in load.BUILTIN)
    assert verdict(GENERIC, facts) == ALLOW
    source = load.resources.files("fwverify.policy") / "builtin" / "generic.toml"
    text = source.read_text().replace("unexplained_max", 'adopt = ["us-cvr"]\nunexplained_max', 1)
    (tmp_path / "generic.toml").write_text(text)
    adopted = load.load_class("generic", (tmp_path,))
    decision = decide(facts, adopted.policy)
    assert decision.verdicts.national_security_rules == REVIEW
    assert decision.verdicts.type_approval_rules == ALLOW
    assert "update.vendor.cn (CN)" in decision.reasons[0].text
    assert adopted.label == "builtin-generic 2 + us-cvr 1"


TABLE = (
    Jurisdiction(country="US", source="s", hosts=("vendor.cn",)),
    Jurisdiction(country="NL", source="s", hosts=(".eu.vendor.cn",), networks=("192.0.2.0/24",)),
    Jurisdiction(country="DE", source="s", networks=("192.0.2.128/25", "2001:db8::/32")),
)


@pytest.mark.parametrize(
    ("value", "host", "country"),
    [
        ("https://a:b@Update.Vendor.CN:8443/x", "update.vendor.cn", "US"),
        ("x.eu.vendor.cn.", "x.eu.vendor.cn", "NL"),
        ("notvendor.cn", "notvendor.cn", "CN"),
        ("vendor.co.uk", "vendor.co.uk", "GB"),
        ("vendor.com", "vendor.com", "unknown"),
        ("localhost", "localhost", "unknown"),
        ("192.0.2.1:80", "192.0.2.1", "NL"),
        ("192.0.2.200", "192.0.2.200", "DE"),
        ("198.51.100.1", "198.51.100.1", "unknown"),
        ("http://[2001:db8::1]:80/", "2001:db8::1", "DE"),
        ("someone@mail.ru", "mail.ru", "RU"),
        ("", "", "unknown"),
        ("пример.рф", "пример.рф", "unknown"),
    ],
)
def test_the_jurisdiction_of_an_endpoint(value, host, country):
    """REQUIREMENTS, row 30: unknown is a word, never nothing."""
    assert host_of(value) == host
    assert jurisdiction(host, TABLE) == country
    assert jurisdiction(host, TABLE[::-1]) == country


def test_an_unknown_jurisdiction_can_be_asked_for():
    rule = a_rule("jurisdiction", "in", ("unknown", "CN"), over="endpoint")
    for value, expected in (("a.com", REVIEW), ("a.cn", REVIEW), ("a.nl", ALLOW)):
        row = Endpoint(kind="host", value=value, path="u")
        facts = good_facts(analysed=Analysed(endpoints=(row,)))
        assert verdict(altered(rules=(rule,)), facts) == expected


@pytest.mark.parametrize(
    ("host", "outside"),
    [
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("fe80::1", False),
        ("8.8.8.8", True),
        ("2606:4700::1", True),
        ("scanner.lan", False),
        ("scanner", False),
        ("a.b.nl", True),
        ("1.2.3.4.5", True),
        ("::ffff:8.8.8.8", True),
        ("::ffff:10.1.2.3", False),
        ("64:ff9b::808:808", True),
        ("134744072", True),
        ("0x08080808", True),
        ("0X8.8.8.8", True),
        ("010.8.8.8", True),
        ("8.8.2056", True),
        ("8.526344", True),
        ("167838211", False),
        ("012.1.2.3", False),
        ("256.8.8.8", True),
        ("4294967296", False),
        ("8080", False),
        ("08", False),
    ],
)
def test_what_is_outside(host, outside):
    """Whatever spelling a resolver takes; a name of one label is one of this network."""
    assert is_outside(host) is outside


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("http://[::ffff:8.8.8.8]:80/", "::ffff:8.8.8.8"),
        ("http://evil\u3002example\uff0ecn/", "evil.example.cn"),
        ("http://user@134744072:80/x", "134744072"),
    ],
)
def test_the_host_of_an_odd_spelling_leads_outside(value, host):
    assert host_of(value) == host
    assert is_outside(host)


@pytest.mark.parametrize("host", ["::ffff:192.0.2.1", "3221225985", "0300.0.513", "0xc0.0.2.1"])
def test_every_spelling_of_an_address_lies_under_the_same_law(host):
    assert jurisdiction(host, TABLE) == "NL"


ROWS = {
    "endpoint": (ABROAD, "endpoints", a_rule("value", "suffix", ".cn", over="endpoint")),
    "account": (
        Account(name="sa", uid=0, state="hash", path="u"),
        "accounts",
        a_rule("name", "equals", "sa", over="account"),
    ),
    "key": (
        Key(kind="x509-ca", fingerprint="ab", path="u"),
        "keys",
        a_rule("kind", "prefix", "x509", over="key"),
    ),
    "service": (
        Service(name="sshd", kind="systemd", starts="boot", listens=(), path="u"),
        "services",
        a_rule("starts", "in", ("boot",), over="service"),
    ),
}


@pytest.mark.parametrize("over", sorted(ROWS))
def test_rules_over_rows_know_what_is_new(over):
    """REQUIREMENTS, row 27."""
    row, table, rule = ROWS[over]
    analysed = Analysed(**{table: (row,)})
    new = compared(delta=Delta(**{f"{table}_added": (row,)}))
    assert verdict(altered(rules=(rule,)), good_facts(analysed=analysed)) == REVIEW
    only_new = msgspec.structs.replace(
        rule, when=(*rule.when, Condition(field="added", op="equals", value=True))
    )
    policy = altered(rules=(only_new,))
    assert verdict(policy, good_facts(analysed=analysed)) == ALLOW
    assert verdict(policy, good_facts(analysed=analysed, compared=new)) == REVIEW
    assert verdict(policy, good_facts()) == ALLOW
    without = good_facts(analysed=analysed, baseline=None, compared=None)
    assert "r" in {each.rule for each in decide(without, policy).reasons}
