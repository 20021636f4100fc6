"""Who signed a file before and now, for every signature scheme alike.

Guarantees: for each pair of paths, changed or not (a signature may stand beside its file), the
signers of a scheme are held against those of the same scheme in the baseline: one that is gone
is ``compare.signer_changed``, one that came beside those that stayed
``compare.signer_added``, both of medium severity (R155 12.4). A signature that named nobody
on either side is told as ``compare.signer_unclear``, and so is a baseline that was recorded
without its signers: what was not compared is never taken for equal. Where everything that is
signed stayed and the signer, or the bytes around, did not, the pair is told as
``signed anew``. Equal changes of many files are told ``MAX_TOLD`` times, the last with how
many more there are; the facts of each changed pair stay.

The names are what signatures say of themselves (``fwverify.verify.named``): who can change
a file can write any name into a signature that does not hold. Whether it holds is what the
verify stage judges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fwverify.canonical import make_finding
from fwverify.compare.pairing import Pair
from fwverify.model import Fact, Finding, Severity

SIGNER: Final = "signer"
CONTENT: Final = "signed content"
LOOKED: Final = "signers"
OWN_KINDS: Final = frozenset((SIGNER, CONTENT, LOOKED))
"""Kinds of facts that are told here and not as facts that came or went."""

NOBODY: Final = "nobody that is known"
_NAMELESS: Final = (NOBODY, "OpenPGP nobody named", "key id ")
"""What stands for a signer whom a signature does not name: of two of them who knows."""

MAX_TOLD: Final = 20
_EVIDENCE: Final = 20
_COMMON_NAME: Final = re.compile(r"Common Name: ([^,;]{1,60})")
_SHOWN: Final = 150

Facts = Mapping[str, tuple[Fact, ...]]


@dataclass(frozen=True)
class Change:
    """How the signers of one pair differ. Each is ``scheme: name``."""

    path: str
    gone: frozenset[str]
    came: frozenset[str]
    stayed: frozenset[str]
    unclear: frozenset[str]
    anew: tuple[str, ...]


def were_read(facts: Facts) -> bool:
    """Return whether signers were looked for when ``facts`` were recorded."""
    return any(one.kind == LOOKED for own in facts.values() for one in own)


def changes(pairs: Iterable[Pair], before: Facts, now: Facts) -> tuple[Change, ...]:
    """Return the pairs whose signers or signatures differ; nothing where a side was not read."""
    if not (were_read(before) and were_read(now)):
        return ()
    found = (_change(pair, before.get(pair.old.path, ()), now.get(pair.new.path, ()))
             for pair in pairs)  # fmt: skip
    return tuple(one for one in found if one is not None)


def _change(pair: Pair, old: tuple[Fact, ...], new: tuple[Fact, ...]) -> Change | None:
    was, is_ = _of(old, SIGNER), _of(new, SIGNER)
    if not was and not is_:
        return None
    same_bytes = pair.old.sha256 == pair.new.sha256
    if was == is_ and same_bytes:
        return None
    nameless = {one for one in was | is_ if _is_nobody(one)}
    vague = frozenset(_scheme(one) for one in was if one in nameless)
    gone = was - is_ - nameless
    came = frozenset(one for one in is_ - was - nameless if _scheme(one) not in vague)
    return Change(
        path=pair.new.path,
        gone=gone,
        came=came,
        stayed=was & is_ - nameless,
        unclear=frozenset(nameless),
        anew=_anew(_of(old, CONTENT), _of(new, CONTENT)),
    )


def _of(facts: tuple[Fact, ...], kind: str) -> frozenset[str]:
    return frozenset(one.text for one in facts if one.kind == kind)


def _scheme(text: str) -> str:
    return text.partition(": ")[0]


def _is_nobody(text: str) -> bool:
    return text.partition(": ")[2] in _NAMELESS


def _anew(old: frozenset[str], new: frozenset[str]) -> tuple[str, ...]:
    """Return what is signed and stayed; nothing where a scheme signs something else now."""
    both = {_scheme(one) for one in old} & {_scheme(one) for one in new}
    mine = {one for one in new if _scheme(one) in both}
    theirs = {one for one in old if _scheme(one) in both}
    return tuple(sorted(mine)) if mine == theirs else ()


# --- what is told ------------------------------------------------------------------------


def facts_of(change: Change) -> Iterator[Fact]:
    """Yield the facts of a changed pair."""
    yield from (Fact(kind="signer added", text=one) for one in sorted(change.came))
    yield from (Fact(kind="signer removed", text=one) for one in sorted(change.gone))
    if change.anew:
        told = ", ".join(_short(one) for one in change.anew)
        yield Fact(kind="signed anew", text=f"what is signed stayed the same ({told})")


def is_told(change: Change) -> bool:
    """Return whether ``change`` names who signed instead, or beside those who stayed."""
    return bool(change.gone or (change.came and change.stayed))


def findings(found: tuple[Change, ...]) -> Iterator[Finding]:
    """Yield what the changes mean, equal ones of many files a bounded number of times."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for one in found:
        if is_told(one):
            groups.setdefault((one.gone, one.came), []).append(one)
        elif one.unclear:
            groups.setdefault(("unclear", one.unclear), []).append(one)
    for group in groups.values():
        ordered = sorted(group, key=lambda one: one.path)
        more = len(ordered) - MAX_TOLD
        for number, one in enumerate(ordered[:MAX_TOLD], 1):
            left = f"; so of {more} more" if more > 0 and number == MAX_TOLD else ""
            yield _finding(one, left)


def _finding(one: Change, left: str) -> Finding:
    if not is_told(one):
        text = f"who signed it is not known on both sides: {_shown(one.unclear)}"
        return _made("compare.signer_unclear", one.path, text + left, "info", one.unclear)
    same = "; what is signed stayed the same" if one.anew else ""
    if not one.gone:
        text = f"is signed by {_shown(one.came)} now, too{same}{left}"
        return _made("compare.signer_added", one.path, text, "medium", one.came)
    now = one.came | one.stayed | one.unclear
    by = _shown(now) if now else "nobody"
    text = f"the baseline's was signed by {_shown(one.gone)}; this one by {by}{same}{left}"
    return _made("compare.signer_changed", one.path, text, "medium", one.gone, one.came)


def _made(
    rule: str,
    path: str,
    text: str,
    severity: Severity,
    first: frozenset[str],
    then: frozenset[str] = frozenset(),
) -> Finding:
    word = {"compare.signer_changed": "no longer", "compare.signer_added": "now"}.get(rule, "?")
    return make_finding(
        rule=rule,
        path=path,
        text=text,
        threat="both",
        severity=severity,
        evidence=(
            *(f"{word}:{one}" for one in sorted(first)[:_EVIDENCE]),
            *(f"now:{one}" for one in sorted(then)[:_EVIDENCE]),
        ),
        r155=("12.4",),
    )


def unread_finding(path: str, before: Facts, now: Facts) -> Iterator[Finding]:
    """Yield that the baseline keeps no signers although the update has some."""
    signed = any(one.kind == SIGNER for own in now.values() for one in own)
    if signed and were_read(now) and not were_read(before):
        text = "the baseline was recorded without its signers: whether they changed was not judged"
        yield _made("compare.signer_unclear", path, text, "info", frozenset())


def _shown(names: Iterable[str]) -> str:
    return ", ".join(_short(one) for one in sorted(names))[:_SHOWN]


def _short(text: str) -> str:
    """Return scheme, common name and the beginning of the key's digest, for people."""
    head, space, last = text.rpartition(" ")
    is_digest = len(last) >= 40 and all(one in "0123456789abcdef" for one in last)
    if not is_digest:
        return text
    named = _COMMON_NAME.search(head)
    if named:
        head = f"{head[: named.start()]}{named[1]} key"
    return f"{head}{space}{last[:16]}"
