"""Deltas, applied to the approved baseline: bsdiff, VCDIFF, zchunk, casync.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.delta.bsdiff_file import BSDIFF
from fwverify.unpack.delta.casync import CASYNC
from fwverify.unpack.delta.vcdiff import VCDIFF
from fwverify.unpack.delta.zchunk import ZCHUNK
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (BSDIFF, VCDIFF, ZCHUNK, CASYNC)
SHAPED: Final[tuple[Format, ...]] = ()
UNMARKED: Final[tuple[Format, ...]] = ()
