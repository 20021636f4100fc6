"""Vehicle containers that are known by name and not opened.

Guarantees: each is said by name and leaves its blob incomplete; nothing is explained.

FRF is an encrypted ODX archive of the Volkswagen group without a magic of its own: it is
known by the suffix of its name, where its bytes look encrypted from the first to the last.
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Opened
from fwverify.reader import Buffer
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, Source, entropy_milli

_DENSE_MILLI: Final = 7500
_LOOKED_AT_BYTES: Final = 4096


def _recognise_frf(buffer: Buffer, name: str) -> bool:
    if not name.lower().endswith(".frf") or len(buffer) < _LOOKED_AT_BYTES:
        return False
    return entropy_milli(bytes(buffer[:_LOOKED_AT_BYTES])) >= _DENSE_MILLI


def open_frf(source: Source) -> Opened:
    """Return that the container is encrypted."""
    found = Gathered(source, "frf")
    found.trouble("encrypted", "an FRF flash container is encrypted and cannot be opened")
    return found.finish()


FRF: Final = Format(
    name="frf",
    title="FRF flash container (encrypted ODX)",
    family="vehicle update",
    specification="https://www.iso.org/standard/41207.html",
    limitations="known by its suffix; encrypted, never opened",
    recognise=_recognise_frf,
    open=open_frf,
    named_only=True,
)
