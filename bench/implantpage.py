"""The page of the implant bench: what was seen, beside which label, and by what else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.implants import Row
    from fwverify.model import Report

_HEAD = """\
# Comparison, measured

Made by `python -m bench.implants --rivals --benign --markdown docs/comparison.md`. Every kind
is put into every tree, packed again and compared with the untouched image; it is found where
the 80 by 24 text of `fwverify diff` names its file. The rivals get the same files:
diffoscope the folder of the changed file (found where its first 23 lines name it), and a list
of files of one base name that ssdeep scores below 95; they are asked about every
fifth kind in the first image. Their score says nothing of what else they can do.
"""


def page(rows: Sequence[Row], real: Sequence[tuple[str, Report, float]]) -> str:
    """Return the page as Markdown."""
    parts = [_HEAD, _recall(rows), _kinds(rows)] if rows else []
    if real:
        parts.append(_benign(real))
    return "\n".join(parts)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}"


def _recall(rows: Sequence[Row]) -> str:
    lines = ["## Recall of the first screen", "", "| image | found |", "|---|---|"]
    for host in dict.fromkeys(row.host for row in rows):
        own = [row for row in rows if row.host == host]
        lines.append(f"| {host} | {_share(sum(row.seen for row in own), len(own))} |")
    lines.append(f"| **all** | **{_share(sum(row.seen for row in rows), len(rows))}** |")
    names = dict.fromkeys(name for row in rows for name in row.rivals)
    if names:
        lines += [
            "",
            "| the same implants in trees | found | lines or files shown, median |",
            "|---|---|---|",
        ]
        held = [row for row in rows if row.rivals]
        lines.append(f"| fwverify diff | {_share(sum(row.seen for row in held), len(held))} | 23 |")
        for name in names:
            found = sum(row.rivals[name][0] for row in held)
            sizes = sorted(row.rivals[name][1] for row in held)
            lines.append(f"| {name} | {_share(found, len(held))} | {sizes[len(sizes) // 2]} |")
    return "\n".join([*lines, ""])


def _kinds(rows: Sequence[Row]) -> str:
    rivals = list(dict.fromkeys(name for row in rows for name in row.rivals))
    titles = "".join(f" {name} |" for name in rivals)
    lines = ["## By kind", "", f"| kind | found | beside |{titles}"]
    lines.append("|---|---|---|" + "---|" * len(rivals))
    for kind in dict.fromkeys(row.kind for row in rows):
        own = [row for row in rows if row.kind == kind]
        labels = ", ".join(sorted({f"`{row.label}`" for row in own if row.label}))
        told = "".join(f" {_by_rival(own, name)} |" for name in rivals)
        found = _share(sum(row.seen for row in own), len(own))
        lines.append(f"| {kind} | {found} | {labels} |{told}")
    return "\n".join([*lines, ""])


def _by_rival(rows: Sequence[Row], name: str) -> str:
    held = [row for row in rows if name in row.rivals]
    return _share(sum(row.rivals[name][0] for row in held), len(held)) if held else ""


def _benign(real: Sequence[tuple[str, Report, float]]) -> str:
    added = [(name, each) for name, report, _ in real for each in _capabilities(report)]
    changed = sum(len(report.delta.changed) for _, report, _ in real if report.delta)
    new = sum(len(report.delta.added) for _, report, _ in real if report.delta)
    told = (
        f"{len(real)} real updates ({len(real) - 14} packages of Debian 12 to 13, amd64, and the "
        f"corpus' pairs): {changed} changed and {new} new files, "
        f"{len(added)} capabilities new to a product."
    )
    lines = ["## Real updates", "", told, ""]
    if added:
        lines += ["| update | capability | where and why |", "|---|---|---|"]
        lines += [f"| {name} | `{each[0]}` | {each[1]} |" for name, each in added]
    return "\n".join([*lines, ""])


def _capabilities(report: Report) -> list[tuple[str, str]]:
    if report.delta is None:
        return []
    why = {
        each.capability: f"{each.path.rpartition('!/')[2]}: {each.text}"
        for each in report.findings
        if each.rule == "compare.capability_added"
    }
    return [(name, why.get(name, "")[:160]) for name in report.delta.capabilities_added]
