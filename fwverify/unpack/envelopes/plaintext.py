"""What the operator says an encrypted member holds (``--plaintext``).

Guarantees: it counts only where opening the member with a given secret gives exactly
these bytes; for a deterministic cipher that is the same as encrypting them again to the
member's own cipher text. Otherwise ``plaintext.unproven`` is said, the member stays as
unexamined as it was, and the plain text is a child ``@plaintext`` that is examined like
any other content.
"""

from __future__ import annotations

import msgspec

from fwverify.model import Entry, Observation, Opened
from fwverify.unpack.source import Source

RULE = "plaintext.unproven"


def with_plaintexts(source: Source, opened: Opened) -> Opened:
    """Return ``opened`` with the plain texts given for it that nothing proves."""
    present = {entry.sha256 for entry in opened.entries if entry.extents}
    proven = opened.given and opened.complete
    missing = [
        each
        for each in source.given.plaintexts
        if not (proven and each.sha256 in present) and each.sha256 in source.store
    ]
    if not source.given.plaintexts:
        return opened
    entries = tuple(
        Entry(name=b"@plaintext", sha256=each.sha256, size=each.size, generated=True)
        for each in missing
    )
    observations = tuple(
        Observation(
            rule=RULE,
            text="a plain text was given for it and no secret shows that it is its content: "
            "binding unproven",
            severity="high",
            evidence=(f"sha256:{each.sha256}",),
        )
        for each in missing
    )
    return msgspec.structs.replace(
        opened,
        entries=(*opened.entries, *entries),
        observations=(*opened.observations, *observations),
        given=True,
    )
