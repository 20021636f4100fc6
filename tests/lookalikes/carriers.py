"""Packs a folder tree as vendors do: SquashFS, tar, cpio, Debian package."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Mapping
from typing import Any

from tests.builders.archives import CpioItem, TarItem, ar_archive, cpio_archive, tar_archive
from tests.builders.squashfs import image

Files = Mapping[str, bytes]


def squashfs(files: Files) -> bytes:
    tree: dict[str, Any] = {}
    for path, content in files.items():
        folder = tree
        *parents, name = path.split("/")
        for parent in parents:
            folder = folder.setdefault(parent, {})
        folder[name] = content
    return image(tree, block_size=1 << 17)


def tar(files: Files) -> bytes:
    items = [TarItem(path.encode(), files[path], mode=0o755) for path in sorted(files)]
    return gzip.compress(tar_archive(*items), mtime=0)


def cpio(files: Files) -> bytes:
    items = [
        CpioItem(path.encode(), files[path], mode=0o100755, ino=number)
        for number, path in enumerate(sorted(files), 1)
    ]
    return gzip.compress(cpio_archive(*items), mtime=0)


def deb(files: Files) -> bytes:
    control = (
        b"Package: device-core\nVersion: 1.2\nArchitecture: all\nMaintainer: V <v@v.example>\n"
    )
    control += b"Description: core programs\n"
    data = [TarItem(b"./" + path.encode(), files[path], mode=0o755) for path in sorted(files)]
    return ar_archive(
        (b"debian-binary", b"2.0\n"),
        (b"control.tar.xz", lzma.compress(tar_archive(TarItem(b"./control", control)))),
        (b"data.tar.xz", lzma.compress(tar_archive(*data))),
    )
