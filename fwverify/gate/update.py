"""Hashing what is to be installed, as intake hashes what is checked.

Guarantees: a file is its SHA-256; a folder is the list of its members, each with SHA-256,
size and path in the grammar of ``fwverify.paths``. Links and devices are not followed:
a folder that holds one is no update here.

Not done: fixing the bytes. Whoever installs has to install from where nobody else writes.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fwverify.paths import encode_name

_PIECE: Final = 1024 * 1024
MAX_MEMBERS: Final = 10_000


class Unreadable(Exception):
    """What is to be hashed is absent or cannot be read."""


@dataclass(frozen=True)
class Hashed:
    """An update: ``members`` (``SHA256 SIZE PATH``, sorted) for a set, else its digest.

    ``strange`` names something in the folder that is neither file nor folder.
    """

    kind: str
    sha256: str
    size: int
    members: tuple[str, ...] = ()
    strange: str = ""


def hashed(update: Path) -> Hashed:
    """Return the digests of ``update``. Raises ``Unreadable``."""
    try:
        if update.is_dir():
            return _folder(update)
        sha256, size = _file(update)
    except OSError as error:
        raise Unreadable(f"{update}: {error.strerror or error}") from error
    return Hashed("file", sha256, size)


def _file(path: Path) -> tuple[str, int]:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    told, size = hashlib.sha256(), 0
    with os.fdopen(handle, "rb") as source:
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            raise Unreadable(f"{path}: neither a file nor a folder")
        while piece := source.read(_PIECE):
            told.update(piece)
            size += len(piece)
    return told.hexdigest(), size


def _folder(folder: Path) -> Hashed:
    members: list[str] = []
    total = 0
    for file in _walk(folder):
        name = encode_name(os.fsencode(str(file.relative_to(folder))))
        if not stat.S_ISREG(os.lstat(file).st_mode):
            return Hashed("set", "", 0, strange=name)
        if len(members) >= MAX_MEMBERS:
            return Hashed("set", "", 0, strange=f"{name}: more than {MAX_MEMBERS} files")
        sha256, size = _file(file)
        members.append(f"{sha256} {size} {name}")
        total += size
    return Hashed("set", "", total, tuple(sorted(members)))


def _walk(folder: Path) -> list[Path]:
    files: list[Path] = []

    def refuse(error: OSError) -> None:
        raise error

    for root, folders, names in os.walk(folder, onerror=refuse):
        linked = [name for name in folders if os.path.islink(os.path.join(root, name))]
        files.extend(Path(root, name) for name in (*names, *linked))
    return sorted(files, key=os.fsencode)
