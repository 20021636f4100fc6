"""Golden files: a report writer's output, compared byte for byte.

``FWVERIFY_REFRESH_GOLDEN=1 pytest tests/report`` writes them anew; look at the
difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"
REFRESH = os.environ.get("FWVERIFY_REFRESH_GOLDEN") == "1"


def check(name: str, made: bytes) -> None:
    """Compare ``made`` with the golden file ``name``, or write it on refresh."""
    target = FOLDER / name
    if REFRESH:
        FOLDER.mkdir(exist_ok=True)
        target.write_bytes(made)
    assert target.is_file(), f"no golden file {name}: set FWVERIFY_REFRESH_GOLDEN=1"
    assert made == target.read_bytes(), f"{name} differs: set FWVERIFY_REFRESH_GOLDEN=1 and look"
