"""Mender artifacts, made while the tests run."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
from dataclasses import replace

from fwverify.verify.scheme import Material, Neighbour, TrustedKey, View
from tests.builders import keys
from tests.builders.pki import AT
from tests.verify_cms.helpers import view

PAYLOAD = b"root file system " * 50
VERSION = b'{"format":"mender","version":3}\n'
RSA, EC, ED = keys.rsa_key(), keys.ec_key(), keys.ed_key()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tar(*files: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


HEADER = gzip.compress(tar(("header-info", b"{}")), mtime=0)
DATA = gzip.compress(tar(("rootfs.ext4", PAYLOAD)), mtime=0)


def manifest(**listed: str) -> bytes:
    base = {
        "data/0000/rootfs.ext4": sha(PAYLOAD),
        "header.tar.gz": sha(HEADER),
        "version": sha(VERSION),
    }
    names = {**base, **{name.replace("__", "/"): digest for name, digest in listed.items()}}
    return "".join(f"{digest}  {name}\n" for name, digest in names.items() if digest).encode()


def signed(private, data: bytes) -> bytes:
    if private is RSA:
        value = keys.sign_rsa(private, data)
    elif private is ED:
        value = private.sign(data)
    else:
        value = keys.sign_ec(private, data, bare=True)
    return base64.b64encode(value)


def members(text: bytes | None = None, private=EC, signature: bytes | None = None):
    text = manifest() if text is None else text
    signature = signed(private, text) if signature is None else signature
    return [
        ("version", VERSION),
        ("manifest", text),
        ("manifest.sig", signature),
        ("header.tar.gz", HEADER),
        ("data/0000.tar.gz", DATA),
    ]


def build(*arguments, **options) -> bytes:
    return tar(*members(*arguments, **options))


def seen(content: bytes, payload: bytes = PAYLOAD, name: str = "rootfs.ext4") -> View:
    path = f"a.mender!/data/0000.tar.gz!/data!/{name}"
    holders = {
        sha(data): (Neighbour(where, sha(data), len(data)),)
        for data, where in ((payload, path), (VERSION, "a.mender!/version"))
    }
    one = view(content, name="a.mender", kind="mender")
    return replace(one, holders=lambda digest: holders.get(digest, ()))


def material(*privates, usable: bool = True) -> Material:
    why = "" if usable else "the key is retired"
    found = tuple(
        TrustedKey(str(number), keys.spki(one), ("release",), usable, why)
        for number, one in enumerate(privates)
    )
    return Material(at=AT, keys=found)


TRUST = material(EC)
