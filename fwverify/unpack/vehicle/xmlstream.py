"""XML read as a stream of elements with byte offsets, for flash containers.

Guarantees: a document type declaration is refused before any entity exists, so there is
no expansion and no external reference; depth, elements, attributes and the text kept of
one element are bounded; nothing is kept of elements that the caller does not ask for.
Every failure is ``Malformed``, or ``Refused`` for what a flash container never has.

Specification: W3C, "Extensible Markup Language (XML) 1.0", fifth edition.

Not checked: the document's schema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from xml.parsers import expat

from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES

MAX_DEPTH: Final = 64
MAX_ELEMENTS: Final = 500_000
MAX_TEXT_CHARS: Final = 4096
MAX_ATTRIBUTES: Final = 64
_ENCODINGS: Final = ("utf-8", "us-ascii", "iso-8859-1", "utf-16")

Attributes = dict[str, str]


class Refused(Malformed):
    """The document has what hostile documents have and flash containers have not."""


class Element:
    """One element that has ended.

    ``path`` are the names from the root; ``start`` and ``end`` the byte offsets of its
    start tag and of its end tag; ``text`` its direct text, cut at ``MAX_TEXT_CHARS``.
    """

    __slots__ = ("attributes", "chars", "end", "parts", "path", "start")

    def __init__(self, path: tuple[str, ...], attributes: Attributes, start: int) -> None:
        self.path = path
        self.attributes = attributes
        self.start = self.end = start
        self.parts: list[str] = []
        self.chars = 0

    @property
    def text(self) -> str:
        """Its text without surrounding blanks."""
        return "".join(self.parts).strip()

    def append(self, data: str) -> None:
        """Keep ``data`` up to the bound."""
        self.chars += len(data)
        kept = MAX_TEXT_CHARS - (self.chars - len(data))
        if kept > 0:
            self.parts.append(data[:kept])


class _Walk:
    """The state of one parse."""

    def __init__(self, began: Callable[[Element], None], ended: Callable[[Element], None]) -> None:
        self.began = began
        self.ended = ended
        self.open: list[Element] = []
        self.count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.XmlDeclHandler = self._declaration
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._doctype
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def _start(self, name: str, attributes: Attributes) -> None:
        at = self.parser.CurrentByteIndex
        self.count += 1
        if len(self.open) >= MAX_DEPTH or self.count > MAX_ELEMENTS:
            raise Refused(at, "xml.element", "nested too deep, or too many")
        if len(attributes) > MAX_ATTRIBUTES:
            raise Refused(at, "xml.attributes", "too many")
        path = (*(self.open[-1].path if self.open else ()), name.rpartition(":")[2])
        element = Element(path, attributes, at)
        self.open.append(element)
        self.began(element)

    def _end(self, _: str) -> None:
        element = self.open.pop()
        element.end = self.parser.CurrentByteIndex
        self.ended(element)

    def _text(self, data: str) -> None:
        if self.open:
            self.open[-1].append(data)

    def _declaration(self, _: str, encoding: str | None, __: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise Refused(0, "xml.encoding", "is none of " + ", ".join(_ENCODINGS))

    def _doctype(self, *_: object) -> None:
        at = max(0, self.parser.CurrentByteIndex)
        raise Refused(at, "xml.doctype", "a document type or entity is declared")


def parse(
    buffer: Buffer, began: Callable[[Element], None], ended: Callable[[Element], None]
) -> None:
    """Call ``began`` and ``ended`` for every element, in the document's order.

    Raises ``Malformed`` where the document is not well-formed and ``Refused`` for a
    document type, an encoding or a size that is not read.
    """
    walk = _Walk(began, ended)
    size = len(buffer)
    try:
        for at in range(0, size, CHUNK_BYTES):
            walk.parser.Parse(bytes(buffer[at : min(at + CHUNK_BYTES, size)]), False)
        walk.parser.Parse(b"", True)
    except expat.ExpatError as error:
        at = min(size, max(0, walk.parser.ErrorByteIndex))
        why = expat.errors.messages.get(error.code, "is not well-formed")
        past_end = at >= size or error.code in _EARLY_ENDS
        raise Malformed(at, "xml", why, past_end=past_end) from error
    except (LookupError, ValueError) as error:  # an encoding that Python does not know
        raise Malformed(0, "xml.encoding", "is not known") from error


_EARLY_ENDS: Final = tuple(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)
