"""Which contents are learned models: those of a known format, or named like one.

What it does not do: tell a model from a file that only bears the name of one. A name that
an opener knows nothing of is enough here, because what is called a model and changes is
worth a person's look.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.model import Node

FORMATS: Final = ("gguf", "onnx", "safetensors", "tflite")
"""The names of the formats whose family is ``model``; ``unpack.documents.models``."""

_NAMED: Final = re.compile(
    r"\.(?:caffemodel|dlc|ggml|gguf|h5|hdf5|hef|keras|kmodel|mlmodel|onnx|ort|pt|ptl|rknn"
    r"|safetensors|tflite)$",
    re.IGNORECASE,
)
_WITH_CONTENT: Final = ("file", "hardlink", "stream")


def is_learned(node: Node) -> bool:
    """Return whether ``node`` holds a learned model, by its format or its name."""
    if node.kind not in _WITH_CONTENT or node.sha256 is None:
        return False
    return node.format in FORMATS or _NAMED.search(node.path) is not None
