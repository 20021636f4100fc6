"""What the constants of a program say together with what it handles: areas, passwords.

``areas``: a program that reads a satellite receiver and holds a few rectangles of
coordinates treats some places otherwise than others. The public case are trains that
locked themselves in the workshops of rivals (Dragon Sector, "Breaking DRM in Polish
trains", 2023). A coordinate is a number of three to seven decimals in the range of
latitudes or longitudes, as somebody types it; tables of mathematics have all decimals.

``passwords``: a program that takes commands by short message, can stop a vehicle, and
compares texts holds a text that reads as a password: whoever knows it commands every
device (CISA ICSA-22-200-01, a tracker with a master password).

Both are asked only about contents with ``NEEDLES`` (``analysers``), and look at ELF files.

What is not seen: coordinates as integers, inside instructions or within a degree of zero,
those behind the first 16 MiB of a file, passwords of letters alone or put together at run
time, and whether the text is what is compared.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import struct
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.elfheader import MAGIC, read_header
from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import EXCERPT_CHARACTERS, Hit
from fwverify.reader import Buffer, Malformed

MAX_TABLE_BYTES: Final = 16 * 1024 * 1024
MIN_VALUES, MAX_VALUES = 8, 256
"""Two rectangles; more than 64 are a map, not a fence."""

MAX_PASSWORDS: Final = 16
RECEIVER: Final = tuple(
    b"$GPRMC $GNRMC $GPGGA $GNGGA GPRMC GNRMC GPGGA gps_open gps_read /dev/gps AT+CGPS AT+QGPS "
    b"AT+CGNS".split()
)
_LARGEST, _LATITUDE = 180.0, 90.0
_WIDEST: Final = 0.05
"""Degrees: about 5 km, the size of a workshop's grounds."""

_GAP, _SPREAD = 1.0, 15.0
_APART: Final = 8
_MIN_DECIMALS: Final = 3
_MAX_DECIMALS: Final = {"d": 7, "f": 4}

_COMPARES: Final = frozenset(
    ("memcmp", "strcasecmp", "strcmp", "strncasecmp", "strncmp", "strstr", "bcmp")
)
MESSAGES: Final = (b"AT+CMGR", b"AT+CMGL", b"AT+CMGF", b"AT+CNMI", b"+CMT:", b"+CMTI:")
_STOPS: Final = re.compile(
    rb"(?i)(?<![a-z])(?:(?:cut|stop|resume|block|kill|disable|restore)[ _-]?"
    rb"(?:oil|fuel|engine|power|ignition|vehicle|motor)|(?:oil|fuel|engine|ignition|motor)"
    rb"[ _-]?(?:cut|stop|off|kill|relay|lock|pump)|stopelec|supplyelec|immobili[sz]e)"
)
_WORD: Final = re.compile(rb"(?<=\x00)[A-Za-z0-9@#!*$%&_+-]{6,20}(?=[\x00])")
_RATES: Final = frozenset(
    (b"115200", b"230400", b"460800", b"921600", b"576000", b"500000", b"250000", b"125000")
)
_NO_PASSWORD: Final = re.compile(
    rb"(?i)AT[+&*$#%].*|[+*$#%].*|.*%.*|(?:19|20)\d{6}|GLIBC.*|GCC.*|CXXABI.*|lib.*|.*_.*"
)
_FEW_DIGITS, _MANY_DIGITS = 2, 6


NEEDLES: Final = tuple(f'"{word.decode()}"' for word in (*RECEIVER, *MESSAGES))
"""As YARA strings: one of them is in every program that this says anything about."""


def constants(buffer: Buffer) -> tuple[Hit, ...]:
    """Return the findings about an ELF file; nothing for another content.

    One that cannot be read is the ELF analyser's to say.
    """
    from fwverify.analyse.elf import imported_names

    if bytes(buffer[:4]) != MAGIC:
        return ()
    try:
        header = read_header(buffer)
    except Malformed:
        return ()
    data = bytes(buffer)
    return areas(data, little=header.little) + passwords(imported_names(data), data)


def areas(data: Buffer, *, little: bool) -> tuple[Hit, ...]:
    """Return the finding for the places whose borders are in ``data``, if there are some.

    Looked for in the file's byte order, as numbers of 64 and of 32 bits (IEEE 754).
    """
    content = bytes(data[:MAX_TABLE_BYTES])
    if not any(word in content for word in RECEIVER):
        return ()
    found: dict[tuple[float, ...], int] = {}
    for form, size in (("d", 8), ("f", 4)):
        for place in range(0, size, 4):
            for offset, values in _groups(content[place:], form, little=little):
                if _are_borders(values):
                    found.setdefault(values, place + offset)
    if not found:
        return ()
    values, offset = min(found.items(), key=lambda item: item[1])
    shown = tuple(f"{value:.7g}" for value in values)
    return (
        Hit(
            rule="constants.areas",
            text="reads a satellite receiver and knows the borders of some places",
            capability="veh.geofence",
            threat="sabotage",
            severity="medium",
            confidence="medium",
            offset=offset,
            excerpt=" ".join(shown)[:EXCERPT_CHARACTERS],
            evidence=tuple(sorted(f"coordinate {text}" for text in shown)),
            r155=R155_BY_ID["veh.geofence"],
        ),
    )


def _groups(content: bytes, form: str, *, little: bool) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Yield offset and sorted values of coordinates that stand close together.

    A compiler puts the constants of a comparison where it likes: their order says nothing.
    """
    size = struct.calcsize(form)
    layout = f"{'<' if little else '>'}{form}"
    group: set[float] = set()
    start = last = 0
    for index, (value,) in enumerate(
        struct.iter_unpack(layout, content[: len(content) // size * size])
    ):
        if not 1.0 < abs(value) <= _LARGEST or not _is_typed(value, form):
            continue
        if index - last > _APART and group:
            yield start * size, tuple(sorted(group))
            group = set()
        start = start if group else index
        last = index
        group.add(value)
    if group:
        yield start * size, tuple(sorted(group))


def _is_typed(value: float, form: str) -> bool:
    """Return whether ``value`` is a number of few decimals, as people write coordinates.

    A number of 32 bits has few decimals by itself: one of four or less was chosen.
    """
    text = repr(value) if form == "d" else f"{value:.7g}"
    decimals = len(text.partition(".")[2])
    return "e" not in text and _MIN_DECIMALS <= decimals <= _MAX_DECIMALS[form]


def _are_borders(values: tuple[float, ...]) -> bool:
    """Return whether sorted ``values`` are as many latitudes as longitudes, near each other.

    Nearly each has another within ``_WIDEST``, and the widest gap parts them in halves.
    """
    if not MIN_VALUES <= len(values) <= MAX_VALUES:
        return False
    gaps = [high - low for low, high in itertools.pairwise(values)]
    near = sum(min(gaps[max(0, index - 1) : index + 1]) <= _WIDEST for index in range(len(values)))
    widest = max(gaps)
    low = gaps.index(widest) + 1
    halves = abs(2 * low - len(values)) * 10 <= len(values)
    spread = max(values[low - 1] - values[0], values[-1] - values[low])
    lesser = min(max(map(abs, values[:low])), max(map(abs, values[low:])))
    sound = widest >= _GAP and spread <= _SPREAD and lesser <= _LATITUDE
    return halves and sound and near * 10 >= 9 * len(values)


def passwords(imports: frozenset[str], data: Buffer) -> tuple[Hit, ...]:
    """Return the finding for texts that read as passwords of a commanded vehicle part.

    The text itself does not stand in the result, only its length and a digest.
    """
    content = bytes(data)
    if not imports & _COMPARES or not any(word in content for word in MESSAGES):
        return ()
    stop = _STOPS.search(content)
    found = sorted({match[0] for match in _WORD.finditer(content) if _reads_secret(match[0])})
    names = {name.encode("ascii", "replace") for name in imports}
    secrets = [word for word in found if word not in names][:MAX_PASSWORDS]
    if stop is None or not secrets:
        return ()
    seals = (f"{len(word)} characters {hashlib.sha256(word).hexdigest()[:16]}" for word in secrets)
    return (
        Hit(
            rule="constants.password",
            text="takes commands by short message and holds a password that is the same everywhere",
            capability="cred.static",
            threat="both",
            severity="high",
            confidence="medium",
            offset=content.index(b"\0" + secrets[0] + b"\0") + 1,
            length=len(secrets[0]),
            excerpt=f"(a text of {len(secrets[0])} characters)",
            evidence=(*(f"text of {seal}" for seal in sorted(seals)), f"command {_shown(stop)}"),
            r155=R155_BY_ID["cred.static"],
        ),
    )


def _shown(stop: re.Match[bytes]) -> str:
    return stop[0].decode("ascii").lower()


def _reads_secret(word: bytes) -> bool:
    """Return whether ``word`` is digits alone, or letters with some digits among them."""
    if _NO_PASSWORD.fullmatch(word) or word in _RATES:
        return False
    digits = sum(chr(byte).isdigit() for byte in word)
    letters = sum(chr(byte).isalpha() for byte in word)
    if letters == 0:
        return digits == len(word) <= 8 and digits >= _MANY_DIGITS and len(set(word)) > 1
    return digits >= _FEW_DIGITS
