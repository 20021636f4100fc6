"""The approver's first screen: what the update can do that the approved one could not.

Guarantees: the order of DETECTION ("Comparison with the approved baseline"): what a
superseded case leaves, new capabilities, endpoints, services and listeners, users, keys
and trust anchors, then what can run, start or be entered now, learned models that came or
changed, contents that changed under an equal version, declarations that do not fit, what
was not analysed, and every other change. Each kind that holds anything has a line with a
path, however many others there are; what is left out is counted. The graver stands before
the milder.

Nothing is judged here: the rows are those of the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from fwverify.model import Changed, Left, Report
from fwverify.report import summary
from fwverify.report.blocks import INDENT, Lines
from fwverify.report.text import cells, fit, fit_middle, visible

_MIN_TEXT: Final = 18
_PREFERRED: Final = (
    "signed anew",
    "revocation removed",
    "resolver added",
    "resolver changed",
    "function changed",
    "boot added",
    "key changed",
    "key added",
    "line added",
    "key removed",
    "line removed",
    "import added",
    "obis added",
    "mode",
    "owner",
    "link",
    "bytes at",
    "section changed",
)


class Row(NamedTuple):
    """One thing that is new: what it is, and where."""

    text: str
    path: str


class Group(NamedTuple):
    """The rows of one kind: the label beside them, and what HTML calls them."""

    label: str
    title: str
    rows: tuple[Row, ...]


def groups(report: Report) -> tuple[Group, ...]:
    """Return every kind in the approver's order; those without rows, too."""
    delta = report.delta
    left = superseded(report)
    if delta is None:
        return left
    told = [
        Group("+ capability", "New capabilities", tuple(_capabilities(report))),
        Group(
            "+ endpoint",
            "New endpoints",
            _one_of_each_path(
                Row(f"{each.kind} {each.value}", each.path) for each in delta.endpoints_added
            ),
        ),
        Group("+ service", "New services and listeners", tuple(_services(report))),
        Group(
            "+ account",
            "New accounts",
            tuple(Row(f"{each.name} ({each.state})", each.path) for each in delta.accounts_added),
        ),
        Group(
            "+ key",
            "New keys and trust anchors",
            tuple(Row(f"{each.kind} {each.fingerprint}", each.path) for each in delta.keys_added),
        ),
        Group(
            "+ data flow",
            "New data flows",
            tuple(
                Row(f"{each.source} to {each.sink}", each.path) for each in delta.dataflows_added
            ),
        ),
        Group("! can now", "What can run, start or be entered now", can_now(report)),
        Group("! model", "Learned models", models(report)),
        Group("= version", "Changed while the version stayed", tuple(_same_version(report))),
        Group(
            "? declared",
            "Declared but not found",
            tuple(Row(f"not found: {each}", "") for each in delta.not_found),
        ),
        Group(
            "? undeclared",
            "Found but not declared",
            tuple(Row("", each) for each in delta.undeclared),
        ),
        Group(
            "? not seen",
            "Not analysed",
            tuple(Row(f"{each.code}: {each.text}", each.path) for each in summary.gaps(report)),
        ),
    ]
    known = {row.path for group in told[:10] for row in group.rows}
    return (*left, *told, *_rest(report, known))


def _one_of_each_path(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return ``rows`` so that one of each path comes before a second of any."""
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int, Row]] = []
    for row in rows:
        seen[row.path] += 1
        turns.append((seen[row.path], len(turns), row))
    return tuple(row for *_, row in sorted(turns))


def superseded(report: Report) -> tuple[Group, ...]:
    """Return what became of the case that the update replaces; nothing where it replaces none."""
    found = report.superseded
    if found is None:
        return ()
    rows = (
        ("! new since", "New since the refused version", found.new),
        ("! still open", "Still open from the refused case", found.still_open),
    )
    outside = tuple(Row("changed although not in the fix", each) for each in found.outside)
    held = () if found.core_sha256 else (Row("its report was not named: nothing was held", ""),)
    return (
        Group("! not held", f"The refused case {found.ref}", held),
        *(Group(label, title, _left(listed)) for label, title, listed in rows),
        Group("! beside fix", "Changed although not in the fix", outside),
        Group("resolved", "Resolved from the refused case", _left(found.resolved)),
    )


def _left(listed: tuple[Left, ...]) -> tuple[Row, ...]:
    """Return a row for each path, those with a new ability first, in the approver's order."""
    by_path: dict[str, list[Left]] = {}
    for each in sorted(listed, key=lambda one: (_weight(one.rule), one.path, one.rule)):
        by_path.setdefault(each.path, []).append(each)
    return tuple(
        Row(", ".join(dict.fromkeys(each.rule for each in own)), path)
        for path, own in by_path.items()
    )


def _weight(rule: str) -> int:
    return summary.ABILITIES.index(rule) if rule in summary.ABILITIES else len(summary.ABILITIES)


def _capabilities(report: Report) -> Iterator[Row]:
    """Yield new abilities with their paths: new to the product first, then the graver."""
    delta = report.delta
    product = frozenset(delta.capabilities_added) if delta else frozenset[str]()
    found = [each for each in report.findings if each.rule == "compare.capability_added"]
    ordered = sorted(
        found,
        key=lambda each: (
            each.capability not in product,
            summary.severity_rank(each),
            str(each.capability),
            each.path,
        ),
    )
    shown = {each.capability for each in found}
    yield from (Row(name, "") for name in sorted(product - shown))
    yield from (Row(str(each.capability), each.path) for each in ordered)


def _services(report: Report) -> Iterator[Row]:
    for each in report.delta.services_added if report.delta else ():
        listens = f" {' '.join(each.listens)}" if each.listens else ""
        yield Row(f"{each.name} ({each.kind}, {each.starts}){listens}", each.path)


def can_now(report: Report) -> tuple[Row, ...]:
    """Return what comparison found beyond the lists of the delta, one row for each path.

    Of equal severity one of each sort comes before a second of any: a hundred changed
    settings do not push the one new device node off the screen.
    """
    rows = []
    for path, own in summary.can_now(report).items():
        names = sorted(own, key=lambda each: (summary.severity_rank(each), each.rule))
        text = ", ".join(dict.fromkeys(each.rule.partition(".")[2] for each in names))
        worst = summary.severity_rank(names[0])
        rows.append((worst, path, Row(text.replace("_", " "), path)))
    return _one_of_each_first(sorted(rows))


def models(report: Report) -> tuple[Row, ...]:
    """Return the learned models that changed or came, as the comparison named them."""
    found = (each for each in report.findings if each.rule in summary.MODELS)
    return tuple(Row(each.text.partition(": ")[2], each.path) for each in found)


def _one_of_each_first(rows: list[tuple[int, str, Row]]) -> tuple[Row, ...]:
    """Return sorted (severity, path, row) by severity, then by turns of what the rows say.

    Within a turn what is said least often comes first.
    """
    often = Counter(row.text for *_, row in rows)
    seen: Counter[tuple[int, str]] = Counter()
    turns: list[tuple[int, int, int, str, Row]] = []
    for rank, path, row in rows:
        seen[rank, row.text] += 1
        turns.append((rank, seen[rank, row.text], often[row.text], path, row))
    return tuple(row for *_, row in sorted(turns))


def _same_version(report: Report) -> Iterator[Row]:
    for each in summary.same_version(report):
        yield Row(how(each), each.path)


def how(changed: Changed) -> str:
    """Return the fact that tells most of how a content changed."""
    for kind in _PREFERRED:
        for fact in changed.facts:
            if fact.kind.startswith(kind):
                return f"{fact.kind}: {fact.text}"
    return ", ".join(fact.kind for fact in changed.facts[:3]) or "content"


def _rest(report: Report, known: set[str]) -> tuple[Group, ...]:
    delta = report.delta
    if delta is None:
        return ()
    containers = {above for path in _paths(report) for above in _above(path)}
    last = [each for each in delta.changed if each.path not in known]
    ordered = sorted(last, key=lambda each: (each.path in containers, each.path))
    added = (path for path in delta.added if path not in known)
    return (
        Group("+ added", "Added", tuple(Row("", path) for path in added)),
        Group("- removed", "Removed", tuple(Row("", path) for path in delta.removed)),
        Group("~ changed", "Changed", tuple(Row(how(each), each.path) for each in ordered)),
        Group(
            "> moved",
            "Moved",
            tuple(Row(f"from {each.source}", each.target) for each in delta.moved),
        ),
    )


def _paths(report: Report) -> Iterator[str]:
    delta = report.delta
    if delta is not None:
        yield from delta.added
        yield from delta.removed
        yield from (each.path for each in delta.changed)


def _above(path: str) -> Iterator[str]:
    at = path.find("!/")
    while at >= 0:
        yield path[:at]
        at = path.find("!/", at + 1)


# --- lines -------------------------------------------------------------------------------


def without_line(listed: tuple[Group, ...], room: int) -> tuple[str, ...]:
    """Return the kinds for which ``room`` lines are too few."""
    full = [group for group in listed if group.rows]
    return tuple(group.title.lower() for group in full[max(room, 0) :])


def screen(listed: tuple[Group, ...], width: int, room: int) -> Lines:
    """Return the groups in at most ``room`` lines: each has one before any has a second."""
    full = [group for group in listed if group.rows]
    shares = [0] * len(full)
    left = room
    while left > 0 and any(
        share < len(group.rows) for share, group in zip(shares, full, strict=True)
    ):
        for number, group in enumerate(full):
            if left > 0 and shares[number] < len(group.rows):
                shares[number] += 1
                left -= 1
    return tuple(
        line
        for share, group in zip(shares, full, strict=True)
        for line in _lines(group, share, width)
    )


def _lines(group: Group, share: int, width: int) -> Iterator[str]:
    more = len(group.rows) - share
    for number, row in enumerate(group.rows[:share]):
        suffix = f" (+{more} more)" if more and number == share - 1 else ""
        label = group.label if number == 0 else ""
        yield line(label, row, width, suffix)


def line(label: str, row: Row, width: int, suffix: str = "") -> str:
    """Return a row in one line; of the path at least its file name stays readable."""
    room = width - INDENT - cells(suffix)
    text, path = visible(row.text), visible(row.path)
    if not path:
        return f"{label:<{INDENT}}{fit(text, room)}{suffix}"
    if not text:
        return f"{label:<{INDENT}}{fit_middle(path, room)}{suffix}"
    name = cells(path[path.rfind("/") :])
    least = min(cells(text), max(_MIN_TEXT, room - cells(path) - 2))
    place = max(room - least - 2, min(name + 2, room - 4))
    shown = fit_middle(path, place)
    told = fit(text, room - cells(shown) - 2)
    return f"{label:<{INDENT}}{told}  {shown}{suffix}"
