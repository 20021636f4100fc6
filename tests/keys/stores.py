"""A store of one's own to change, and what two people do to it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from fwverify.keyring import entries
from tests.builders import keys
from tests.verify.stores import SHIPPED

AT = datetime(2026, 6, 1, tzinfo=UTC)
ANN, BOB = "Ann Engineer", "Bob Approver"


def store(folder: Path) -> Path:
    """Return a copy of the shipped store without its anchors, which take time to read."""
    small = shutil.ignore_patterns("anchors", "profiles")
    return Path(shutil.copytree(SHIPPED, folder / "trust", ignore=small))


def wish(**changes) -> entries.Wish:
    fields = {
        "vendor": "acme", "id": "release", "roles": ("release",), "by": ANN, "at": AT,
        "products": ("M-*",), "schemes": ("raw", "minisign"),
    }  # fmt: skip
    return entries.Wish(**(fields | changes))


def add(folder: Path, private, **changes):
    return entries.add(folder, keys.pem(private), "key.pem", wish(**changes))


def activate(folder: Path, private, **changes):
    fields = {
        "by": BOB, "fingerprint": keys.spki_sha256(private), "channel": "telephone", "at": AT,
    }  # fmt: skip
    id_ = changes.pop("id", "release")
    return entries.activate(folder, "acme", id_, **(fields | changes))[0]


def state(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
