"""Flash translation layers and flash file systems: UBI, UBIFS, JFFS2, YAFFS2; and lzop.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.flash.jffs2 import JFFS2
from fwverify.unpack.flash.lzop import LZOP
from fwverify.unpack.flash.nand import NAND_UBI
from fwverify.unpack.flash.ubi import UBI
from fwverify.unpack.flash.ubifs import UBIFS
from fwverify.unpack.flash.yaffs import YAFFS2
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (NAND_UBI, UBI, UBIFS, JFFS2, LZOP)
SHAPED: Final[tuple[Format, ...]] = (YAFFS2,)
UNMARKED: Final[tuple[Format, ...]] = ()
