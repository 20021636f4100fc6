"""Matching a content with yara-x, the second engine behind the same rules.

yara-x (its Python API, 1.23) reports each match of a pattern up to a bound per pattern and
then looks no further **without a word**: measured, 2.4 MB of a rule's head bytes made
the rule miss. The bound is therefore set above what the content can hold, one match for
each of its bytes; the memory that a flood then takes is bounded by the worker, whose end
is INCOMPLETE. A timeout is a ``Trouble``.

What it does not offer: a warning about a pattern that is slow at scan time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from fwverify.analyse.marks import NAMESPACE, marks_source
from fwverify.analyse.matched import Matched, Place
from fwverify.analyse.rules import read_bundle
from fwverify.analyse.values import Trouble
from fwverify.reader import Buffer

MAX_CONTENT_BYTES: Final = 2**32 - 2


@lru_cache(maxsize=2)
def compiled(bundle: bytes) -> Any:
    """Return the compiled rules of a bundle; each file is a namespace of its own."""
    import yara_x

    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    compiler.enable_includes(False)
    for index, (name, text) in enumerate(read_bundle(bundle)):
        compiler.new_namespace(f"{index:04d}")
        compiler.add_source(text, origin=name)
    compiler.new_namespace(NAMESPACE)
    compiler.add_source(marks_source(), origin=NAMESPACE)
    return compiler.build()


def matches(
    buffer: Buffer, bundle: bytes, timeout_seconds: int
) -> tuple[tuple[Matched, ...], tuple[Trouble, ...]]:
    """Return the rules that hold for ``buffer``, and what the engine gave up on."""
    import yara_x

    if len(buffer) > MAX_CONTENT_BYTES:
        text = f"larger than {MAX_CONTENT_BYTES} bytes: yara-x cannot bound its matches"
        return (), (Trouble(code="limit.rules_bytes", text=text),)
    scanner = yara_x.Scanner(compiled(bundle))
    scanner.set_timeout(timeout_seconds)
    scanner.max_matches_per_pattern(len(buffer) + 1)
    try:
        results = scanner.scan(bytes(buffer))
    except yara_x.TimeoutError:
        text = f"the rules did not finish within {timeout_seconds} s (yara-x)"
        return (), (Trouble(code="analyse.rules_timeout", text=text),)
    except yara_x.ScanError as error:
        return (), (Trouble(code="analyse.rules_failed", text=f"yara-x: {error}"),)
    return tuple(_matched(each) for each in results.matching_rules), ()


def _matched(found: Any) -> Matched:
    return Matched(
        namespace=str(found.namespace),
        rule=str(found.identifier),
        meta=tuple((str(key), str(value)) for key, value in found.metadata),
        places=_places(found),
    )


def _places(found: Any) -> Iterator[Place]:
    for pattern in found.patterns:
        name = str(pattern.identifier)
        for each in pattern.matches:
            yield each.offset, each.length, name
