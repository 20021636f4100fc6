"""What other ways to compare show of the same implant.

``by_ssdeep`` does what EMBA's comparison does: files of one base name are paired, and
those that ssdeep scores at 95 or more are not shown. ``by_diffoscope`` asks diffoscope's
text for the file and counts its lines. Neither program is part of the product.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.trees import FILE, Item

THRESHOLD: Final = 95
FIRST_SCREEN: Final = 23
_SECONDS: Final = 60


def by_ssdeep(
    old: Mapping[str, bytes], new: Mapping[str, bytes], path: str, folder: Path
) -> tuple[bool, int]:
    """Return whether the list shows ``path``, and how many files it shows."""
    if shutil.which("ssdeep") is None:
        return False, 0
    before = {name.rpartition("/")[2]: data for name, data in old.items()}
    differing = {
        name: data for name, data in new.items() if before.get(name.rpartition("/")[2]) != data
    }
    shown = [
        name
        for name, data in differing.items()
        if name.rpartition("/")[2] in before
        and _score(before[name.rpartition("/")[2]], data, folder) < THRESHOLD
    ]
    return path in shown, len(shown)


def _score(old: bytes, new: bytes, folder: Path) -> int:
    """Return ssdeep's score of two contents, 0 to 100."""
    left, right, known = (folder / f"rival.{name}" for name in ("old", "new", "hash"))
    left.write_bytes(old)
    right.write_bytes(new)
    hashed = subprocess.run(("ssdeep", str(left)), capture_output=True, text=True, check=True)
    known.write_text(hashed.stdout)
    command = ("ssdeep", "-a", "-m", str(known), str(right))
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"\((\d+)\)\s*$", said)
    return int(found[1]) if found else 0


def by_diffoscope(
    old: Mapping[str, Item], new: Mapping[str, Item], path: str, folder: Path
) -> tuple[bool, int]:
    """Return whether the first 23 lines name the file, and how many lines there are."""
    if shutil.which("diffoscope") is None:
        return False, 0
    places = []
    for name, tree in (("left", old), ("right", new)):
        place = folder / f"rival-{name}"
        shutil.rmtree(place, ignore_errors=True)
        for inner, item in tree.items():
            target = place / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            if item.kind == FILE:
                target.write_bytes(item.data)
                target.chmod(item.mode & 0o777)
        place.mkdir(exist_ok=True)
        places.append(str(place))
    command = ("diffoscope", "--text", "-", "--max-diff-block-lines", "0", *places)
    try:
        made = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False, 0
    lines = made.stdout.split("\n")
    name = path.rpartition("/")[2].strip()
    return any(name in line for line in lines[:FIRST_SCREEN]), len(lines)
