"""UEFI firmware: volumes, capsules, variables, microcode.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.source import Format
from fwverify.unpack.uefi.sections import SECTIONS
from fwverify.unpack.uefi.volume import VOLUME

STRONG: Final[tuple[Format, ...]] = (VOLUME,)
SHAPED: Final[tuple[Format, ...]] = (SECTIONS,)
UNMARKED: Final[tuple[Format, ...]] = ()
