"""The files of a trust store and the digest over all of them.

Guarantees: every file of the folder is in the listing, by its path and SHA-256, sorted;
links and devices are refused, sizes and their number bounded. What the files say is
``verify.trust``'s to read: a command that verifies nothing names the store by its digest
and loads none of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fwverify.canonical import digest, sha256_hex
from fwverify.strict import InputFileError, read_bounded

MAX_FILES: Final = 10_000
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
SIGNATURES: Final = "SIGNED.toml"
"""The approvers' signatures over the digest of all other files (``fwverify.keyring.signing``)."""


@dataclass(frozen=True)
class NamedTrust:
    """A trust store that no stage asked for reads: the report names its digest."""

    sha256: str


def name_trust(folder: Path) -> NamedTrust:
    """Return the trust store in ``folder`` by its digest. Raises ``InputFileError``."""
    return NamedTrust(sha256=store_digest(folder))


def store_digest(folder: Path) -> str:
    """Return the digest over names and contents of the store's files.

    The detached signatures over it (``SIGNATURES``) are left out, and nothing else.
    Raises ``InputFileError``.
    """
    return digest([list(entry) for entry in list_files(folder) if entry[0] != SIGNATURES])


def list_files(folder: Path) -> tuple[tuple[str, str], ...]:
    """Return (relative path, sha256) of every file, sorted. Raises ``InputFileError``."""
    if not folder.is_dir():
        raise InputFileError(folder, None, "", "no such folder")
    entries: list[tuple[str, str]] = []
    for path in sorted(_walk(folder), key=lambda item: item.as_posix()):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            why = "neither a file nor a folder; links are refused"
            raise InputFileError(path, None, "", why)
        content = read_bounded(path, MAX_FILE_BYTES)
        entries.append((path.relative_to(folder).as_posix(), sha256_hex(content)))
        if len(entries) > MAX_FILES:
            raise InputFileError(folder, None, "", f"more than {MAX_FILES} files")
    return tuple(entries)


def _walk(folder: Path) -> Iterable[Path]:
    def refuse(error: OSError) -> None:
        raise InputFileError(error.filename, None, "", error.strerror or str(error)) from error

    for root, folders, names in os.walk(folder, onerror=refuse):
        linked = [name for name in folders if os.path.islink(os.path.join(root, name))]
        yield from (Path(root, name) for name in (*names, *linked))
