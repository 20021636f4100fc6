from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from fwverify.analyse import analyse
from fwverify.analyse.rules import RuleSet, load_rules
from fwverify.canonical import canonical_json
from fwverify.limits import Limits
from fwverify.model import Analysed, Image, Placed, Region, Unpacked
from fwverify.store import Store
from fwverify.workers import Outcome, Pool, Task
from tests.builders.linuxfs import ROOT, elf_program, placed, tree

TELNET = b"#!/bin/sh\nstart)\n    /usr/sbin/telnetd -l /bin/sh -p 2323 &\n;;\n"
SHELL = elf_program(("socket", "connect", "dup2", "execve"), strings=(b"/bin/sh",))
PASSWD = b"root:x:0:0:root:/root:/bin/sh\n"


class Refusing:
    """An executor for what must not be asked again."""

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        listed = list(tasks)
        assert listed == []
        return iter(())


class Counting:
    """Hands on to a pool and counts."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.tasks: list[Task] = []

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        listed = list(tasks)
        self.tasks += listed
        return self.pool.map(listed)


class Failing:
    """Every task ends the same bad way."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        return (self.outcome for _ in tasks)


def own_rules(tmp_path: Path, body: str) -> RuleSet:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own.yar").write_text(body)
    return load_rules((folder,))


def seen(result: Analysed) -> set[tuple[str, str | None, str]]:
    return {
        (finding.path.removeprefix(f"{ROOT}!/"), finding.capability, finding.severity)
        for finding in result.findings
    }


def codes(result: Analysed) -> set[tuple[str, str]]:
    return {(problem.code, problem.path.rpartition("!/")[2]) for problem in result.problems}


def test_the_planted_things_are_found_at_their_paths(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    files = {
        "etc/init.d/S50telematics": TELNET,
        "usr/bin/telematicsd": SHELL,
        "etc/passwd": PASSWD + b"svc::0:0::/:/bin/sh\n",
        "lib/meter.bin": bytes(64) + bytes.fromhex("120046110009060000 60030aff") + bytes(64),
        "usr/share/readme": b"see https://vendor.invalid.cn/ for more\n",
    }
    result = analyse(tree(store, files), store, pool, rules, Limits())
    assert result.problems == ()
    assert seen(result) >= {
        ("etc/init.d/S50telematics", "remote.shell.telnet", "high"),
        ("usr/bin/telematicsd", "remote.shell.reverse", "high"),
        ("etc/passwd", "cred.uid0", "high"),
        ("etc/passwd", "cred.empty", "high"),
        ("lib/meter.bin", "meter.disconnect", "high"),
    }
    assert [service.listens for service in result.services] == [("tcp/2323",)]
    assert {account.name for account in result.accounts} == {"root", "svc"}
    assert "https://vendor.invalid.cn" in {endpoint.value for endpoint in result.endpoints}
    assert [facts.path for facts in result.facts] == [
        f"{ROOT}!/lib/meter.bin",
        f"{ROOT}!/usr/bin/telematicsd",
    ]
    assert all(len(finding.excerpt) <= 80 for finding in result.findings)


def test_a_clean_tree_has_no_finding(store: Store, pool: Pool, rules: RuleSet) -> None:
    files = {"etc/passwd": PASSWD, "etc/init.d/S10net": b"#!/bin/sh\nip link set eth0 up\n"}
    result = analyse(tree(store, files), store, pool, rules, Limits())
    assert (result.findings, result.problems) == ((), ())


def test_results_are_sorted_and_equal_in_every_store(
    tmp_path: Path, pool: Pool, rules: RuleSet
) -> None:
    files = {"b": TELNET, "a": TELNET, "etc/passwd": PASSWD, "d": SHELL}
    results = []
    for name, order in (("one", 1), ("two", -1)):
        store = Store(tmp_path / name)
        unpacked = tree(store, files)
        turned = msgspec.structs.replace(unpacked, nodes=unpacked.nodes[::order])
        results.append(analyse(turned, store, pool, rules, Limits()))
    assert canonical_json(results[0]) == canonical_json(results[1])
    order = [(item.path, item.offset or -1, item.rule) for item in results[0].findings]
    assert order == sorted(order)


def test_equal_content_is_scanned_once_and_named_everywhere(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    counting = Counting(pool)
    result = analyse(tree(store, {"a": TELNET, "b": TELNET}), store, counting, rules, Limits())
    assert len(counting.tasks) == 1
    assert {finding.path for finding in result.findings} == {f"{ROOT}!/a", f"{ROOT}!/b"}


# --- the cache ----------------------------------------------------------------------


def test_a_second_run_asks_nobody(store: Store, pool: Pool, rules: RuleSet) -> None:
    unpacked = tree(store, {"etc/init.d/S50x": TELNET, "etc/passwd": PASSWD})
    first = analyse(unpacked, store, pool, rules, Limits())
    assert analyse(unpacked, store, Refusing(), rules, Limits()) == first


def test_other_rules_and_a_damaged_cache_are_asked_again(
    tmp_path: Path, store: Store, pool: Pool, rules: RuleSet
) -> None:
    unpacked = tree(store, {"a": TELNET})
    first = analyse(unpacked, store, pool, rules, Limits())
    for file in (store.root / "results").rglob("*"):
        if file.is_file():
            file.write_bytes(b"\0" * 40)
    counting = Counting(pool)
    assert analyse(unpacked, store, counting, rules, Limits()) == first
    assert len(counting.tasks) == 1
    own = own_rules(tmp_path, 'rule own { strings: $a = "telnetd" condition: $a }')
    found = analyse(unpacked, store, counting, own, Limits()).findings
    assert [(item.rule, item.capability, item.confidence) for item in found] == [
        ("own", None, "low")
    ]


def test_a_failure_is_not_cached(store: Store, pool: Pool, rules: RuleSet) -> None:
    unpacked = tree(store, {"a": TELNET})
    failing = Failing(Outcome(failure="crashed", text="killed by SIGSEGV"))
    assert analyse(unpacked, store, failing, rules, Limits()).findings == ()
    assert analyse(unpacked, store, pool, rules, Limits()).findings != ()


# --- nothing fails in silence -------------------------------------------------------


@pytest.mark.parametrize("failure", ["crashed", "deadline", "memory", "raised"])
def test_every_failure_is_a_problem_of_its_path(store: Store, rules: RuleSet, failure: str) -> None:
    outcome = msgspec.convert({"failure": failure, "text": "why"}, Outcome)
    unpacked = tree(store, {"etc/passwd": PASSWD, "b": TELNET})
    result = analyse(unpacked, store, Failing(outcome), rules, Limits())
    assert codes(result) == {(f"analyse.{failure}", "etc/passwd"), (f"analyse.{failure}", "b")}
    assert all("why" in problem.text for problem in result.problems)


def test_a_garbled_answer_is_a_problem(store: Store, rules: RuleSet) -> None:
    result = analyse(
        tree(store, {"a": b"x"}), store, Failing(Outcome(result=b"\x93")), rules, Limits()
    )
    assert codes(result) == {("analyse.garbled", "a")}


def test_a_blob_that_is_gone_is_a_problem(store: Store, pool: Pool, rules: RuleSet) -> None:
    unpacked = tree(store, {"a": TELNET, "b": b"fine"})
    gone = next(node for node in unpacked.nodes if node.node.path.endswith("a"))
    store.path(str(gone.node.sha256)).unlink()
    result = analyse(unpacked, store, pool, rules, Limits())
    assert codes(result) == {("analyse.raised", "a")}


def test_a_flood_of_matches_is_said(tmp_path: Path, store: Store, pool: Pool) -> None:
    """2.4 MB of a rule's head bytes make the engine give the string up (measured)."""
    own = own_rules(tmp_path, 'rule own { strings: $a = "id" condition: $a at (filesize - 2) }')
    flood = b"id" * 1_200_000
    result = analyse(tree(store, {"flood": flood, "small": b"id"}), store, pool, own, Limits())
    assert codes(result) == {("analyse.too_many_matches", "flood")}
    assert "own" in result.problems[0].text
    assert [finding.path for finding in result.findings] == [f"{ROOT}!/small"]


def test_a_slow_expression_is_ended_and_said(tmp_path: Path, store: Store, pool: Pool) -> None:
    own = own_rules(
        tmp_path,
        "rule own { strings: $a = /tel[a-z]{1,400}q/ $b = { 74 65 6c 6e [0-200] 61 } "
        "condition: any of them }",
    )
    slow = tree(store, {"slow": b"teln" * 600_000, "quick": b"telnaq"})
    result = analyse(slow, store, pool, own, Limits(scan_seconds=2))
    assert {code for code, _ in codes(result)} <= {"analyse.deadline", "analyse.rules_timeout"}
    assert {path for _, path in codes(result)} == {"slow"}
    assert [finding.path for finding in result.findings] == [f"{ROOT}!/quick"]


def test_a_configuration_file_that_is_too_large_is_said(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    unpacked = tree(store, {"etc/passwd": b"# x\n" * 300_000 + b"svc::0:0::/:/bin/sh\n"})
    result = analyse(unpacked, store, pool, rules, Limits())
    assert codes(result) == {("limit.configuration_bytes", "etc/passwd")}


def test_a_rule_set_that_is_not_what_it_says_is_refused(store: Store, rules: RuleSet) -> None:
    forged = RuleSet(sources=rules.sources[:1], sha256=rules.sha256)
    with pytest.raises(ValueError, match="digest"):
        analyse(tree(store, {}), store, Refusing(), forged, Limits())


# --- containers and links -----------------------------------------------------------


def container(store: Store, *, complete: bool) -> Unpacked:
    content = b"HEAD" + TELNET + b"\ntelnetd -l /bin/tail\n"
    inner = (4, 4 + len(TELNET))
    regions = (
        Region(start=0, end=4, kind="parsed"),
        Region(start=inner[0], end=inner[1], kind="extracted"),
        Region(start=inner[1], end=len(content), kind="unexplained"),
    )
    nodes: tuple[Placed, ...] = (
        placed("u.tar", store.put(content), len(content), regions=regions, complete=complete),
        placed("u.tar!/x", store.put(TELNET), len(TELNET)),
    )
    return Unpacked(image=Image(), nodes=nodes)


def test_what_a_child_holds_is_said_of_the_child_and_the_rest_of_the_container(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    result = analyse(container(store, complete=True), store, pool, rules, Limits())
    outer = next(item for item in result.findings if item.path == "u.tar")
    assert outer.offset is not None
    assert outer.offset >= 4 + len(TELNET)
    assert any(item.path == "u.tar!/x" for item in result.findings)


def test_an_incomplete_container_is_looked_at_whole(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    result = analyse(container(store, complete=False), store, pool, rules, Limits())
    outer = next(item for item in result.findings if item.path == "u.tar")
    assert outer.offset is not None
    assert outer.offset < 4 + len(TELNET)


def test_links_enable_services_and_lead_to_accounts(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    unpacked = tree(
        store,
        {"etc/init.d/shell": TELNET, "data/people": b"svc::0:0::/:/bin/sh\n"},
        {"etc/rc5.d/S50shell": "../init.d/shell", "etc/passwd": "../data/people"},
    )
    result = analyse(unpacked, store, pool, rules, Limits())
    assert [service.starts for service in result.services] == ["sysv S50 runlevel 5"]
    assert ("etc/passwd", "cred.uid0", "high") in seen(result)


def test_a_start_link_to_a_script_elsewhere_is_a_service(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    unpacked = tree(store, {"opt/x": TELNET}, {"etc/rc5.d/S99x": "/opt/x", "etc/rc4.d/S1": "gone"})
    result = analyse(unpacked, store, pool, rules, Limits())
    assert [(item.path, item.starts) for item in result.services] == [
        (f"{ROOT}!/etc/rc5.d/S99x", "sysv S99 runlevel 5")
    ]


def test_the_fingerprint_does_not_depend_on_the_place_in_the_file(
    store: Store, pool: Pool, rules: RuleSet
) -> None:
    first = analyse(tree(store, {"a": TELNET}), store, pool, rules, Limits())
    moved = TELNET.replace(b"start)\n", b"start)\n    true\n")
    second = analyse(tree(store, {"a": moved}), store, pool, rules, Limits())
    assert [f.offset for f in first.findings] != [f.offset for f in second.findings]
    assert [f.fingerprint for f in first.findings] == [f.fingerprint for f in second.findings]
