"""What every text must pass, for texts that have a format of their own.

Guarantees: a text that is read for its meaning is searched as any other text is: letters
that encode a program or packed bytes stay an observation.

Not checked: that the bytes are text; the formats' recognisers do that.
"""

from __future__ import annotations

import msgspec

from fwverify.model import Opened
from fwverify.unpack.gather import condense
from fwverify.unpack.leaves import TEXT
from fwverify.unpack.source import Source


def searched(source: Source, opened: Opened) -> Opened:
    """Return ``opened`` with what the search of the text gives."""
    if TEXT.open is None:
        return opened
    text = TEXT.open(source)
    return msgspec.structs.replace(
        opened,
        observations=condense((*opened.observations, *text.observations)),
        problems=(*opened.problems, *text.problems),
        complete=opened.complete and text.complete,
    )
