"""Envelopes: content that opens only with a secret.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import Final

from fwverify.unpack.envelopes.cms import CMS_ENVELOPED
from fwverify.unpack.envelopes.dlms import DLMS_CIPHERED
from fwverify.unpack.envelopes.recognised import OPENPGP_MESSAGE, RECOGNISED
from fwverify.unpack.source import Format

STRONG: Final[tuple[Format, ...]] = (CMS_ENVELOPED, *RECOGNISED)
SHAPED: Final[tuple[Format, ...]] = (DLMS_CIPHERED, OPENPGP_MESSAGE)
UNMARKED: Final[tuple[Format, ...]] = ()
