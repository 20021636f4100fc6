"""JSON out of an update: duplicate keys and deep nesting are refused, never guessed at."""

from __future__ import annotations

import json
from typing import Any

from fwverify.reader import Malformed


def read_json(data: bytes, offset: int, field: str) -> Any:
    """Return the value of the JSON text ``data``, which stood at ``offset``.

    Raises ``Malformed`` for what is no JSON, for a key that stands twice in one object
    (readers differ in which one they believe) and for nesting beyond the parser.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Malformed(offset, field, str(error)[:200] or "is nested too deep") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result
