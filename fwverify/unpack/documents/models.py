"""Machine-learning models: safetensors, GGUF, ONNX; TFLite by name.

Guarantees: each tensor's bytes are ``parsed`` only where its shape and type account for
exactly as many bytes as it has; two tensors that share bytes, and holes between them, are
said, because a hole in a model is a place to hide; metadata text is a child. Data that a
model keeps in other files is named.

Specifications: safetensors "Format"; GGUF of ggml (``docs/gguf.md``), versions 2 and 3;
``onnx.proto`` of ONNX with the protobuf wire format. Integers are little-endian.

Not checked: what a model computes; custom operators, which need code from elsewhere, are
named.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.unpack.documents.jsons import read_json
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source

MAX_TENSORS: Final = 200_000
MAX_HEADER_BYTES: Final = 32 * 1024 * 1024
_MAX_DIMENSIONS: Final = 16
_SHOWN: Final = 256

# --- safetensors ---------------------------------------------------------------------

_TYPE_BITS: Final = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16,
    "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64,
    "F4": 4, "C64": 64,
}  # fmt: skip


def open_safetensors(source: Source) -> Opened:
    """Return the header's text as a child. Raises ``Malformed`` for a bad header."""
    found = Gathered(source, "safetensors")
    reader = Reader(source.buffer)
    size = reader.u64le("header size")
    if size > MAX_HEADER_BYTES:
        raise Malformed(0, "header size", f"{size}")
    text = reader.take(size, "header")
    header = read_json(text, 8, "header")
    if not isinstance(header, dict):
        raise Malformed(8, "header", "is no object")
    base = reader.offset
    found.claim(0, 8)
    try:
        digest, length = source.put(text)
        found.claim(8, base, "extracted")
        found.add(Entry(name=b"header.json", sha256=digest, size=length, generated=True,
                        extents=((8, base),), stored=True))  # fmt: skip
    except LimitHit as error:
        found.limit(error)
    metadata = header.pop("__metadata__", {})
    found.attribute("ml.tensors", str(len(header)))
    for name, tensor in sorted(header.items()):
        try:
            _tensor(found, name, tensor, base)
        except Malformed as error:
            found.malformed(error)
    _holes(found, base)
    return found.finish(identity=_named(metadata if isinstance(metadata, dict) else {}))


def _tensor(found: Gathered, name: str, tensor: Any, base: int) -> None:
    try:
        bits = _TYPE_BITS[tensor["dtype"]]
        start, end = tensor["data_offsets"]
        shape = tensor["shape"]
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(8, "header", f"{name[:80]!a} is no tensor") from error
    numbers = [start, end, *(shape if isinstance(shape, list) else [None])]
    if not all(type(each) is int and 0 <= each < 1 << 53 for each in numbers):
        raise Malformed(8, "header", f"{name[:80]!a} has no sound shape and offsets")
    if len(shape) > _MAX_DIMENSIONS or math.prod(shape) * bits != 8 * (end - start):
        raise Malformed(
            base, "data_offsets", f"{name[:80]!a}: {end - start} bytes for {shape!a:.80}"
        )
    if base + end > found.source.size:
        raise Malformed(base + start, "tensor", f"{name[:80]!a}", past_end=True)
    if not found.claim(base + start, base + end):
        text = f"the tensor {name[:80]!a} shares its bytes with another one"
        found.observe("unpack.evasion.overlap", text, offset=base + start, severity="high")


def _holes(found: Gathered, base: int) -> None:
    for start, end in found.claims.free(base, found.source.size)[:20]:
        text = f"{end - start} bytes belong to no tensor"
        found.observe("ml.hole", text, offset=start, length=end - start)


def _named(metadata: dict[str, Any]) -> Identity:
    def text(*keys: str) -> str | None:
        return next((str(metadata[key])[:_SHOWN] for key in keys if metadata.get(key)), None)

    return Identity(
        vendor=text("author", "general.author", "general.organization"),
        product=text("name", "general.name", "model_name", "general.architecture"),
        version=text("version", "general.version"),
    )


def _is_safetensors(buffer: Buffer, _: str) -> bool:
    head = bytes(buffer[:16])
    if len(head) < 16 or head[8:10] != b'{"':
        return False
    size = int.from_bytes(head[:8], "little")
    return 2 < size <= MAX_HEADER_BYTES and size + 8 <= len(buffer)


# --- GGUF ----------------------------------------------------------------------------

_GGUF_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B",
                        10: "Q", 11: "q", 12: "d"}  # fmt: skip
_GGUF_STRING, _GGUF_ARRAY = 8, 9
_GGUF_BLOCKS: Final = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 30: (1, 2),
}  # fmt: skip
_MAX_STRING: Final = 1024 * 1024


def open_gguf(source: Source) -> Opened:
    """Return the metadata as a text child. Raises ``Malformed`` for a bad header."""
    found = Gathered(source, "gguf")
    reader = Reader(source.buffer)
    reader.expect(b"GGUF", "magic")
    version = reader.u32le("version")
    if version not in (2, 3):
        raise Malformed(4, "version", f"{version}")
    tensors = reader.count(reader.u64le("tensor count"), 24, "tensor count")
    pairs = reader.count(reader.u64le("metadata count"), 13, "metadata count")
    if tensors > MAX_TENSORS or pairs > MAX_TENSORS:
        raise Malformed(8, "counts", f"{tensors} tensors, {pairs} pairs")
    metadata: dict[str, Any] = {}
    try:
        for _ in range(pairs):
            key = _gguf_string(reader)
            metadata[key] = _gguf_value(reader, reader.u32le("value type"), 0)
        infos = [_gguf_tensor(reader) for _ in range(tensors)]
        found.claim(0, reader.offset)
        _gguf_data(found, reader.offset, infos, metadata.get("general.alignment", 32))
        lines = (f"{key}: {value!a:.65536}\n".encode() for key, value in metadata.items())
        digest, size = source.put_stream(lines)
        found.add(Entry(name=b"metadata.txt", sha256=digest, size=size, generated=True))
    except Malformed as error:
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    found.attribute("ml.tensors", str(tensors))
    return found.finish(identity=_named(metadata))


def _gguf_string(reader: Reader) -> str:
    size = reader.u64le("string size")
    if size > _MAX_STRING:
        raise Malformed(reader.offset - 8, "string size", f"{size}")
    return reader.take(size, "string").decode("utf-8", "backslashreplace")


def _gguf_value(reader: Reader, kind: int, depth: int) -> Any:
    if kind == _GGUF_STRING:
        return _gguf_string(reader)
    if kind in _GGUF_SCALARS:
        layout = "<" + _GGUF_SCALARS[kind]
        return reader.unpack(layout, "value")[0]
    if kind != _GGUF_ARRAY or depth > 2:
        raise Malformed(reader.offset, "value type", f"{kind}")
    inner = reader.u32le("element type")
    width = struct.calcsize(_GGUF_SCALARS[inner]) if inner in _GGUF_SCALARS else 8
    count = reader.count(reader.u64le("array length"), width, "array length")
    if count > 8 * MAX_TENSORS:
        raise LimitHit("files", f"an array of {count} values")
    return [_gguf_value(reader, inner, depth + 1) for _ in range(count)]


def _gguf_tensor(reader: Reader) -> tuple[str, int, int, int]:
    """Return a tensor's name, type, number of elements and offset."""
    name = _gguf_string(reader)
    count = reader.u32le("dimensions")
    if count > _MAX_DIMENSIONS:
        raise Malformed(reader.offset - 4, "dimensions", f"{count}")
    total = math.prod(reader.u64le("dimension") for _ in range(count))
    return name, reader.u32le("tensor type"), total, reader.u64le("tensor offset")


def _gguf_data(
    found: Gathered, end: int, infos: list[tuple[str, int, int, int]], alignment: Any
) -> None:
    if type(alignment) is not int or not 8 <= alignment <= 1 << 20:
        raise Malformed(end, "general.alignment", f"{alignment!a:.40}")
    base = -(-end // alignment) * alignment
    for name, kind, total, offset in infos:
        elements, width = _GGUF_BLOCKS.get(kind, (0, 0))
        if not elements or total % elements:
            found.trouble("unsupported", f"the tensor {name[:80]!a} has the unknown type {kind}")
            continue
        start, size = base + offset, total // elements * width
        if start + size > found.source.size:
            found.malformed(Malformed(end, "tensor", f"{name[:80]!a}", past_end=True))
        elif not found.claim(start, start + size):
            text = f"the tensor {name[:80]!a} shares its bytes with another one"
            found.observe("unpack.evasion.overlap", text, offset=start, severity="high")


# --- ONNX ----------------------------------------------------------------------------

_ONNX_BYTES: Final = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8,
                      14: 8, 15: 16, 16: 2, 17: 1, 18: 1, 19: 1, 20: 1}  # fmt: skip
_KNOWN_DOMAINS: Final = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.training")
_MAX_FIELDS: Final = 2_000_000
_MAX_FIELD_TEXT: Final = 1024 * 1024
_MAX_ATTRIBUTE_BYTES: Final = 65_536


def protobuf_fields(buffer: Buffer, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, wire type and the range of each field's value. Raises ``Malformed``."""
    reader = Reader(buffer, start, end)
    while reader.remaining:
        key = _varint(reader)
        kind = key & 7
        if kind == 0:
            begin = reader.offset
            _varint(reader)
        elif kind in (1, 5):
            begin = reader.offset
            reader.skip(8 if kind == 1 else 4, "fixed field")
        elif kind == 2:
            length = _varint(reader)
            begin = reader.offset
            reader.skip(length, "field")
        else:
            raise Malformed(reader.offset, "wire type", f"{kind}")
        if not key >> 3:
            raise Malformed(reader.offset, "field number", "is zero")
        yield key >> 3, kind, begin, reader.offset


def _varint(reader: Reader) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = reader.u8("varint")
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF
    raise Malformed(reader.offset, "varint", "is longer than ten bytes")


class _Onnx:
    """Walks one model. Belongs to one call of ``open_onnx``."""

    def __init__(self, found: Gathered) -> None:
        self.found = found
        self.texts: dict[str, str] = {}
        self.domains: set[str] = set()
        self.tensors = 0
        self._fields = 0

    def fields(self, start: int, end: int) -> Iterable[tuple[int, int, int, int]]:
        """Yield the fields of a message, counted against the bound of all."""
        for each in protobuf_fields(self.found.buffer, start, end):
            self._fields += 1
            if self._fields > _MAX_FIELDS:
                raise LimitHit("files", f"more than {_MAX_FIELDS} fields")
            yield each

    def text(self, start: int, end: int) -> str:
        """Return a string field, cut to what is shown."""
        return bytes(self.found.buffer[start : min(end, start + _SHOWN)]).decode("utf-8", "replace")

    def number(self, start: int, end: int) -> int:
        """Return a varint field."""
        return _varint(Reader(self.found.buffer, start, end))

    def model(self) -> None:
        """Read ModelProto: producer 2, 3, domain 4, version 5, graph 7, opsets 8."""
        names = {2: "producer", 3: "producer_version", 4: "domain"}
        at = 0
        for number, kind, start, end in self.fields(0, self.found.source.size):
            self.found.claim(at, start)
            if number in names and kind == 2:
                self.texts[names[number]] = self.text(start, end)
            elif number in (1, 5) and kind == 0:
                self.texts["ir_version" if number == 1 else "version"] = str(
                    self.number(start, end)
                )
            if number == 7 and kind == 2:
                self.graph(start, end)
            elif end - start <= _MAX_FIELD_TEXT and number in (1, 2, 3, 4, 5, 6, 8, 14):
                self.found.claim(start, end)
            at = end

    def graph(self, start: int, end: int) -> None:
        """Read GraphProto: node 1, name 2, initializer 5, doc 10, values 11 to 13."""
        at = start
        for number, kind, low, high in self.fields(start, end):
            self.found.claim(at, low)
            if number == 5 and kind == 2:
                self.tensor(low, high)
            elif number == 1 and kind == 2:
                self.node(low, high)
            elif number in (2, 10, 11, 12, 13) and high - low <= _MAX_FIELD_TEXT:
                if number == 2:
                    self.texts["graph"] = self.text(low, high)
                self.found.claim(low, high)
            at = high

    def node(self, start: int, end: int) -> None:
        """Read NodeProto: inputs 1, outputs 2, name 3, op_type 4, doc 6, domain 7."""
        at = start
        for number, _, low, high in self.fields(start, end):
            self.found.claim(at, low)
            if number == 7:
                self.domains.add(self.text(low, high))
            bound = _MAX_ATTRIBUTE_BYTES if number == 5 else _SHOWN  # larger ones hold tensors
            if number in (1, 2, 3, 4, 5, 6, 7) and high - low <= bound:
                self.found.claim(low, high)
            at = high

    def tensor(self, start: int, end: int) -> None:
        """Read TensorProto: dims 1, type 2, typed data 4 to 7, name 8, raw 9, outside 13."""
        self.tensors += 1
        if self.tensors > MAX_TENSORS:
            raise LimitHit("files", f"more than {MAX_TENSORS} tensors")
        dims: list[int] = []
        kind, raw, at = 0, (0, 0), start
        for number, wire, low, high in self.fields(start, end):
            self.found.claim(at, low)
            at = high
            if number == 1:
                dims += self._dims(wire, low, high)
            elif number == 2 and wire == 0:
                kind = self.number(low, high)
            elif number == 9:
                raw = (low, high)
                continue
            elif number == 13:
                text = f"a tensor's data is in another file: {self.text(low, high)!a:.120}"
                self.found.trouble("external", text)
            if number in (1, 2, 8, 12, 14) and high - low <= _SHOWN:
                self.found.claim(low, high)
        if math.prod(dims[:_MAX_DIMENSIONS]) * _ONNX_BYTES.get(kind, -1) == raw[1] - raw[0]:
            self.found.claim(*raw)
        elif raw[1] > raw[0]:
            text = f"a tensor has {raw[1] - raw[0]} bytes, which its shape does not account for"
            self.found.observe("ml.shape", text, offset=raw[0], length=raw[1] - raw[0])

    def _dims(self, wire: int, start: int, end: int) -> list[int]:
        reader = Reader(self.found.buffer, start, end)
        if wire == 0:
            return [_varint(reader)]
        dims: list[int] = []
        while reader.remaining and len(dims) <= _MAX_DIMENSIONS:
            dims.append(_varint(reader))
        return dims


def open_onnx(source: Source) -> Opened:
    """Return the model's identity and tensors. Raises ``Malformed`` where it is no model."""
    found = Gathered(source, "onnx")
    model = _Onnx(found)
    try:
        model.model()
    except Malformed as error:
        if "ir_version" not in model.texts:
            raise
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    for domain in sorted(model.domains - set(_KNOWN_DOMAINS)):
        text = f"the model needs operators of {domain[:80]!a}, which are code from elsewhere"
        found.observe("ml.custom_operator", text, evidence=(f"domain:{domain[:80]}",))
    for key, value in model.texts.items():
        found.attribute(f"ml.{key}", value)
    found.attribute("ml.tensors", str(model.tensors))
    return found.finish(
        identity=Identity(
            vendor=model.texts.get("producer"),
            product=model.texts.get("graph"),
            version=model.texts.get("version"),
        )
    )


def _is_onnx(buffer: Buffer, name: str) -> bool:
    """Return whether the first fields are ``ir_version`` and a producer or a graph.

    There is no magic: the fields must fill the blob, and the name or the producer tells.
    """
    head = bytes(buffer[:2])
    if len(head) < 2 or head[0] != 8 or not 1 <= head[1] <= 30:
        return False
    numbers = []
    try:
        for number, _, _, _ in protobuf_fields(buffer, 0, len(buffer)):
            numbers.append(number)
            if len(numbers) > 10_000 or number not in (1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26):
                return False
    except Malformed:
        return name.endswith(".onnx") and bool(numbers)
    return 7 in numbers and 8 in numbers


SAFETENSORS: Final = Format(
    name="safetensors",
    title="safetensors model",
    family="model",
    specification="https://huggingface.co/docs/safetensors/index",
    limitations="what the model computes is not judged",
    recognise=_is_safetensors,
    open=open_safetensors,
)
GGUF: Final = Format(
    name="gguf",
    title="GGUF model",
    family="model",
    specification="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md",
    limitations="versions 2 and 3, little-endian; tensors of newer types stay unexplained",
    recognise=lambda buffer, _: bytes(buffer[:4]) == b"GGUF",
    open=open_gguf,
)
ONNX: Final = Format(
    name="onnx",
    title="ONNX model",
    family="model",
    specification="https://github.com/onnx/onnx/blob/main/onnx/onnx.proto",
    limitations="typed data fields, functions and training information stay unexplained",
    recognise=_is_onnx,
    open=open_onnx,
)
TFLITE: Final = Format(
    name="tflite",
    title="TensorFlow Lite model",
    family="model",
    specification="https://ai.google.dev/edge/litert/models/metadata",
    limitations="recognised by name, not opened yet",
    recognise=lambda buffer, _: bytes(buffer[4:8]) == b"TFL3",
    open=None,
)
