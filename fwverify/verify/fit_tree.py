"""A FIT's tree as a signature sees it: tokens with their ranges, and the hashed regions.

Guarantees: the structure block is walked token by token within stated bounds; a second
root, a name that stands twice in one node, a node name with ``/`` or (below ``/images``
and ``/configurations``) with ``@`` is refused, because readers then differ in which node
is meant (CVE-2021-27097, CVE-2021-27138). ``regions`` gives exactly the bytes that a
configuration signature is over; the stored ``hashed-nodes`` is not consulted
(CVE-2026-46728).

Specification: Devicetree Specification v0.4, 5.4; U-Boot ``doc/usage/fit/signature.rst``,
"Signed Configurations", and its ``fdt_find_regions``: of a listed node everything but the
properties that place data, of its other child nodes their begin and end tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.boot.fdt import Blocks, read_blocks
from fwverify.verify.scheme import Range

MAX_DEPTH: Final = 32
MAX_TOKENS: Final = 100_000
MAX_NAME_BYTES: Final = 256
EXCLUDED: Final = ("data", "data-size", "data-position", "data-offset")
"""Properties that no configuration signature is over: mkimage moves data after signing."""

_BEGIN, _END_NODE, _PROPERTY, _NOP, _END = 1, 2, 3, 4, 9


@dataclass(frozen=True)
class Token:
    """One token ``[start, end)``; ``node`` is the path it stands in (or begins or ends).

    A property's ``name`` and the end of that name in the strings block, else empty.
    """

    tag: int
    start: int
    end: int
    node: str
    name: str = ""
    name_end: int = 0


@dataclass
class Node:
    """A node: property values by name, children by name, filled while it is read."""

    path: str
    name: str
    properties: dict[str, Range] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)
    inside: list[Range] = field(default_factory=list)

    def below(self, prefix: str) -> tuple[Node, ...]:
        """Return the children whose name begins with ``prefix``."""
        return tuple(one for name, one in self.children.items() if name.startswith(prefix))


@dataclass(frozen=True)
class Tree:
    """The tree; ``strings`` is the strings block's range."""

    buffer: Buffer
    blocks: Blocks
    root: Node
    tokens: tuple[Token, ...]

    def value(self, node: Node, name: str, most: int = 8192) -> bytes | None:
        """Return a property's bytes, None where it is absent. Raises ``Malformed``."""
        place = node.properties.get(name)
        if place is None:
            return None
        if place[1] - place[0] > most:
            raise Malformed(place[0], f"fit.{name}", f"{place[1] - place[0]} bytes are absurd")
        return bytes(self.buffer[place[0] : place[1]])

    def texts(self, node: Node, name: str) -> tuple[str, ...]:
        """Return a string list, empty where it is absent. Raises ``Malformed``."""
        data = self.value(node, name)
        if not data:
            return ()
        if data[-1] or not data.isascii():
            raise Malformed(node.properties[name][0], f"fit.{name}", "is no string list")
        return tuple(part.decode() for part in data[:-1].split(b"\0"))

    def number(self, node: Node, name: str) -> int | None:
        """Return a property of one or two cells. Raises ``Malformed``."""
        data = self.value(node, name)
        if data is None:
            return None
        if len(data) not in (4, 8):
            raise Malformed(node.properties[name][0], f"fit.{name}", "is no number")
        return int.from_bytes(data, "big")


def read(buffer: Buffer) -> Tree:
    """Return the tree at offset 0. Raises ``Malformed``."""
    blocks = read_blocks(buffer)
    reader = Reader(buffer, *blocks.structure)
    strings = bytes(buffer[blocks.strings[0] : blocks.strings[1]])
    walk = _Walk(reader, strings)
    walk.run()
    if walk.root is None:
        raise Malformed(reader.offset, "fdt", "has no root")
    return Tree(buffer, blocks, walk.root, tuple(walk.tokens))


class _Walk:
    """Reads the structure block once. Belongs to one call of ``read``."""

    def __init__(self, reader: Reader, strings: bytes) -> None:
        self.reader = reader
        self.strings = strings
        self.tokens: list[Token] = []
        self.open: list[Node] = []
        self.root: Node | None = None

    def run(self) -> None:
        """Read to the end token, which ends the block."""
        reader = self.reader
        while True:
            start = reader.offset
            if len(self.tokens) >= MAX_TOKENS:
                raise Malformed(start, "fdt.token", f"more than {MAX_TOKENS}")
            tag = reader.unpack(">I", "fdt.token")[0]
            if tag == _END and self.root is not None and not self.open:
                self._add(tag, start)
                if reader.remaining:
                    raise Malformed(reader.offset, "fdt.size_dt_struct", "goes on past the end")
                return
            self._one(tag, start)

    def _one(self, tag: int, start: int) -> None:
        if tag == _BEGIN:
            self._begin(start)
        elif tag == _END_NODE and self.open:
            self._add(tag, start)
            self.open.pop()
        elif tag == _PROPERTY and self.open:
            self._property(start)
        elif tag == _NOP:
            self._add(tag, start)
        else:
            raise Malformed(start, "fdt.token", f"{tag:#x} at depth {len(self.open)}")

    def _add(self, tag: int, start: int, name: str = "", name_end: int = 0) -> None:
        node = self.open[-1].path if self.open else ""
        self.tokens.append(Token(tag, start, self.reader.offset, node, name, name_end))

    def _begin(self, start: int) -> None:
        reader = self.reader
        window = reader.peek(reader.offset, min(reader.remaining, MAX_NAME_BYTES), "fdt.node.name")
        raw, ended, _ = window.partition(b"\0")
        if not ended or not raw.isascii():
            raise Malformed(start, "fdt.node.name", "is no name")
        reader.skip(len(raw) + 1, "fdt.node.name")
        self._align()
        name = raw.decode()
        if len(self.open) >= MAX_DEPTH or (self.root is not None and not self.open):
            raise Malformed(start, "fdt.node", "a second root, or nested too deep")
        if "/" in name or bool(name) == (not self.open):
            raise Malformed(start, "fdt.node.name", f"{name!a} cannot stand here")
        node = Node(
            "/" + "/".join([one.name for one in self.open[1:]] + [name] * bool(self.open)), name
        )
        if self.open:
            parent = self.open[-1]
            if name in parent.children:
                raise Malformed(start, "fdt.node.name", f"{name!a} stands twice")
            if "@" in name and node.path.startswith(("/images", "/configurations")):
                raise Malformed(start, "fdt.node.name", f"{name!a} holds @ (CVE-2021-27138)")
            parent.children[name] = node
        else:
            self.root = node
        self.open.append(node)
        self._add(_BEGIN, start)

    def _property(self, start: int) -> None:
        reader = self.reader
        length, place = reader.unpack(">2I", "fdt.property")
        end = self.strings.find(b"\0", place, place + MAX_NAME_BYTES)
        if end < 0:
            raise Malformed(start + 8, "fdt.property.nameoff", f"{place} is no string")
        name = self.strings[place:end].decode("latin-1")
        at = reader.offset
        reader.skip(length, "fdt.property.len")
        self._align()
        node = self.open[-1]
        if name in node.properties:
            raise Malformed(start, "fdt.property", f"{name!a} stands twice")
        node.properties[name] = (at, at + length)
        self._add(_PROPERTY, start, name, end + 1)
        node.inside.append((start, reader.offset))

    def _align(self) -> None:
        self.reader.skip(-(self.reader.offset - self.reader.start) % 4, "fdt.alignment")


def hashed_tokens(tree: Tree, nodes: Collection[str]) -> Iterator[Token]:
    """Yield the tokens that a signature over ``nodes`` (paths) is over, in order."""
    stack: list[int] = []
    want = 0
    for token in tree.tokens:
        if token.tag == _BEGIN:
            stack.append(want)
            want = 2 if token.node in nodes else max(want - 1, 0)
            if want:
                yield token
        elif token.tag == _END_NODE:
            if want:
                yield token
            want = stack.pop()
        elif token.tag == _PROPERTY:
            if want == 2 and token.name not in EXCLUDED:
                yield token
        elif token.tag == _END or want == 2:
            yield token


def regions(tree: Tree, nodes: Collection[str], strings_bytes: int) -> tuple[Range, ...]:
    """Return the ranges that a signature over ``nodes`` is over, in order, merged.

    ``strings_bytes`` of the strings block follow them. Raises ``Malformed`` where the
    name of a signed property is not among those: it could be changed unseen.
    """
    found: list[Range] = []
    for token in hashed_tokens(tree, nodes):
        if token.name_end > strings_bytes:
            why = f"the name {token.name!a} is outside the signed strings"
            raise Malformed(token.start + 8, "fit.hashed-strings", why)
        if found and found[-1][1] == token.start:
            found[-1] = (found[-1][0], token.end)
        else:
            found.append((token.start, token.end))
    start = tree.blocks.strings[0]
    return (*found, (start, start + strings_bytes))
