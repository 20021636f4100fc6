"""Flash files and containers of vehicles and meters: VBF, ODX, UF2, DFU, DLMS.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = ()
SHAPED: Final[tuple[Format, ...]] = ()
UNMARKED: Final[tuple[Format, ...]] = ()
