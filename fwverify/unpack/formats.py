"""Every format, in the order in which a blob is held against them.

The order is the rule of precedence: containers with a strong magic first (the more
special before the more general it is made of), then what is recognised by its shape,
then what is only known by name, then what has no magic, then text. The first format that
recognises a blob and can read it names it.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack import (
    android,
    boot,
    delta,
    disks,
    documents,
    envelopes,
    filesystems,
    flash,
    installers,
    packages,
    uefi,
    vehicle,
)
from fwverify.unpack.archives_ar import AR
from fwverify.unpack.archives_cpio import CPIO
from fwverify.unpack.archives_tar import TAR
from fwverify.unpack.archives_zip_open import ZIP
from fwverify.unpack.detected import DETECTED
from fwverify.unpack.executables import ELF, PE
from fwverify.unpack.hexfiles import INTEL_HEX, SREC
from fwverify.unpack.leaves import DER, EMPTY, PEM, PNG, SCRIPT, TEXT
from fwverify.unpack.rauc import RAUC
from fwverify.unpack.rawcode import RAW_CODE
from fwverify.unpack.rawmcu import RAW_MCU
from fwverify.unpack.sevenzip import SEVENZIP_FORMATS
from fwverify.unpack.source import Format
from fwverify.unpack.squashfs import SQUASHFS
from fwverify.unpack.streams import LZMA, STREAMS
from fwverify.unpack.zigbee import ZIGBEE_OTA

_FAMILIES: Final = (
    envelopes,
    uefi,
    boot,
    android,
    delta,
    vehicle,
    flash,
    filesystems,
    installers,
    packages,
    documents,
    disks,
)
"""The families in order of precedence; each lists its own formats."""

CONTAINERS: Final[tuple[Format, ...]] = (
    *(each for family in _FAMILIES for each in family.STRONG),
    RAUC,
    SQUASHFS,
    ZIGBEE_OTA,
    ZIP,
    *STREAMS,
    CPIO,
    AR,
    *SEVENZIP_FORMATS,
    TAR,
)
EXECUTABLES: Final[tuple[Format, ...]] = (ELF, PE)
SHAPED: Final[tuple[Format, ...]] = (
    *(each for family in _FAMILIES for each in family.SHAPED),
    INTEL_HEX,
    SREC,
    SCRIPT,
    PEM,
)
UNMARKED: Final[tuple[Format, ...]] = (
    *(each for family in _FAMILIES for each in family.UNMARKED),
    DER,
    LZMA,
    RAW_MCU,
    RAW_CODE,
)

_OPENED: Final = frozenset(
    each.name for each in (*CONTAINERS, *EXECUTABLES, PNG, *SHAPED, *UNMARKED)
)
NAMED: Final[tuple[Format, ...]] = tuple(each for each in DETECTED if each.name not in _OPENED)
"""What is only recognised: known by name, and not opened by anything above."""

FORMATS: Final[tuple[Format, ...]] = (
    EMPTY,
    *CONTAINERS,
    *EXECUTABLES,
    PNG,
    *SHAPED,
    *NAMED,
    *UNMARKED,
    TEXT,
)

_BINARY_LEAVES: Final = ("png", "der", "appx-signature", "security-catalogue", "uboot-env")
LEAVES: Final = frozenset(
    each.name for each in FORMATS if each.leaf and each.name not in _BINARY_LEAVES
)
"""Texts and programs: what has no children and is analysed as it stands."""

CARVED: Final[tuple[Format, ...]] = (*CONTAINERS, *EXECUTABLES, PNG)
"""What is looked for inside other content: only formats that prove themselves."""
