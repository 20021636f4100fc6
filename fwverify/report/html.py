"""The report as one self-contained HTML page, for a lab engineer and an approver.

Guarantees: the page loads nothing and runs nothing (its own content security policy
forbids both), works without script, and says in words what it says in colour. Every
text passes ``text.visible`` and is escaped: both happen in the environment, not in the
template, so that no place can be forgotten. Equal reports give equal bytes.

Long lists are cut with the number left out; report.json holds everything.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fwverify.model import Node, Reason, Report
from fwverify.report import approver, summary, view
from fwverify.report.text import count, percent, size_text, visible

FINDINGS_SHOWN: Final = 2_000
LIST_SHOWN: Final = 1_000
PATHS_SHOWN: Final = 12
TEXT_SHOWN: Final = 1_000
"""Characters of one value."""
_KINDS_WITH_SIZE: Final = ("file", "stream", "hardlink")


def render(report: Report) -> bytes:
    """Return the page, in UTF-8."""
    template = _environment().get_template("report.html")
    return template.render(_values(report)).encode("utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Return the environment that makes every printed value visible and escapes it."""
    environment = Environment(
        loader=PackageLoader("fwverify.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        size=size_text, grouped=_grouped, mode=_mode, hexadecimal=_hexadecimal
    )
    environment.globals.update(
        count=count,
        percent=percent,
        axes=summary.axes,
        worst_axis=summary.worst_axis,
        strip=view.strip,
        has_size=_has_size,
        limit=LIST_SHOWN,
    )
    return environment


def _shown(value: Any) -> Any:
    """Return what a template prints for ``value``; markup of our own macros stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value, TEXT_SHOWN)
    return "unknown" if value is None else value


def _values(report: Report) -> dict[str, Any]:
    ordered = summary.worst_findings(report)
    index = summary.by_fingerprint(report)
    anchors: dict[str, int] = {}
    for number, finding in enumerate(ordered[:FINDINGS_SHOWN]):
        anchors.setdefault(finding.fingerprint, number + 1)
    return {
        "report": report,
        "word": report.verdict or "NO VERDICT",
        "notice": summary.notice(report),
        "overlays": summary.overlays(report),
        "reasons": [_reason(index, anchors, each) for each in summary.reasons(report)],
        "gaps": summary.gaps(report),
        "stages": summary.stages(report),
        "same_version": summary.same_version(report),
        "superseded": approver.superseded(report),
        "can_now": (*approver.can_now(report), *approver.models(report)),
        "how": approver.how,
        "signatures": summary.signatures(report),
        "sizes": {node.path: node.size for node in report.nodes},
        "signature_bar": view.signature_bar(report),
        "byte_bar": view.byte_bar(report),
        "findings": ordered[:FINDINGS_SHOWN],
        "findings_left_out": max(0, len(ordered) - FINDINGS_SHOWN),
        "severities": summary.severity_counts(report),
        "tree": view.tree(report),
        "maps": view.maps(report),
        "vouched_maps": view.vouched_maps(report),
        "tools": sorted(report.tools.items()),
        "digests": [(name, getattr(report.digests, name)) for name in _digest_names(report)],
    }


def _digest_names(report: Report) -> tuple[str, ...]:
    return report.digests.__struct_fields__


class ShownReason(NamedTuple):
    """A reason with its text, its first paths with their findings' numbers, and the rest."""

    reason: Reason
    text: str
    places: list[tuple[str, int | None]]
    left_out: int


def _reason(index: summary.Index, anchors: dict[str, int], reason: Reason) -> ShownReason:
    findings = summary.findings_of(index, reason)
    places = {each.path: anchors.get(each.fingerprint) for each in findings}
    return ShownReason(
        reason,
        summary.without_paths(reason.text, findings),
        list(places.items())[:PATHS_SHOWN],
        max(0, len(places) - PATHS_SHOWN),
    )


def _grouped(number: int) -> str:
    return f"{number:,}"


def _mode(mode: int | None) -> str:
    return "" if mode is None else f"{mode:04o}"


def _hexadecimal(number: int) -> str:
    return f"0x{number:x}"


def _has_size(node: Node) -> bool:
    return node.kind in _KINDS_WITH_SIZE
