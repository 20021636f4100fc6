"""Installation data that is known by name and not opened.

Guarantees: each is said by name and leaves its blob incomplete; none of its bytes is
explained.

Not checked: anything behind the magic.
"""

from __future__ import annotations

from typing import Final

from fwverify.reader import Buffer
from fwverify.unpack.source import Format


def _named(name: str, title: str, specification: str, *magics: bytes) -> Format:
    def recognise(buffer: Buffer, _: str) -> bool:
        return any(bytes(buffer[: len(magic)]) == magic for magic in magics)

    return Format(
        name=name,
        title=title,
        family="installer",
        specification=specification,
        limitations="recognised by name, not opened yet",
        recognise=recognise,
        open=None,
    )


NAMED: Final[tuple[Format, ...]] = (
    _named(
        "installshield-cab",
        "InstallShield cabinet (data1.cab, data1.hdr)",
        "https://github.com/twogood/unshield",
        b"ISc(",
    ),
    _named(
        "inno-setup",
        "Inno Setup data",
        "https://jrsoftware.org/ishelp/",
        b"Inno Setup Setup Data (",
        b"zlb\x1a",
        b"idska32\x1a",
    ),
    _named(
        "psf",
        "Windows express update data (PSF)",
        "https://learn.microsoft.com/en-us/windows/deployment/update/psfxwhitepaper",
        b"PSTREAM",
        b"PA30",
        b"PA31",
        b"DCM\x01",
        b"DCN\x01",
        b"DCS\x01",
    ),
    _named("chm", "compiled HTML help", "https://www.nongnu.org/chmspec/latest/", b"ITSF\x03\0"),
)
