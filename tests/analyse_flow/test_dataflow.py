"""The inventory of data flows, within one file and between two."""

from __future__ import annotations

import msgspec
import pytest

from fwverify.analyse import analyse
from fwverify.analyse import dataflow as module
from fwverify.analyse.dataflow import MAX_SINKS, Content, dataflows
from fwverify.analyse.declared_flows import RULE, with_declared
from fwverify.analyse.rules import RuleSet
from fwverify.canonical import make_finding
from fwverify.case import DeclaredFlow
from fwverify.compare import compare
from fwverify.limits import Limits
from fwverify.model import Analysed, DataFlow, Endpoint
from fwverify.store import Store
from fwverify.workers import Pool
from tests.builders.linuxfs import ROOT, elf_program, tree
from tests.builders.profiles import profile

A, B, CONF = f"{ROOT}!/usr/bin/a", f"{ROOT}!/usr/bin/b", f"{ROOT}!/etc/a.conf"
GPS = ("location", "$GPRMC")
MQTT = ("mqtt", "mqtt://")


def url(value: str, path: str, kind: str = "url") -> Endpoint:
    return msgspec.convert({"kind": kind, "value": value, "path": path}, Endpoint)


def pairs(flows: tuple[DataFlow, ...]) -> list[tuple[str, str, str]]:
    return [(flow.path, flow.source, flow.sink) for flow in flows]


def flows_of(contents, endpoints=(), findings=()) -> list[tuple[str, str, str]]:
    found, problems = dataflows(contents, tuple(endpoints), tuple(findings))
    assert problems == ()
    return pairs(found)


# --- in one file ------------------------------------------------------------------------


def test_a_source_and_a_way_out_of_one_file_are_a_flow_with_evidence() -> None:
    (flow,), _ = dataflows({A: Content((GPS, MQTT))}, (), ())
    assert flow == DataFlow(
        source="location",
        sink="mqtt",
        declared=False,
        evidence=("sink mqtt://", "source $GPRMC"),
        path=A,
        category="personal: location",
    )


@pytest.mark.parametrize("marks", [(GPS,), (MQTT,), ()])
def test_one_side_alone_is_no_flow(marks) -> None:
    assert flows_of({A: Content(marks)}) == []


def test_two_files_that_do_not_know_each_other_are_no_flow() -> None:
    assert flows_of({A: Content((GPS,)), B: Content((MQTT,))}) == []


def test_a_provider_on_the_device_is_no_way_out() -> None:
    endpoints = [
        url("content://com.android.contacts/contacts", A),
        url("com.android.contacts", A, "host"),
        url("https://t.example", A),
    ]
    assert flows_of({A: Content((GPS,))}, endpoints[:2]) == []
    assert flows_of({A: Content((GPS,))}, endpoints) == [(A, "location", "https://t.example")]


@pytest.mark.parametrize("host", ["t.net", "47.88.8.200"])
def test_the_name_of_a_provider_hides_no_host(host: str) -> None:
    endpoints = [url(f"content://{host}/x", A), url(host, A, "host")]
    assert flows_of({A: Content((GPS,))}, endpoints) == [(A, "location", host)]


def test_a_url_is_a_way_out_by_scheme_and_host_and_its_host_only_once() -> None:
    endpoints = [
        url("https://t.example/v1/x", A),
        url("https://t.example/v1/y", A),
        url("t.example", A, "host"),
        url("203.0.113.9", A, "ipv4"),
    ]
    assert flows_of({A: Content((GPS,))}, endpoints) == [
        (A, "location", "203.0.113.9"),
        (A, "location", "https://t.example"),
    ]


def test_abilities_are_sources_and_ways_out() -> None:
    findings = [
        make_finding(rule="r", path=A, text="", capability="surv.audio"),
        make_finding(rule="s", path=A, text="", capability="exfil.cloud"),
        make_finding(rule="t", path=B, text="", capability="surv.audio"),
        make_finding(rule="t", path=B, text="", capability="remote.desktop"),
    ]
    assert flows_of({}, (), findings) == [(A, "microphone", "exfil.cloud")]


def test_many_places_are_counted_and_protocols_come_first() -> None:
    endpoints = [url(f"h{index:02}.example", A, "host") for index in range(40)]
    found = flows_of({A: Content((GPS, MQTT))}, endpoints)
    assert len(found) == MAX_SINKS + 1
    assert (A, "location", "mqtt") in found
    assert (A, "location", f"{41 - MAX_SINKS} more, listed under endpoints") in found


# --- between two files ------------------------------------------------------------------


@pytest.mark.parametrize(
    "contents",
    [
        {A: Content((GPS,), ("/etc/a.conf",)), CONF: Content((MQTT,))},
        {A: Content((GPS,)), CONF: Content((MQTT,), ("/usr/bin/a",))},
    ],
    ids=["program names configuration", "configuration names program"],
)
def test_a_program_and_its_configuration_are_one_flow(contents) -> None:
    (flow,), _ = dataflows(contents, (), ())
    assert (flow.path, flow.sink) == (A, "mqtt")
    assert "by etc/a.conf" in flow.evidence


def test_a_file_system_in_a_folder_of_its_container_is_followed() -> None:
    program, conf = "u.tar!/rootfs/usr/bin/a", "u.tar!/rootfs/etc/a.conf"
    contents = {program: Content((GPS,), ("/etc/a.conf",)), conf: Content((MQTT,))}
    assert flows_of(contents) == [(program, "location", "mqtt")]


@pytest.mark.parametrize(
    ("mention", "other"),
    [
        ("/etc/a.conf", "other.squashfs!/etc/a.conf"),
        ("/etc/b.conf", CONF),
        ("/etc/hosts", f"{ROOT}!/etc/hosts"),
        ("/etc/ssl/certs/x.pem", f"{ROOT}!/etc/ssl/certs/x.pem"),
        ("/usr/bin/a", A),
    ],
    ids=["another file system", "another name", "hosts", "trust store", "itself"],
)
def test_what_connects_nothing(mention: str, other: str) -> None:
    contents = {A: Content((GPS,), (mention,))}
    if other != A:
        contents[other] = Content((MQTT,))
    assert flows_of(contents) == []


def test_three_files_in_a_row_are_not_followed() -> None:
    middle = f"{ROOT}!/etc/m.conf"
    contents = {
        A: Content((GPS,), ("/etc/m.conf",)),
        middle: Content((), ("/etc/a.conf",)),
        CONF: Content((MQTT,)),
    }
    assert flows_of(contents) == []


def test_too_many_flows_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FLOWS", 3)
    contents = {f"u!/{index}": Content((GPS, MQTT)) for index in range(9)}
    found, problems = dataflows(contents, (), ())
    assert len(found) == 3
    assert [problem.code for problem in problems] == ["limit.dataflows"]


# --- declared ---------------------------------------------------------------------------

FLOWS, _ = dataflows(
    {A: Content((GPS, MQTT)), B: Content((("can", "can0"),))}, (url("https://b.example", B),), ()
)
FOUND = Analysed(dataflows=FLOWS)


def declared(*rows: tuple[str, str]) -> Analysed:
    flows = tuple(DeclaredFlow(source=source, sink=sink) for source, sink in rows)
    return with_declared(FOUND, flows)


def test_silence_declares_nothing_and_finds_nothing() -> None:
    assert with_declared(FOUND, ()) is FOUND


def test_with_a_declared_flow_every_other_is_a_finding() -> None:
    result = declared(("location", "mqtt"))
    assert [(flow.path, flow.declared) for flow in result.dataflows] == [(A, True), (B, False)]
    (finding,) = result.findings
    assert (finding.rule, finding.path, finding.severity) == (RULE, B, "low")
    assert finding.evidence == ("can to https://b.example",)


def test_an_undeclared_personal_flow_is_graver() -> None:
    (finding,) = declared(("can", "https://b.example")).findings
    assert (finding.path, finding.severity) == (A, "medium")


@pytest.mark.parametrize(
    ("source", "sink", "left"),
    [
        ("*", "*", []),
        ("*", "mqtt", [B]),
        ("can", "https://*.example", [A]),
        ("can", "https://*.test", [A, B]),
        ("can", "https://b.*", [A]),
        ("can", "*b.exam*", [A]),
        ("location", "mqt", [A, B]),
        ("location", "mqtt*", [B]),
        ("vin", "*", [A, B]),
        ("location", "mqtt|.*", [A, B]),
        ("locat*", "mqtt", [A, B]),
    ],
)
def test_what_a_declaration_covers(source: str, sink: str, left: list[str]) -> None:
    assert [finding.path for finding in declared((source, sink)).findings] == left


def test_a_declaration_takes_no_other_finding_away() -> None:
    other = make_finding(rule="r", path=A, text="", capability="surv.location")
    analysed = msgspec.structs.replace(FOUND, findings=(other,))
    result = with_declared(analysed, (DeclaredFlow(source="*", sink="*"),))
    assert result.findings == (other,)


def test_a_flow_says_what_for_it_was_declared() -> None:
    stated = (
        DeclaredFlow(source="location", sink="mqtt", purpose="fleet plan"),
        DeclaredFlow(source="*", sink="mqtt", purpose="emergency call"),
        DeclaredFlow(source="*", sink="*"),
        DeclaredFlow(source="vin", sink="*", purpose="nothing that is there"),
    )
    first, second = with_declared(FOUND, stated).dataflows
    assert (first.purpose, second.purpose) == ("emergency call; fleet plan", "")
    assert {each.purpose for each in with_declared(FOUND, ()).dataflows} == {""}


def test_a_pattern_of_many_stars_is_quick() -> None:
    flows, _ = dataflows({A: Content((GPS,))}, (url("a" * 5000 + ".example", A, "host"),), ())
    hard = DeclaredFlow(source="*", sink="*a" * 200 + "*b")
    assert with_declared(Analysed(dataflows=flows), (hard,)).dataflows == flows


# --- through the stage and the comparison -----------------------------------------------


def test_a_telematics_program_its_unit_and_its_configuration(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    files = {
        "usr/bin/tbox": elf_program(
            ("connect",), strings=(b"AT+CGSN", b"$GPRMC", b"/etc/tbox.conf", b"readVin")
        ),
        "etc/tbox.conf": b"server = https://tsp.vendor-cloud.cn/up\n",
        "etc/systemd/system/cam.service": (
            b"[Service]\nExecStart=/usr/bin/cam --to mqtts://198.51.100.7:8883\n"
        ),
        "usr/bin/cam": elf_program(("open",), strings=(b"/dev/video0", b"VIDIOC_QUERYCAP")),
        "usr/share/doc/plain": b"nothing of interest\n",
    }
    first = analyse(tree(store, files), store, pool, rules, Limits())
    assert first.problems == ()
    assert pairs(first.dataflows) == [
        (f"{ROOT}!/usr/bin/cam", "camera", "mqtt"),
        (f"{ROOT}!/usr/bin/cam", "camera", "mqtts://198.51.100.7:8883"),
        (f"{ROOT}!/usr/bin/tbox", "imei", "https://tsp.vendor-cloud.cn"),
        (f"{ROOT}!/usr/bin/tbox", "location", "https://tsp.vendor-cloud.cn"),
        (f"{ROOT}!/usr/bin/tbox", "vin", "https://tsp.vendor-cloud.cn"),
    ]
    assert not [finding for finding in first.findings if finding.rule == RULE]
    assert analyse(tree(store, files), store, pool, rules, Limits()) == first


def test_a_new_flow_is_in_the_delta_and_a_moved_one_is_not() -> None:
    moved = msgspec.structs.replace(FLOWS[0], path=B)
    new, old = profile(dataflows=(moved, *FLOWS[1:])), profile(dataflows=FLOWS[:1])
    assert pairs(compare(new, old).delta.dataflows_added) == pairs(FLOWS[1:])
    assert compare(old, old).delta.dataflows_added == ()
