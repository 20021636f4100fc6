"""Android images: sparse, boot, super, AVB, OTA payloads, APK.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.android.avb import FOOTED, VBMETA
from fwverify.unpack.android.boot import BOOT
from fwverify.unpack.android.dex import DEX
from fwverify.unpack.android.dtbo import DTBO
from fwverify.unpack.android.mender import MENDER
from fwverify.unpack.android.payload import PAYLOAD
from fwverify.unpack.android.resources import TABLE, XML
from fwverify.unpack.android.sparse import SPARSE
from fwverify.unpack.android.super import SUPER
from fwverify.unpack.android.swupdate import SWUPDATE
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (
    FOOTED,
    BOOT,
    VBMETA,
    SPARSE,
    SUPER,
    DTBO,
    PAYLOAD,
    SWUPDATE,
    MENDER,
    DEX,
)
SHAPED: Final[tuple[Format, ...]] = (XML, TABLE)
UNMARKED: Final[tuple[Format, ...]] = ()
