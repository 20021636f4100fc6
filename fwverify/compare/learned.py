"""Learned models that came or changed: what a device decides with, and no rule can read.

Guarantees: a content that is a model on either side and differs is
``compare.model_changed``, also where it is paired by likeness or is no model any more; a
model where the baseline had none is ``compare.model_added``, one that is there no more
``compare.model_removed``: what does its work now may be called by no model's name. All are
of medium severity, name the model as it names itself, and hold the digests: a scanner with a
swapped model runs the same programs and sees other things (R155 25.1, 12.1).

What it does not do: say what a model computes, or which of two is the better one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace

from fwverify.canonical import make_finding
from fwverify.compare.pairing import Pairing
from fwverify.learned import is_learned
from fwverify.model import Finding, Node

CHANGED: Final = "compare.model_changed"
ADDED: Final = "compare.model_added"
REMOVED: Final = "compare.model_removed"


def model_findings(pairing: Pairing, translate: Callable[[str], str]) -> Iterator[Finding]:
    """Yield a finding for each model that differs from the baseline's, is new, or is gone.

    ``translate`` gives the path that a baseline's would have now.
    """
    for pair in pairing.pairs:
        old, new = pair.old, pair.new
        if old.sha256 != new.sha256 and (is_learned(old) or is_learned(new)):
            text = f"{_named(old)} -> {_named(new)}"
            if _named(old) == _named(new):
                text = f"{_named(new)}, other content under the same name"
            yield _finding(CHANGED, new, text, (f"old:{old.sha256}", f"new:{new.sha256}"))
    for node in pairing.added:
        if is_learned(node):
            yield _finding(ADDED, node, _named(node), (f"new:{node.sha256}",))
    for node in pairing.removed:
        if is_learned(node):
            text = f"{_named(node)} is there no more"
            yield _finding(
                REMOVED, replace(node, path=translate(node.path)), text, (f"old:{node.sha256}",)
            )


def _named(node: Node) -> str:
    """Return what a model calls itself, and its format."""
    said = node.identity
    stated = [each for each in (said.vendor, said.product, said.version) if each]
    name = " ".join(stated) or "unnamed"
    return f"{name} ({node.format or 'unknown format'})"


def _finding(rule: str, node: Node, text: str, evidence: tuple[str, ...]) -> Finding:
    return make_finding(
        rule=rule,
        path=node.path,
        text=f"a learned model: {text}",
        threat="both",
        severity="medium",
        evidence=evidence,
        r155=("12.1", "25.1"),
    )
