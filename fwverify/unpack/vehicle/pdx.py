"""PDX: the ZIP archive in which ODX documents and their data files travel.

Guarantees: the archive is read as any ZIP archive; then its catalogue is held against
what is there: a file that it lists, or that a flash document names as its data, and that
the archive has not, leaves it incomplete; a file that it does not list is observed.

Specification: ISO 22901-1 (ODX 2.2), section 7.1.4 "Packaged ODX data" and the CATALOG
of ``index.xml``.

Not checked: the catalogue's MIME types and dates.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fwverify.model import Entry, Identity, Observation, Opened, Problem
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.archives_zip_open import ZIP
from fwverify.unpack.gather import condense
from fwverify.unpack.source import Format, Source
from fwverify.unpack.vehicle.odx_model import Collector
from fwverify.unpack.vehicle.prose import shown
from fwverify.unpack.vehicle.xmlstream import Element, parse

NAME: Final = "pdx"
INDEX: Final = b"index.xml"
MAX_DOCUMENTS: Final = 64
MAX_LISTED: Final = 16_384
MAX_REPORTED: Final = 64
_TAIL_BYTES: Final = 256 * 1024
_FLASH_SUFFIXES: Final = (b".odx-f", b".odxf")


def _recognise(buffer: Buffer, name: str) -> bool:
    """Return whether the directory at the end names a catalogue and ODX documents.

    Only for a blob that is opened (it has a name): inside other content it is a ZIP
    archive, which is then opened as a blob of its own.
    """
    if not name or bytes(buffer[:4]) != b"PK\x03\x04":
        return False
    tail = bytes(buffer[max(0, len(buffer) - _TAIL_BYTES) :])
    return INDEX in tail and b".odx" in tail.lower()


class _Catalogue:
    """Collects what a catalogue lists."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.product = ""

    def ended(self, element: Element) -> None:
        """Take a FILE, or the catalogue's own name. Raises ``Malformed`` past the bound."""
        if element.path[-1] == "FILE":
            if len(self.files) >= MAX_LISTED:
                raise Malformed(element.start, "pdx.FILES", f"more than {MAX_LISTED}")
            self.files.append(element.text)
        elif element.path == ("CATALOG", "SHORT-NAME"):
            self.product = element.text


def open_archive(source: Source) -> Opened:
    """Return the archive's entries, held against its catalogue. Raises as ZIP does."""
    if ZIP.open is None:
        raise Malformed(0, "zip", "cannot be opened")
    opened = ZIP.open(source)
    problems: list[Problem] = []
    observations: list[Observation] = []
    catalogue = _Catalogue()
    index = [each for each in opened.entries if each.name == INDEX and each.sha256]
    if len(index) == 1:
        _read_index(source, index[0], catalogue, problems)
    else:
        text = f"the archive has {len(index)} catalogues (index.xml)"
        problems.append(Problem(code="odx.missing", path="", text=text))
    wanted = [*catalogue.files, *_data_files(source, opened, problems)]
    _compare(opened, catalogue.files, wanted, problems, observations)
    return msgspec.structs.replace(
        opened,
        format=NAME,
        identity=Identity(product=shown(catalogue.product) or None),
        complete=opened.complete and not problems,
        problems=(*opened.problems, *problems[:MAX_REPORTED]),
        observations=condense((*opened.observations, *observations)),
    )


def _read_index(
    source: Source, entry: Entry, catalogue: _Catalogue, problems: list[Problem]
) -> None:
    try:
        with source.store.view(entry.sha256 or "") as content:
            parse(content, lambda _: None, catalogue.ended)
    except Malformed as error:
        text = f"the catalogue cannot be read: {error}"
        problems.append(Problem(code="format.malformed", path="index.xml", text=text))


def _data_files(source: Source, opened: Opened, problems: list[Problem]) -> list[str]:
    """Return the data files that the flash documents name.

    A document that cannot be read says so when it is opened itself.
    """
    result: list[str] = []
    documents = [each for each in opened.entries if each.name.lower().endswith(_FLASH_SUFFIXES)]
    for entry in documents[:MAX_DOCUMENTS]:
        if entry.sha256 is None:
            continue
        try:
            with source.store.view(entry.sha256) as content:
                collector = Collector(content)
                parse(content, collector.began, collector.ended)
        except Malformed:
            continue
        items = collector.document.flashdata.values()
        result.extend(item.file for item in items if item.file and not item.latebound)
    if len(documents) > MAX_DOCUMENTS:
        text = f"more than {MAX_DOCUMENTS} flash documents were not searched for data files"
        problems.append(Problem(code="limit.files", path="", text=text))
    return result


def _compare(
    opened: Opened,
    listed: list[str],
    wanted: list[str],
    problems: list[Problem],
    observations: list[Observation],
) -> None:
    """Say what is missing, and what is there and not listed."""
    names = {each.name for each in opened.entries if each.kind == "file"}
    for name in sorted({each for each in wanted if each.encode() not in names}):
        text = f"{shown(name)} is named and is not in the archive"
        problems.append(Problem(code="odx.missing", path="", text=text))
    known = {INDEX, *(each.encode() for each in wanted), *(each.encode() for each in listed)}
    for entry in opened.entries:
        if entry.kind == "file" and not entry.generated and entry.name not in known:
            name = encode_name(entry.name)
            text = f"{name} is in the archive and in no catalogue"
            observations.append(
                Observation(rule="pdx.unlisted", text=text, evidence=(f"name:{name}",))
            )


PDX: Final = Format(
    name=NAME,
    title="packaged ODX data (PDX)",
    family="vehicle update",
    specification="https://www.iso.org/standard/41207.html",
    limitations="as for ZIP; MIME types of the catalogue are not compared",
    recognise=_recognise,
    open=open_archive,
)
