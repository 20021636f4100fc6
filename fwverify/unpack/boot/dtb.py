"""Device trees as leaves: the tree is parsed, and what is no property is a child.

Guarantees: header, reservations, structure and names are claimed exactly; a value longer
than ``MAX_VALUE_BYTES``, or with a text longer than ``MAX_STRING_BYTES``, is a child of its
own, because anything can be carried in it; one of more than ``PLAIN_VALUE_BYTES`` that
looks random stays unexplained, as does a node's name that no tree has. Bytes behind
``totalsize`` are left to the next reader.

Specification: Devicetree Specification v0.4, chapters 2 and 5.

Not checked: whether the tree fits a board.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fwverify.model import Identity, Opened
from fwverify.reader import Malformed
from fwverify.unpack.boot.fdt import Fdt, Property, TreeNode, strings_of
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts
from fwverify.unpack.rawmcu import looks_random
from fwverify.unpack.source import LimitHit

NAME: Final = "dtb"
MAX_VALUE_BYTES: Final = 4096
PLAIN_VALUE_BYTES: Final = 512
MAX_VALUE_CHILDREN: Final = 4096
MAX_STRING_BYTES: Final = 128
"""Strings of a tree are names; a longer text is a script, arguments, or a licence."""

_LONG_TEXT: Final = re.compile(rb"[\t\n\r -~]{%d,}" % (MAX_STRING_BYTES + 1))
_PLAIN_NAME: Final = re.compile(rb"[ -~]{0,%d}\Z" % MAX_STRING_BYTES)


def open_tree(found: Gathered, tree: Fdt) -> Opened:
    """Return the device tree as a leaf with its long values as children."""
    parts = Parts(found)
    try:
        _values(parts, tree.root, skip=frozenset())
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    claim_tree(found, tree)
    model = strings_of(found.buffer, tree.root.get("model"))
    compatible = strings_of(found.buffer, tree.root.get("compatible"))
    return found.finish(
        identity=Identity(
            product=model[0] if model else None, hardware=" ".join(compatible[:8]) or None
        )
    )


def walk(node: TreeNode, path: bytes = b"") -> Iterator[tuple[bytes, TreeNode]]:
    """Yield every node with its path, parents first."""
    yield path, node
    for child in node.children:
        yield from walk(child, path + b"/" + child.name if path else child.name)


def _values(parts: Parts, root: TreeNode, skip: frozenset[int]) -> None:
    """Give the long values of the tree their class; values at ``skip`` have theirs."""
    count = 0
    for path, node in walk(root):
        if not _PLAIN_NAME.match(node.name):
            start = node.offset + _TOKEN_BYTES
            parts.found.claim(start, start + len(node.name), "unexplained")
        for each in node.properties:
            size = each.end - each.start
            if each.start in skip or size <= MAX_STRING_BYTES:
                continue
            if size > MAX_VALUE_BYTES or has_text(parts.found, each):
                count += 1
                if count > MAX_VALUE_CHILDREN:
                    raise Malformed(each.start, "fdt.property", "too many long values")
                name = b"/".join(part for part in (path, each.name.encode("latin-1")) if part)
                parts.add(name, each.start, _text_end(parts.found, each), f"property {each.name}")
            elif size > PLAIN_VALUE_BYTES and looks_random(
                bytes(parts.found.buffer[each.start : each.end])
            ):
                parts.found.claim(each.start, each.end, "unexplained")


_TOKEN_BYTES: Final = 4


def has_text(found: Gathered, each: Property) -> bool:
    """Return whether the value holds a text longer than a tree's strings."""
    return _LONG_TEXT.search(bytes(found.buffer[each.start : each.end])) is not None


def _text_end(found: Gathered, each: Property) -> int:
    """Return the value's end, before the NUL of a value that is one string."""
    data = bytes(found.buffer[each.start : min(each.end, each.start + MAX_VALUE_BYTES)])
    one = data.endswith(b"\0") and data.find(b"\0") == each.end - each.start - 1
    return each.end - one


def long_values(parts: Parts, root: TreeNode, taken: tuple[Property, ...]) -> None:
    """Like a device tree's, for the values of a FIT that are not ``taken`` as images."""
    _values(parts, root, frozenset(each.start for each in taken))


def claim_tree(found: Gathered, tree: Fdt) -> None:
    """Claim header, reservations, structure and names; note names that stand twice."""
    blocks = tree.blocks
    whole = [
        found.claim(0, blocks.header_end),
        found.claim(*blocks.reservations),
    ]
    found.claim(*blocks.structure)
    before = blocks.structure[0] < blocks.strings[1] and blocks.strings[0] < blocks.structure[1]
    if before or not all(whole):
        text = "blocks of the device tree lie over each other"
        found.observe("unpack.evasion.overlap", text, offset=blocks.structure[0], severity="high")
    for start, end in tree.names:
        found.claim(start, end)
    for offset, name in tree.twice:
        shown = name.encode("ascii", "backslashreplace").decode()
        text = f"{shown} stands twice in one node"
        found.observe("unpack.evasion.duplicate", text, offset=offset, severity="high")
    found.attribute("fdt_version", str(blocks.version))
    found.attribute("totalsize", str(blocks.total))
