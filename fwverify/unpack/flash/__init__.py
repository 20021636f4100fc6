"""Flash translation layers and flash file systems: UBI, UBIFS, JFFS2, YAFFS2.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.flash.ubi import UBI
from fwverify.unpack.flash.ubifs import UBIFS
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (UBI, UBIFS)
SHAPED: Final[tuple[Format, ...]] = ()
UNMARKED: Final[tuple[Format, ...]] = ()
