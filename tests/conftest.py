"""What all tests share."""

from __future__ import annotations

import pytest

LONGEST_NAME = 60


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a case by its argument where its value is bytes or a long text.

    Keys and signatures are made anew in every process; a name made of them would differ
    between the processes that share the tests out.
    """
    if isinstance(val, bytes) or (isinstance(val, str) and len(val) > LONGEST_NAME):
        return argname
    return None
