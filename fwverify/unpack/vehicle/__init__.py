"""Flash files and containers of vehicles and meters: VBF, ODX, UF2, DFU, DLMS.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.source import Format
from fwverify.unpack.vehicle.dfu import DFU, DFUSE
from fwverify.unpack.vehicle.known import FRF
from fwverify.unpack.vehicle.odx import ODX
from fwverify.unpack.vehicle.pdx import PDX
from fwverify.unpack.vehicle.pickled import PICKLE
from fwverify.unpack.vehicle.texts import A2L, HEX_WITH_HEADER
from fwverify.unpack.vehicle.uf2 import UF2
from fwverify.unpack.vehicle.uptane import UPTANE
from fwverify.unpack.vehicle.vbf import VBF

STRONG: Final[tuple[Format, ...]] = (VBF, UF2, DFUSE, DFU, PDX)
SHAPED: Final[tuple[Format, ...]] = (ODX, UPTANE, A2L, PICKLE, HEX_WITH_HEADER)
UNMARKED: Final[tuple[Format, ...]] = (FRF,)
