"""Each declared claim: one fixture that refutes, one that indicates, one that does neither."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.taxonomy import CAPABILITIES
from fwverify.case import DeclaredClaim
from fwverify.claims.catalogue import BY_NAME, CLAIMS
from fwverify.claims.coverage import Examined
from fwverify.claims.declared import CLAIM_NAMES
from fwverify.claims.engine import (
    INDICATED,
    MAX_EVIDENCE,
    ORDER,
    REFUTED,
    Grounds,
    claim_findings,
    hold,
    judge,
    named,
)
from fwverify.claims.seen import Operator, Seen, seen_of
from fwverify.model import (
    Analysed,
    DataFlow,
    Endpoint,
    Fact,
    FileFacts,
    Key,
    Service,
)
from tests.builders.profiles import finding, sha

WHOLE = Grounds(Examined(share=1000))
PROGRAM = "update.swu!/usr/bin/metrology"
CONFIG = "update.swu!/etc/metrology.conf"
OWN_CA = f"ca:{sha('own')}"
VALUES = {
    "BACKEND_ALLOW_LIST": ("head-end.example.nl", OWN_CA),
    "CAPTURE_PERIOD": ("900",),
    "DECLARED_REMOTE_MAINTENANCE": ("tunnel.vpn",),
    "FUNCTIONALLY_EQUIVALENT": ("NO_SWITCH", "CAPTURE_PERIOD=900"),
    "METER_PUSH_MAX": ("1/day",),
    "NO_SUPPLIER_READ": ("head-end.example.nl", OWN_CA),
    "ONLY_DECLARED_REGISTERS": ("1-0:1.8.*", "0-0:96.1.0"),
}


def declared(name, **changes):
    return msgspec.structs.replace(
        DeclaredClaim(claim=name, values=VALUES.get(name, ())), **changes
    )


def sure(capability, **changes):
    return finding(rule="some_rule", capability=capability, confidence="high", **changes)


def weak(capability, **changes):
    return finding(rule="some_rule", capability=capability, confidence="low", **changes)


def facts(kind, *texts, path=PROGRAM):
    return FileFacts(path=path, facts=tuple(Fact(kind=kind, text=text) for text in texts))


def place(value, kind="host", path=CONFIG):
    return Endpoint(kind=kind, value=value, path=path)


def key(text, kind="certificate"):
    return Key(kind=kind, fingerprint=sha(text), path=PROGRAM)


def flow(source, path=PROGRAM):
    return DataFlow(source=source, sink="mqtt", declared=True, evidence=(), path=path)


def listening(*ports):
    return Service(name="d", kind="systemd", starts="boot", listens=ports, path=CONFIG)


def found(**parts):
    return Analysed(**parts)


REFUTES = {
    "BACKEND_ALLOW_LIST": [
        found(endpoints=(place("other.example.com"),)),
        found(endpoints=(place("https://head-end.example.nl.evil.example/x", "url"),)),
        found(endpoints=(place("203.0.113.9", "ipv4"),)),
        found(endpoints=(place("vendor-apn", "apn"),)),
        found(
            endpoints=(place("other.example.com", path=PROGRAM),),
            facts=(facts("load address", "0x08000000"),),
        ),
        found(keys=(key("foreign"),)),
        found(facts=(facts("public key", sha("foreign")),)),
        found(
            endpoints=(place("other.example.com", path=PROGRAM),),
            facts=(facts("import", "connect"),),
        ),
    ],
    "CAPTURE_PERIOD": [
        found(facts=(facts("capture period", "60 s"),)),
        found(facts=(facts("capture period", "899 s (object list)"),)),
        found(findings=(sure("meter.capture_period", evidence=("rule:meter_capture_short",)),)),
    ],
    "DECLARED_REMOTE_MAINTENANCE": [
        found(findings=(sure("remote.shell.telnet"),)),
        found(findings=(sure("tunnel.mesh"),)),
        found(findings=(sure("net.tls_off"),)),
        found(findings=(sure("key.private"),)),
    ],
    "MEASURE_ONLY": [
        found(findings=(sure("modem.apn"),)),
        found(findings=(sure("can.inject"),)),
        found(services=(listening("tcp/80"),)),
        found(facts=(facts("stack", "ble: ble_gap_, nimble_port"),)),
        found(facts=(facts("call", "socket(AF_INET, SOCK_STREAM, 0)"),)),
    ],
    "METER_PUSH_MAX": [found(facts=(facts("push", "2 per day", path=CONFIG),))],
    "NO_LOCATION_UPLOAD": [
        found(findings=(sure("surv.location", path=PROGRAM),), dataflows=(flow("location"),)),
        found(findings=(sure("exfil.cloud", path=PROGRAM),), dataflows=(flow("location"),)),
    ],
    "NO_RECORDING": [
        found(findings=(sure("surv.video"),)),
        found(findings=(sure("surv.audio"),)),
    ],
    "NO_REMOTE_MAINTENANCE": [
        found(findings=(sure("remote.desktop"),)),
        found(findings=(sure("tunnel.reverse"),)),
        found(findings=(sure("cred.sshkey"),)),
        found(services=(listening("tcp/22"),)),
    ],
    "NO_REMOTE_OFF": [
        found(findings=(sure("meter.disconnect"),)),
        found(findings=(sure("logic.timebomb"),)),
        found(findings=(sure("power.kill"),)),
        found(findings=(sure("modem.sms_cmd"),)),
    ],
    "NO_SUPPLIER_READ": [
        found(keys=(key("own"), key("second recipient"))),
        found(facts=(facts("public key", sha("second recipient")),)),
        found(endpoints=(place("vendor.example.com"),)),
        found(findings=(sure("update.thirdparty_fota"),)),
    ],
    "NO_SWITCH": [found(findings=(sure("meter.disconnect"),))],
    "NO_WAN_COMMS": [
        found(facts=(facts("stack", "ip: lwIP, netif_add"),)),
        found(facts=(facts("stack", "ppp: PPPoS, pppos_create"),)),
        found(facts=(facts("stack", "at: AT+CGATT, AT+CSQ"),)),
        found(facts=(facts("stack", "ble: ble_gap_, nimble_port"),)),
        found(facts=(facts("stack", "plc: G3-PLC, plc_modem"),)),
        found(findings=(sure("meter.comms"),)),
    ],
    "ONLY_DECLARED_REGISTERS": [found(facts=(facts("register", "1-0:2.8.0*255 class 3"),))],
    "STAND_ALONE": [
        found(findings=(sure("modem.apn"),)),
        found(facts=(facts("route", "Gateway=10.0.0.1", path=CONFIG),)),
        found(facts=(facts("ntp", "server pool.example.org", path=CONFIG),)),
        found(facts=(facts("dns", "nameserver 8.8.8.8", path=CONFIG),)),
        found(endpoints=(place("cloud.example.com"),)),
        found(findings=(sure("tunnel.vpn"),)),
    ],
}
INDICATES = {
    "BACKEND_ALLOW_LIST": [
        found(endpoints=(place("other.example.com", path=PROGRAM),)),
        found(endpoints=(place("other.example.com", path="update.swu!/usr/share/doc/README"),)),
    ],
    "CAPTURE_PERIOD": [
        found(findings=(weak("meter.capture_period"),)),
        found(facts=(facts("capture period", "0 s"),)),
        found(  # a text inside the program may be a lure
            findings=(weak("meter.capture_period", path=PROGRAM),),
            facts=(facts("capture period", "900 s"),),
        ),
    ],
    "DECLARED_REMOTE_MAINTENANCE": [found(findings=(weak("remote.desktop"),))],
    "MEASURE_ONLY": [
        found(findings=(weak("modem.apn"),)),
        found(findings=(sure("update.flash"),)),
        found(facts=(facts("stack", "ip: lwIP"),)),
    ],
    "METER_PUSH_MAX": [
        found(findings=(sure("meter.push"),)),
        found(facts=(facts("push", "schedule not read: push_cron=x"),)),
    ],
    "NO_LOCATION_UPLOAD": [
        found(findings=(sure("surv.location"),)),
        found(dataflows=(flow("location"),)),
    ],
    "NO_RECORDING": [found(findings=(weak("surv.video"),)), found(dataflows=(flow("camera"),))],
    "NO_REMOTE_MAINTENANCE": [
        found(findings=(weak("remote.desktop"),)),
        found(findings=(sure("net.listener"),)),
    ],
    "NO_REMOTE_OFF": [
        found(findings=(weak("meter.disconnect"),)),
        found(findings=(sure("meter.limiter"),)),
    ],
    "NO_SUPPLIER_READ": [
        found(findings=(weak("exfil.cloud"),)),
        found(endpoints=(place("vendor.example.com", path=PROGRAM),)),
    ],
    "NO_SWITCH": [found(findings=(weak("meter.disconnect"),))],
    "NO_WAN_COMMS": [
        found(facts=(facts("stack", "ip: lwIP"),)),
        found(findings=(sure("meter.push"),)),
    ],
    "ONLY_DECLARED_REGISTERS": [found(facts=(facts("register", "1-0:2.8.0*255 text"),))],
    "STAND_ALONE": [
        found(findings=(weak("tunnel.vpn"),)),
        found(endpoints=(place("cloud.example.com", path=PROGRAM),)),
        found(facts=(facts("dns", "nameserver 192.168.0.1", path=CONFIG),)),
    ],
}
SILENT = {
    "BACKEND_ALLOW_LIST": [
        found(endpoints=(place("head-end.example.nl"), place("127.0.0.1", "ipv4"))),
        found(keys=(key("own"),)),
    ],
    "CAPTURE_PERIOD": [
        found(facts=(facts("capture period", "900 s", "3600 s"),)),
        found(facts=(facts("capture period", "10 s (local port)"),)),
        found(
            findings=(weak("meter.capture_period", path=PROGRAM),),
            facts=(facts("capture period", "900 s (object list)"),),
        ),
    ],
    "DECLARED_REMOTE_MAINTENANCE": [found(findings=(sure("tunnel.vpn"),))],
    "MEASURE_ONLY": [found(facts=(facts("register", "1-0:1.8.0*255 class 3"),))],
    "METER_PUSH_MAX": [
        found(
            findings=(sure("meter.push", path=CONFIG),),
            facts=(facts("push", "1 per day", path=CONFIG),),
        )
    ],
    "NO_LOCATION_UPLOAD": [found(dataflows=(flow("vin"),))],
    "NO_RECORDING": [found(findings=(sure("surv.location"),))],
    "NO_REMOTE_MAINTENANCE": [found(findings=(sure("surv.video"),))],
    "NO_REMOTE_OFF": [found(findings=(sure("meter.push"),))],
    "NO_SUPPLIER_READ": [
        found(keys=(key("own"),), endpoints=(place("head-end.example.nl"),)),
    ],
    "NO_SWITCH": [found(findings=(sure("meter.push"),))],
    "NO_WAN_COMMS": [found(facts=(facts("import", "memcpy"),))],
    "ONLY_DECLARED_REGISTERS": [
        found(facts=(facts("register", "1-0:1.8.2*255 class 3", "0-0:96.1.0*255 text"),))
    ],
    "STAND_ALONE": [found(endpoints=(place("10.0.0.7", "ipv4"),))],
}
SINGLE = sorted(set(CLAIM_NAMES) - {"FUNCTIONALLY_EQUIVALENT"})


def rows(table):
    return [
        pytest.param(name, analysed, id=f"{name}-{number}")
        for name in SINGLE
        for number, analysed in enumerate(table[name])
    ]


def verdict(name, analysed, grounds=WHOLE, **changes):
    seen = seen_of(analysed, analysed.findings)
    return judge(declared(name, **changes), seen, grounds).verdict


def test_every_claim_is_catalogued_once_and_has_its_fixtures():
    assert [claim.name for claim in CLAIMS] == sorted(CLAIM_NAMES)
    assert set(BY_NAME) == set(CLAIM_NAMES)
    assert set(REFUTES) == set(INDICATES) == set(SILENT) == set(SINGLE)


def test_the_catalogue_names_real_abilities():
    ids = {each.id for each in CAPABILITIES}
    for claim in CLAIMS:
        for each in (*claim.against, *claim.hints):
            assert each in ids or any(one.startswith(each) for one in ids if each.endswith("."))
        assert claim.title
        assert claim.limits


@pytest.mark.parametrize(("name", "analysed"), rows(REFUTES))
def test_refuted(name, analysed):
    assert verdict(name, analysed) == "refuted"


@pytest.mark.parametrize(("name", "analysed"), rows(INDICATES))
def test_indicated(name, analysed):
    assert verdict(name, analysed) == "indicated"


@pytest.mark.parametrize(("name", "analysed"), rows(SILENT))
def test_not_refuted(name, analysed):
    assert verdict(name, analysed) == "not_refuted"


@pytest.mark.parametrize("name", SINGLE)
def test_nothing_found_is_never_more_than_not_refuted(name):
    result = judge(declared(name), Seen(), WHOLE)
    assert (result.verdict, result.coverage, result.evidence) == ("not_refuted", 1000, ())


@pytest.mark.parametrize("grounds", [
    Grounds(Examined(share=0)),
    Grounds(Examined(share=1000), ("analyse did not finish",)),
    Grounds(Examined(share=999), ("not read to its end: a",)),
])  # fmt: skip
@pytest.mark.parametrize("name", SINGLE)
def test_what_was_not_examined_is_not_cleared_and_a_refutation_stands(name, grounds):
    assert judge(declared(name), Seen(), grounds).verdict == "not_examined"
    for analysed in INDICATES[name]:
        assert verdict(name, analysed, grounds) == "not_examined"
    for analysed in REFUTES[name]:
        assert verdict(name, analysed, grounds) == "refuted"


def test_medium_confidence_refutes_with_a_call_behind_it_or_from_an_analyser():
    for changes, expected in (
        ({"rule": "a_rule", "evidence": ("name",)}, "indicated"),
        ({"rule": "a_rule", "evidence": ("import connect", "name")}, "refuted"),
        ({"rule": "a_rule", "evidence": ("started by /etc/init.d/x",)}, "refuted"),
        ({"rule": "config.openvpn", "evidence": ("remotes a",)}, "refuted"),
    ):
        one = finding(capability="tunnel.vpn", confidence="medium", **changes)
        assert verdict("NO_WAN_COMMS", found(findings=(one,))) == expected


def test_severity_plays_no_part():
    for severity in ("info", "low", "medium", "high", "critical"):
        one = sure("meter.disconnect", severity=severity)
        assert verdict("NO_SWITCH", found(findings=(one,))) == "refuted"


def test_the_operator_bounds_what_the_claim_allows():
    analysed = found(endpoints=(place("head-end.example.nl"),), keys=(key("own"),))
    for name in ("BACKEND_ALLOW_LIST", "NO_SUPPLIER_READ"):
        for operator, expected in (
            (Operator(), "not_refuted"),
            (Operator(hosts=("head-end.example.nl",), keys=(sha("own"),)), "not_refuted"),
            (Operator(hosts=("*.example.nl",), keys=(sha("own"),)), "not_refuted"),
            (Operator(hosts=()), "refuted"),
            (Operator(keys=()), "refuted"),
            (Operator(hosts=("example.nl",), keys=(sha("own"),)), "refuted"),
        ):
            (result,) = hold((declared(name),), analysed, (), WHOLE, operator)
            assert result.verdict == expected, (name, operator)


def test_without_a_list_no_key_and_no_host_is_the_operators():
    bare = declared("NO_SUPPLIER_READ", values=())
    for analysed in (found(keys=(key("own"),)), found(endpoints=(place("head-end.example.nl"),))):
        assert judge(bare, seen_of(analysed, ()), WHOLE).verdict == "refuted"


EQUAL = (declared("NO_SWITCH"), declared("CAPTURE_PERIOD"), declared("FUNCTIONALLY_EQUIVALENT"))


def equivalent(*claims, analysed=None, grounds=WHOLE):
    given = analysed or found()
    results = hold(claims, given, given.findings, grounds)
    return {each.claim: each for each in results}["FUNCTIONALLY_EQUIVALENT"]


def test_two_sources_with_the_same_claims_are_not_refuted():
    assert equivalent(*EQUAL).verdict == "not_refuted"


@pytest.mark.parametrize("claims", [
    EQUAL[1:],
    (*EQUAL, declared("NO_WAN_COMMS")),
    (EQUAL[0], declared("CAPTURE_PERIOD", values=("300",)), EQUAL[2]),
])  # fmt: skip
def test_differing_claim_sets_are_flagged(claims):
    result = equivalent(*claims)
    assert result.verdict == "refuted"
    assert any("second source" in line for line in result.evidence)


def test_equivalence_needs_what_both_promise():
    switch = found(findings=(sure("meter.disconnect"),))
    assert equivalent(*EQUAL, analysed=switch).verdict == "refuted"
    doubt = found(findings=(weak("meter.disconnect"),))
    assert equivalent(*EQUAL, analysed=doubt).verdict == "indicated"
    assert equivalent(*EQUAL, grounds=Grounds(Examined())).verdict == "not_examined"


def test_a_result_says_who_stated_what_and_by_which_findings():
    one = sure("meter.disconnect")
    stated = declared("NO_SWITCH", stated_by="minister", source="letter of 2026-01-13")
    (result,) = hold((stated,), found(findings=(one,)), (one,), WHOLE)
    assert (result.stated_by, result.source) == ("minister", "letter of 2026-01-13")
    assert result.findings == (one.fingerprint,)
    assert result.evidence[0].startswith("refutes: meter.disconnect")


def test_long_evidence_is_cut_and_counted():
    many = tuple(sure("meter.disconnect", path=f"a!/b{number:04}") for number in range(200))
    result = judge(declared("NO_SWITCH"), seen_of(found(findings=many), many), WHOLE)
    assert len(result.evidence) == MAX_EVIDENCE + 1
    assert result.evidence[-1] == f"noted: {200 - MAX_EVIDENCE} more of these"
    assert len(result.findings) == 200


def test_claims_become_findings_of_their_own():
    results = hold(
        (declared("NO_SWITCH"), declared("NO_RECORDING"), declared("CAPTURE_PERIOD")),
        found(),
        (sure("meter.disconnect"), weak("surv.video")),
        WHOLE,
    )
    made = claim_findings(results, "update.swu")
    assert [(each.rule, each.severity) for each in made] == [
        (INDICATED, "medium"),
        (REFUTED, "high"),
    ]
    assert named(results[0]) == "CAPTURE_PERIOD(900)"


def test_no_word_of_proof_anywhere():
    for claim in CLAIMS:
        assert "confirm" not in f"{claim.title} {claim.limits}"
    assert set(ORDER) == {"not_refuted", "indicated", "not_examined", "refuted"}


# --- properties ------------------------------------------------------------------------

abilities = st.sampled_from([each.id for each in CAPABILITIES])
some_finding = st.builds(
    finding,
    path=st.sampled_from([PROGRAM, CONFIG]),
    rule=st.sampled_from(["a_rule", "config.x", "meter_capture_short"]),
    capability=abilities,
    severity=st.sampled_from(["low", "high"]),
    confidence=st.sampled_from(["low", "medium", "high"]),
    evidence=st.sampled_from([("name",), ("import connect",)]),
)
some_place = st.builds(
    place,
    st.sampled_from(["head-end.example.nl", "evil.example.com", "10.0.0.1"]),
    path=st.sampled_from([PROGRAM, CONFIG]),
)
some_key = st.builds(key, st.sampled_from(["own", "foreign"]))
grounds = st.sampled_from(
    [WHOLE, Grounds(Examined(share=500)), Grounds(Examined()), Grounds(Examined(), ("gap",))]
)
claims = st.sets(st.sampled_from(SINGLE), min_size=1).map(
    lambda names: tuple(declared(name) for name in sorted(names))
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    claims,
    st.lists(some_finding, max_size=4),
    st.lists(some_place, max_size=2),
    st.lists(some_key, max_size=2),
    st.one_of(some_finding, some_place, some_key),
    grounds,
)
def test_one_more_of_anything_never_makes_a_claim_milder(stated, findings, places, keys, more, on):
    before = found(endpoints=tuple(places), keys=tuple(keys))
    after, extra = before, ()
    if isinstance(more, Endpoint):
        after = msgspec.structs.replace(before, endpoints=(*before.endpoints, more))
    elif isinstance(more, Key):
        after = msgspec.structs.replace(before, keys=(*before.keys, more))
    else:
        extra = (more,)
    old = hold(stated, before, tuple(findings), on)
    new = hold(stated, after, (*findings, *extra), on)
    for one, other in zip(old, new, strict=True):
        assert ORDER.index(other.verdict) >= ORDER.index(one.verdict)
        assert set(one.findings) <= set(other.findings)


@settings(max_examples=20, derandomize=True, deadline=None)
@given(claims, st.permutations([sure("modem.apn"), weak("surv.video"), sure("net.listener")]))
def test_the_order_of_findings_does_not_matter(stated, order):
    expected = hold(
        stated, found(), (sure("modem.apn"), weak("surv.video"), sure("net.listener")), WHOLE
    )
    assert hold(tuple(reversed(stated)), found(), tuple(order), WHOLE) == expected
