"""What a condition means, and which conditions have a meaning at all.

Guarantees: ``check`` finds every condition whose operator or value does not fit its
field, before any finding is judged; ``holds`` gives true or false for a condition that
passed, and raises ``ConditionError`` for one that did not, so that a mistake becomes
INCOMPLETE and never a quiet false (EVIDENCE: general expression languages failed open).

What a condition is asked of is a finding, or a row of the inventory (``subjects``); each
kind has its own fields, and a field of another kind is a fault of the policy.

A finding without a capability has none: it equals no id, has no prefix, is in no list,
and differs from every id.
"""

from __future__ import annotations

from typing import Final, get_args

from fwverify.model import Confidence, Finding, Severity, Threat
from fwverify.policy.model import Condition, Over, Rule
from fwverify.policy.subjects import Row

SEVERITIES: Final[tuple[str, ...]] = get_args(Severity)
CONFIDENCES: Final[tuple[str, ...]] = get_args(Confidence)
_THREATS: Final[tuple[str, ...]] = get_args(Threat)
_ORDERED: Final[dict[str, tuple[str, ...]]] = {
    "severity": SEVERITIES,
    "confidence": CONFIDENCES,
}
_WORDS: Final[dict[str, tuple[str, ...]]] = {**_ORDERED, "threat": _THREATS}
_COMPARE: Final = ("equals", "not_equals")
_LIST: Final = ("in", "not_in")
_TEXT: Final = (*_COMPARE, *_LIST, "prefix")
_PLACE: Final = (*_TEXT, "suffix", "suffix_in")
_BOOLEAN: Final = ("in_baseline", "added", "outside")
_ROW: Final[dict[str, tuple[str, ...]]] = {"path": _PLACE, "added": _COMPARE}
_OPERATORS: Final[dict[Over, dict[str, tuple[str, ...]]]] = {
    "finding": {
        "rule": _TEXT,
        "capability": _TEXT,
        "path": _PLACE,
        "threat": (*_COMPARE, *_LIST),
        "severity": (*_COMPARE, *_LIST, "at_least"),
        "confidence": (*_COMPARE, *_LIST, "at_least"),
        "in_baseline": _COMPARE,
    },
    "endpoint": {
        **_ROW,
        "kind": (*_COMPARE, *_LIST),
        "value": _PLACE,
        "jurisdiction": (*_COMPARE, *_LIST),
        "outside": _COMPARE,
    },
    "account": {**_ROW, "name": _TEXT, "state": (*_COMPARE, *_LIST)},
    "key": {**_ROW, "kind": _TEXT, "fingerprint": (*_COMPARE, *_LIST)},
    "service": {**_ROW, "name": _TEXT, "kind": _TEXT, "starts": _TEXT},
}


class ConditionError(Exception):
    """A condition has no meaning for the finding it was asked about."""


def check(
    condition: Condition, capabilities: tuple[str, ...] = (), over: Over = "finding"
) -> str | None:
    """Return what is wrong with ``condition`` when it is asked of an ``over``, or None.

    ``capabilities`` is the taxonomy, where known: an id outside it would never match
    and the rule would silently do nothing.
    """
    field, op, value = condition.field, condition.op, condition.value
    fields = _OPERATORS.get(over, {})
    if field not in fields:
        return f"{field} is nothing that a rule over {over} can ask"
    if op not in fields[field]:
        return f"{op} cannot be asked of {field}"
    if field in _BOOLEAN:
        return None if isinstance(value, bool) else f"{field} is true or false"
    if op in (*_LIST, "suffix_in"):
        if not isinstance(value, tuple) or not value:
            return f"{op} needs a list of strings that is not empty"
        texts = value
    elif isinstance(value, str):
        texts = (value,)
    else:
        return f"{op} needs one string"
    return _check_texts(condition, texts, capabilities)


def _check_texts(
    condition: Condition, texts: tuple[str, ...], capabilities: tuple[str, ...]
) -> str | None:
    for text in texts:
        if not text:
            return "an empty string matches nothing, or everything"
        words = _WORDS.get(condition.field)
        if words is not None and text not in words:
            return f"{text!r} is no {condition.field}; one of {', '.join(words)}"
        if condition.field == "capability" and capabilities:
            known = (
                any(each.startswith(text) for each in capabilities)
                if condition.op == "prefix"
                else text in capabilities
            )
            if not known:
                return f"{text!r} is no capability of the taxonomy"
    return None


def holds(condition: Condition, finding: Finding | Row, over: Over = "finding") -> bool:
    """Return whether ``finding`` meets ``condition``; raises ``ConditionError``."""
    fault = check(condition, (), over)
    if fault is not None:
        raise ConditionError(f"{condition.field} {condition.op}: {fault}")
    actual: str | bool | None = getattr(finding, condition.field)
    op, value = condition.op, condition.value
    if op == "equals":
        return actual == value
    if op == "not_equals":
        return actual != value
    if isinstance(value, tuple):
        if op == "suffix_in":
            return isinstance(actual, str) and actual.endswith(value)
        return (actual in value) is (op == "in")
    if op == "prefix":
        return isinstance(actual, str) and actual.startswith(str(value))
    if op == "suffix":
        return isinstance(actual, str) and actual.endswith(str(value))
    return _at_least(condition.field, str(actual), str(value))


def _at_least(field: str, actual: str, bound: str) -> bool:
    order = _ORDERED[field]
    if actual not in order:
        raise ConditionError(f"{actual!r} is no {field}")
    return order.index(actual) >= order.index(bound)


def applies(rule: Rule, finding: Finding | Row) -> bool:
    """Return whether every condition of ``rule`` holds; all are evaluated, none skipped."""
    results = [holds(condition, finding, rule.over) for condition in rule.when]
    if not results:
        raise ConditionError(f"rule {rule.id} has no condition")
    return all(results)
