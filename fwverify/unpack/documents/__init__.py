"""Documents, pictures, data and models: PDF, SQLite, ONNX, TFLite, pickle.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.documents.models import GGUF, ONNX, SAFETENSORS, TFLITE
from fwverify.unpack.documents.openpgp import OPENPGP
from fwverify.unpack.documents.pdf import PDF
from fwverify.unpack.documents.pictures import BMP, GIF, ICON, JPEG, RIFF
from fwverify.unpack.documents.sqlite import SQLITE
from fwverify.unpack.documents.utf16 import UTF16
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (PDF, SQLITE, JPEG, GIF, RIFF)
SHAPED: Final[tuple[Format, ...]] = (OPENPGP, BMP, ICON, UTF16, SAFETENSORS, GGUF, TFLITE)
UNMARKED: Final[tuple[Format, ...]] = (ONNX,)
