"""JCAT files, made while the tests run."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
from dataclasses import replace

from asn1crypto import pem as asn1_pem

from fwverify.verify.scheme import Material, Neighbour, TrustedKey, View
from tests.builders import keys, pki
from tests.verify_cms.helpers import view
from tests.verify_openpgp import pgp

DATA = b"device firmware " * 40
SIGNER = pgp.key(number=3)
CERT = pgp.certificate(SIGNER, pgp.user_id(SIGNER))
ED = keys.ed_key()
AT = pki.AT


def sha(data: bytes, digest: str = "sha256") -> str:
    return hashlib.new(digest, data).hexdigest()


def blob(kind: int, data: bytes, **more) -> dict:
    text = all(byte < 0x80 for byte in data)
    shown = data.decode() if text else base64.b64encode(data).decode()
    return {"Kind": kind, "Flags": int(text), "Timestamp": 1705829736, "Data": shown, **more}


def item(*blobs: dict, name: str = "fw.bin", **more) -> dict:
    return {"Id": name, "Blobs": list(blobs), **more}


def document(*items: dict, **more) -> bytes:
    root = {"JcatVersionMajor": 0, "JcatVersionMinor": 1, "Items": list(items), **more}
    return json.dumps(root).encode()


def pack(text: bytes, tail: bytes = b"") -> bytes:
    return gzip.compress(text, mtime=0) + tail


def jcat(*items: dict, tail: bytes = b"", **more) -> bytes:
    return pack(document(*items, **more), tail)


def pkcs7(data: bytes, **options) -> bytes:
    return asn1_pem.armor("PKCS7", pki.message(data, **options))


def openpgp(data: bytes, signer: pgp.Key = SIGNER) -> bytes:
    return pgp.armored(pgp.detached(signer, data, made=pgp.MADE))


def checksum(data: bytes, kind: int = 1) -> dict:
    return blob(kind, sha(data, {1: "sha256", 4: "sha1", 10: "sha512"}[kind]).encode())


def beside(content: bytes, files: dict[str, bytes], name: str = "fw.jcat") -> View:
    by_digest = {sha(data): data for data in files.values()}
    digests = {path: Neighbour(path, sha(data), len(data)) for path, data in files.items()}
    return replace(
        view(content, name=name, kind="gzip"),
        beside=digests.get,
        open=lambda digest: contextlib.nullcontext(by_digest[digest]),
    )


def material(**options) -> Material:
    ed = TrustedKey("ed", keys.spki(ED), ("release",), True)
    base = Material(at=AT, keys=(*pgp.trusted(CERT), ed), code_roots=(pki.root().cert,))
    return replace(base, **options)


TRUST = material()
GOOD_JSON = document(item(checksum(DATA), blob(2, openpgp(DATA)), blob(3, pkcs7(DATA))))
GOOD = pack(GOOD_JSON)
