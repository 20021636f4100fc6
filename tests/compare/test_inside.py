"""The stage with contents: nothing is hidden by likeness, and what cannot be read is said."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pytest

from fwverify.compare import compare
from fwverify.compare.content.asking import Reading
from fwverify.compare.content.worker import compare_pair, hash_content
from fwverify.model import Coverage, Identity
from fwverify.store import Store
from fwverify.workers import Outcome, Task
from tests.builders.profiles import facts, node, profile
from tests.compare.contents import signature_list

ROOT = "update.swu"
SHA = "2616c4c14c509240aca941f936934328"


class Inline:
    """An executor that works in this process, or fails as told."""

    def __init__(self, failure: Outcome | None = None) -> None:
        self.asked = 0
        self._failure = failure

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        for task in tasks:
            self.asked += 1
            work = compare_pair if task.function.endswith("compare_pair") else hash_content
            yield self._failure or Outcome(result=work(task.argument))


@pytest.fixture
def reading(tmp_path):
    return Reading(Store(tmp_path / "store"), Inline(), 10)


def at(reading, path, data, **changes):
    """Return a node whose content is in the store."""
    size = len(data)
    fields = {"sha256": reading.store.put(data), "size": size, "coverage": Coverage(parsed=size)}
    return node(f"{ROOT}!/{path}", "x", **(fields | changes))


def told(compared, kind):
    return [
        fact.text for each in compared.delta.changed for fact in each.facts if fact.kind == kind
    ]


def rules(compared, path=None):
    return [each.rule for each in compared.findings if path in (None, each.path)]


def body(seed, size=20_000):
    return random.Random(seed).randbytes(size)


def test_a_changed_setting_is_a_fact_of_its_path(reading):
    old = profile(at(reading, "etc/app.json", b'{"limit": 5}'))
    new = profile(at(reading, "etc/app.json", b'{"limit": 9}'))
    assert told(compare(new, old, (), reading), "key changed") == ["limit: 5 -> 9"]
    assert told(compare(new, old), "key changed") == []


def test_the_second_time_nothing_is_asked(reading):
    old, new = (profile(at(reading, "a", data)) for data in (b"one\n", b"two\n"))
    first = compare(new, old, (), reading)
    asked = reading.pool.asked
    assert compare(new, old, (), reading) == first
    assert reading.pool.asked == asked == 1


def test_a_segment_has_its_address(reading):
    old, new = (profile(at(reading, "@0x08000000", data)) for data in (bytes(40), b"\1" * 40))
    assert "0x08000000-0x08000028" in told(compare(new, old, (), reading), "bytes at")[0]


def test_what_is_not_kept_is_said(reading):
    new = profile(at(reading, "a", b"new\n"), at(reading, "dbx.bin", b"new"))
    old = profile(node(f"{ROOT}!/a", "gone"), node(f"{ROOT}!/dbx.bin", "gone too"))
    compared = compare(new, old, (), reading)
    assert len(told(compared, "inside")) == 2
    found = {(each.path, each.rule): each.severity for each in compared.findings}
    assert found[f"{ROOT}!/a", "compare.content_not_kept"] == "info"
    assert found[f"{ROOT}!/dbx.bin", "compare.content_not_kept"] == "medium"


@pytest.mark.parametrize(
    "failure",
    [Outcome(failure="crashed", text="died"), Outcome(result=b"\xc1garbage")],
    ids=["crashed", "garbled"],
)
def test_a_worker_that_fails_is_a_problem(tmp_path, failure):
    reading = Reading(Store(tmp_path / "store"), Inline(failure), 10)
    old, new = (profile(at(reading, "a", data)) for data in (b"one\n", b"two\n"))
    compared = compare(new, old, (), reading)
    assert [each.path for each in compared.problems] == [f"{ROOT}!/a"]
    assert [each.path for each in compared.delta.changed] == [f"{ROOT}!/a"]


def test_a_container_is_told_by_its_entries(reading):
    whole = Coverage(extracted=20_000)
    old = profile(at(reading, "a.tar", body(1), coverage=whole))
    new = profile(at(reading, "a.tar", body(2), coverage=whole))
    compared = compare(new, old, (), reading)
    assert len(compared.delta.changed) == 1 and told(compared, "bytes") == []


def test_a_revocation_list_that_forgets_is_grave(reading):
    old = profile(at(reading, "dbx", signature_list(SHA, b"a" * 32, b"b" * 32)))
    new = profile(at(reading, "dbx", signature_list(SHA, b"a" * 32)))
    found = [each for each in compare(new, old, (), reading).findings if "revocation" in each.rule]
    assert [(each.severity, each.path) for each in found] == [("high", f"{ROOT}!/dbx")]


def program(reading, path, data, **changes):
    return at(reading, path, data, format="elf", mode=0o755, **changes)


def test_a_renamed_and_changed_program_is_paired_and_still_new(reading):
    data = body(1)
    old = profile(program(reading, "bin/agent-1.2", data))
    new = profile(program(reading, "bin/agent-1.3", data[:-64] + body(2, 64)))
    compared = compare(new, old, (), reading)
    assert [each.path for each in compared.delta.changed] == [f"{ROOT}!/bin/agent-1.3"]
    assert (compared.delta.added, compared.delta.removed, compared.delta.moved) == ((), (), ())
    assert told(compared, "like") and told(compared, "name")
    assert "compare.executable_added" in rules(compared, f"{ROOT}!/bin/agent-1.3")


def test_likeness_gives_no_setuid_bit_away(reading):
    data = body(1)
    old = profile(at(reading, "bin/su.old", data, format="elf", mode=0o4755))
    new = profile(at(reading, "bin/su.new", data[:-64] + body(2, 64), format="elf", mode=0o4755))
    assert "compare.setuid" in rules(compare(new, old, (), reading))


def test_the_closest_are_paired_and_the_unlike_are_not(reading):
    one, two = body(1), body(2)
    old = profile(program(reading, "a1", one), program(reading, "b1", two))
    new = profile(
        program(reading, "a2", one[:-9] + body(3, 9)),
        program(reading, "b2", two[:-9] + body(4, 9)),
        program(reading, "c2", body(5)),
    )
    compared = compare(new, old, (), reading)
    assert compared.delta.added == (f"{ROOT}!/c2",)
    assert sorted(told(compared, "name")) == [
        f"{ROOT}!/a1 -> {ROOT}!/a2",
        f"{ROOT}!/b1 -> {ROOT}!/b2",
    ]


def test_a_downgrade_under_another_name_is_found_though_it_is_alike(reading):
    data = body(1)
    old = profile(program(reading, "a1", data, identity=Identity(product="p", version="2.0")))
    new = profile(
        program(reading, "a2", data[:-9] + body(3, 9), identity=Identity(product="p", version="1"))
    )
    assert "compare.downgrade" in rules(compare(new, old, (), reading))


def test_components_up_down_new_and_gone():
    path = f"{ROOT}!/var/lib/dpkg/status"
    old = profile(
        node(path, "old"),
        facts=(facts(path, *(("component", text) for text in ("a 1.0", "b 2.0", "c 3", "e 1"))),),
    )
    new = profile(
        node(path, "new"),
        facts=(facts(path, *(("component", text) for text in ("a 1.1", "b 1.9", "d 4", "e 1"))),),
    )
    compared = compare(new, old)
    assert told(compared, "component up") == ["a 1.0 -> 1.1"]
    assert told(compared, "component down") == ["b 2.0 -> 1.9"]
    assert told(compared, "component new") == ["d 4"]
    assert told(compared, "component gone") == ["c 3"]
    assert "compare.component_downgrade" in rules(compared)


def test_the_order_of_nodes_changes_nothing(reading):
    pairs = [
        (program(reading, f"x{n}", body(n)), program(reading, f"y{n}", body(n)[:-9] + body(9, 9)))
        for n in range(4)
    ]
    old, new = profile(*(each[0] for each in pairs)), profile(*(each[1] for each in pairs))
    again = profile(*(each[1] for each in reversed(pairs)))
    assert compare(new, old, (), reading) == compare(again, old, (), reading)
