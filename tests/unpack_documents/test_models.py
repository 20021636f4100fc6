import json
import struct

import pytest

from fwverify.unpack.documents.models import GGUF, ONNX, SAFETENSORS
from tests.unpack.helpers import Bench, codes, kinds, noise, rules
from tests.unpack_packages.helpers import (
    never_complete_when_cut,
    never_raises_when_flipped,
    opened_by,
)


def safetensors(tensors=None, data=bytes(range(48)), **metadata):
    header = {"__metadata__": metadata} if metadata else {}
    header |= tensors if tensors is not None else {
        "a": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]},
        "b": {"dtype": "F16", "shape": [8], "data_offsets": [32, 48]},
    }  # fmt: skip
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def string(text):
    return struct.pack("<Q", len(text)) + text


def gguf(*, tensors=((b"w", (32,), 0, 0),), data=bytes(range(128)), extra=b"", pairs=1):
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), pairs)
    head += string(b"general.name") + struct.pack("<I", 8) + string(b"belt") + extra
    for name, shape, kind, offset in tensors:
        head += string(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", each) for each in shape)
        head += struct.pack("<IQ", kind, offset)
    return head + bytes(-len(head) % 32) + data


def field(number, value):
    if isinstance(value, int):
        return bytes((number << 3,)) + varint(value)
    return bytes((number << 3 | 2,)) + varint(len(value)) + value


def varint(value):
    out = b""
    while value > 127:
        out += bytes((value & 127 | 128,))
        value >>= 7
    return out + bytes((value,))


def onnx(*, raw=bytes(range(24)), dims=(2, 3), node=b"", tensor=b"", tail=b""):
    weights = b"".join(field(1, each) for each in dims) + field(2, 1) + field(8, b"w")
    weights += field(9, raw) + tensor
    graph = field(1, field(4, b"Add") + field(1, b"x") + node) + field(2, b"belt")
    graph += field(5, weights)
    return (
        field(1, 8) + field(2, b"pytorch") + field(5, 3) + field(7, graph)
        + field(8, field(2, 17)) + tail
    )  # fmt: skip


CASES = [(SAFETENSORS, safetensors()), (GGUF, gguf()), (ONNX, onnx())]
IDS = [fmt.name for fmt, _ in CASES]


@pytest.mark.parametrize(("fmt", "data"), CASES, ids=IDS)
def test_every_byte_is_accounted_for(fmt, data):
    opened = Bench().open(data)
    assert (opened.format, opened.complete) == (fmt.name, True)
    assert "unexplained" not in kinds(opened)
    assert not rules(opened)
    assert dict(opened.attributes)["ml.tensors"] in ("1", "2")


def test_identities():
    assert Bench().open(safetensors(name="belt", version="2")).identity.product == "belt"
    assert Bench().open(gguf()).identity.product == "belt"
    identity = Bench().open(onnx()).identity
    assert (identity.vendor, identity.product, identity.version) == ("pytorch", "belt", "3")


@pytest.mark.parametrize(("fmt", "data"), CASES, ids=IDS)
def test_truncation_is_never_complete(fmt, data):
    never_complete_when_cut(fmt, data)


@pytest.mark.parametrize(("fmt", "data"), CASES, ids=IDS)
def test_flips_never_raise(fmt, data):
    never_raises_when_flipped(fmt, data)


@pytest.mark.parametrize(("fmt", "data"), CASES[:2], ids=IDS[:2])
def test_bytes_behind_the_tensors_are_unexplained(fmt, data):
    assert kinds(Bench().open(data + noise(100)))["unexplained"] == 100


def tensor(start, end, shape, kind="U8"):
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


def test_a_hole_between_tensors_is_said():
    opened = Bench().open(safetensors({"a": tensor(0, 8, [8]), "b": tensor(40, 48, [8])}))
    assert "ml.hole" in rules(opened)
    assert kinds(opened)["unexplained"] == 32


def test_tensors_that_share_bytes_are_said():
    opened = Bench().open(safetensors({"a": tensor(0, 48, [48]), "b": tensor(8, 48, [40])}))
    assert "unpack.evasion.overlap" in rules(opened)


@pytest.mark.parametrize(
    "bad",
    [tensor(0, 48, [47]), tensor(48, 0, [48]), tensor(0, 48, [-48]), tensor(0, 480, [480]),
     tensor(0, 48, [48], "X9"), tensor(0, 48, "x"), tensor(0.5, 48, [48]), {}, [], 7, None,
     tensor(0, 48, [1] * 40), tensor(0, 2**60, [2**60])],
)  # fmt: skip
def test_a_tensor_that_lies_is_incomplete(bad):
    opened = Bench().open(safetensors({"a": bad}))
    assert not opened.complete
    assert kinds(opened)["unexplained"] == 48


@pytest.mark.parametrize("text", [b'{"a":1,"a":2}', b'{"' + b"[" * 99_999, b'{"a":', b'{"\xff":1}'])
def test_a_header_that_is_no_sound_json_is_not_read(text):
    assert opened_by(SAFETENSORS, struct.pack("<Q", len(text)) + text) is None


@pytest.mark.parametrize(
    ("tensors", "code"),
    [(((b"w", (33,), 0, 0),), "truncated"), (((b"w", (32,), 99, 0),), "unsupported"),
     (((b"w", (31,), 2, 0),), "unsupported"), (((b"w", (2**62, 8), 0, 0),), "truncated"),
     (((b"w", (8,), 0, 2**63),), "truncated")],
)  # fmt: skip
def test_a_gguf_tensor_that_lies_is_incomplete(tensors, code):
    assert codes(Bench().open(gguf(tensors=tensors))) == {code}


@pytest.mark.parametrize(
    "counts", [(3, 2**63, 1), (3, 1, 2**40), (9, 1, 1), (1, 1, 1), (3, 10**5, 10**5)]
)
def test_absurd_counts_are_not_read(counts):
    data = b"GGUF" + struct.pack("<IQQ", *counts) + gguf()[24:]
    assert opened_by(GGUF, data) is None


def test_deep_and_long_arrays_are_bounded():
    nested = string(b"x") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50
    assert not opened_by(GGUF, gguf(extra=nested, pairs=2)).complete
    long = string(b"x") + struct.pack("<IIQ", 9, 0, 2**50)
    assert not opened_by(GGUF, gguf(extra=long, pairs=2)).complete


def test_weights_that_no_shape_accounts_for_are_unexplained():
    opened = Bench().open(onnx(raw=noise(1000)))
    assert "ml.shape" in rules(opened)
    assert kinds(opened)["unexplained"] == 1000


def test_weights_in_another_file_are_incomplete():
    opened = Bench().open(onnx(raw=b"", dims=(0,), tensor=field(13, b"location../x")))
    assert codes(opened) == {"external"}


def test_operators_from_elsewhere_are_said():
    assert "ml.custom_operator" in rules(Bench().open(onnx(node=field(7, b"evil.ops"))))


def test_unknown_fields_are_unexplained():
    opened = Bench().open(onnx(tail=field(14, b"") + b"\xa2\x01" + varint(300) + noise(300)))
    assert opened.format == "onnx"
    assert kinds(opened)["unexplained"] == 300


def test_a_tflite_model_is_known_by_name():
    opened = Bench().open(b"\x1c\0\0\0TFL3" + noise(200))
    assert (opened.format, codes(opened)) == ("tflite", {"format.unsupported"})
