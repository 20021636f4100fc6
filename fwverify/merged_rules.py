"""How a finding that several rules made says so, written and read in one place.

``analyse.combine`` merges what several rules say of one ability at one path under the
strongest rule. Each other rule stays in the evidence as ``told`` writes it, and
``per_rule`` gives back one finding per rule with the strength that rule had, so that a
policy judges as if nothing had been merged. A content that forges such an evidence can
only add to what is judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, get_args

import msgspec

from fwverify.model import Confidence, Finding, Severity, Threat

PREFIX: Final = "rule:"
_TOLD: Final = re.compile(
    rf"{PREFIX}(\S+) ({'|'.join(get_args(Threat))}) ({'|'.join(get_args(Severity))})"
    rf"/({'|'.join(get_args(Confidence))})"
)


def told(rule: str, threat: Threat, severity: Severity, confidence: Confidence) -> str:
    """Return the evidence that ``rule`` holds, too, and how strong it is."""
    return f"{PREFIX}{rule} {threat} {severity}/{confidence}"


def per_rule(finding: Finding) -> Iterator[Finding]:
    """Yield ``finding``, and itself again under each other rule that it was made from."""
    yield finding
    for text in finding.evidence:
        if (other := _TOLD.fullmatch(text)) is not None:
            rule, threat, severity, confidence = other.groups()
            strength = {"threat": threat, "severity": severity, "confidence": confidence}
            yield msgspec.convert(
                msgspec.structs.asdict(finding) | {"rule": rule} | strength, Finding
            )
