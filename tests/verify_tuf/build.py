"""TUF repositories and Uptane pairs, signed while the tests run; any file can be altered."""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from fwverify.verify.scheme import Material, TrustedKey
from tests.builders import keys

AT = datetime(2026, 6, 1, tzinfo=UTC)
FAR = "2030-01-01T00:00:00Z"
PAST = "2026-01-01T00:00:00Z"
FIRMWARE = b"firmware " * 50
ROLES = ("root", "timestamp", "snapshot", "targets")


def canonical(value) -> bytes:
    """Return OLPC canonical JSON, apart from the code under test."""
    if isinstance(value, dict):
        inside = b",".join(canonical(k) + b":" + canonical(value[k]) for k in sorted(value))
        return b"{" + inside + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, str):
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return json.dumps(value).encode()


@functools.cache
def private(kind: str = "ed25519", number: int = 0):
    if kind == "ed25519":
        return keys.ed_key(1000 + number)
    if kind == "ecdsa":
        return keys.ec_key("secp256r1", 1000 + number)
    return keys.rsa_key(int(kind.removeprefix("rsa") or 2048), 1000 + number)


def public(one, *, uptane: bool = False) -> dict:
    """Return the key object of metadata."""
    if isinstance(one, ed25519.Ed25519PrivateKey):
        made = {
            "keytype": "ed25519",
            "scheme": "ed25519",
            "keyval": {"public": keys.raw(one).hex()},
        }
    else:
        pem = one.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        is_rsa = isinstance(one, rsa.RSAPrivateKey)
        made = {
            "keytype": "rsa" if is_rsa else "ecdsa",
            "scheme": "rsassa-pss-sha256" if is_rsa else "ecdsa-sha2-nistp256",
            "keyval": {"public": pem.decode()},
        }
    if uptane:
        del made["scheme"]
        made["keytype"] = made["keytype"].upper()
    return made


def keyid(one) -> str:
    return hashlib.sha256(canonical(public(one))).hexdigest()


def sign(one, data: bytes) -> bytes:
    if isinstance(one, ed25519.Ed25519PrivateKey):
        return one.sign(data)
    if isinstance(one, ec.EllipticCurvePrivateKey):
        return one.sign(data, ec.ECDSA(hashes.SHA256()))
    return one.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def envelope(signed, signers, *, uptane: bool = False, indent: int | None = None) -> bytes:
    """Return a metadata file; ``signers`` are private keys or (key id, private key)."""
    form = canonical(signed)
    if uptane:  # as aktualizr's tools: control characters escaped
        form = json.dumps(
            signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
    signatures = []
    for one in signers:
        name, key = one if isinstance(one, tuple) else (keyid(one), one)
        value = sign(key, form)
        entry = {"keyid": name, "sig": base64.b64encode(value).decode() if uptane else value.hex()}
        if uptane:
            entry["method"] = "ed25519" if len(value) == 64 else "rsassa-pss-sha256"
        signatures.append(entry)
    return json.dumps({"signatures": signatures, "signed": signed}, indent=indent).encode()


def listed(data: bytes, *, version: int | None = None, hashed: bool = True, **more) -> dict:
    entry = {"length": len(data)} if hashed else {}
    if hashed:
        entry["hashes"] = {"sha256": hashlib.sha256(data).hexdigest()}
    return entry | ({} if version is None else {"version": version}) | more


@dataclass
class Repo:
    """A repository to be written; change any part, then call ``files``."""

    number: int = 0
    kind: str = "ed25519"
    uptane: bool = False
    indent: int | None = 1
    hashed: bool = True
    version: int = 1
    threshold: int = 1
    root_keys: list = field(default_factory=list)
    expires: dict = field(default_factory=dict)
    signers: dict = field(default_factory=dict)
    targets: dict = field(default_factory=lambda: {"fw.bin": listed(FIRMWARE)})
    delegations: dict | None = None
    delegated: dict = field(default_factory=dict)
    change: dict = field(default_factory=dict)
    consistent: bool = False

    def key(self, role: str):
        return private(self.kind, self.number * 10 + ROLES.index(role))

    def roots(self) -> list:
        return self.root_keys or [self.key("root")]

    def root(self, **changes) -> dict:
        each = {role: [self.key(role)] for role in ROLES} | {"root": self.roots()}
        signed = {
            "_type": "root",
            "spec_version": "1.0.31",
            "version": self.version,
            "expires": self.expires.get("root", FAR),
            "consistent_snapshot": self.consistent,
            "keys": {
                keyid(k): public(k, uptane=self.uptane) for group in each.values() for k in group
            },
            "roles": {
                role: {
                    "keyids": [keyid(k) for k in group],
                    "threshold": self.threshold if role == "root" else 1,
                }
                for role, group in each.items()
            },
        }
        return signed | changes

    def write(self, role: str, signed: dict, *, name: str | None = None) -> bytes:
        signed = copy.deepcopy(signed)
        alter = self.change.get(name or role)
        if alter is not None:
            alter(signed)
        default = self.roots() if role == "root" else [self.key(role)]
        signers = self.signers.get(name or role, default)
        return envelope(signed, signers, uptane=self.uptane, indent=self.indent)

    def base(self, role: str, version: int, **more) -> dict:
        kind = self.expires.get(role, FAR)
        return {
            "_type": role,
            "spec_version": "1.0.31",
            "version": version,
            "expires": kind,
        } | more

    def files(self, prefix: str = "", *, with_timestamp: bool = True) -> dict[str, bytes]:
        """Return the metadata files below ``prefix``."""
        targets = self.base("targets", 3, targets=self.targets)
        if self.delegations is not None:
            targets["delegations"] = self.delegations
        made = {"root.json": self.write("root", self.root())}
        made["targets.json"] = self.write("targets", targets)
        meta = {"targets.json": self._listed(made["targets.json"], 3)}
        for name, (signed, signers) in self.delegated.items():
            data = envelope(signed, signers, indent=self.indent)
            made[f"{name}.json"] = data
            meta[f"{name}.json"] = self._listed(data, signed["version"])
        if with_timestamp:
            snapshot = self.base("snapshot", 4, meta=meta)
            made["snapshot.json"] = self.write("snapshot", snapshot)
            stamped = {"snapshot.json": self._listed(made["snapshot.json"], 4)}
            timestamp = self.base("timestamp", 5, meta=stamped)
            made["timestamp.json"] = self.write("timestamp", timestamp)
        return {prefix + name: data for name, data in made.items()}

    def _listed(self, data: bytes, version: int) -> dict:
        return listed(data, version=version, hashed=self.hashed)


def material(*privates, at: datetime = AT, usable: bool = True) -> Material:
    """Return material whose keys are ``privates``."""
    return Material(
        at=at,
        keys=tuple(
            TrustedKey(f"root-{number}", keys.spki(one), ("release",), usable, "it is revoked")
            for number, one in enumerate(privates)
        ),
    )


def update(repo: Repo | None = None, **more: bytes) -> dict[str, bytes]:
    """Return a set: metadata in ``metadata/``, the firmware in ``targets/``."""
    files = (repo or Repo()).files("metadata/")
    return files | {"targets/fw.bin": FIRMWARE} | more


def delegation(name: str, *privates, threshold: int = 1, **more) -> dict:
    """Return a delegations object with one role."""
    return {
        "keys": {keyid(one): public(one) for one in privates},
        "roles": [
            {
                "name": name,
                "keyids": [keyid(one) for one in privates],
                "threshold": threshold,
                "terminating": False,
            }
            | (more or {"paths": ["*"]})
        ],
    }


def role(targets: dict, version: int = 1, **more) -> dict:
    return {
        "_type": "targets",
        "spec_version": "1.0.31",
        "version": version,
        "expires": FAR,
        "targets": targets,
    } | more
