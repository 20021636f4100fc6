"""Boot images: U-Boot, device trees, kernels, MCUboot, ESP, Gecko bootloader.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.boot.esp import ESP_FLASH, ESP_IMAGE
from fwverify.unpack.boot.fit import DTB, FIT
from fwverify.unpack.boot.gbl import GBL, GBL4
from fwverify.unpack.boot.kernels import ARM64_IMAGE, BZIMAGE, ZBOOT, ZIMAGE
from fwverify.unpack.boot.lz4legacy import LZ4_LEGACY
from fwverify.unpack.boot.mcuboot import MCUBOOT
from fwverify.unpack.boot.ubootenv import UBOOT_ENV
from fwverify.unpack.boot.uimage import UIMAGE
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (
    FIT,
    DTB,
    UIMAGE,
    MCUBOOT,
    GBL,
    BZIMAGE,
    ZBOOT,
    ARM64_IMAGE,
    ZIMAGE,
    LZ4_LEGACY,
)
SHAPED: Final[tuple[Format, ...]] = (ESP_FLASH, ESP_IMAGE, GBL4)
UNMARKED: Final[tuple[Format, ...]] = (UBOOT_ENV,)
