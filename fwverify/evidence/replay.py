"""Whether a package's decision is what this program decides from the update itself.

Guarantees: ``compare`` says ``same`` only when the core made from the new report is, byte
for byte, the core of the package, so that ``SHA256SUMS`` has the same digest. Otherwise it
says which digests (configuration, policy, trust, rules, tools) differ, which is why, before
it says which files do. ``lacking`` says, before anything is run, what the question of then
needs and is not here.

Not checked: signatures (``check``). A redacted package cannot be replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from fwverify.canonical import sha256_hex
from fwverify.evidence import asic, building, inputs, layout
from fwverify.model import Report
from fwverify.reader import Malformed

if TYPE_CHECKING:
    from fwverify.evidence.steering import Steering


_WORDS: Final = {
    "asked": "what was asked (ad hoc options, baseline, superseded case, second opinion) is",
    "config": "the configuration's limits, engine or number of signers and people are",
    "trust": "the trust rule is",
    "accepted": "the ledger's highest accepted values are",
    "revoked": "the number of revoked baselines is",
    "catalogues": "the regulation catalogues are",
}


@dataclass(frozen=True)
class Given:
    """What whoever replays has: the superseded case's report, and the second engine."""

    refused: Report | None
    engine: bool


@dataclass(frozen=True)
class Replayed:
    """``core`` is the digest reached, ``wanted`` that of the package."""

    core: str
    wanted: str
    causes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether both cores are one."""
        return self.core == self.wanted


def recorded(files: Mapping[str, bytes]) -> tuple[asic.Signers, Report]:
    """Return who signed the package and the report it holds. Raises ``Malformed``."""
    who = asic.read_signers(files.get(asic.SIGNERS, b""))
    if who.kind == "redacted":
        raise Malformed(0, asic.SIGNERS, "a redacted package cannot be replayed")
    return who, layout.report_of(files)


def compare(
    files: Mapping[str, bytes], report: Report, steering: Steering | None = None
) -> Replayed:
    """Return how the core of ``report``, made anew, compares with that of the package.

    ``steering`` is what steered it this time; a package that was built without it is
    compared without it.
    """
    who, before = recorded(files)
    told = inputs.read_inputs(files)
    kind: building.Kind = "national-security" if who.kind == "national-security" else "evidence"
    steered = steering if told.asked is not None else None
    annex = building.annex(report) if told.annex.present else None
    seen, core = building.contents(report, kind, steered, annex)
    made = asic.sums(core)
    wanted = sha256_hex(asic.sums(files))
    if who.core != wanted:
        raise Malformed(0, asic.SIGNERS, "names another core than that of the files")
    differing = [
        n for n in sorted({*core, *filter(asic.is_core, files)}) if core.get(n) != files.get(n)
    ]
    causes = _causes(before, seen) if differing else ()
    if differing:
        causes += _asked(told, inputs.read_inputs(core))
    return Replayed(sha256_hex(made), wanted, causes, tuple(differing))


def lacking(told: inputs.Inputs, before: Report, given: Given) -> str:
    """Return what a replay lacks to ask the same question; "" where it lacks nothing.

    A case that was superseded and was at hand has to be given, and to be that very report;
    the engine of a second opinion has to be installed.
    """
    was = before.superseded.core_sha256 if before.superseded else None
    if was is not None and given.refused is None:
        return (
            f"the case that it supersedes ({before.supersedes}) was at hand: "
            f"--supersedes with the report {was[:16]}"
        )
    if given.refused is not None and given.refused.core_sha256 != was:
        return f"--supersedes names another report than the one of then ({was or 'none'})"
    second = told.asked.second if told.asked else None
    if second is not None and not given.engine:
        return f"it was made with --second-opinion {second}, which is not installed"
    return ""


def _asked(was: inputs.Inputs, now: inputs.Inputs) -> tuple[str, ...]:
    """Return in what this run was asked otherwise, or wrote the annex otherwise."""
    found = []
    if was.annex.tool != now.annex.tool:
        found.append(f"the annex is by {now.annex.tool}, was by {was.annex.tool}")
    found += [
        f"{words} another"
        for name, words in _WORDS.items()
        if getattr(was, name) != getattr(now, name)
    ]
    return tuple(found)


def _causes(before: Report, after: Report) -> tuple[str, ...]:
    """Return what was put in otherwise: another update, another configuration, other tools."""
    found = []
    if before.subject != after.subject:
        found.append("the update is another one")
    if before.at != after.at:
        found.append(f"decided as of {after.at}, not {before.at}")
    old, new = msgspec.to_builtins(before.digests), msgspec.to_builtins(after.digests)
    found += [f"the {name} is another" for name in sorted(old) if old[name] != new[name]]
    names = sorted({*before.tools, *after.tools})
    for name in names:
        was, now = before.tools.get(name, "absent"), after.tools.get(name, "absent")
        if was != now:
            found.append(f"{name} is {now}, was {was}")
    if before.baseline != after.baseline:
        found.append("the baseline is another")
    return tuple(found)
