"""Known vulnerabilities out of a file that the operator gives: OSV or NVD JSON.

Guarantees: nothing is fetched; a file is read whole or refused with where it is wrong;
duplicate keys are refused. A component is *affected* where a statement of the file names it
and the version lies in a stated range; where an order cannot be told the match stands and
says so, because a vulnerability that is not listed is the worse mistake.

Formats: Open Source Vulnerability format 1.x (one object, a list, or ``{"vulns": [...]}``);
NVD CVE API 2.0 (``{"vulnerabilities": [{"cve": ...}]}``).

Not checked: commit ranges of OSV, CPE parts beyond product and version, whether a
distribution fixed a version in place of the one named, and reachability.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fwverify.model import Component
from fwverify.model import _Value as Value
from fwverify.sbom.versions import NotComparableError, Order, compare
from fwverify.strict import InputFileError, read_bounded

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
MAX_MATCHES: Final = 100_000

Json = dict[str, Any]

_ECOSYSTEMS: Final[dict[str, tuple[str, Order]]] = {
    "debian": ("dpkg", "deb"), "ubuntu": ("dpkg", "deb"), "alpine": ("apk", "generic"),
    "wolfi": ("apk", "generic"), "chainguard": ("apk", "generic"), "red hat": ("rpm", "rpm"),
    "rocky linux": ("rpm", "rpm"), "almalinux": ("rpm", "rpm"), "suse": ("rpm", "rpm"),
    "opensuse": ("rpm", "rpm"), "mageia": ("rpm", "rpm"), "openeuler": ("rpm", "rpm"),
    "pypi": ("pypi", "generic"), "npm": ("npm", "generic"), "openwrt": ("opkg", "deb"),
}  # fmt: skip
_ORDERS: Final[dict[str, Order]] = {"dpkg": "deb", "opkg": "deb", "rpm": "rpm"}


class Range(Value, frozen=True, kw_only=True):
    """Versions from ``introduced`` (any where empty) up to ``fixed``, without it, or ``last``."""

    introduced: str = ""
    after: str = ""
    fixed: str = ""
    last: str = ""


class Statement(Value, frozen=True, kw_only=True):
    """What an advisory says of one product. ``manager`` is empty where it names none."""

    product: str
    manager: str = ""
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()
    order: Order = "generic"


class Advisory(Value, frozen=True, kw_only=True):
    """One advisory: its id, other names, a short text and what it says of products."""

    id: str
    source: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    statements: tuple[Statement, ...] = ()


class Match(Value, frozen=True, kw_only=True):
    """A component that an advisory names; ``why`` in words."""

    advisory: Advisory
    component: Component
    why: str


def load_advisories(path: Path) -> tuple[Advisory, ...]:
    """Return the advisories in ``path``, sorted by id. Raises ``InputFileError``."""
    data = read_bounded(path, MAX_FILE_BYTES)
    try:
        document = json.loads(data, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise InputFileError(path, None, "", f"not JSON as it should be: {error}") from error
    found: list[Advisory] = []
    try:
        for number, item in enumerate(_items(document)):
            place = f"entry {number}"
            found.append(_nvd(item["cve"]) if "cve" in item else _osv(item))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        why = f"neither OSV nor NVD 2.0: {type(error).__name__}: {error}"
        raise InputFileError(path, None, place, why) from error
    if not found:
        raise InputFileError(path, None, "", "holds no advisory in OSV or NVD 2.0 form")
    return tuple(sorted(found, key=lambda each: each.id))


def _without_duplicates(pairs: list[tuple[str, Any]]) -> Json:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


def _items(document: Any) -> list[Json]:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return []
    for key in ("vulnerabilities", "vulns"):
        if isinstance(document.get(key), list):
            return list(document[key])
    return [document] if "id" in document and "affected" in document else []


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, {type(value).__name__} found")
    return value


def _osv(item: Json) -> Advisory:
    statements = tuple(
        statement for each in item.get("affected", ()) for statement in _osv_affected(each)
    )
    return Advisory(
        id=_string(item["id"]),
        source="OSV",
        aliases=tuple(sorted(_string(each) for each in item.get("aliases", ()))),
        summary=_string(item.get("summary") or item.get("details") or ""),
        statements=statements if "withdrawn" not in item else (),
    )


def _osv_affected(each: Json) -> Iterator[Statement]:
    package = each.get("package")
    if package is None:
        return
    ecosystem = _string(package["ecosystem"]).split(":")[0].lower()
    manager, order = _ECOSYSTEMS.get(ecosystem, ("", "generic"))
    if not manager:
        return
    ranges = tuple(
        found
        for each_range in each.get("ranges", ())
        if each_range["type"] != "GIT"
        for found in _osv_ranges(each_range["events"])
    )
    versions = tuple(sorted(_string(version) for version in each.get("versions", ())))
    name = _string(package["name"])
    yield Statement(product=name, manager=manager, ranges=ranges, versions=versions, order=order)


def _osv_ranges(events: list[Json]) -> Iterator[Range]:
    """Yield the ranges that the events open and close, in their order."""
    opened: str | None = None
    for event in events:
        if "introduced" in event:
            opened = "" if event["introduced"] == "0" else _string(event["introduced"])
            continue
        for key, field in (("fixed", "fixed"), ("last_affected", "last")):
            if key in event and opened is not None:
                yield Range(introduced=opened, **{field: _string(event[key])})
                opened = None
    if opened is not None:
        yield Range(introduced=opened)


def _nvd(cve: Json) -> Advisory:
    texts = [each["value"] for each in cve.get("descriptions", ()) if each.get("lang") == "en"]
    rejected = cve.get("vulnStatus") == "Rejected"
    statements = tuple(
        _nvd_match(match)
        for configuration in cve.get("configurations", ())
        for node in configuration["nodes"]
        for match in node.get("cpeMatch", ())
        if match["vulnerable"]
    )
    return Advisory(
        id=_string(cve["id"]),
        source="NVD",
        summary=_string(texts[0]) if texts else "",
        statements=() if rejected else statements,
    )


def _nvd_match(match: Json) -> Statement:
    """Return the statement of one ``cpe:2.3:part:vendor:product:version:...`` criterion."""
    fields = _cpe(_string(match["criteria"]))
    product, version = fields[4], fields[5]
    exact = (version,) if version not in ("*", "-") else ()
    limits = Range(
        introduced=_string(match.get("versionStartIncluding", "")),
        after=_string(match.get("versionStartExcluding", "")),
        fixed=_string(match.get("versionEndExcluding", "")),
        last=_string(match.get("versionEndIncluding", "")),
    )
    return Statement(product=product, versions=exact, ranges=() if exact else (limits,))


def _cpe(criteria: str) -> list[str]:
    r"""Return the fields of a CPE 2.3 string; ``\`` quotes the character after it."""
    fields, current, quoted = [], "", False
    for character in criteria:
        if not quoted and character == "\\":
            quoted = True
        elif not quoted and character == ":":
            fields.append(current)
            current = ""
        else:
            current, quoted = current + character, False
    fields.append(current)
    if len(fields) < 6 or fields[:2] != ["cpe", "2.3"]:
        raise ValueError(f"no CPE 2.3: {criteria[:80]}")
    return fields


def matches(
    components: tuple[Component, ...], advisories: tuple[Advisory, ...]
) -> tuple[Match, ...]:
    """Return each pair of component and advisory that belong together, in their order.

    Raises ``ValueError`` where there are more than ``MAX_MATCHES``.
    """
    by_name: dict[str, list[Component]] = {}
    for each in components:
        for name in {each.name.lower(), each.source.lower()} - {""}:
            by_name.setdefault(name, []).append(each)
    found: list[Match] = []
    for advisory in advisories:
        seen: set[Component] = set()
        for statement in advisory.statements:
            for component in by_name.get(statement.product.lower(), ()):
                why = "" if component in seen else _affected(statement, component)
                if why:
                    seen.add(component)
                    found.append(Match(advisory=advisory, component=component, why=why))
                if len(found) > MAX_MATCHES:
                    raise ValueError(f"more than {MAX_MATCHES} matches")
    return tuple(found)


def _affected(statement: Statement, component: Component) -> str:
    """Return why the component is affected, or an empty text."""
    if statement.manager and statement.manager != component.kind:
        return ""
    version = component.version
    order = statement.order if statement.manager else _ORDERS.get(component.kind, "generic")
    if not version:
        return "the component states no version"
    if version in statement.versions:
        return f"version {version} is listed"
    for each in statement.ranges:
        try:
            inside = _inside(version, each, order, upstream=not statement.manager)
        except NotComparableError as error:
            return f"versions cannot be compared: {error}"
        if inside:
            return _said(version, each)
    if not statement.ranges and not statement.versions:
        return "the advisory limits no versions"
    return ""


def _inside(version: str, each: Range, order: Order, *, upstream: bool) -> bool:
    """Return whether ``version`` lies in the range.

    ``upstream``: the range speaks of the project's own versions, so that a distribution's
    epoch and revision are left out of the comparison.
    """
    ours = _upstream(version) if upstream and order != "generic" else version
    return not (
        (each.introduced and compare(ours, each.introduced, order) < 0)
        or (each.after and compare(ours, each.after, order) <= 0)
        or (each.fixed and compare(ours, each.fixed, order) >= 0)
        or (each.last and compare(ours, each.last, order) > 0)
    )


def _upstream(version: str) -> str:
    epoch, colon, rest = version.partition(":")
    kept = rest if colon and epoch.isdecimal() else version
    return kept.rpartition("-")[0] or kept


def _said(version: str, each: Range) -> str:
    limits = (
        (each.introduced, "from"),
        (each.after, "after"),
        (each.fixed, "before"),
        (each.last, "up to"),
    )
    told = " ".join(f"{word} {limit}" for limit, word in limits if limit)
    return f"version {version} is in the range {told or 'of all versions'}"
