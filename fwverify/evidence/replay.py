"""Whether a package's decision is what this program decides from the update itself.

Guarantees: ``compare`` says ``same`` only when the core made from the new report is, byte
for byte, the core of the package, so that ``SHA256SUMS`` has the same digest. Otherwise it
says which digests (configuration, policy, trust, rules, tools) differ, which is why, before
it says which files do.

Not checked: signatures (``check``). A redacted package cannot be replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from fwverify.canonical import sha256_hex
from fwverify.evidence import asic, layout
from fwverify.model import Report
from fwverify.reader import Malformed


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


def compare(files: Mapping[str, bytes], report: Report) -> Replayed:
    """Return how the core of ``report``, made anew, compares with that of the package."""
    who, before = recorded(files)
    seen = report if who.kind == "national-security" else layout.under(report)
    core = layout.core(seen)
    made = asic.sums(core)
    wanted = sha256_hex(asic.sums(files))
    if who.core != wanted:
        raise Malformed(0, asic.SIGNERS, "names another core than that of the files")
    differing = [
        n for n in sorted({*core, *filter(asic.is_core, files)}) if core.get(n) != files.get(n)
    ]
    causes = _causes(before, seen) if differing else ()
    return Replayed(sha256_hex(made), wanted, causes, tuple(differing))


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
