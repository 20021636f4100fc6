"""What the verify stage says aloud: findings about rules, signatures and coverage.

| rule | when |
|---|---|
| ``trust.unsigned`` | no signature is there at all |
| ``trust.no_rule`` | no trust rule applies |
| ``trust.threshold`` | too few distinct keys of a role signed |
| ``trust.coverage`` | enough keys signed, not over all bytes that the rule wants signed |
| ``signature.invalid`` | a signature does not hold, wherever it stands |
| ``signature.untrusted`` | it holds, and its key is not anchored in the rule |
| ``signature.expired``, ``.retired``, ``.revoked`` | the same, and that is why |
| ``signature.weak`` | an algorithm, digest or key is below the floors |
| ``signature.known_bad`` | a key everybody has, or a certificate that says so |
| ``signature.rolled_back`` | its version is below one that was accepted before |
| ``coverage.unsigned_executable`` | bytes that may run and nobody vouches for |
| ``coverage.steering`` | unsigned bytes that decide how the rest is used |
| ``coverage.unsigned_data`` | other unsigned bytes |
"""

from __future__ import annotations

from typing import Final

from fwverify.canonical import make_finding
from fwverify.model import Finding, Subject
from fwverify.verify.coverage import Class, Drawn, Segment
from fwverify.verify.judge import Judged
from fwverify.verify.recognised import RECOGNISED
from fwverify.verify.rules import Rule
from fwverify.verify.satisfied import missing_keys
from fwverify.verify.tree import Tree

_BY_STATE: Final = {
    "expired": "signature.expired",
    "not yet valid": "signature.expired",
    "retired": "signature.retired",
    "revoked": "signature.revoked",
}
_ONLY_RECOGNISED: Final = frozenset(scheme.name for scheme in RECOGNISED)
"""What is named and never verified makes no update a signed one."""

_SPOKEN: Final[tuple[tuple[Class, str, str], ...]] = (
    ("unsigned_executable", "high", "bytes that may run are vouched for by nobody"),
    ("steering", "medium", "unsigned bytes decide how the rest is used"),
    ("unsigned_data", "low", "bytes of data are vouched for by nobody"),
)
_MAX_NAMED: Final = 200
"""Nodes named by a finding of their own, per class and member; the rest in one more."""


def rule_findings(
    subject: Subject, rule: Rule | None, judged: tuple[Judged, ...], *, reaches: bool
) -> tuple[Finding, ...]:
    """Return findings about the update as a whole; their path is the subject's name.

    ``reaches`` says that thresholds and coverage of the rule hold. Where they do not, it is
    said, whatever each signature shows alone.
    """
    path = subject.members[0].path if len(subject.members) == 1 else subject.name
    found = []
    if all(one.result.scheme in _ONLY_RECOGNISED for one in judged):
        text = "no signature was found in or beside the update"
        found.append(_finding("trust.unsigned", path, text, "high"))
    if rule is None:
        text = (
            "no trust rule applies: nothing says whose signature is wanted; "
            "name vendor and product as the trust store names them"
        )
        found.append(_finding("trust.no_rule", path, text, "high"))
    elif judged:
        missing = missing_keys(rule, judged)
        for threshold, keys in missing:
            number = f"{keys} distinct key" if keys == 1 else f"{keys} distinct keys"
            text = (
                f"{number} of role {threshold.role} signed validly, "
                f"rule {rule.name} wants {threshold.keys}"
            )
            evidence = (f"rule:{rule.name}", f"role:{threshold.role}")
            found.append(_finding("trust.threshold", path, text, "high", evidence))
        if not missing and not reaches:
            text = f"the signatures do not reach all bytes that rule {rule.name} wants signed"
            found.append(_finding("trust.coverage", path, text, "high", (f"rule:{rule.name}",)))
    return tuple(found)


def signature_findings(
    judged: tuple[Judged, ...], tree: Tree, held: frozenset[int], rule: Rule | None
) -> tuple[Finding, ...]:
    """Return the findings about each signature. ``held`` are nodes wholly vouched for."""
    found: list[Finding] = []
    for one in judged:
        result = one.result
        text, evidence = f"{result.scheme}: {result.reason}", _evidence(one)
        if result.axes.authentic == "fail":
            found.append(_finding("signature.invalid", result.path, text, "critical", evidence))
        if result.known_bad:
            found.append(_finding("signature.known_bad", result.path, text, "critical", evidence))
        if one.authentic and result.axes.strong == "fail":
            found.append(_finding("signature.weak", result.path, text, "high", evidence))
        if rule is not None and rule.rollback_field and one.counts and result.axes.fresh == "fail":
            found.append(_finding("signature.rolled_back", result.path, text, "critical", evidence))
        if rule is not None and one.authentic and result.axes.trusted == "fail":
            # a third party's signature inside bytes that the rule's signer vouches for
            inner = tree.by_path.get(result.path) in held
            name = _BY_STATE.get(one.state, "signature.untrusted")
            severity = "info" if inner else "critical" if one.state == "revoked" else "high"
            found.append(_finding(name, result.path, text, severity, evidence))
    return tuple(found)


def _evidence(one: Judged) -> tuple[str, ...]:
    key = one.result.key_sha256
    return (f"scheme:{one.result.scheme}", *((f"key:{key}",) if key else ()))


def coverage_findings(drawn: Drawn, tree: Tree) -> tuple[Finding, ...]:
    """Return one finding per node that is to be named for unsigned bytes.

    Where nothing at all of a member is vouched for, the member alone is named.
    """
    found: list[Finding] = []
    reached = {member for member, _ in drawn.of_kind("covered")}
    for kind, severity, text in _SPOKEN:
        per_node: dict[str, list[tuple[str, Segment]]] = {}
        for member, segment in drawn.of_kind(kind):
            for path in _named(member, segment, tree) if member in reached else (member,):
                per_node.setdefault(path, []).append((member, segment))
        found += [
            _coverage_finding(kind, severity, text, path, per_node[path])
            for path in sorted(per_node)[:_MAX_NAMED]
        ]
        rest = len(per_node) - _MAX_NAMED
        if rest > 0:
            member = drawn.of_kind(kind)[0][0]
            more = f"and {rest} more files like these: {text}"
            found.append(_finding(f"coverage.{kind}", member, more, severity, ("more",)))
    return tuple(found)


def _named(member: str, segment: Segment, tree: Tree) -> tuple[str, ...]:
    return tuple(tree.nodes[index].node.path for index in segment.blamed) or (member,)


def _coverage_finding(
    kind: Class, severity: str, text: str, path: str, where: list[tuple[str, Segment]]
) -> Finding:
    member, first = where[0]
    count = sum(segment.end - segment.start for _, segment in where)
    place = f"{count} of the submitted bytes, from {first.start:#x} in {member}"
    own = path == member
    return make_finding(
        rule=f"coverage.{kind}",
        path=path,
        text=f"{text}: {place}",
        severity=severity,
        threat="sabotage" if kind != "unsigned_data" else "none",
        offset=first.start if own else None,
        length=first.end - first.start if own else None,
    )


def _finding(
    rule: str, path: str, text: str, severity: str, evidence: tuple[str, ...] = ()
) -> Finding:
    return make_finding(
        rule=rule,
        path=path,
        text=text,
        severity=severity,
        threat="sabotage" if severity in ("high", "critical") else "none",
        evidence=evidence,
    )
