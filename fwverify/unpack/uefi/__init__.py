"""UEFI firmware: volumes, capsules, variables, microcode.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.source import Format
from fwverify.unpack.uefi.capsule import CAPSULE
from fwverify.unpack.uefi.certificates import AUTH_VARIABLE
from fwverify.unpack.uefi.flashimage import INTEL_FLASH
from fwverify.unpack.uefi.microcode import AMD_MICROCODE, INTEL_MICROCODE
from fwverify.unpack.uefi.sections import SECTIONS
from fwverify.unpack.uefi.te import TE
from fwverify.unpack.uefi.volume import VOLUME

STRONG: Final[tuple[Format, ...]] = (
    INTEL_FLASH,
    VOLUME,
    CAPSULE,
    AUTH_VARIABLE,
    INTEL_MICROCODE,
    AMD_MICROCODE,
)
SHAPED: Final[tuple[Format, ...]] = (SECTIONS, TE)
UNMARKED: Final[tuple[Format, ...]] = ()
