"""Reading the supplier register: a folder of strict TOML files.

Guarantees: unknown and duplicate keys, wrong types, days that do not exist, two answers on
one day, a 3a without context, a 3b with yes and no measures, cycles and more than the whole
in ownership, and names that nothing stands behind are each one ``InputFileError`` with file
and key. Nothing is read from anywhere else. Files that do not end in ``.toml`` are not read.

``components.toml``, ``ownership.toml`` and ``operator.toml`` have their own form; every other
file is one supplier and is called by its id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from fwverify.analyse.taxonomy import CAPABILITY_IDS
from fwverify.canonical import digest, sha256_hex
from fwverify.claims.declared import is_ca_or_host, second_claim
from fwverify.claims.seen import within
from fwverify.people import UnusableText, one_line, person_key
from fwverify.places import Jurisdiction, network_of
from fwverify.strict import InputFileError, parse_toml, read_bounded
from fwverify.suppliers.criteria import PER_CONTEXT
from fwverify.suppliers.model import Components, Contract, OperatorFile, Ownership, Supplier
from fwverify.suppliers.ownership import OwnershipError, check

File = TypeVar("File", Components, Ownership, OperatorFile)

MAX_SUPPLIERS: Final = 10_000
MAX_REGISTER_BYTES: Final = 4 * 1024 * 1024
COMPONENTS: Final = "components.toml"
OWNERSHIP: Final = "ownership.toml"
OPERATOR: Final = "operator.toml"
_OWN_FORM: Final = (COMPONENTS, OWNERSHIP, OPERATOR)
_NO_COMPONENTS: Final = Components(schema="fwverify.components/1")
_NO_OWNERSHIP: Final = Ownership(schema="fwverify.ownership/1")
_NO_OPERATOR: Final = OperatorFile(schema="fwverify.operator/1")
_PEOPLE: Final = ("assessor", "by")
_DAYS: Final = ("date", "valid_until")


@dataclass(frozen=True)
class Register:
    """A whole register, by id; ``sha256`` is over names and contents of its files."""

    suppliers: dict[str, Supplier] = field(default_factory=dict)
    components: Components = _NO_COMPONENTS
    ownership: Ownership = _NO_OWNERSHIP
    operator: OperatorFile = _NO_OPERATOR
    sha256: str = ""

    def by_vendor(self, vendor: str) -> Supplier | None:
        """Return the supplier that cases call ``vendor``."""
        for name in sorted(self.suppliers):
            if vendor in self.suppliers[name].vendors:
                return self.suppliers[name]
        return None


def load_register(folder: Path) -> Register:
    """Return the register in ``folder``; raises ``InputFileError``."""
    try:
        files = sorted(each for each in folder.iterdir() if each.suffix == ".toml")
    except OSError as error:
        raise InputFileError(folder, None, "", error.strerror or str(error)) from error
    if len(files) > MAX_SUPPLIERS:
        raise InputFileError(folder, None, "", f"more than {MAX_SUPPLIERS} files")
    contents = {each: read_bounded(each, MAX_REGISTER_BYTES) for each in files}
    suppliers = {
        each.stem: _supplier(data, each)
        for each, data in contents.items()
        if each.name not in _OWN_FORM
    }
    named = {each.name: each for each in files}
    register = Register(
        suppliers=suppliers,
        components=_own(named.get(COMPONENTS), contents, _NO_COMPONENTS),
        ownership=_own(named.get(OWNERSHIP), contents, _NO_OWNERSHIP),
        operator=_own(named.get(OPERATOR), contents, _NO_OPERATOR),
        sha256=digest([[each.name, sha256_hex(data)] for each, data in contents.items()]),
    )
    for name, key, why in _faults(register):
        raise InputFileError(folder / name, None, key, why)
    return register


def parse_supplier(data: bytes, file: Path) -> Supplier:
    """Return the supplier in ``data``; ``file`` names it, and its stem is the id."""
    return _supplier(data, file)


def _supplier(data: bytes, file: Path) -> Supplier:
    supplier = parse_toml(data, file, Supplier)
    if supplier.id != file.stem:
        raise InputFileError(file, None, "id", f"{supplier.id} is not what the file is called")
    for key, why in supplier_faults(supplier):
        raise InputFileError(file, None, key, why)
    return supplier


def _own(path: Path | None, contents: dict[Path, bytes], absent: File) -> File:
    return absent if path is None else parse_toml(contents[path], path, type(absent))


def supplier_faults(supplier: Supplier) -> Iterator[tuple[str, str]]:
    """Yield key and text of what the types cannot express."""
    for table in ("gpa", "quickscan", "judgement", "decision", "listing"):
        value = getattr(supplier, table)
        rows = value if isinstance(value, tuple) else (value,) if value else ()
        for index, row in enumerate(rows):
            yield from _row_faults(f"{table}.{index}", row)
    said: dict[tuple[str, str | None, str], str] = {}
    for index, each in enumerate(supplier.judgement):
        key = f"judgement.{index}"
        if (each.criterion in PER_CONTEXT) != (each.context is not None):
            asked = "needs a context" if each.context is None else "has no context"
            yield f"{key}.context", f"criterion {each.criterion} {asked}"
        if each.controls and each.criterion != "3b":
            yield f"{key}.controls", "only 3b has controls"
        if each.criterion == "3b" and (each.answer == "yes") != bool(each.controls):
            yield f"{key}.controls", "3b is yes with controls and their evidence, and only then"
        same = (each.criterion, each.context, each.date)
        if said.setdefault(same, each.answer) != each.answer:
            yield f"{key}.date", f"two answers to criterion {each.criterion} on {each.date}"
    outcomes: dict[tuple[str, str], str] = {}
    for index, decision in enumerate(supplier.decision):
        if (
            outcomes.setdefault((decision.context, decision.date), decision.outcome)
            != decision.outcome
        ):
            yield f"decision.{index}.date", f"two decisions on {decision.date}"


def _row_faults(key: str, row: msgspec.Struct) -> Iterator[tuple[str, str]]:
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if name in _DAYS and value is not None and not is_day(value):
            yield f"{key}.{name}", f"{value} is no day"
        if isinstance(value, str):
            try:
                one_line(name, value)
                if name in _PEOPLE:
                    person_key(value)
            except UnusableText as error:
                yield f"{key}.{name}", str(error)


def is_day(text: str) -> bool:
    """Return whether ``text`` is a day that exists (YYYY-MM-DD)."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _faults(register: Register) -> Iterator[tuple[str, str, str]]:
    """Yield file, key and text of what only the whole register shows."""
    owners: dict[str, str] = {}
    for supplier in register.suppliers.values():
        for vendor in supplier.vendors:
            if owners.setdefault(vendor, supplier.id) != supplier.id:
                yield f"{supplier.id}.toml", "vendors", f"{vendor} is also {owners[vendor]}"
    yield from _component_faults(register)
    try:
        check(register.ownership.holding)
    except OwnershipError as error:
        yield OWNERSHIP, "holding", str(error)
    for index, holding in enumerate(register.ownership.holding):
        for key, why in _row_faults(f"holding.{index}", holding):
            yield OWNERSHIP, key, why
    for host in register.operator.hosts or ():
        if not is_ca_or_host(host) or host.startswith("ca:"):
            yield OPERATOR, "hosts", f"{host[:80]!a} is no host"
    for key, why in jurisdiction_faults(register.operator.jurisdiction):
        yield OPERATOR, key, why


def _component_faults(register: Register) -> Iterator[tuple[str, str, str]]:
    names = Counter(each.name for each in register.components.component)
    for name, number in sorted(names.items()):
        if number > 1:
            yield COMPONENTS, "component", f"{name} stands twice"
    for at, part in enumerate(register.components.component):
        for key, why in _contract_faults(part.contract or Contract()):
            yield COMPONENTS, f"component.{at}.contract.{key}", why
    for index, source in enumerate(register.components.source):
        for key, why in _row_faults(f"source.{index}", source):
            yield COMPONENTS, key, why
        if source.component not in names:
            yield COMPONENTS, f"source.{index}.component", f"{source.component} is no component"
        if source.supplier not in register.suppliers:
            yield COMPONENTS, f"source.{index}.supplier", f"{source.supplier} is no supplier"


def _contract_faults(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield key and text of what a contract names and nothing could ever be."""
    for claim in contract.claims:
        if second_claim(claim) is None:
            yield "claims", f"{claim[:80]!a} is no claim with its values"
    for name in contract.capabilities:
        if not any(within(each, (name,)) for each in CAPABILITY_IDS):
            yield "capabilities", f"{name[:80]!a} is no capability of the taxonomy"
    for text in contract.networks:
        if network_of(text) is None:
            yield "networks", f"{text[:80]!a} is no network (CIDR)"


def jurisdiction_faults(table: tuple[Jurisdiction, ...]) -> Iterator[tuple[str, str]]:
    """Yield key and text of networks that are none and rows that name no place."""
    for index, each in enumerate(table):
        if not each.hosts and not each.networks:
            yield f"jurisdiction.{index}", "names neither hosts nor networks"
        for text in each.networks:
            if network_of(text) is None:
                yield f"jurisdiction.{index}.networks", f"{text[:80]!a} is no network (CIDR)"
