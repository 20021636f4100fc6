"""Recall and false positives per rule, over folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwverify.analyse.rules import load_rules
from fwverify.analyse.trial import Allowed, Expectation, Expected, Trial, trial
from fwverify.analyse.trialcost import with_cost
from fwverify.limits import Limits
from fwverify.store import Store
from fwverify.workers import Outcome, Pool
from tests.analyse.test_stage import Failing

META = 'meta: capability = "{}" severity = "high" confidence = "{}" description = "x"'
RULES = (
    "rule strong { "
    + META.format("remote.shell.telnet", "high")
    + ' strings: $a = "evil" condition: $a }\n'
    "rule weak { "
    + META.format("remote.shell.telnet", "low")
    + ' strings: $a = "odd!" condition: $a }\n'
    "rule quiet { " + META.format("tunnel.vpn", "high") + ' strings: $a = "none" condition: $a }\n'
    'private rule helper { strings: $a = "evil" condition: $a }\n'
    "rule needs { " + META.format("surv.sniff", "low") + " condition: helper and false }\n"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, content in {
        "rules/r.yar": RULES,
        "positive/deep/one": "evil odd!",
        "positive/two": "odd!",
        "goodware/good": "odd! but fine",
        "goodware/sure": "evil by name",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (tmp_path / "positive/link").symlink_to(tmp_path / "goodware/sure")
    return tmp_path


def run(place: Path, pool: Pool, *, store: Store, **changes) -> Trial:
    expectation = Expectation(
        **({"schema": "fwverify.rules-expect/1", "expect": (), "allow": ()} | changes)
    )
    rules = load_rules((place / "rules",))
    return trial(
        (place / "positive",), (place / "goodware",), expectation, rules, store, pool, Limits()
    )


def test_a_row_per_rule_counts_merged_rules_and_follows_no_link(
    place: Path, store: Store, pool: Pool
) -> None:
    done = run(place, pool, store=store)
    rows = {row.rule: (row.positive, row.goodware, row.sure_goodware) for row in done.rows}
    assert rows == {
        "needs": (0, 0, 0),
        "quiet": (0, 0, 0),
        "strong": (1, 1, 1),
        "weak": (2, 1, 0),
    }
    assert (done.files, done.problems, done.missed) == (4, (), ())


def test_a_sure_hit_in_good_software_fails_until_it_is_explained(
    place: Path, store: Store, pool: Pool
) -> None:
    done = run(place, pool, store=store)
    assert done.untrue == ("sure: strong (evil)",)
    assert done.failed
    allow = Allowed(file="su*", rule="strong", reason="a name only")
    assert not run(place, pool, store=store, allow=(allow,)).failed
    other = Allowed(file="su*", rule="weak", reason="another rule")
    assert run(place, pool, store=store, allow=(other,)).failed


@pytest.mark.parametrize(
    ("file", "any_of", "missed"),
    [
        ("deep/one", ("strong",), ()),
        ("*", ("remote.shell.telnet",), ()),
        ("two", ("quiet", "weak"), ()),
        ("two", ("strong",), ("two: none of strong",)),
        ("*", ("tunnel.vpn",), ("deep/one: none of tunnel.vpn", "two: none of tunnel.vpn")),
        ("absent", ("weak",), ("absent: no such file (wanted weak)",)),
        ("sure", ("strong",), ("sure: no such file (wanted strong)",)),
    ],
)
def test_what_is_expected_is_missed_by_name(
    place: Path, store: Store, pool: Pool, file: str, any_of: tuple[str, ...], missed: tuple
) -> None:
    done = run(place, pool, store=store, expect=(Expected(file=file, any_of=any_of),))
    assert done.missed == missed


def test_what_could_not_be_examined_fails_the_trial(place: Path, store: Store) -> None:
    done = run(place, Failing(Outcome(failure="crashed", text="why")), store=store)
    assert {problem.code for problem in done.problems} == {"analyse.crashed"}
    assert done.failed


def test_each_rule_has_a_speed_but_those_that_need_others(
    place: Path, store: Store, pool: Pool
) -> None:
    rules = load_rules((place / "rules",))
    done = with_cost(run(place, pool, store=store), rules, (place / "positive",), store, pool)
    speeds = {row.rule: row.megabytes_per_second for row in done.rows}
    assert speeds["needs"] is None
    assert speeds["strong"] is not None and speeds["strong"] >= 0
    assert done.untrue == run(place, pool, store=store).untrue


def test_a_folder_that_is_none_is_said(place: Path, store: Store, pool: Pool) -> None:
    with pytest.raises(NotADirectoryError):
        trial(
            (place / "absent",),
            (),
            Expectation(schema="fwverify.rules-expect/1"),
            load_rules((place / "rules",)),
            store,
            pool,
            Limits(),
        )
