"""Where an onboarding lies, and how its files are read and written.

``<folder>/<vendor>/<product>/`` holds ``onboarding.json``, ``recipe.toml``,
``rationale.toml``, ``vendor.toml`` with the candidates' files, and ``confirmed.json``. The
folder is the configuration's (``paths.onboarding``); nothing in an update names it.

Guarantees: every file is replaced whole; a file that is there is left as it is, so that an
interrupted onboarding goes on and a second one changes nothing. ``sealed`` is over the
content of all five and of the candidates' keys: what two people sign.

Not kept: the report of the first analysis (``--out``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from fwverify.canonical import canonical_json, digest, sha256_hex
from fwverify.case import Case
from fwverify.keyring.edit import appended, toml, write_whole
from fwverify.ledger.model import ONBOARDED, REF_PREFIX
from fwverify.onboarding.found import ROLE, Proposed
from fwverify.onboarding.model import (
    CONFIRMED,
    RATIONALE,
    Confirmed,
    Item,
    Rationale,
    Recipe,
    Record,
)
from fwverify.strict import InputFileError, load_toml, read_bounded
from fwverify.verify.vendor_file import VendorFile

RECORD_FILE: Final = "onboarding.json"
RECIPE_FILE: Final = "recipe.toml"
RATIONALE_FILE: Final = "rationale.toml"
VENDOR_FILE: Final = "vendor.toml"
CONFIRMED_FILE: Final = "confirmed.json"

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SHORT: Final = 8
_SUBJECT: Final = 16
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Onboarding:
    """All of one onboarding. ``vendor`` is None where the trust store vouches already."""

    folder: Path
    record: Record
    recipe: Recipe
    rationale: Rationale
    confirmed: Confirmed
    vendor: VendorFile | None

    @property
    def sealed(self) -> str:
        """SHA-256 over everything that promotion makes count."""
        parts = (self.record, self.recipe, self.rationale, self.confirmed, self.vendor)
        files: list[str] = []
        if self.vendor is not None:
            files += [each.file for each in self.vendor.key]
            files += [each.file for each in self.vendor.root]
        contents = [[name, sha256_hex(read_bounded(self.folder / name))] for name in sorted(files)]
        return digest([*map(msgspec.to_builtins, parts), contents])


def folder_of(root: Path, vendor: str, product: str) -> Path:
    """Return the folder of the product's onboarding. Raises ``InputFileError``."""
    if not _ID.fullmatch(vendor):
        raise InputFileError("--vendor", None, "", "letters, digits and ._- only, at most 80")
    return root / vendor / _name(product)


def _name(product: str) -> str:
    """Return ``product``, or, where that is no file name, what is left of it and a digest."""
    if _ID.fullmatch(product):
        return product
    left = re.sub(r"[^A-Za-z0-9._-]+", "-", product).strip(".-_")[:40] or "product"
    return f"{left}-{sha256_hex(product.encode())[:_SHORT]}"


def reference(case: Case, sha256: str) -> str:
    """Return the reference under which the delivery ``sha256`` of the product is kept."""
    return f"{ONBOARDED}{case.vendor}/{_name(case.product)}/{sha256[:_SUBJECT]}"


def is_onboarded(ref: str) -> bool:
    """Return whether ``ref``, with or without ``ledger:``, is of an onboarding."""
    return ref.removeprefix(REF_PREFIX).startswith(ONBOARDED)


# --- reading ---------------------------------------------------------------------------


def load(folder: Path) -> Onboarding | None:
    """Return the onboarding in ``folder``; None where none was begun.

    Raises ``InputFileError`` for one that is not whole: running it again completes it.
    """
    if not (folder / RECORD_FILE).is_file():
        return None
    record = _json(folder / RECORD_FILE, Record)
    vendor = load_toml(folder / VENDOR_FILE, VendorFile) if record.candidates else None
    found = Onboarding(
        folder=folder,
        record=record,
        recipe=load_toml(folder / RECIPE_FILE, Recipe),
        rationale=load_toml(folder / RATIONALE_FILE, Rationale),
        confirmed=_json(folder / CONFIRMED_FILE, Confirmed),
        vendor=vendor,
    )
    _hold_together(found)
    return found


def read_record(folder: Path) -> Record | None:
    """Return the record of the onboarding in ``folder`` alone; None where none was begun."""
    path = folder / RECORD_FILE
    return _json(path, Record) if path.is_file() else None


def _json(path: Path, kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(_unique(read_bounded(path)), kind)
    except (ValueError, RecursionError) as error:  # msgspec's errors are among them
        raise InputFileError(path, None, "", str(error)) from error


def _unique(data: bytes) -> Any:
    """Return the JSON text ``data``; raises ``ValueError`` for a key that stands twice."""
    import json

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(found)
        if len(result) != len(found):
            raise ValueError("a key stands twice")
        return result

    return json.loads(data, object_pairs_hook=pairs)


def _hold_together(found: Onboarding) -> None:
    """Refuse files of different onboardings, and a recipe whose baseline is another one."""
    record, recipe = found.record, found.recipe
    for key, said, meant in (
        ("vendor", recipe.vendor, record.vendor),
        ("product", recipe.product, record.product),
        ("class", recipe.class_name, record.class_name),
        ("baseline", recipe.baseline, REF_PREFIX + record.ref),
    ):
        if said != meant:
            why = f"is {said}, the onboarding is of {meant}"
            raise InputFileError(found.folder / RECIPE_FILE, None, key, why)
    if found.vendor is not None and found.vendor.vendor != record.vendor:
        why = f"is {found.vendor.vendor}, the onboarding is of {record.vendor}"
        raise InputFileError(found.folder / VENDOR_FILE, None, "vendor", why)


# --- writing ---------------------------------------------------------------------------


def begin(
    folder: Path,
    record: Record,
    recipe: Recipe,
    items: tuple[Item, ...],
    proposed: tuple[Proposed, ...],
) -> bool:
    """Write what is not there yet, the record last; return whether anything was written."""
    wanted: list[tuple[str, bytes]] = [
        (RECIPE_FILE, _recipe(recipe).encode()),
        (RATIONALE_FILE, _rationale(items).encode()),
        (CONFIRMED_FILE, canonical_json(Confirmed(schema=CONFIRMED)) + b"\n"),
    ]
    if proposed:
        wanted += [(_file(each), each.file.content) for each in proposed]
        wanted.append((VENDOR_FILE, _vendor(record, proposed).encode()))
    wanted.append((RECORD_FILE, canonical_json(record) + b"\n"))
    missing = [(name, data) for name, data in wanted if not (folder / name).is_file()]
    for name, data in missing:
        write_whole(folder / name, data)
    return bool(missing)


def write_confirmed(folder: Path, confirmed: Confirmed) -> None:
    """Replace the confirmations."""
    write_whole(folder / CONFIRMED_FILE, canonical_json(confirmed) + b"\n")


def forget_record(folder: Path) -> None:
    """Remove the record alone, so that it is written anew (``begin``)."""
    (folder / RECORD_FILE).unlink(missing_ok=True)


def set_aside(folder: Path, record: Record) -> None:
    """Move the onboarding of a revoked baseline beside the product's folder."""
    kept = folder.with_name(f"{folder.name}@{record.sha256[:_SUBJECT]}")
    try:
        folder.rename(kept)
    except OSError as error:
        raise InputFileError(kept, None, "", error.strerror or str(error)) from error


def _file(each: Proposed) -> str:
    kind = "keys" if each.key.table == "key" else "roots"
    return f"{kind}/{each.key.id}{each.file.suffix}"


def _tables(head: list[str], name: str, rows: list[dict[str, Any]]) -> str:
    text = "\n".join((*head, "")) if head else ""
    for row in rows:
        lines = [f"{key} = {_quoted(value)}" for key, value in row.items() if value is not None]
        text += "\n".join(("", f"[[{name}]]", *lines, ""))
    return text


def _quoted(value: Any) -> str:
    """Return ``value`` as TOML; its strings may hold every control character but one raw."""
    return toml(value).replace("\x7f", "\\u007f")


def _recipe(recipe: Recipe) -> str:
    plain = msgspec.to_builtins(recipe)
    head = [
        "# How a delivery of this product looks. Correct it before the promotion.",
        *(f"{key} = {_quoted(plain[key])}"
          for key in ("schema", "vendor", "product", "class", "baseline", "hardware")),
    ]  # fmt: skip
    text = _tables(head, "file", plain["file"]) + _tables([], "step", plain["step"])
    if recipe.context is not None:
        said = {key: value for key, value in plain["context"].items() if value not in (None, [])}
        text += "\n".join(
            ("", "[context]", *(f"{key} = {_quoted(v)}" for key, v in said.items()), "")
        )
    return text


def _rationale(items: tuple[Item, ...]) -> str:
    head = [
        "# Write why each of these may be there. An empty rationale stops the promotion.",
        f'schema = "{RATIONALE}"',
    ]
    return _tables(head, "item", [msgspec.to_builtins(each) for each in items])


def _vendor(record: Record, proposed: tuple[Proposed, ...]) -> str:
    """Return the proposed ``vendor.toml``: all of it pending, which counts for nothing."""
    text = "# A proposal: trusted when each key is confirmed and two people have promoted it.\n"
    text += f'schema = "fwverify.vendor/1"\nvendor = {toml(record.vendor)}\n'
    for each in proposed:
        pin = "spki_sha256" if each.key.table == "key" else "sha256"
        entry: dict[str, Any] = {
            "id": each.key.id,
            "file": _file(each),
            pin: each.key.fingerprint,
            "use": None if each.key.table == "key" else "code",
            "roles": (ROLE,),
            "status": "pending",
            "added_by": record.submitted_by,
        }
        text = appended(text, each.key.table, entry)
    schemes = tuple(sorted({each.key.scheme for each in proposed}))
    rule: dict[str, Any] = {
        "id": "onboarded",
        "products": (record.product,),
        "schemes": schemes,
        "roles": ({"role": ROLE, "threshold": 1},),
        "coverage": "all-executable",
        "status": "pending",
        "added_by": record.submitted_by,
    }
    return appended(text, "rule", rule)
