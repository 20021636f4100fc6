"""Writing an unpacked tree to a folder for people to look at.

Guarantees: every name on the disk is the path grammar's text (no ``..``, no absolute
path, printable ASCII), every file is a plain file with mode 0600, and no link, device,
setuid or executable file is ever made (UNPACKING, rule 2). A content whose path the
disk cannot hold stands under ``by-digest/`` with its SHA-256 as the name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from fwverify.canonical import canonical_json
from fwverify.model import Node
from fwverify.store import CHUNK_BYTES, Store
from fwverify.strict import InputFileError

INDEX_NAME: Final = "index.json"
_BY_DIGEST: Final = "by-digest"


def refuse_used(folder: Path) -> None:
    """Raise ``InputFileError`` where ``write_tree`` would: before the work, not after it."""
    try:
        if folder.exists() and any(folder.iterdir()):
            raise InputFileError(folder, None, "--out", "the folder is not empty")
    except OSError as error:
        raise InputFileError(folder, None, "--out", error.strerror or str(error)) from error


def write_tree(nodes: Iterable[Node], store: Store, folder: Path) -> None:
    """Write each node with content below ``folder``, and ``index.json`` over all of them.

    A container stands as a file, its entries in a folder of its name with ``!`` behind.
    The folder must be absent or empty, so that nothing of another update mixes in.
    Raises ``InputFileError``.
    """
    listed = tuple(nodes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_used(folder)
        made: set[str] = set()
        for node in listed:
            if node.sha256 is not None:
                _write(node.path, node.sha256, store, folder, made)
        (folder / INDEX_NAME).write_bytes(canonical_json(list(listed)) + b"\n")
    except OSError as error:
        raise InputFileError(folder, None, "--out", error.strerror or str(error)) from error


def _write(path: str, sha256: str, store: Store, folder: Path, made: set[str]) -> None:
    """Write one content. ``made`` are the folders that are there already."""
    target = os.path.join(folder, "files", *path.split("/"))
    parent = os.path.dirname(target)
    try:
        if parent not in made:
            os.makedirs(parent, exist_ok=True)
            made.add(parent)
        _copy(sha256, store, target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        _copy_by_digest(sha256, store, folder)
    except OSError as error:
        if error.errno != 36:  # ENAMETOOLONG
            raise
        _copy_by_digest(sha256, store, folder)


def _copy_by_digest(sha256: str, store: Store, folder: Path) -> None:
    target = folder / _BY_DIGEST / sha256
    target.parent.mkdir(exist_ok=True)
    if not target.exists():
        _copy(sha256, store, target)


def _copy(sha256: str, store: Store, target: str | Path) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as copy, store.open(sha256) as blob:
        while chunk := blob.read(CHUNK_BYTES):
            copy.write(chunk)
