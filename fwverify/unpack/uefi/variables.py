"""UEFI variable stores in a volume's NVRAM area.

Guarantees: every variable of a store, deleted ones too, is a child with its data, named
by vendor GUID and name, with attributes and state; what follows a store (the spare and
the working block of the fault-tolerant write) is claimed only where it is that.

Specification: EDK II ``VariableFormat.h`` and ``FaultTolerantWrite.h``, as the reference
for what UEFI 2.10, 8.2 leaves to implementations. All integers are little-endian.

Not checked: what a variable does, and stores of other vendors (said by their GUID).
"""

from __future__ import annotations

import uuid
from typing import Final

from fwverify.reader import Malformed, Reader
from fwverify.unpack.gather import Gathered
from fwverify.unpack.parts import Parts

MAX_VARIABLES: Final = 20_000
MAX_NAME_BYTES: Final = 1024
_STORES: Final = {
    "AAF32C78-947B-439A-A180-2E144EC37792": True,
    "DDCF3616-3275-4164-98B6-FE85707FFE7D": False,
}
_WORK_BLOCKS: Final = (
    "9E58292B-7C68-497D-A0CE-6500FD9F1B95",
    "FFF12B8D-7696-4C8B-A985-2747075B4F50",
)
_START: Final = 0x55AA
_ADDED: Final = 0x3F
_FORMATTED: Final = 0x5A
_ERASED: Final = b"\xff\xff"


def _guid(data: bytes) -> str:
    return str(uuid.UUID(bytes_le=data)).upper()


def read_stores(found: Gathered, start: int, end: int) -> None:
    """Give the stores in ``[start, end)`` their classes. Raises ``Malformed``."""
    reader = Reader(found.buffer, start, end)
    kind = _guid(reader.take(16, "store.Signature"))
    size, formatted, _ = reader.unpack("<IBB", "store header")
    reader.skip(6, "store header")
    if kind not in _STORES:
        found.trouble("unsupported", f"the variable store {kind} is not known")
        return
    if size < 28 or formatted != _FORMATTED:
        raise Malformed(start + 16, "store.Size", f"{size} bytes, format {formatted:#04x}")
    found.claim(start, reader.offset)
    store = Reader(found.buffer, reader.offset, min(start + size, end))
    try:
        _variables(found, store, authenticated=_STORES[kind])
    except Malformed as error:
        found.malformed(error)
    reader.seek(start)
    reader.skip(size, "store.Size")
    _work_block(found, reader)


def _variables(found: Gathered, reader: Reader, *, authenticated: bool) -> None:
    parts = Parts(found)
    for _ in range(MAX_VARIABLES):
        if reader.remaining < 2 or reader.peek(reader.offset, 2, "StartId") == _ERASED:
            return
        at = reader.offset
        marker, state, _, attributes = reader.unpack("<HBBI", "variable header")
        if marker != _START:
            raise Malformed(at, "StartId", f"{marker:#06x}")
        if authenticated:
            reader.skip(28, "authenticated variable header")
        name_bytes, data_bytes = reader.unpack("<2I", "variable sizes")
        vendor = _guid(reader.take(16, "VendorGuid"))
        if name_bytes > MAX_NAME_BYTES:
            raise Malformed(at, "NameSize", f"{name_bytes} bytes")
        name = reader.take(name_bytes, "Name").decode("utf-16-le", "replace").rstrip("\0")
        start = reader.offset
        reader.skip(data_bytes, "DataSize")
        found.claim(at, start)
        shown = f"{vendor}/{name}".encode()
        deleted = state != _ADDED
        if deleted:
            shown += b".%#x.deleted" % at
        parts.add(shown, start, start + data_bytes, "variable")
        found.attribute(f"variable.{at:#x}", f"attributes {attributes:#x}, state {state:#04x}")
        reader.skip(min(-reader.offset % 4, reader.remaining), "variable alignment")
    raise Malformed(reader.offset, "variable", f"more than {MAX_VARIABLES}")


def _work_block(found: Gathered, reader: Reader) -> None:
    """Claim the header of the working block behind a store, where it stands there."""
    if reader.remaining < 32:
        return
    at = reader.offset
    if _guid(reader.take(16, "work block")) in _WORK_BLOCKS:
        found.claim(at, at + 32)
