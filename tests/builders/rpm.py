"""RPM packages made byte by byte, so that each field can be made to lie."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field

from tests.builders.archives import CpioItem, cpio_archive

INT16, INT32, STRING, BINARY, STRING_ARRAY, I18N = 3, 4, 6, 7, 8, 9
Value = tuple[int, int, object]


def gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def _encoded(kind: int, value: object) -> tuple[bytes, int]:
    if kind == BINARY:
        return value, len(value)  # type: ignore[return-value, arg-type]
    if kind in (INT16, INT32):
        letters = "H" if kind == INT16 else "I"
        return struct.pack(f">{len(value)}{letters}", *value), len(value)  # type: ignore[misc, arg-type]
    values = (value,) if isinstance(value, bytes) else value
    return b"".join(each + b"\0" for each in values), len(values)  # type: ignore[union-attr, arg-type]


def section(*tags: Value) -> bytes:
    """A header over ``(number, type, value)``, without a region."""
    index = store = b""
    for number, kind, value in tags:
        data, count = _encoded(kind, value)
        store += bytes(-len(store) % {INT16: 2, INT32: 4}.get(kind, 1))
        index += struct.pack(">IIII", number, kind, len(store), count)
        store += data
    return (
        b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", len(tags), len(store)) + index + store
    )


def lead(name: bytes = b"meterd-1.2-3") -> bytes:
    head = b"\xed\xab\xee\xdb" + struct.pack(">BBHH", 3, 0, 0, 1) + name.ljust(66, b"\0")
    return head + struct.pack(">HH", 1, 5) + bytes(16)


@dataclass(frozen=True)
class Rpm:
    """A package of one or two files; each part can be replaced by a lie."""

    files: tuple[tuple[bytes, bytes, int], ...] = (
        (b"/etc/meter.conf", b"hello\n", 0o100644),
        (b"/usr/bin/meterd", b"binary", 0o104755),
    )
    in_payload: tuple[tuple[bytes, bytes, int], ...] | None = None
    tags: tuple[Value, ...] = ()
    signatures: tuple[Value, ...] = ()
    digest: bytes | None = None
    payload: bytes | None = None
    lead_name: bytes = b"meterd-1.2-3"
    compressor: bytes = b"gzip"
    replaced: dict[int, Value] = field(default_factory=dict)

    def build(self) -> bytes:
        payload = self.payload
        if payload is None:
            stored = self.files if self.in_payload is None else self.in_payload
            items = [
                CpioItem(b"." + name, data, mode, ino)
                for ino, (name, data, mode) in enumerate(stored, 1)
            ]
            archive = cpio_archive(*items)
            payload = gzip(archive) if self.compressor == b"gzip" else archive
        parts = [name.rpartition(b"/") for name, _, _ in self.files]
        folders = sorted({folder + b"/" for folder, _, _ in parts})
        tags: tuple[Value, ...] = (
            (1000, STRING, b"meterd"), (1001, STRING, b"1.2"), (1002, STRING, b"3"),
            (1003, INT32, (2,)), (1011, STRING, b"ACME"), (1022, STRING, b"x86_64"),
            (1030, INT16, [mode for _, _, mode in self.files]),
            (1035, STRING_ARRAY, [hashlib.sha256(data).hexdigest().encode()
                                  for _, data, _ in self.files]),
            (1116, INT32, [folders.index(folder + b"/") for folder, _, _ in parts]),
            (1117, STRING_ARRAY, [base for _, _, base in parts]),
            (1118, STRING_ARRAY, folders),
            (1125, STRING, self.compressor),
            (5011, INT32, (8,)),
            (5092, STRING_ARRAY, [hashlib.sha256(payload).hexdigest().encode()]),
            (5093, INT32, (8,)),
            *self.tags,
        )  # fmt: skip
        header = section(*(self.replaced.get(tag[0], tag) for tag in tags))
        digest = self.digest or hashlib.sha256(header).hexdigest().encode()
        signature = section(
            (273, STRING, digest),
            (1000, INT32, (len(header) + len(payload),)),
            *self.signatures,
        )
        signature += bytes(-len(signature) % 8)
        return lead(self.lead_name) + signature + header + payload
