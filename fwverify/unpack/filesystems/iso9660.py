"""ISO 9660 images with Rock Ridge, Joliet and El Torito, read without mounting.

Guarantees: every volume descriptor's tree is walked. The tree of the primary descriptor
with Rock Ridge, else Joliet's, gives the entries; names, modes, owners, links and devices
are those of the records. What another tree names and the first does not is an entry
below ``@joliet/``, ``@primary/`` and so on, and trees that show one name with different
contents are said. Path tables must list the directories of their tree; what only they
list is walked. Numbers in two byte orders must agree. Boot images are ``@boot-N``,
partitions of a hybrid image ``@partition-N``. A UDF file system beside it is said: it is
not read, and the image is incomplete.

Without Rock Ridge a name is shown without its version (``;1``), as systems show it.

Specification: ECMA-119, 4th edition; Joliet Specification, 1995; IEEE P1281 and P1282;
El Torito, version 1.0.

Not checked: the content, which has no checksum; earlier sessions of a disc.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.filesystems.iso9660_boot import read_boot, read_partitions
from fwverify.unpack.filesystems.iso9660_layout import (
    BOOT_RECORD,
    DESCRIPTORS_AT,
    MAGIC,
    MAX_DESCRIPTORS,
    NAME,
    PRIMARY,
    SECTOR,
    SUPPLEMENTARY,
    TERMINATOR,
    Listed,
    Volume,
    read_descriptors,
    read_table,
    read_volume,
)
from fwverify.unpack.filesystems.iso9660_tree import (
    MAX_FAULTS,
    Image,
    Key,
    Tree,
    add_child,
    key_of,
    open_tree,
    record_tree,
    walk,
)
from fwverify.unpack.filesystems.runs import claim, claim_padding, require_names
from fwverify.unpack.gather import Gathered, is_text
from fwverify.unpack.source import Format, LimitHit, Source

MAX_TABLE_BYTES: Final = 16 * 1024 * 1024
_UDF: Final = (b"BEA01", b"NSR02", b"NSR03", b"TEA01", b"BOOT2")
_FIELDS_END, _USE_END = 883, 1395
_TREE_ORDER: Final = ("joliet", "primary", "enhanced", "supplementary")
_ORDERS: Final[tuple[Literal["little", "big"], ...]] = ("little", "little", "big", "big")
_LOOSE: Final = re.compile(rb"[^a-z0-9.]")
_JOLIET_NAME_UNITS: Final = 64


def open_image(source: Source) -> Opened:
    """Return the file system of the blob. Raises ``Malformed`` without a primary volume."""
    found = Gathered(source, NAME)
    image = Image(found)
    descriptors = list(_descriptors(image))
    volumes = list(_volumes(image, descriptors))
    if not volumes or all(each.kind != "primary" for each in volumes):
        raise Malformed(DESCRIPTORS_AT, "iso9660.primary", "no primary volume descriptor")
    try:
        _read(image, volumes)
        for at, kind, raw in descriptors:
            if kind == BOOT_RECORD:
                read_boot(image, at, raw)
        read_partitions(image)
    except LimitHit as error:
        found.limit(error)
    _finish(image, volumes)
    claim_padding(found, max(each.blocks * each.block for each in volumes))
    return found.finish(identity=_identity(volumes))


def _finish(image: Image, volumes: list[Volume]) -> None:
    """Say what holds of the image as a whole."""
    found = image.found
    end = max(each.blocks * each.block for each in volumes)
    if end > found.source.size:
        found.trouble("truncated", f"{found.source.size} of {end} bytes are there")
    if image.twins.differ:
        count = len(image.twins.differ)
        text = f"{count} numbers differ between their two byte orders"
        image.evasion("mismatch", text, image.twins.differ[0])
    if image.faults > MAX_FAULTS:
        found.trouble("format.malformed", f"and {image.faults - MAX_FAULTS} more faults")


def _identity(volumes: list[Volume]) -> Identity:
    primary = next(each for each in volumes if each.kind == "primary")
    return Identity(vendor=primary.text(318, 446) or None, product=primary.text(40, 72) or None)


# --- descriptors ---------------------------------------------------------------------


def _descriptors(image: Image) -> Iterator[tuple[int, int, bytes]]:
    """Yield the volume descriptors; say what stands behind them. Raises ``Malformed``."""
    at = DESCRIPTORS_AT
    try:
        for at, kind, raw in read_descriptors(image.found.buffer):
            yield at, kind, raw
            if kind == TERMINATOR:
                claim(image.found, at, at + 7)
            elif kind not in (BOOT_RECORD, PRIMARY, SUPPLEMENTARY):
                text = f"a volume descriptor of type {kind} is not read"
                image.found.trouble("unsupported", text)
    except Malformed as error:
        if at == DESCRIPTORS_AT:
            raise
        image.fault(error)
        return
    _behind(image, at + SECTOR)


def _behind(image: Image, at: int) -> None:
    """Say that UDF is there; claim the builder's note that mkisofs leaves."""
    buffer = image.found.buffer
    for place in range(at, min(at + MAX_DESCRIPTORS * SECTOR, len(buffer) - SECTOR + 1), SECTOR):
        mark = bytes(buffer[place + 1 : place + 6])
        if mark not in _UDF:
            break
        if mark in (b"NSR02", b"NSR03"):
            text = "a UDF file system shares the image, and is not opened"
            image.found.trouble("unsupported", text)
    note = bytes(buffer[at : at + SECTOR]).rstrip(b"\0")
    if note.startswith(b"MKI ") and is_text(note.replace(b"\0", b" ")):
        claim(image.found, at, at + len(note))


def _volumes(image: Image, descriptors: list[tuple[int, int, bytes]]) -> Iterator[Volume]:
    """Yield the volumes, the first primary one first in place; copies are skipped."""
    seen: dict[str, Volume] = {}
    for at, kind, raw in descriptors:
        if kind not in (PRIMARY, SUPPLEMENTARY):
            continue
        try:
            volume = read_volume(at, raw, image.twins)
        except Malformed as error:
            if kind == PRIMARY and "primary" not in seen:
                raise
            image.fault(error)
            continue
        _claim_volume(image, volume)
        before = seen.setdefault(volume.kind, volume)
        if before is not volume:
            if before.raw != volume.raw:
                text = f"a second {volume.kind} volume descriptor says something else"
                image.evasion("mismatch", text, at)
            continue
        yield volume


def _claim_volume(image: Image, volume: Volume) -> None:
    """Claim the fields; the application's bytes only where they are blank."""
    claim(image.found, volume.at, volume.at + _FIELDS_END)
    if not volume.raw[_FIELDS_END:_USE_END].strip(b" "):
        claim(image.found, volume.at + _FIELDS_END, volume.at + _USE_END)


# --- trees ---------------------------------------------------------------------------


def _read(image: Image, volumes: list[Volume]) -> None:
    """Walk all trees; the first that systems show gives the entries."""
    trees: list[Tree] = []
    roots: dict[int, Tree] = {}
    for volume in volumes:
        root = volume.root.block + volume.root.attribute_blocks
        if root not in roots:
            roots[root] = open_tree(image, volume)
            trees.append(roots[root])
        _path_tables(image, volume, roots[root])
    main = _main(trees)
    record_tree(image, main)
    for tree in trees:
        if tree is not main:
            _compare(image, main, tree)
    for key in ("kind", "rock_ridge"):
        shown = main.volume.kind if key == "kind" else str(main.rock is not None).lower()
        image.found.attribute(f"iso9660.{key}", shown)


def _main(trees: list[Tree]) -> Tree:
    """Return the primary tree where it has Rock Ridge, else by order of preference."""
    for tree in trees:
        if tree.volume.kind == "primary" and tree.rock is not None:
            return tree
    return min(trees, key=lambda tree: _TREE_ORDER.index(tree.volume.kind))


def _compare(image: Image, main: Tree, other: Tree) -> None:
    """Say where ``other`` shows something else than ``main``; add what only it has."""
    keys: dict[Key, list[bytes]] = {}
    folded: dict[bytes, set[Key]] = {}
    for path, key in main.files.items():
        keys.setdefault(key, []).append(path)
        folded.setdefault(path.lower(), set()).add(key)
    kind = other.volume.kind
    shown: set[Key] = set()
    for path, child in other.places.items():
        if child.is_directory:
            continue
        key = key_of(child, other.volume)
        shown.add(key)
        differs = key not in folded.get(path.lower(), {key})
        if differs or (key and key not in keys):
            text = f"the {kind} tree shows other content than the {main.volume.kind} tree"
            image.found.observe(
                "unpack.evasion.mismatch", text, offset=child.first.at, severity="high"
            )
            add_child(image, other, child, b"@%s/%s" % (kind.encode(), path))
        elif kind == "joliet" and key and not any(_alike(path, each) for each in keys[key]):
            text = "the joliet tree names a file otherwise"
            image.found.observe(
                "unpack.evasion.mismatch", text, offset=child.first.at, severity="low"
            )
    missing = sum(1 for key in keys if key and key not in shown)
    if missing:
        text = f"{missing} contents of the {main.volume.kind} tree are not in the {kind} tree"
        at = other.volume.at
        image.found.observe("unpack.evasion.mismatch", text, offset=at, severity="low")


def _alike(joliet: bytes, path: bytes) -> bool:
    """Return whether two paths end in the same name, but for what Joliet cannot write.

    Builders convert names that are not ASCII in their own ways: those are not compared.
    """
    shown, name = (each.rpartition(b"/")[2].lower() for each in (joliet, path))
    if not name.isascii() or len(name) > _JOLIET_NAME_UNITS:
        return True
    return _LOOSE.sub(b"_", shown) == _LOOSE.sub(b"_", name)


# --- path tables ---------------------------------------------------------------------


def _path_tables(image: Image, volume: Volume, tree: Tree) -> None:
    """Claim the path tables, which must list the directories of ``tree`` and no other."""
    listed: list[Listed] | None = None
    for place, order in zip(volume.tables, _ORDERS, strict=True):
        if not place or not volume.table_bytes:
            continue
        at = place * volume.block
        try:
            if volume.table_bytes > MAX_TABLE_BYTES:
                raise Malformed(volume.at + 132, "iso9660.path_table", "is absurdly large")
            raw = Reader(image.found.buffer).peek(at, volume.table_bytes, "iso9660.path_table")
            table = list(read_table(raw, at, order))
            require_names(image.found, len(table))
        except Malformed as error:
            image.fault(error)
            continue
        if at not in image.tables:  # an enhanced volume shares those of the primary one
            claim(image.found, at, at + volume.table_bytes)
            image.tables.add(at)
        if listed is not None and listed != table:
            image.evasion("mismatch", "two path tables of one volume differ", at)
            _hold_against(image, table, tree, at)
        elif listed is None:
            listed = table
            _hold_against(image, table, tree, at)


def _hold_against(image: Image, table: list[Listed], tree: Tree, at: int) -> None:
    """Compare a path table with the tree; walk what only the table lists."""
    missing = set(tree.directories) - {each.block for each in table}
    if missing:
        text = f"{len(missing)} directories are not in a path table"
        image.found.observe("unpack.evasion.mismatch", text, offset=at, severity="low")
    for each in table:
        if each.block in tree.directories:
            continue
        image.evasion("mismatch", "a path table lists a directory that no other lists", at)
        walk(image, tree, b"@path-table/%d/" % each.block, each.block, None)


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    head = bytes(buffer[DESCRIPTORS_AT : DESCRIPTORS_AT + 7])
    return head[1:6] == MAGIC and head[6:] == b"\x01"


ISO9660: Final = Format(
    name=NAME,
    title="ISO 9660 file system",
    family="file system",
    specification="https://ecma-international.org/publications-and-standards/standards/ecma-119/",
    limitations="a UDF file system beside it, earlier sessions, interleaved and zisofs content "
    "are named, not read; boot code stays unexplained",
    recognise=_recognise,
    open=open_image,
)
UDF: Final = Format(
    name="udf",
    title="UDF file system",
    family="file system",
    specification="https://www.osta.org/specs/",
    limitations="recognised by name, not opened yet",
    recognise=lambda buffer, _: bytes(buffer[DESCRIPTORS_AT + 1 : DESCRIPTORS_AT + 6]) == b"BEA01",
    open=None,
)
