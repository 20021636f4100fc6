"""File trees out of Debian packages, changed in memory and packed as images again.

Nothing of them is executed and nothing is written outside the folder that a caller names.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Kind = bytes
FILE: Final = tarfile.REGTYPE
LINK: Final = tarfile.SYMTYPE
DEVICE: Final = tarfile.CHRTYPE
FOLDER: Final = tarfile.DIRTYPE


@dataclass(frozen=True)
class Item:
    """One entry of a tree; ``data`` is a file's content, ``link`` a link's target."""

    kind: Kind = FILE
    mode: int = 0o644
    data: bytes = b""
    link: str = ""
    uid: int = 0


Tree = dict[str, Item]


def of_packages(paths: Sequence[Path]) -> Tree:
    """Return the files of the packages, the later ones over the earlier ones."""
    tree: Tree = {}
    for path in paths:
        command = ("dpkg-deb", "--fsys-tarfile", str(path))
        packed = subprocess.run(command, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            for member in archive:
                name = member.name.removeprefix("./").strip("/")
                if not name or name == ".":
                    continue
                handle = archive.extractfile(member) if member.isreg() else None
                data = handle.read() if handle else b""
                kind = FILE if member.isreg() or member.islnk() else member.type
                if member.islnk():
                    data = tree[member.linkname.removeprefix("./")].data
                tree[name] = Item(kind, member.mode, data, member.linkname, member.uid)
    return tree


def as_tar(tree: Tree, mode: str = "w") -> bytes:
    """Return ``tree`` as a tar archive; folders that it does not name are made."""
    out = io.BytesIO()
    folders = {str(each) for name in tree for each in list(Path(name).parents)[:-1]}
    whole = {name: Item(FOLDER, 0o755) for name in folders} | tree
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name in sorted(whole):
            item = whole[name]
            info = tarfile.TarInfo(f"./{name}")
            info.type, info.mode, info.uid, info.gid = item.kind, item.mode, item.uid, item.uid
            info.linkname = item.link if item.kind == LINK else ""
            info.size = len(item.data) if item.kind == FILE else 0
            if item.kind == DEVICE:
                info.devmajor, info.devminor = 1, 1
            archive.addfile(info, io.BytesIO(item.data) if info.size else None)
    return out.getvalue()


def as_tar_xz(tree: Tree, _: Path) -> bytes:
    """Return ``tree`` as a compressed tar archive."""
    return as_tar(tree, "w:gz")


def as_squashfs(tree: Tree, folder: Path) -> bytes:
    """Return ``tree`` as a SquashFS image made by sqfstar in ``folder``."""
    target = folder / "made.squashfs"
    target.unlink(missing_ok=True)
    command = ("sqfstar", "-quiet", "-no-progress", "-mkfs-time", "0", "-comp", "gzip", str(target))
    subprocess.run(command, input=as_tar(tree), check=True, stdout=subprocess.DEVNULL)
    return target.read_bytes()


def as_package(tree: Tree, _: Path) -> bytes:
    """Return ``tree`` as a Debian package (deb(5)) with a control file of one name."""
    said = b"Package: bench\nVersion: 1.0\nArchitecture: all\nMaintainer: bench\nDescription: x\n"
    control = as_tar({"control": Item(data=said)}, "w:gz")
    parts = (
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", control),
        ("data.tar.gz", as_tar(tree, "w:gz")),
    )
    out = b"!<arch>\n"
    for name, data in parts:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode()
        out += data + b"\n" * (len(data) % 2)
    return out
