"""The rules over one content, by the engine that was chosen.

Guarantees: with ``both``, what either engine finds is found, what either gives up is a
``Trouble``, and a rule that only one of them holds is the finding
``analyse.engines_disagree``: one of the two is wrong about this content. It is only said
where both came to an end.

What it does not check: where and how often a rule's strings match. The engines count
overlapping matches differently by design.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from fwverify.analyse import yara, yarax
from fwverify.analyse.marks import NAMESPACE, Marked, marked
from fwverify.analyse.matched import Matched, hit_of
from fwverify.analyse.rules import bodies
from fwverify.analyse.values import Engine, Hit, Trouble
from fwverify.analyse.windows import Extracted
from fwverify.reader import Buffer

DISAGREE: Final = "analyse.engines_disagree"


@dataclass(frozen=True)
class Examined:
    """What the rules say of one content."""

    hits: tuple[Hit, ...]
    marked: Marked
    troubles: tuple[Trouble, ...]


def examine(
    buffer: Buffer, bundle: bytes, extracted: Extracted, seconds: int, engine: Engine
) -> Examined:
    """Return the findings of the rules, the marks, and what an engine gave up on.

    ``seconds`` is the time that one engine may take.
    """
    if engine == "both":
        return _both(buffer, bundle, extracted, seconds)
    chosen = yarax.matches if engine == "yara-x" else yara.matches
    found, troubles = chosen(buffer, bundle, seconds)
    return Examined(*_read(buffer, bundle, extracted, found), troubles)


def _both(buffer: Buffer, bundle: bytes, extracted: Extracted, seconds: int) -> Examined:
    first, gave_up = yara.matches(buffer, bundle, seconds)
    second, gave_up_too = yarax.matches(buffer, bundle, seconds)
    names = {(each.namespace, each.rule) for each in first}
    others = tuple(each for each in second if (each.namespace, each.rule) not in names)
    hits, marks = _read(buffer, bundle, extracted, (*first, *others))
    if not gave_up and not gave_up_too:
        hits += _disagreement(first, second)
    return Examined(hits, marks, (*gave_up, *gave_up_too))


def _read(
    buffer: Buffer, bundle: bytes, extracted: Extracted, found: tuple[Matched, ...]
) -> tuple[tuple[Hit, ...], Marked]:
    own = [each for each in found if each.namespace == NAMESPACE]
    others = [each for each in found if each.namespace != NAMESPACE]
    hits = (hit_of(buffer, each, extracted, partial(bodies, bundle)) for each in others)
    return tuple(hit for hit in hits if hit is not None), marked(buffer, own, extracted)


def _disagreement(first: tuple[Matched, ...], second: tuple[Matched, ...]) -> tuple[Hit, ...]:
    """Return a finding for the rules that only one engine holds for; none where they agree."""
    ours = {(each.namespace, each.rule) for each in first if each.namespace != NAMESPACE}
    theirs = {(each.namespace, each.rule) for each in second if each.namespace != NAMESPACE}
    evidence = {
        *(f"only yara-python: {name}" for _, name in ours - theirs),
        *(f"only yara-x: {name}" for _, name in theirs - ours),
    }
    if not evidence:
        return ()
    return (
        Hit(
            rule=DISAGREE,
            text="the two rule engines come to different results here",
            severity="medium",
            confidence="high",
            evidence=tuple(sorted(evidence)),
        ),
    )
