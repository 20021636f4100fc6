"""Rows 46 to 54 of docs/requirements.md, each through the product's own entry points."""

from __future__ import annotations

from itertools import product

import pytest

from fwverify.model import Verdict
from tests.requirements import register as registers
from tests.requirements.meter import against, held
from tests.requirements.register import ALONE, HERE, ruled


def test_row_46_the_first_criterion_is_an_assessors_answer_and_flips_the_proposal(tmp_path):
    """With 3a and without 3b the answer to criterion 1 decides what is proposed: yes a
    refusal, no none, unknown neither; and an answer without a named assessor is refused."""
    register = registers.made(tmp_path / "register")
    seen = {}
    for answer in ("yes", "no", "unknown"):
        register.answers(answer, "no", "yes", "no")
        seen[answer] = register.proposals()[HERE]
    assert seen == {"yes": "refuse", "no": "no-refusal", "unknown": "undetermined"}
    bare = ("assess", "acme", "--criterion", "1", "--answer", "yes", "--source", "s", "--text", "t")
    assert register.run(*bare).code == 2
    assert register.run(*bare, "--assessor", " ").code == 2
    assert register.proposals()[HERE] == "undetermined"


def test_row_47_the_second_criterion_counts_as_the_first_does(tmp_path):
    """Either of criteria 1 and 2 is enough, both are no more than one, and none proposes
    nothing."""
    register = registers.made(tmp_path / "register")
    seen = {}
    for one, two in product(("yes", "no"), repeat=2):
        register.answers(one, two, "yes", "no")
        seen[one, two] = register.proposals()[HERE]
    assert seen == {
        ("yes", "yes"): "refuse",
        ("yes", "no"): "refuse",
        ("no", "yes"): "refuse",
        ("no", "no"): "no-refusal",
    }


def test_row_48_broad_access_is_judged_per_context(tmp_path):
    """One supplier with broad access on a network and none stand-alone: the same update is
    a REVIEW there and ALLOW here, and a context that nobody answered for is a REVIEW."""
    register = registers.made(tmp_path / "register")
    register.answers("yes", "no", "yes", "no")
    for criterion in ("3a", "3b"):
        assert register.answer(criterion, "no", context=ALONE).code == 0
    assert register.proposals() == {HERE: "refuse", ALONE: "no-refusal"}
    networked, alone = register.verdict("networked"), register.verdict("stand-alone")
    assert ruled(networked) == {"supplier.refusal_proposed": "REVIEW"}
    assert (alone.verdict, ruled(alone)) == (Verdict.ALLOW, {})
    assert ruled(register.verdict(vendor="boris")) == {"supplier.unknown": "REVIEW"}


def test_row_49_the_formula_proposes_and_a_named_assessor_decides(tmp_path):
    """All 16 rows of (1 or 2) and 3a and not 3b; the proposal is a REVIEW, the assessor's
    refusal DENY, an acceptance ALLOW; a yes to 3b without measure and evidence is refused."""
    register = registers.made(tmp_path / "register")
    for row in product(("yes", "no"), repeat=4):
        register.answers(*row)
        one, two, broad, feasible = (each == "yes" for each in row)
        expected = "refuse" if (one or two) and broad and not feasible else "no-refusal"
        assert register.proposals()[HERE] == expected, row
    assert register.answer("3b", "yes").code == 2
    assert register.answer("3b", "yes", "--control", "no evidence").code == 2
    register.answers("yes", "no", "yes", "no")
    assert ruled(register.verdict()) == {"supplier.refusal_proposed": "REVIEW"}
    register.decide("accept-with-controls")
    assert ruled(register.verdict()) == {"supplier.controls_missing": "REVIEW"}
    register.answers("yes", "no", "yes", "yes")
    register.decide("accept-with-controls")
    assert register.verdict().verdict == Verdict.ALLOW
    register.decide("refuse")
    made = register.verdict()
    assert ruled(made) == {"supplier.refused": "DENY"}
    assert "A. Assessor" in made.reasons[0].text
    assert made.verdicts.type_approval_rules == Verdict.ALLOW


@pytest.mark.parametrize("country", ["CN", "RU", "NL"])
def test_row_50_where_a_supplier_comes_from_never_denies(country, tmp_path):
    """Established anywhere, wholly owned by a state and named by two lists: REVIEW at most,
    with the lists named; without the lists the same supplier is ALLOW."""
    register = registers.made(tmp_path / "register", "--established", country)
    register.answers("no", "no", "yes", "no")
    (tmp_path / "register" / "ownership.toml").write_text(
        'schema = "fwverify.ownership/1"\n[[holding]]\nholder = "the state"\nheld = "acme"\n'
        'share = "100%"\nsource = "register"\ndate = "2026-01-01"\n'
    )
    assert register.verdict().verdict == Verdict.ALLOW
    for number in (1, 2):
        register.append("acme.toml", f'\n[[listing]]\nlist = "list {number}"\nsource = "gazette"\n'
                        'date = "2026-01-01"\n')  # fmt: skip
    made = register.verdict()
    assert (made.verdict, ruled(made)) == (Verdict.REVIEW, {"supplier.listed": "REVIEW"})
    assert "list 2 (gazette, 2026-01-01)" in made.reasons[0].text


OWNED = """schema = "fwverify.ownership/1"
[[holding]]
holder = "institute"
held = "holding"
share = "21%"
source = "annual report"
date = "2026-01-01"
[[holding]]
holder = "holding"
held = "acme"
share = "0.76"
source = "annual report"
date = "2026-01-01"
"""


def test_row_51_ownership_through_two_links_multiplies(tmp_path):
    """21 % of a holder of 76 % is 0.1596, exactly, with the chain told; a second chain adds
    up, a stranger holds nothing, and owners that hold each other in a circle are refused."""
    register = registers.made(tmp_path / "register")
    register.append("ownership.toml", OWNED)
    made = register.run("ownership", "institute", "acme", "--format", "json").json
    assert made["share"] == "0.1596"
    assert [each["through"] for each in made["chains"]] == [["institute", "holding", "acme"]]
    assert register.run("ownership", "acme", "institute", "--format", "json").json["share"] == "0"
    row = (
        '[[holding]]\nholder = "{}"\nheld = "{}"\nshare = "{}"\nsource = "s"\ndate = "2026-01-01"\n'
    )
    register.append("ownership.toml", row.format("institute", "acme", "0.04"))
    made = register.run("ownership", "institute", "acme", "--format", "json").json
    assert (made["share"], len(made["chains"])) == ("0.1996", 2)
    register.append("ownership.toml", row.format("acme", "institute", "0.1"))
    assert register.run("ownership", "institute", "acme").code == 2


@pytest.mark.parametrize("key", ["list", "source", "date"])
def test_row_52_an_entry_of_a_list_has_its_name_date_and_source(key, tmp_path):
    """An entry without its list's name, source or date, or with a day that does not exist,
    is refused; a whole one is a REVIEW from its day on, and no list at all is nothing."""
    register = registers.made(tmp_path / "register")
    register.answers("no", "no", "no", "no")
    file = tmp_path / "register" / "acme.toml"
    good = file.read_text()
    assert register.verdict().verdict == Verdict.ALLOW
    entry = {"list": '"list 1"', "source": '"gazette 7"', "date": '"2026-11-21"'}

    def written(values: dict[str, str]) -> None:
        lines = "".join(f"{name} = {value}\n" for name, value in values.items())
        file.write_text(f"{good}\n[[listing]]\n{lines}")

    written({name: value for name, value in entry.items() if name != key})
    assert register.run("list").code == 2
    written({**entry, "date": '"2026-02-30"'})
    assert register.run("list").code == 2
    written(entry)
    assert ruled(register.verdict()) == {"supplier.listed": "REVIEW"}
    written({**entry, "date": '"2026-11-22"'})
    assert register.verdict().verdict == Verdict.ALLOW


def test_row_53_a_subsystem_beside_the_measuring_refutes_measure_only():
    """A communication stack in one image and a switch in another refute MEASURE_ONLY, each
    named with its file; an update that only measures leaves the claim standing."""
    against("MEASURE_ONLY", "fw/radio.bin", "communication stack")
    against("MEASURE_ONLY", "fw/relay.bin", "meter.disconnect")


def test_row_54_a_communication_stack_refutes_that_nothing_runs_through_the_module():
    """The names of an IP stack and of PPP in an image refute NO_WAN_COMMS; the switch in
    the other image does not, and without a stack the claim stands."""
    against("NO_WAN_COMMS", "fw/radio.bin", "communication stack ip: lwIP, netif_add")
    against("NO_WAN_COMMS", "fw/radio.bin", "communication stack ppp")
    assert not any("refutes" in each and "relay" in each
                   for each in held("bad", "NO_WAN_COMMS")["evidence"])  # fmt: skip
