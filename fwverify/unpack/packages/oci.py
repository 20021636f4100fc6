"""Container images in a tar file: the OCI image layout and ``docker save``.

Guarantees: all that ``archives_tar`` guarantees; each blob is held against the SHA-256 that
is its name; from the index every manifest, config and layer is followed, a part that is
listed and absent is named, and so is a blob that nothing lists; the config's entry point,
user, environment and ports are attributes, and its history a part of them.

Specification: OCI image specification 1.1 (``image-layout``, ``image-index``, ``manifest``,
``config``, ``layer``); Docker image specification 1.2 (``manifest.json``).

Not checked: signatures of images; the order in which layers hide each other's files
(whiteouts are entries ``.wh.*`` of the layers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fwverify import strict
from fwverify.model import Identity, Opened
from fwverify.reader import Buffer
from fwverify.unpack.archives_tar import BLOCK, is_tar, open_tar
from fwverify.unpack.packages.listed import Judged
from fwverify.unpack.source import Format, Source

_MAX_HEADERS: Final = 1024
_MAX_PARTS: Final = 10_000
_BLOB: Final = re.compile(rb"blobs/sha256/([0-9a-f]{64})")
_OTHER_BLOB: Final = re.compile(rb"blobs/(?!sha256/)[^/]+/.+")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_INDEX, _DOCKER, _LAYOUT = b"index.json", b"manifest.json", b"oci-layout"
_OWN_FILES: Final = (_INDEX, _DOCKER, _LAYOUT, b"repositories")
_SIZE: Final = slice(124, 136)


def _recognise(buffer: Buffer, _: str) -> bool:
    """Return whether a tar file has an image's index or manifest among its first entries."""
    if not is_tar(buffer):
        return False
    names = set(_names(buffer))
    return _LAYOUT in names or (
        _DOCKER in names and any(_BLOB.match(each) or each.endswith(b"/layer.tar") for each in names)
    )


def _names(buffer: Buffer) -> Iterator[bytes]:
    """Yield the names in the first headers; a cheap look that trusts nothing."""
    at = 0
    for _ in range(_MAX_HEADERS):
        block = bytes(buffer[at : at + BLOCK])
        if len(block) < BLOCK or not block[0]:
            return
        yield _clean(block[:100].split(b"\x00", 1)[0])
        try:
            size = int(block[_SIZE].strip(b" \x00") or b"0", 8)
        except ValueError:
            return
        at += BLOCK + -(-size // BLOCK) * BLOCK


def _clean(name: bytes) -> bytes:
    return name.removeprefix(b"./")


class _Image:
    """Walks from the index to the layers. Belongs to one call of ``open_image``."""

    def __init__(self, judged: Judged) -> None:
        self.judged = judged
        self.files = {_clean(name): each for name, each in judged.files().items()}
        self.used: set[bytes] = set()
        self.names: list[str] = []
        self.configs: list[dict[str, Any]] = []

    def json(self, name: bytes) -> Any:
        """Return a JSON file of the image; what is no JSON is said."""
        data = self.judged.read(self.files.get(name))
        if data is None:
            return None
        try:
            return strict.json_object(data)
        except strict.Invalid as error:
            self.judged.wrong(name, f"is not readable: {error}")
            return None
