"""Matching a content against the rules, with nothing lost in silence.

YARA (manual, "Using YARA from Python") can stop looking and still return: a string with
more than a million matches is given up (yara-python then only warns, or calls
``warnings_callback``), a scan can time out, a regular expression can exhaust its fibers.
Each of these is a ``Trouble`` here and therefore INCOMPLETE. What YARA cannot bound (a
timeout is looked at rarely inside one expression) the pool's deadline does.

A match that lies wholly inside a range whose content is in a child is left to the child.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec
import yara

from fwverify.analyse.rules import read_bundle
from fwverify.analyse.taxonomy import (
    CAPABILITY_IDS,
    CONFIDENCES,
    R155_BY_ID,
    R155_THREATS,
    SEVERITIES,
    THREATS,
)
from fwverify.analyse.values import Hit, Trouble, excerpt_at, printable
from fwverify.analyse.windows import Extracted
from fwverify.reader import Buffer

MAX_EVIDENCE: Final = 24
"""Distinct texts kept per rule; the number beyond is named in the evidence."""

_MATCH_DATA_BYTES: Final = 160
_HEX_BYTES: Final = 40
_SPACES: Final = b" \t\r\n"

Located = tuple[int, int, str]


@lru_cache(maxsize=2)
def compiled(bundle: bytes) -> Any:
    """Return the compiled rules of a bundle; each file is a namespace of its own.

    The parent has compiled the same sources before, so this raises ``yara.Error`` only
    where the machine fails.
    """
    yara.set_config(max_match_data=_MATCH_DATA_BYTES)
    sources = {f"{index:04d}": text for index, (_, text) in enumerate(read_bundle(bundle))}
    return yara.compile(sources=sources, includes=False)


def match(
    buffer: Buffer, bundle: bytes, extracted: Extracted, timeout_seconds: int
) -> tuple[tuple[Hit, ...], tuple[Trouble, ...]]:
    """Return the rules that hold for ``buffer``, and what the engine gave up on."""
    given_up: set[str] = set()

    def warn(kind: int, about: Any) -> int:
        given_up.add(_warning(kind, about))
        return int(yara.CALLBACK_CONTINUE)

    try:
        matches = compiled(bundle).match(
            data=buffer, timeout=timeout_seconds, warnings_callback=warn
        )
    except yara.TimeoutError:
        text = f"the rules did not finish within {timeout_seconds} s"
        return (), (Trouble(code="analyse.rules_timeout", text=text),)
    except yara.Error as error:
        return (), (Trouble(code="analyse.rules_failed", text=str(error)),)
    hits = [hit for found in matches if (hit := _hit(buffer, found, extracted)) is not None]
    troubles = tuple(
        Trouble(code="analyse.too_many_matches", text=text) for text in sorted(given_up)
    )
    return tuple(hits), troubles


def _warning(kind: int, about: Any) -> str:
    if kind == yara.CALLBACK_TOO_MANY_MATCHES:
        return f"rule {about.rule} gave up on its string {about.string}: too many matches"
    return f"the engine warned: {about}"


def _hit(buffer: Buffer, found: Any, extracted: Extracted) -> Hit | None:
    located = tuple(_instances(found))
    outside = [place for place in located if not extracted.covers(place[0], place[1])]
    if located and not outside:
        return None
    first = min(outside, default=None)
    meta = {str(key): str(value) for key, value in found.meta.items()}
    capability = meta.get("capability", "")
    known = capability if capability in CAPABILITY_IDS else None
    return msgspec.convert(
        {
            "rule": found.rule,
            "text": meta.get("description") or f"rule {found.rule} holds",
            "capability": known,
            "threat": _one_of(meta.get("threat"), THREATS, "none"),
            "severity": _one_of(meta.get("severity"), SEVERITIES, "medium"),
            "confidence": _one_of(meta.get("confidence"), CONFIDENCES, "low"),
            "offset": first[0] if first else None,
            "length": first[1] if first else None,
            "excerpt": excerpt_at(buffer, first[0], first[1]) if first else "",
            "evidence": _evidence({text for _, _, text in located}),
            "r155": _threats(meta.get("r155", ""), known),
        },
        Hit,
    )


def _instances(found: Any) -> Iterator[Located]:
    for string in found.strings:
        for instance in string.instances:
            yield instance.offset, instance.matched_length, _text(bytes(instance.matched_data))


def _text(data: bytes) -> str:
    """Return matched bytes as evidence: text where they are text, else hexadecimal."""
    text = data[::2] if len(data) > 1 and not any(data[1::2]) else data
    if text.isascii() and text.translate(None, _SPACES).decode().isprintable():
        return printable(text.strip(_SPACES))
    return data[:_HEX_BYTES].hex()


def _evidence(texts: set[str]) -> tuple[str, ...]:
    ordered = sorted(texts)
    if len(ordered) <= MAX_EVIDENCE:
        return tuple(ordered)
    return (*ordered[:MAX_EVIDENCE], f"and {len(ordered) - MAX_EVIDENCE} more")


def _threats(listed: str, capability: str | None) -> tuple[str, ...]:
    named = {word for word in listed.replace(",", " ").split() if word in R155_THREATS}
    return tuple(sorted(named or R155_BY_ID.get(capability or "", ())))


def _one_of(value: str | None, allowed: tuple[str, ...], otherwise: str) -> str:
    return value if value in allowed else otherwise
