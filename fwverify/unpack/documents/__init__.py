"""Documents, pictures, data and models: PDF, SQLite, ONNX, TFLite, pickle.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.documents.openpgp import OPENPGP
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = ()
SHAPED: Final[tuple[Format, ...]] = (OPENPGP,)
UNMARKED: Final[tuple[Format, ...]] = ()
