"""Windows installers: OLE and MSI, bootstrappers, NSIS, Inno Setup, InstallShield.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.installers.burn_manifest import BURN_MANIFEST
from fwverify.unpack.installers.catalogue import CATALOGUE
from fwverify.unpack.installers.inf import INF
from fwverify.unpack.installers.msix import APPX_SIGNATURE, MSIX
from fwverify.unpack.installers.named import NAMED
from fwverify.unpack.installers.nsis import NSIS
from fwverify.unpack.installers.ole import OLE
from fwverify.unpack.installers.rar import RAR
from fwverify.unpack.installers.wim import WIM
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (MSIX, OLE, NSIS, WIM, RAR)
SHAPED: Final[tuple[Format, ...]] = (CATALOGUE, INF, BURN_MANIFEST, APPX_SIGNATURE, *NAMED)
UNMARKED: Final[tuple[Format, ...]] = ()
