"""RAUC bundles laid out by hand. The payload need not be a real squashfs."""

from __future__ import annotations

import hashlib

from tests.builders import pki

PAYLOAD = b"hsqs" + bytes(range(256)) * 32 + b"end."
IMAGE = b"root file system image"
SALT = bytes(range(32))


def manifest(*, kind: str | None = None, files: dict[str, bytes] | None = None, **bundle) -> bytes:
    """Return a manifest listing ``files`` (by default one image)."""
    listed = {"rootfs.img": IMAGE} if files is None else files
    lines = ["[update]", "compatible=Test Config", "version=2026.01", ""]
    if kind:
        lines += ["[bundle]", f"format={kind}"]
        lines += [f"{key.replace('_', '-')}={value}" for key, value in bundle.items()] + [""]
    for name, content in listed.items():
        digest = hashlib.sha256(content).hexdigest()
        section = name.split(".")[0]
        lines += [f"[image.{section}]", f"filename={name}", f"sha256={digest}", ""]
    return "\n".join(lines).encode()


def join(payload: bytes, message: bytes, size: int | None = None) -> bytes:
    """Return payload, message and the trailing size."""
    stated = len(message) if size is None else size
    return payload + message + stated.to_bytes(8, "big")


def plain(payload: bytes = PAYLOAD, **options) -> bytes:
    return join(payload, pki.message(payload, **options))


def tree_of(data: bytes, salt: bytes = SALT) -> tuple[bytes, bytes]:
    """Return the dm-verity tree and root digest of ``data``, by the textbook."""

    def digests(blocks: bytes) -> bytes:
        return b"".join(
            hashlib.sha256(salt + blocks[at : at + 4096]).digest()
            for at in range(0, len(blocks), 4096)
        )

    levels: list[bytes] = []
    current = data
    while len(current) > 4096:
        below = digests(current)
        current = below + b"\0" * (-len(below) % 4096)
        levels.append(current)
    return b"".join(reversed(levels)), digests(current)


def blocks(count: int) -> bytes:
    return b"".join(hashlib.sha256(b"%d" % n).digest() * 128 for n in range(count))


def verity(data: bytes | None = None, *, kind: str = "verity", files=None, **changes) -> bytes:
    """Return a verity (or crypt) bundle; ``changes`` override the manifest's values."""
    data = blocks(200) if data is None else data
    tree, root = tree_of(data)
    values = {
        "verity_hash": root.hex(),
        "verity_salt": SALT.hex(),
        "verity_size": str(len(tree)),
    } | changes
    text = manifest(kind=kind, files=files, **values)
    return join(data + tree, pki.message(text, attached=True))
