"""The compare stage: what an update has that its approved baseline had not.

Guarantees: every path of both sides ends in exactly one of unchanged, changed, added,
removed or moved; nothing is dropped because it resembles something else (DETECTION,
"Similarity thresholds hide implants"); a finding of the baseline counts as known only
for the identical rule, capability, path and evidence; a baseline whose analysis was
not complete, or was made with other rules, makes the comparison incomplete.

With a ``Reading`` the contents of changed files are held against each other by key, line,
section, byte and signer (``content``), and what was renamed and changed is paired by
likeness (``inside``), which never makes a new program an old one.

What it does not do: judge, or follow the flow inside functions. A file whose modification
time alone differs is not reported as changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fwverify.compare.profile import profile_of

if TYPE_CHECKING:
    from fwverify.compare.content.asking import Reading
    from fwverify.model import Compared, Profile

__all__ = ["compare", "profile_of"]


def compare(
    new: Profile,
    old: Profile,
    declared: tuple[str, ...] = (),
    reading: Reading | None = None,
) -> Compared:
    """Return what ``new`` has that ``old`` had not, as ``stage.compare`` says."""
    from fwverify.compare import stage

    return stage.compare(new, old, declared, reading)
