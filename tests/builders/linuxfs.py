"""Small Linux file systems and programs as values: what the unpack stage would hand on.

``tree`` puts files into a store and returns an ``Unpacked`` over them; ``elf_program``
makes a minimal dynamic ELF file with the imports, libraries and strings asked for
(gABI: header, two program headers, dynamic section, symbol, string and hash tables).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from fwverify.model import Coverage, Identity, Image, Node, Placed, Region, Unpacked
from fwverify.store import Store

ROOT = "update.raucb!/rootfs.squashfs"


def placed(
    path: str,
    sha256: str | None,
    size: int | None = None,
    *,
    kind: str = "file",
    link: str | None = None,
    regions: tuple[Region, ...] = (),
    complete: bool = True,
) -> Placed:
    node = Node(
        path=path,
        name_raw=None,
        kind=kind,
        sha256=sha256,
        size=size,
        format=None,
        offset=None,
        mode=None,
        uid=None,
        gid=None,
        mtime=None,
        link=link,
        identity=Identity(),
        coverage=Coverage(),
    )
    return Placed(
        node=node,
        parent=None,
        extents=(),
        stored=False,
        regions=regions,
        executable=False,
        complete=complete,
        attributes=(),
    )


def tree(
    store: Store,
    files: Mapping[str, bytes],
    links: Mapping[str, str] | None = None,
    root: str = ROOT,
) -> Unpacked:
    nodes = [
        placed(f"{root}!/{name}", store.put(content), len(content))
        for name, content in files.items()
    ]
    nodes += [
        placed(f"{root}!/{name}", None, kind="symlink", link=target)
        for name, target in (links or {}).items()
    ]
    return Unpacked(image=Image(), nodes=tuple(sorted(nodes, key=lambda item: item.node.path)))


def elf_program(
    imports: tuple[str, ...],
    *,
    needed: tuple[str, ...] = ("libc.so",),
    strings: tuple[bytes, ...] = (),
    interpreter: bytes = b"/lib/ld-musl-armhf.so.1",
) -> bytes:
    """Return a little-endian 32-bit ARM program; it is well-formed and does nothing."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*needed, *imports))
    base, header = 0x10000, 52 + 3 * 32
    interp = interpreter + b"\0"
    text = b"\0".join((b"", *strings, b""))
    symbols = bytes(16) + b"".join(
        struct.pack("<IIIBBH", names.index(b"\0" + name.encode() + b"\0") + 1, 0, 0, 0x12, 0, 0)
        for name in imports
    )
    count = len(imports) + 1
    table = struct.pack("<II", 1, count) + struct.pack(f"<{1 + count}I", *([0] * (1 + count)))
    at_interp = header
    at_text = at_interp + len(interp)
    at_symbols = (at_text + len(text) + 3) & ~3
    at_names = at_symbols + len(symbols)
    at_table = (at_names + len(names) + 3) & ~3
    at_dynamic = at_table + len(table)
    dynamic = [(1, names.index(b"\0" + name.encode() + b"\0") + 1) for name in needed]
    dynamic += [(4, base + at_table), (5, base + at_names), (6, base + at_symbols)]
    dynamic += [(10, len(names)), (11, 16), (0, 0)]
    tail = b"".join(struct.pack("<II", tag, value) for tag, value in dynamic)
    size = at_dynamic + len(tail)
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    head = ident + struct.pack(
        "<HHIIIIIHHHHHH", 2, 40, 1, base, 52, 0, 0x05000400, 52, 32, 3, 40, 0, 0
    )
    programs = struct.pack(
        "<8I", 3, at_interp, base + at_interp, base + at_interp, len(interp), len(interp), 4, 1
    )
    programs += struct.pack("<8I", 1, 0, base, base, size, size, 7, 0x1000)
    programs += struct.pack(
        "<8I", 2, at_dynamic, base + at_dynamic, base + at_dynamic, len(tail), len(tail), 6, 4
    )
    body = head + programs + interp + text
    body += bytes(at_symbols - len(body)) + symbols + names
    body += bytes(at_table - len(body)) + table + tail
    return body
