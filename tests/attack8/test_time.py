"""Contents that were made to cost much: the work stays in proportion to their size."""

from __future__ import annotations

import random
import time

import pytest

from fwverify.analyse.plaindata import without_linear

SOURCE = random.Random(8)


def block(width: int, zeros: float) -> bytes:
    """Return rich words, some of them zero with one that is not behind."""
    words = [
        bytes(width) if SOURCE.random() < zeros else SOURCE.randbytes(width)
        for _ in range(4096 // width)
    ]
    return b"".join(words)


@pytest.mark.parametrize("width", [2, 4, 8])
def test_what_might_begin_a_linear_table_is_looked_at_briefly(width):
    content = b"".join(block(width, 0.16) for _ in range(64))
    began = time.process_time()
    for at in range(0, len(content), 4096):
        assert without_linear(content, at, at + 4096) == content[at : at + 4096]
    assert time.process_time() - began < 0.3
