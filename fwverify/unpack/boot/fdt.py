"""The flattened device tree: header, reservations, structure and strings, to the last byte.

Guarantees: every block lies inside the blob and ``totalsize``; nodes and properties are
bounded in number, depth and size; property names come from the strings block and end
there. A property's bytes are its position, never a copy, so a tree may be large.

Specification: Devicetree Specification v0.4, chapter 5 "Flattened Devicetree (DTB)
Format"; versions 16 and 17. All integers are big-endian.

Not checked: what properties mean (``fit`` and ``dtb`` do), and bindings.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct, field

from fwverify.reader import Buffer, Malformed, Reader

MAGIC: Final = b"\xd0\x0d\xfe\xed"
MAX_DEPTH: Final = 64
MAX_NODES: Final = 100_000
MAX_PROPERTIES: Final = 400_000
MAX_RESERVATIONS: Final = 1024
MAX_NAME_BYTES: Final = 256
"""Names have at most 31 characters by the rules (2.2.1); real trees have longer ones."""

MAX_PLAIN_NAME_CHARS: Final = 64
"""A longer property name is read, and its bytes stay unexplained."""

_BEGIN, _END_NODE, _PROPERTY, _NOP, _END = 1, 2, 3, 4, 9
_FIRST_WITH_STRUCT_SIZE: Final = 17
_OLDEST: Final = 16
_STRING: Final = re.compile(rb"(?:\A|(?<=\0))[!-~]{1,64}\0")


class Property(Struct, frozen=True):
    """A property: its name and where its value lies."""

    name: str
    start: int
    end: int


class TreeNode(Struct):
    """A node with its properties in order, filled while the tree is read."""

    name: bytes
    offset: int
    properties: list[Property] = field(default_factory=list)
    children: list[TreeNode] = field(default_factory=list)

    def get(self, name: str) -> Property | None:
        """Return the first property called ``name``."""
        return next((each for each in self.properties if each.name == name), None)

    def child(self, name: bytes) -> TreeNode | None:
        """Return the first child called ``name``."""
        return next((each for each in self.children if each.name == name), None)


class Blocks(Struct, frozen=True):
    """The header's numbers: absolute ranges of the blocks."""

    total: int
    version: int
    header_end: int
    reservations: tuple[int, int]
    structure: tuple[int, int]
    strings: tuple[int, int]


class Fdt(Struct, frozen=True):
    """A tree that was read. ``names`` are the ranges of the strings that are text."""

    blocks: Blocks
    root: TreeNode
    names: tuple[tuple[int, int], ...]
    twice: tuple[tuple[int, str], ...]


def read_blocks(buffer: Buffer) -> Blocks:
    """Return the header at offset 0 (5.2). Raises ``Malformed``."""
    reader = Reader(buffer)
    reader.expect(MAGIC, "fdt.magic")
    total, structure, strings, reserve, version, last = reader.unpack(">6I", "fdt.header")
    if not last <= _FIRST_WITH_STRUCT_SIZE >= version >= _OLDEST:
        raise Malformed(20, "fdt.version", f"{version}, compatible to {last}")
    _, strings_size = reader.unpack(">2I", "fdt.header")
    structure_size = total - structure
    if version >= _FIRST_WITH_STRUCT_SIZE:
        structure_size = reader.unpack(">I", "fdt.size_dt_struct")[0]
    window = Reader(buffer, 0, min(total, len(buffer)))
    if total < reader.offset:
        raise Malformed(4, "fdt.totalsize", f"{total}")
    for start, size, name in (
        (structure, structure_size, "fdt.off_dt_struct"),
        (strings, strings_size, "fdt.off_dt_strings"),
        (reserve, 16, "fdt.off_mem_rsvmap"),
    ):
        if start + size > total or start < reader.offset:
            raise Malformed(start, name, f"[{start}, {start + size}) in {total} bytes")
        window.seek(start, name)
        window.skip(size, name)
    return Blocks(
        total=total,
        version=version,
        header_end=reader.offset,
        reservations=_reservations(
            Reader(buffer, reserve, total if total <= len(buffer) else None)
        ),
        structure=(structure, structure + structure_size),
        strings=(strings, strings + strings_size),
    )


def _reservations(reader: Reader) -> tuple[int, int]:
    """Return the range of the memory reservation block with its end entry (5.3)."""
    for _ in range(MAX_RESERVATIONS):
        if not any(reader.unpack(">2Q", "fdt.reservation")):
            return reader.start, reader.offset
    raise Malformed(reader.offset, "fdt.reservation", f"more than {MAX_RESERVATIONS}")


def read_tree(buffer: Buffer) -> Fdt:
    """Return the tree at offset 0 (5.4). Raises ``Malformed``."""
    blocks = read_blocks(buffer)
    reader = Reader(buffer, *blocks.structure)
    strings = bytes(buffer[slice(*blocks.strings)])
    names: dict[int, str] = {}
    twice: list[tuple[int, str]] = []
    open_nodes: list[TreeNode] = []
    seen: list[set[str | bytes]] = []
    root: TreeNode | None = None
    nodes = properties = 0
    while True:
        at = reader.offset
        token = reader.unpack(">I", "fdt.token")[0]
        if token == _BEGIN:
            node = TreeNode(_node_name(reader), at)
            nodes += 1
            if (root is not None and not open_nodes) or len(open_nodes) >= MAX_DEPTH:
                raise Malformed(at, "fdt.node", "a second root, or nested too deep")
            if nodes > MAX_NODES:
                raise Malformed(at, "fdt.node", f"more than {MAX_NODES} nodes")
            if open_nodes:
                open_nodes[-1].children.append(node)
                _once(seen[-1], node.name, at, twice)
            root = root or node
            open_nodes.append(node)
            seen.append(set())
        elif token == _END_NODE and open_nodes:
            open_nodes.pop()
            seen.pop()
        elif token == _PROPERTY and open_nodes:
            properties += 1
            if properties > MAX_PROPERTIES:
                raise Malformed(at, "fdt.property", f"more than {MAX_PROPERTIES}")
            each = _property(reader, strings, names)
            _once(seen[-1], each.name, at, twice)
            open_nodes[-1].properties.append(each)
        elif token == _END and root is not None and not open_nodes:
            break
        elif token != _NOP:
            raise Malformed(at, "fdt.token", f"{token:#x} at depth {len(open_nodes)}")
    done = Blocks(
        blocks.total,
        blocks.version,
        blocks.header_end,
        blocks.reservations,
        (blocks.structure[0], reader.offset),
        blocks.strings,
    )
    return Fdt(done, root, _text_ranges(strings, blocks.strings[0], names), tuple(twice))


def _once(seen: set[str | bytes], name: str | bytes, at: int, twice: list[tuple[int, str]]) -> None:
    """Note a name that stands again in one node: readers differ in which one counts."""
    if name in seen:
        twice.append((at, name if isinstance(name, str) else name.decode("latin-1")))
    seen.add(name)


def _node_name(reader: Reader) -> bytes:
    window = reader.peek(reader.offset, min(reader.remaining, MAX_NAME_BYTES), "fdt.node.name")
    name, ended, _ = window.partition(b"\0")
    if not ended:
        raise Malformed(reader.offset, "fdt.node.name", "is not ended by NUL")
    reader.skip(len(name) + 1, "fdt.node.name")
    _align(reader)
    return name


def _align(reader: Reader) -> None:
    reader.skip(-(reader.offset - reader.start) % 4, "fdt.alignment")


def _property(reader: Reader, strings: bytes, names: dict[int, str]) -> Property:
    at = reader.offset
    length, place = reader.unpack(">2I", "fdt.property")
    if place not in names:
        end = strings.find(b"\0", place, place + MAX_NAME_BYTES)
        if end < 0:
            raise Malformed(at + 4, "fdt.property.nameoff", f"{place} is no string")
        names[place] = strings[place:end].decode("latin-1")
    start = reader.offset
    reader.skip(length, "fdt.property.len")
    _align(reader)
    return Property(names[place], start, start + length)


def _text_ranges(strings: bytes, base: int, names: dict[int, str]) -> tuple[tuple[int, int], ...]:
    """Return where the strings block holds names: those used, and short printable text.

    A tool that deletes a property leaves its name. Longer text that nothing uses could
    carry anything and is not among them.
    """
    used = [
        (base + at, base + at + len(name) + 1)
        for at, name in names.items()
        if len(name) <= MAX_PLAIN_NAME_CHARS and name.isascii() and name.isprintable()
    ]
    short = [(base + match.start(), base + match.end()) for match in _STRING.finditer(strings)]
    return tuple(sorted({*used, *short}))


def cells(buffer: Buffer, each: Property | None) -> int | None:
    """Return a property of one or two cells as an integer."""
    if each is None or each.end - each.start not in (4, 8):
        return None
    return int.from_bytes(bytes(buffer[each.start : each.end]), "big")


def strings_of(buffer: Buffer, each: Property | None) -> tuple[str, ...]:
    """Return the strings of a string list, printable or escaped; none for anything else."""
    if each is None or not 1 < each.end - each.start <= 4096:
        return ()
    data = bytes(buffer[each.start : each.end])
    if data[-1]:
        return ()
    parts = data[:-1].split(b"\0")
    return tuple(
        part.decode("ascii", "backslashreplace") for part in parts if part.isascii() or part
    )
