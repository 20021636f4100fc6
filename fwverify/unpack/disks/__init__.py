"""Disks and virtual disks: partition tables, QCOW2, VMDK, VHD, VHDX.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.disks.gpt import GPT
from fwverify.unpack.disks.mbr import MBR
from fwverify.unpack.disks.qcow2 import QCOW2
from fwverify.unpack.disks.vhd import VHD
from fwverify.unpack.disks.vhdx import VHDX
from fwverify.unpack.disks.vmdk import VMDK
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (QCOW2, VMDK, VHDX, VHD, GPT)
SHAPED: Final[tuple[Format, ...]] = (MBR,)
UNMARKED: Final[tuple[Format, ...]] = ()
