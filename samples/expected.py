"""The table ``EXPECTED.tsv``: what the gate must say of each sample."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from samples.build import HERE, OUT

CONFIG: Final = HERE / "fwverify.toml"
AT: Final = "2026-11-21T00:00:00Z"
APPROVERS: Final = ("A. Approver", "B. Second")
REASON: Final = "first release, examined in the laboratory"
# The rows that `make run` shows in full: a benign update, then its trojaned twin.
SHOWN: Final = ("vehicle-1.1.0.raucb", "vehicle-1.1.0-trojan-a.raucb")


@dataclass(frozen=True)
class Expected:
    """One row. ``planted_path`` is below the sample's own name, empty for benign ones."""

    sample: str
    baseline: str
    case: str
    verdict: str
    exit: int
    planted_path: str
    capability: str

    @property
    def update(self) -> Path:
        """The update's file."""
        return OUT / self.sample

    @property
    def baseline_file(self) -> Path:
        """The file of the release that was approved before."""
        return OUT / self.baseline

    @property
    def case_file(self) -> Path:
        """The case under which both are submitted."""
        return HERE / "cases" / f"{self.case}.toml"

    @property
    def ref(self) -> str:
        """The baseline's name in the ledger: product and release."""
        product, _, rest = self.baseline.partition("-")
        return f"samples/{product}/{rest.rsplit('.', 1)[0]}"

    @property
    def node(self) -> str:
        """The path of the planted node in the report, empty for benign samples."""
        return f"{self.sample}!/{self.planted_path}" if self.planted_path else ""


def expected() -> tuple[Expected, ...]:
    """Return the rows in the file's order."""
    with (HERE / "EXPECTED.tsv").open(newline="") as file:
        return tuple(_row(fields) for fields in csv.DictReader(file, delimiter="\t"))


def _row(fields: dict[str, str]) -> Expected:
    texts = {name: value for name, value in fields.items() if name != "exit"}
    return Expected(exit=int(fields["exit"]), **texts)


def approve_command(row: Expected, config: Path = CONFIG) -> tuple[str, ...]:
    """Return the arguments that put the row's baseline into the ledger, approved by two.

    ``config`` is the configuration, where it is not to be the samples' own.
    """
    people = tuple(part for person in APPROVERS for part in ("--by", person))
    return (
        *("--config", str(config), "baseline", "approve", str(row.baseline_file)),
        *("--ref", row.ref, "--case", str(row.case_file), *people),
        *("--reason", REASON, "--at", AT),
    )


def check_command(row: Expected, out: Path, config: Path = CONFIG) -> tuple[str, ...]:
    """Return the arguments that judge the row's sample and write the reports to ``out``."""
    return (
        *("--config", str(config), "check", str(row.update), "--case", str(row.case_file)),
        *("--baseline", f"ledger:{row.ref}", "--at", AT, "--out", str(out)),
    )


def write_config(folder: Path) -> Path:
    """Write the samples' configuration with a ledger of its own into ``folder``.

    A ledger on the command line would be ad hoc, and its result at best a REVIEW.
    """
    file = folder / "fwverify.toml"
    text = CONFIG.read_text().replace('"out/', f'"{OUT}/')
    file.write_text(re.sub(r"sqlite:///\S+sqlite", f"sqlite:///{folder}/ledger.sqlite", text))
    return file
