"""A supplier register of its own for one test, kept and read through the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from fwverify.case import Case, Context
from fwverify.model import Decision
from fwverify.policy.decide import decide
from fwverify.policy.load import load_class
from fwverify.suppliers.register import load_register
from fwverify.suppliers.supply import supply_of
from tests.builders.facts import AT, good_facts
from tests.cli.program import Ran, inside

HERE = "meter/networked"
ALONE = "meter/stand-alone"
SAID = ("--assessor", "A. Assessor", "--source", "dossier 12", "--text", "because")
FIRST_DAY = date(2026, 1, 1)


@dataclass(frozen=True)
class Registered:
    """A folder with a register; ``acme`` is its first supplier."""

    folder: Path

    def run(self, *call: str) -> Ran:
        """Run ``fwverify supplier`` over the register."""
        return inside("supplier", *call, "--register", str(self.folder), cwd=self.folder)

    def add(self, name: str, *more: str) -> None:
        """Enter the supplier ``name``, with a quick scan that objects to nothing."""
        assert self.run("add", name, "--name", name.title(), "--vendor", name, *more).code == 0
        scan = ("--reference", "QS-1", "--outcome", "no-objection", "--source", "file 7")
        assert self.run("quickscan", name, *scan, "--date", "2026-01-01").code == 0

    def next_day(self) -> tuple[str, str]:
        """Return the option for the day after the last entry's: one answer a day counts."""
        text = (self.folder / "acme.toml").read_text()
        days = text.count("[[judgement]]") + text.count("[[decision]]")
        return "--date", (FIRST_DAY + timedelta(days)).isoformat()

    def answer(self, criterion: str, answer: str, *more: str, context: str = HERE) -> Ran:
        """Have the assessor answer ``criterion`` for acme."""
        place = ("--context", context) if criterion in ("3a", "3b") else ()
        return self.run("assess", "acme", "--criterion", criterion, "--answer", answer, *place,
                        *more, *SAID, *self.next_day())  # fmt: skip

    def answers(self, c1: str, c2: str, c3a: str, c3b: str, *, context: str = HERE) -> None:
        """Answer all four; a yes to 3b names a measure with its evidence."""
        for criterion, said in zip(("1", "2", "3a", "3b"), (c1, c2, c3a, c3b), strict=True):
            measure = ("--control", "no remote access|audit 7") if (criterion, said) == (
                "3b", "yes") else ()  # fmt: skip
            ran = self.answer(criterion, said, *measure, context=context)
            assert ran.code == 0, ran

    def decide(self, outcome: str, context: str = HERE) -> None:
        """Have the assessor decide."""
        ran = self.run(
            "assess", "acme", "--decide", outcome, "--context", context, *SAID, *self.next_day()
        )
        assert ran.code == 0, ran

    def proposals(self) -> dict[str, str]:
        """Return what is proposed for acme, per context."""
        listed = self.run("list", "--at", AT, "--format", "json").json["suppliers"]
        (acme,) = (each for each in listed if each["id"] == "acme")
        return {each["context"]: each["proposal"] for each in acme["contexts"]}

    def append(self, name: str, text: str) -> None:
        """Write ``text`` at the end of a file of the register, as an editor would."""
        with (self.folder / name).open("a") as file:
            file.write(text)

    def verdict(
        self, connectivity: str = "networked", component: str | None = None, vendor: str = "acme"
    ) -> Decision:
        """Return the decision over an update that earns ALLOW but for its supplier."""
        case = Case(
            schema="fwverify.case/1",
            vendor=vendor,
            product="unit",
            class_name="meter",
            component=component,
            context=Context(connectivity=connectivity),
        )
        given = supply_of(load_register(self.folder), case, AT)
        return decide(good_facts(supply=given), load_class("generic").policy)


def made(folder: Path, *more: str) -> Registered:
    """Return a register with the supplier acme."""
    folder.mkdir(exist_ok=True)
    register = Registered(folder)
    register.add("acme", *more)
    return register


def ruled(decision: Decision) -> dict[str, str]:
    """Return the rules of the reasons with their verdicts, but for ALLOW's own."""
    return {each.rule: str(each.verdict) for each in decision.reasons if each.rule != "allow"}
