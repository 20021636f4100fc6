"""Envelopes: content that opens only with a secret.

``STRONG`` formats prove themselves by a magic and are carved out of other content;
``SHAPED`` ones are known by their shape and only at the start of a blob; ``UNMARKED``
ones have no magic and come last. ``formats`` joins them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fwverify.unpack.source import Format

STRONG: tuple[Format, ...] = ()
SHAPED: tuple[Format, ...] = ()
UNMARKED: tuple[Format, ...] = ()
