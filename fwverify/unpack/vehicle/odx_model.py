"""What the flash part of an ODX document says, collected from its elements.

Guarantees: references are resolved by ID after the whole document was read, so that
their order does not matter; an ID or a name that stands twice keeps the first and is
listed in ``doubles``; numbers are bounded. FLASHDATA says once and in its own children what
its data is: where it stands in another one, or has a second DATA, two readers would flash
two contents, and the document is ``Malformed``.

Specification: ISO 22901-1 (ODX 2.2), section 7.4 "ECU flash": FLASHDATA, DATABLOCK with
SEGMENTs, SESSION with CHECKSUMs and SECURITYs, EXPECTED-IDENT and OWN-IDENT.

Not checked: FILTERS, AUDIENCEs, special data groups and physical layers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from fwverify.reader import Buffer, Malformed
from fwverify.unpack.vehicle.xmlstream import Element

MAX_ITEMS: Final = 8192
_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,16}")
_ONCE: Final = ("DATAFORMAT", "ENCRYPT-COMPRESS-METHOD", "DATAFILE", "DATA")
"""Of FLASHDATA (7.4, INTERN-FLASHDATA and EXTERN-FLASHDATA); of the last two it has one."""

_START_TAG: Final = re.compile(rb"<[A-Za-z0-9_.:-]{1,80}(?:\s[^<>]{0,4096})?(?<!/)>")


class Flashdata(Struct):
    """One FLASHDATA. ``data`` are the byte offsets of the text of its DATA."""

    id: str
    name: str = ""
    form: str = ""
    method: str = ""
    file: str | None = None
    latebound: bool = False
    data: tuple[int, int] | None = None


class Segment(Struct, frozen=True):
    """Where a stretch of a data block belongs. ``size`` is None where none is stated."""

    name: str
    address: int
    size: int | None
    method: str


class Datablock(Struct):
    """One DATABLOCK with its segments in order, and the FLASHDATA it refers to."""

    name: str = ""
    flashdata: str = ""
    segments: list[Segment] = field(default_factory=list)


class Checksum(Struct, frozen=True):
    """One CHECKSUM of a session, as the document writes it."""

    algorithm: str
    start: int | None
    end: int | None
    size: int | None
    result: str


class Document(Struct):
    """The whole flash part."""

    version: str = ""
    company: str = ""
    product: str = ""
    revision: str = ""
    part_number: str = ""
    own: list[tuple[str, str]] = field(default_factory=list)
    expected: list[tuple[str, str]] = field(default_factory=list)
    flashdata: dict[str, Flashdata] = field(default_factory=dict)
    blocks: list[Datablock] = field(default_factory=list)
    checksums: list[Checksum] = field(default_factory=list)
    signatures: list[tuple[int, int]] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    doubles: list[tuple[int, str]] = field(default_factory=list)
    is_flash: bool = False


class Collector:
    """Fills a ``Document`` from the elements of a parse."""

    def __init__(self, buffer: Buffer) -> None:
        self.document = Document()
        self.is_odx = False
        self._buffer = buffer
        self._flashdata: Flashdata | None = None
        self._block: Datablock | None = None
        self._values: dict[str, str] = {}
        self._said: set[str] = set()
        self._items = 0

    def began(self, element: Element) -> None:
        """Take note of an element that begins. Raises ``Malformed`` for data within data."""
        kind = element.path[-1]
        if kind in ("FLASHDATA", "DATABLOCK") and (self._flashdata or self._block) is not None:
            raise Malformed(element.start, f"odx.{kind}", "stands inside another one")
        if kind == "ODX" and len(element.path) == 1:
            self.is_odx = True
            self.document.version = element.attributes.get("MODEL-VERSION", "")
        elif kind == "FLASH":
            self.document.is_flash = True
        elif kind == "FLASHDATA":
            self._flashdata, self._said = Flashdata(element.attributes.get("ID", "")), set()
        elif kind == "DATABLOCK":
            self._block = Datablock()
        elif kind in ("SEGMENT", "CHECKSUM", "OWN-IDENT", "EXPECTED-IDENT"):
            self._values = {}

    def ended(self, element: Element) -> None:
        """Take what an element that has ended says. Raises ``Malformed`` past a bound."""
        kind = element.path[-1]
        parent = element.path[-2] if len(element.path) > 1 else ""
        if kind in ("FLASHDATA", "DATABLOCK", "SEGMENT", "CHECKSUM", "IDENT-VALUE", "FW-SIGNATURE"):
            self._items += 1
            if self._items > MAX_ITEMS:
                raise Malformed(element.start, "odx", f"more than {MAX_ITEMS} items")
        if self._flashdata is not None:
            self._in_flashdata(element, kind, parent, self._flashdata)
        elif self._block is not None:
            self._in_block(element, kind, parent, self._block)
        else:
            self._elsewhere(element, kind, parent)
        if kind == "FW-SIGNATURE":
            self.document.signatures.append(self._inside(element))

    def _in_flashdata(self, element: Element, kind: str, parent: str, item: Flashdata) -> None:
        if kind in _ONCE:
            self._say_once(element, kind.removesuffix("FILE"), parent)
        if kind == "SHORT-NAME" and parent == "FLASHDATA":
            item.name = element.text
        elif kind == "DATAFORMAT":
            item.form = element.attributes.get("SELECTION", "")
        elif kind == "ENCRYPT-COMPRESS-METHOD":
            item.method = element.text
        elif kind == "DATAFILE":
            item.file = element.text
            item.latebound = element.attributes.get("LATEBOUND-DATAFILE", "") in ("true", "1")
        elif kind == "DATA":
            item.data = self._inside(element)
        elif kind == "FLASHDATA":
            if item.id in self.document.flashdata:
                self.document.doubles.append((element.start, f"FLASHDATA {item.id}"))
                item.id = f"{item.id}#{element.start}"
            self.document.flashdata[item.id] = item
            self._flashdata = None

    def _say_once(self, element: Element, what: str, parent: str) -> None:
        if parent != "FLASHDATA" or what in self._said:
            raise Malformed(element.start, f"odx.{what}", "is not the only one of its FLASHDATA")
        self._said.add(what)

    def _in_block(self, element: Element, kind: str, parent: str, block: Datablock) -> None:
        if parent in ("SEGMENT", "OWN-IDENT", "IDENT-VALUES"):
            self._values.setdefault(kind, element.text)
        elif kind == "SHORT-NAME" and parent == "DATABLOCK":
            block.name = element.text
        elif kind == "FLASHDATA-REF":
            block.flashdata = element.attributes.get("ID-REF", "")
        elif kind == "SEGMENT":
            block.segments.append(_segment(self._values, element))
        elif kind == "OWN-IDENT":
            self._ident(self.document.own)
        elif kind == "DATABLOCK":
            self.document.blocks.append(block)
            self._block = None

    def _elsewhere(self, element: Element, kind: str, parent: str) -> None:
        document = self.document
        if parent in ("EXPECTED-IDENT", "CHECKSUM", "IDENT-VALUES", "UNCOMPRESSED-SIZE"):
            self._values.setdefault(kind, element.text)
        elif kind == "SHORT-NAME" and parent == "FLASH":
            document.product = element.text
        elif kind == "SHORT-NAME" and parent == "COMPANY-DATA":
            document.company = document.company or element.text
        elif kind == "REVISION-LABEL":
            document.revision = document.revision or element.text
        elif kind == "PARTNUMBER":
            document.part_number = document.part_number or element.text
        elif kind == "SECURITY-METHOD":
            document.methods.append(element.text)
        elif kind == "EXPECTED-IDENT":
            self._ident(document.expected)
        elif kind == "CHECKSUM":
            document.checksums.append(_checksum(self._values))

    def _ident(self, idents: list[tuple[str, str]]) -> None:
        idents.append((self._values.get("SHORT-NAME", ""), self._values.get("IDENT-VALUE", "")))

    def _inside(self, element: Element) -> tuple[int, int]:
        """Return the byte offsets of an element's content. Raises ``Malformed``."""
        if element.end == element.start:
            return element.end, element.end
        tag = _START_TAG.match(bytes(self._buffer[element.start : element.start + 8192]))
        if tag is None or element.start + tag.end() > element.end:
            raise Malformed(element.start, f"odx.{element.path[-1]}", "has a tag that is not read")
        return element.start + tag.end(), element.end


def _number(text: str | None, base: int) -> int | None:
    if text is None or not _HEX.fullmatch(text) or (base == 10 and not text.isdecimal()):
        return None
    return int(text, base)


def _segment(values: dict[str, str], element: Element) -> Segment:
    """Return a SEGMENT: addresses are hexadecimal (hexBinary), sizes decimal."""
    start = _number(values.get("SOURCE-START-ADDRESS"), 16)
    if start is None:
        raise Malformed(element.start, "odx.SEGMENT", "has no start address")
    end = _number(values.get("SOURCE-END-ADDRESS"), 16)
    size = _number(values.get("UNCOMPRESSED-SIZE"), 10)
    if size is None and end is not None and end >= start:
        size = end - start + 1
    name, method = values.get("SHORT-NAME", ""), values.get("ENCRYPT-COMPRESS-METHOD", "")
    return Segment(name, start, size, method)


def _checksum(values: dict[str, str]) -> Checksum:
    return Checksum(
        values.get("CHECKSUM-ALG", ""),
        _number(values.get("SOURCE-START-ADDRESS"), 16),
        _number(values.get("SOURCE-END-ADDRESS"), 16),
        _number(values.get("UNCOMPRESSED-SIZE"), 10),
        values.get("CHECKSUM-RESULT", ""),
    )


def blocks_of(document: Document, item: Flashdata) -> Iterator[Datablock]:
    """Yield the data blocks that refer to ``item``."""
    return (block for block in document.blocks if block.flashdata == item.id)
