"""Matching a content with yara-python, with nothing lost in silence.

YARA (manual, "Using YARA from Python") can stop looking and still return: a string with
more than a million matches is given up (yara-python then only warns, or calls
``warnings_callback``), a scan can time out, a regular expression can exhaust its fibers.
Each of these is a ``Trouble`` here and therefore INCOMPLETE. What YARA cannot bound (a
timeout is looked at rarely inside one expression) the pool's deadline does.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any, Final

import yara

from fwverify.analyse.marks import NAMESPACE, marks_source
from fwverify.analyse.matched import Matched, Place, hit_of
from fwverify.analyse.rules import bodies, read_bundle
from fwverify.analyse.values import Hit, Trouble
from fwverify.analyse.windows import Extracted
from fwverify.reader import Buffer

_MATCH_DATA_BYTES: Final = 1
"""Bytes that the engine copies of each match; they are read from the content instead."""


@lru_cache(maxsize=2)
def compiled(bundle: bytes) -> Any:
    """Return the compiled rules of a bundle; each file is a namespace of its own.

    The parent has compiled the same sources before, so this raises ``yara.Error`` only
    where the machine fails.
    """
    yara.set_config(max_match_data=_MATCH_DATA_BYTES)
    sources = {f"{index:04d}": text for index, (_, text) in enumerate(read_bundle(bundle))}
    return yara.compile(sources=sources | {NAMESPACE: marks_source()}, includes=False)


def matches(
    buffer: Buffer, bundle: bytes, timeout_seconds: int
) -> tuple[tuple[Matched, ...], tuple[Trouble, ...]]:
    """Return the rules that hold for ``buffer``, and what the engine gave up on."""
    given_up: set[str] = set()

    def warn(kind: int, about: Any) -> int:
        given_up.add(_warning(kind, about))
        return int(yara.CALLBACK_CONTINUE)

    try:
        found = compiled(bundle).match(data=buffer, timeout=timeout_seconds, warnings_callback=warn)
    except yara.TimeoutError:
        text = f"the rules did not finish within {timeout_seconds} s"
        return (), (Trouble(code="analyse.rules_timeout", text=text),)
    except yara.Error as error:
        return (), (Trouble(code="analyse.rules_failed", text=str(error)),)
    troubles = tuple(
        Trouble(code="analyse.too_many_matches", text=text) for text in sorted(given_up)
    )
    return tuple(_matched(each) for each in found), troubles


def match(
    buffer: Buffer, bundle: bytes, extracted: Extracted, timeout_seconds: int
) -> tuple[tuple[Hit, ...], tuple[Trouble, ...]]:
    """Return the findings of the rules of ``bundle``, and what the engine gave up on."""
    found, troubles = matches(buffer, bundle, timeout_seconds)
    hits = (
        hit_of(buffer, each, extracted, partial(bodies, bundle))
        for each in found
        if each.namespace != NAMESPACE
    )
    return tuple(hit for hit in hits if hit is not None), troubles


def _warning(kind: int, about: Any) -> str:
    if kind == yara.CALLBACK_TOO_MANY_MATCHES:
        return f"rule {about.rule} gave up on its string {about.string}: too many matches"
    return f"the engine warned: {about}"


def _matched(found: Any) -> Matched:
    return Matched(
        namespace=str(found.namespace),
        rule=str(found.rule),
        meta=tuple((str(key), str(value)) for key, value in found.meta.items()),
        places=_places(found),
    )


def _places(found: Any) -> Iterator[Place]:
    for string in found.strings:
        name = str(string.identifier)
        for instance in string.instances:
            yield instance.offset, instance.matched_length, name
