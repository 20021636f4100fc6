"""What two paired nodes say of themselves, and what follows where that differs.

Guarantees: a version that went back is ``compare.downgrade`` (R155 6.3), also where only
the build says so and where the product now stands at another path; bytes that changed
under an equal version are ``compare.same_version_other_bytes`` (R155 12.1), however the
version is written; other hardware, another architecture, product or vendor have their
own findings; versions that differ and cannot be ordered are said
(``compare.version_unclear``), and so is a version that is no longer stated, or stated
nowhere in a member that changed (``compare.version_unstated``).

What the submitted member itself says weighs most: its downgrade or other hardware is of
high severity, its other product or architecture and an unclear version of medium, which
the built-in policies put before a person. The same of a part of it is one step less.

What it does not do: believe. A header may lie; content is compared apart from this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from fwverify.canonical import make_finding
from fwverify.compare.pairing import Pair, Pairing
from fwverify.compare.versions import is_lower, order
from fwverify.model import Finding, Node
from fwverify.paths import SEPARATOR

_BUILD: Final = re.compile(r"(?:0[xX][0-9A-Fa-f]{1,16}|[0-9]+(?:[.\-][0-9]+){0,15})")
"""A build that is a number or a date. Others (commit and build ids) have no order."""

_MAX_BUILD_CHARS: Final = 40
_MAX_VERSIONS: Final = 64
"""A product that the baseline states in more versions than this has no one version."""

_OTHER: Final = (
    ("vendor", "compare.vendor_changed", "medium", "low"),
    ("product", "compare.product_changed", "medium", "low"),
    ("arch", "compare.architecture_changed", "high", "medium"),
)


def same_version(pair: Pair) -> bool:
    """Return whether the bytes changed and a stated version did not."""
    new, old = pair.new.identity.version, pair.old.identity.version
    if new is None or old is None or pair.old.sha256 == pair.new.sha256:
        return False
    return new == old or order(new, old) == "same"


def identity_findings(pair: Pair) -> Iterator[Finding]:
    """Yield what the pair's stated identities mean."""
    if pair.old.sha256 == pair.new.sha256 and pair.old.identity == pair.new.identity:
        return
    yield from _versions(pair)
    yield from _hardware(pair)
    for name, rule, member, part in _OTHER:
        old, new = getattr(pair.old.identity, name), getattr(pair.new.identity, name)
        if old is not None and new is not None and old != new:
            text = f"states the {name} {new}; the baseline's states {old}"
            evidence = (f"old-{name}:{old}", f"new-{name}:{new}")
            yield _finding(rule, pair.new, text, (member, part), evidence)


def _versions(pair: Pair) -> Iterator[Finding]:
    old, new = pair.old.identity.version, pair.new.identity.version
    if old is None:
        return
    if new is None:
        text, gone = f"states no version; the baseline's is {old}", (f"old-version:{old}",)
        yield _finding("compare.version_unstated", pair.new, text, ("medium", "info"), gone)
        return
    if same_version(pair):
        yield from _build_downgrade(pair)
        yield _same(pair.new, pair.old)
        return
    found = order(new, old)
    if found == "lower":
        yield _downgrade(pair.new, "version", new, old)
    elif found == "unclear":
        text = f"version {new} cannot be held against the baseline's {old}"
        evidence = (f"old-version:{old}", f"new-version:{new}")
        yield _finding("compare.version_unclear", pair.new, text, ("medium", "info"), evidence)


def _same(new: Node, old: Node) -> Finding:
    return make_finding(
        rule="compare.same_version_other_bytes",
        path=new.path,
        text=f"the bytes changed while the version stayed {new.identity.version}",
        evidence=(
            f"version:{new.identity.version}",
            f"old:{old.sha256}",
            f"new:{new.sha256}",
        ),
        r155=("12.1",),
    )


def _build_downgrade(pair: Pair) -> Iterator[Finding]:
    old, new = pair.old.identity.build, pair.new.identity.build
    if old is None or new is None or max(len(old), len(new)) > _MAX_BUILD_CHARS:
        return
    if _BUILD.fullmatch(old) and _BUILD.fullmatch(new) and is_lower(new, old):
        yield _downgrade(pair.new, "build", new, old)


def _downgrade(node: Node, what: str, new: str, old: str, where: str = "") -> Finding:
    """Return a downgrade; a submitted member that goes back is graver than a part of it."""
    return make_finding(
        rule="compare.downgrade",
        path=node.path,
        text=f"{what} {new} is lower than the baseline's {old}{where}",
        severity="medium" if SEPARATOR in node.path else "high",
        evidence=(f"old-{what}:{old}", f"new-{what}:{new}"),
        r155=("6.3",),
    )


def _hardware(pair: Pair) -> Iterator[Finding]:
    """Yield hardware that the update no longer names; further boards are no fault."""
    old, new = pair.old.identity.hardware, pair.new.identity.hardware
    if old is None or new is None or set(old.split()) <= set(new.split()):
        return
    text = f"is made for the hardware {new}; the baseline's for {old}"
    evidence = (f"old-hardware:{old}", f"new-hardware:{new}")
    yield _finding("compare.hardware_changed", pair.new, text, ("high", "medium"), evidence)


def _finding(
    rule: str, node: Node, text: str, severities: tuple[str, str], evidence: tuple[str, ...]
) -> Finding:
    return make_finding(
        rule=rule,
        path=node.path,
        text=text,
        severity=severities[1 if SEPARATOR in node.path else 0],
        evidence=evidence,
        r155=("6.3",) if "version" in rule else ("12.1",),
    )


def silence_findings(new: Iterable[Node], pairing: Pairing) -> Iterator[Finding]:
    """Yield the changed members in which nothing states a version.

    Whether they go back was not judged; where the baseline stated one, that is graver.
    """
    stating = _stating(new)
    before = _stating((*(pair.old for pair in pairing.pairs), *pairing.removed))
    for pair in pairing.pairs:
        node, own = pair.new, pair.old.identity.version is not None
        if SEPARATOR in node.path or own or pair.old.sha256 == node.sha256:
            continue
        if node.path not in stating:
            lost = pair.old.path in before
            text = "nothing in it states a version: whether it goes back was not judged"
            severities = ("medium", "info") if lost else ("info", "info")
            yield _finding("compare.version_unstated", node, text, severities, ())


def _stating(nodes: Iterable[Node]) -> set[str]:
    """Return the members in which any node states a version."""
    return {
        node.path.partition(SEPARATOR)[0] for node in nodes if node.identity.version is not None
    }


# --- at another path -------------------------------------------------------------------


def moved_identity_findings(pairing: Pairing) -> Iterator[Finding]:
    """Yield downgrades of products whose path has no counterpart.

    An added node is held against all removed nodes that state its vendor and product:
    where its version is lower than each of theirs, it went back.
    """
    before = _stated(pairing.lost)
    for key, nodes in _stated(pairing.unknown).items():
        versions = sorted({str(node.identity.version) for node in before.get(key, ())})
        if not 0 < len(versions) <= _MAX_VERSIONS:
            continue
        for node in nodes:
            new = str(node.identity.version)
            if all(order(new, old) == "lower" for old in versions):
                yield _downgrade(node, "version", new, ", ".join(versions), " at another path")


def _stated(nodes: Iterable[Node]) -> dict[tuple[str | None, str], list[Node]]:
    found: dict[tuple[str | None, str], list[Node]] = {}
    for node in nodes:
        said = node.identity
        if said.product is not None and said.version is not None:
            found.setdefault((said.vendor, said.product), []).append(node)
    return found
