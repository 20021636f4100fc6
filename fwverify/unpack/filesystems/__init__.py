"""File systems read here: ext, EROFS, cramfs, romfs, FAT, exFAT, NTFS, ISO 9660.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.filesystems.cramfs import CRAMFS
from fwverify.unpack.filesystems.erofs import EROFS
from fwverify.unpack.filesystems.exfat import EXFAT
from fwverify.unpack.filesystems.ext import EXT
from fwverify.unpack.filesystems.fat import FAT
from fwverify.unpack.filesystems.iso9660 import ISO9660, UDF
from fwverify.unpack.filesystems.ntfs import NTFS
from fwverify.unpack.filesystems.romfs import ROMFS
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (EXT, EROFS, CRAMFS, ROMFS, FAT, EXFAT, NTFS, ISO9660)
SHAPED: Final[tuple[Format, ...]] = (UDF,)
UNMARKED: Final[tuple[Format, ...]] = ()
