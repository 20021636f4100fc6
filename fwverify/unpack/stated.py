"""Versions that boot loaders, kernels and interpreters state in a text of their own.

Guarantees: a text counts only where its whole pattern stands there, with what its builder
always writes around the version; texts that state two versions, or two products, state
nothing, because one of them may only be quoted.

Sources: U-Boot ``include/version.h`` and ``lib/display_options``; Trusted Firmware-A
``make_helpers`` (``VERSION_STRING``) and its boot notices; Linux ``init/version.c``;
MicroPython ``py/mpconfig.h`` (banner).

Not checked: whether the code that runs is the one that the text speaks of.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.model import Identity
from fwverify.reader import Buffer

MAX_SCAN_BYTES: Final = 64 * 1024 * 1024
_MAX_TEXTS: Final = 64
_UBOOT: Final = re.compile(
    rb"U-Boot(?P<stage> SPL| TPL| VPL)? (?P<version>20[0-9]{2}\.[0-9]{2}[!-'*-~]{0,64}) "
    rb"\((?P<build>[A-Z][a-z]{2} [0-9]{2} 20[0-9]{2} - [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4})\)"
)
_LINUX: Final = re.compile(
    rb"Linux version (?P<version>[0-9]{1,3}\.[0-9]{1,3}[!-'*-~]{0,64}) \([!-~]{1,128}@"
)
_MICROPYTHON: Final = re.compile(
    rb"MicroPython (?P<version>v[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,4}[!-~]{0,48}) on "
    rb"(?P<build>20[0-9]{2}-[0-9]{2}-[0-9]{2})(?![0-9])"
)
_TFA: Final = re.compile(
    rb"v(?P<version>[0-9]{1,2}\.[0-9]{1,3}(?:\.[0-9]{1,3})?)\((?:release|debug)\):"
    rb"(?P<build>[!-~]{0,80})\x00"
)
_TFA_BUILT: Final = re.compile(
    rb"Built : (?P<built>[0-9]{2}:[0-9]{2}:[0-9]{2}, [A-Z][a-z]{2} [0-9 ][0-9] 20[0-9]{2})\x00"
)
_TFA_STAGE: Final = re.compile(
    rb"(?<![A-Za-z0-9_])(?P<stage>BL1|BL2|BL31|SP_MIN): %s[\n\r]{0,2}\x00"
)


def stated_identity(buffer: Buffer, start: int = 0, end: int | None = None) -> Identity:
    """Return the one product and version stated in ``[start, end)``, or nothing."""
    stop = min(len(buffer) if end is None else end, start + MAX_SCAN_BYTES)
    found = {
        said
        for said in (
            _plain(_UBOOT, "U-Boot", buffer, start, stop),
            _plain(_LINUX, "Linux", buffer, start, stop),
            _plain(_MICROPYTHON, "MicroPython", buffer, start, stop),
            _trusted_firmware(buffer, start, stop),
        )
        if said is not None
    }
    return found.pop() if len(found) == 1 else Identity()


def _plain(
    pattern: re.Pattern[bytes], product: str, buffer: Buffer, start: int, end: int
) -> Identity | None:
    texts = set()
    for match in pattern.finditer(buffer, start, end):
        groups = match.groupdict()
        stage = (groups.get("stage") or b"").decode("ascii")
        build = groups.get("build")
        texts.add((stage, groups["version"].decode("ascii"), build))
        if len(texts) > _MAX_TEXTS:
            return Identity()
    if not texts:
        return None
    if len(texts) > 1:
        return Identity()
    stage, version, build = texts.pop()
    return Identity(
        product=product + stage,
        version=version,
        build=None if build is None else build.decode("ascii"),
    )


def _trusted_firmware(buffer: Buffer, start: int, end: int) -> Identity | None:
    """Return what the notices say: ``BL31: v2.8(release):...`` and ``BL31: Built : ...``."""
    stages = {match["stage"] for match in _TFA_STAGE.finditer(buffer, start, end)}
    if len(stages) != 1:
        return None
    texts = {(match["version"], match["build"]) for match in _TFA.finditer(buffer, start, end)}
    built = {match["built"] for match in _TFA_BUILT.finditer(buffer, start, end)}
    version, build = texts.pop() if len(texts) == 1 else (None, b"")
    if not build and len(built) == 1:
        build = built.pop()
    return Identity(
        product=f"TF-A {stages.pop().decode('ascii')}",
        version=None if version is None else version.decode("ascii"),
        build=build.decode("ascii") or None,
    )
