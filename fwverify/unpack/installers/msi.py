"""What a Windows Installer database says: its tables, its product, what it runs.

Guarantees: each table becomes a text child ``table:<name>.tsv``, all strings of the pool
another (``table:_Strings.tsv``), so that nothing in them escapes analysis and
comparison; every custom action that runs code is an observation with its type, and one
that runs as SYSTEM is more severe; a script written in a table is a child of its own.

Specification: Microsoft, "Windows Installer", "Custom Action Types", "Summary
Information Stream Property Set"; the layout is named in ``msi_tables``.

Not checked: transforms and patches are not applied (said), and conditions are not
evaluated: an action counts whether it is sequenced or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from fwverify.model import Identity, Severity
from fwverify.unpack.gather import Gathered
from fwverify.unpack.installers.msi_tables import Table, Value

MAX_ATTRIBUTE_CHARS: Final = 1024
_DEFERRED, _NO_IMPERSONATE = 0x400, 0x800
_TYPE_MASK: Final = 0x3F
_KINDS: Final = {
    1: "DLL in the database", 2: "EXE in the database", 5: "JScript in the database",
    6: "VBScript in the database", 7: "nested installation", 17: "installed DLL",
    18: "installed EXE", 21: "installed JScript", 22: "installed VBScript",
    23: "nested installation", 34: "EXE by command line", 37: "JScript text",
    38: "VBScript text", 39: "nested installation", 50: "EXE named by a property",
    53: "JScript in a property", 54: "VBScript in a property",
}  # fmt: skip
_INLINE: Final = {37: "js", 38: "vbs"}
_IN_PROPERTY: Final = {53: "js", 54: "vbs"}
_PLATFORMS: Final = {
    "Intel": "x86", "x64": "x86_64", "Intel64": "ia64", "Arm": "arm", "Arm64": "aarch64",
}  # fmt: skip
_URL: Final = re.compile(r"(?:https?|ftp)://[^\s\"'<>|]{3,200}", re.IGNORECASE)


class Action(Struct, frozen=True):
    """One row of ``CustomAction`` that runs code."""

    name: str
    kind: str
    base: int
    source: str
    target: str
    as_system: bool
    deferred: bool


def actions(table: Table) -> Iterator[Action]:
    """Yield the custom actions that run code."""
    for row in table.dicts():
        number = row.get("Type")
        base = number & _TYPE_MASK if isinstance(number, int) else -1
        if not isinstance(number, int) or base not in _KINDS:
            continue
        flags = number & (_DEFERRED | _NO_IMPERSONATE)
        yield Action(
            name=_text(row.get("Action")),
            kind=_KINDS[base],
            base=base,
            source=_text(row.get("Source")),
            target=_text(row.get("Target")),
            as_system=flags == _DEFERRED | _NO_IMPERSONATE,
            deferred=bool(number & _DEFERRED),
        )


def describe(found: Gathered, tables: dict[str, Table]) -> None:
    """Record the actions as observations, and the facts as attributes."""
    if "CustomAction" not in tables:
        return
    for action in actions(tables["CustomAction"]):
        severity: Severity = "medium" if action.as_system else "low"
        how = "as SYSTEM" if action.as_system else ("deferred" if action.deferred else "at once")
        found.observe(
            "msi.custom_action",
            f"custom action {action.name!r:.100}: {action.kind}, run {how}",
            severity=severity,
            evidence=(f"source:{action.source[:200]}", f"target:{action.target[:200]}"),
        )
        for url in sorted(set(_URL.findall(action.target)))[:4]:
            found.observe(
                "msi.download",
                f"custom action {action.name!r:.100} names {url}",
                evidence=(f"url:{url}",),
            )


def scripts(tables: dict[str, Table]) -> Iterator[tuple[str, bytes]]:
    """Yield the scripts that tables hold, with a name each."""
    if "CustomAction" not in tables:
        return
    properties = property_values(tables)
    for action in actions(tables["CustomAction"]):
        if action.base in _INLINE:
            name, text = f"CustomAction/{action.name}.{_INLINE[action.base]}", action.target
        elif action.base in _IN_PROPERTY and action.source in properties:
            name = f"CustomAction/{action.name}.{_IN_PROPERTY[action.base]}"
            text = properties[action.source]
        else:
            continue
        yield name, text.encode("utf-8", "backslashreplace")


def property_values(tables: dict[str, Table]) -> dict[str, str]:
    """Return the table ``Property`` by name."""
    table = tables.get("Property")
    rows = table.dicts() if table is not None else iter(())
    return {_text(row.get("Property")): _text(row.get("Value")) for row in rows}


def identity(tables: dict[str, Table], summary: dict[str, str]) -> Identity:
    """Return who made what for which machine."""
    values = property_values(tables)
    template = summary.get("Template", "")
    platform = template.partition(";")[0].partition(",")[0].strip()
    return Identity(
        vendor=_known(values.get("Manufacturer") or summary.get("Author")),
        product=_known(values.get("ProductName") or summary.get("Subject")),
        version=_known(values.get("ProductVersion")),
        build=_known(values.get("ProductCode") or summary.get("RevisionNumber")),
        arch=_PLATFORMS.get(platform, _known(platform)),
    )


def attributes(found: Gathered, tables: dict[str, Table], summary: dict[str, str]) -> None:
    """Record codes and the files' real names."""
    values = property_values(tables)
    for key, name in (("UpgradeCode", "upgrade_code"), ("ProductCode", "product_code")):
        if key in values:
            found.attribute(name, values[key][:MAX_ATTRIBUTE_CHARS])
    if "RevisionNumber" in summary:
        found.attribute("package_code", summary["RevisionNumber"][:MAX_ATTRIBUTE_CHARS])
    for row in tables["Media"].dicts() if "Media" in tables else ():
        cabinet = _text(row.get("Cabinet"))
        if cabinet and not cabinet.startswith("#"):
            found.attribute("external_cabinet", cabinet[:MAX_ATTRIBUTE_CHARS])


def _text(value: Value | None) -> str:
    return "" if value is None else str(value)


def _known(text: str | None) -> str | None:
    return text[:MAX_ATTRIBUTE_CHARS] if text and text.isprintable() else None
