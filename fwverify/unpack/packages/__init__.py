"""Packages: rpm, OCI, wheels, jars, and the streams and archives around them.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.packages.cpio_binary import CPIO_BINARY
from fwverify.unpack.packages.oci import OCI_IMAGE
from fwverify.unpack.packages.rpm import RPM
from fwverify.unpack.packages.streams_small import BROTLI, COMPRESS, LZIP, ZLIB
from fwverify.unpack.packages.zips import JAR, WHEEL
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (RPM, OCI_IMAGE, WHEEL, JAR, LZIP)
SHAPED: Final[tuple[Format, ...]] = (COMPRESS, CPIO_BINARY)
UNMARKED: Final[tuple[Format, ...]] = (ZLIB, BROTLI)
