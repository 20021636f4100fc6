"""``fwverify check X`` finds what lies beside X: every kind of signature, TUF folders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fwverify.verify import lms
from tests.builders import keys, pki
from tests.cli import signed
from tests.cli.signed import CONTENT, VENDOR
from tests.verify_boot import test_lms as lms_keys
from tests.verify_statements import bundles, coses, dsses, jwss
from tests.verify_tuf import build as tuf

ROOT = pki.root("Acme Root")
RELEASE = pki.issue("Acme Release", pki.key("p256", 34), ROOT)
TUF_KEY = keys.ed_key(43)
LMS_SPKI = hashlib.sha256(lms.spki_of(lms_keys.KEY) or b"").hexdigest()
EXTRA = f"""
[[root]]
id = "code"
file = "roots/code.pem"
sha256 = "{hashlib.sha256(ROOT.der).hexdigest()}"
use = "code"
roles = ["release"]
added_by = "A. Engineer"
approved_by = "B. Approver"

[[key]]
id = "lms"
file = "keys/release.lms"
spki_sha256 = "{LMS_SPKI}"
roles = ["release"]
added_by = "A. Engineer"
approved_by = "B. Approver"
""" + signed.stores.key_table(TUF_KEY, "tuf")
FILES = {
    "roots/code.pem": ROOT.pem,
    "keys/release.lms": lms_keys.KEY,
    "keys/tuf.pem": keys.pem(TUF_KEY),
}
SCHEMES = (
    *("raw", "cms-detached", "minisign", "dsse-detached", "sigstore"),
    *("jws-detached", "cose-detached", "suit-detached", "tuf"),
)


def by_hint(content: bytes) -> bytes:
    value = bundles.make(content=content, private=VENDOR_EC)
    value["verificationMaterial"] = {"publicKey": {"hint": "release"}}
    return json.dumps(value).encode()


VENDOR_EC = keys.ec_key("secp256r1", 44)
EXTRA += signed.stores.key_table(VENDOR_EC, "release-ec")
FILES["keys/release-ec.pem"] = keys.pem(VENDOR_EC)

MAKERS: dict[str, Callable[[bytes], bytes]] = {
    ".sig": VENDOR.sign,
    ".p7s": lambda data: pki.message(data, RELEASE, certificates=(RELEASE,)),
    ".minisig": lambda data: keys.minisign(VENDOR, data),
    ".intoto.jsonl": lambda data: dsses.envelope(VENDOR, payload=dsses.statement(data)) + b"\n",
    ".dsse.json": lambda data: dsses.envelope(VENDOR, payload=dsses.statement(data)),
    ".att": lambda data: dsses.envelope(VENDOR, payload=dsses.statement(data)),
    ".sigstore.json": by_hint,
    ".sigstore": by_hint,
    ".jws": lambda data: jwss.compact(VENDOR, data),
    ".cose": lambda data: coses.sign1(VENDOR, data),
    ".suit": lambda data: coses.envelope(VENDOR, content=coses.manifest(data)),
    ".lms": lambda data: b"\0\0\0\0" + lms_keys.sign("root", 5, data),
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> signed.Gate:
    return signed.make(tmp_path_factory.mktemp("gate"), *SCHEMES, extra=EXTRA, files=FILES)


def metadata(target: bytes = CONTENT, **changes) -> dict[str, bytes]:
    repo = tuf.Repo(root_keys=[TUF_KEY], targets={"fw.txt": tuf.listed(target)}, **changes)
    return repo.files()


def folder(gate: signed.Gate, name: str, files: dict[str, bytes]) -> Path:
    """Return the update in a new folder with ``files`` beside it."""
    place = gate.folder / name
    for path, data in {"fw.txt": CONTENT, **files}.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    return place / "fw.txt"


def test_every_kind_of_signature_beside_a_file_is_found(gate: signed.Gate) -> None:
    """One run with all of them: each speaks, and each holds."""
    files = {f"fw.txt{suffix}": make(CONTENT) for suffix, make in MAKERS.items()}
    update = folder(gate, "all", files | {f"metadata/{k}": v for k, v in metadata().items()})
    ran = gate.verify(update=update)
    assert ran.code == 0, [one["reason"] for one in ran.json["signatures"]]
    shown = [one for one in ran.json["signatures"] if one["axes"]["trusted"] == "pass"]
    assert shown == ran.json["signatures"]
    schemes = [one["scheme"] for one in shown if one["path"] == "fw.txt"]
    assert sorted(set(schemes)) == sorted({*SCHEMES} - {"tuf"})
    assert len(schemes) == len(MAKERS)
    assert "tuf" in {one["scheme"] for one in shown}


def test_every_kind_over_another_file_is_refused(gate: signed.Gate) -> None:
    files = {f"fw.txt{suffix}": make(b"another file") for suffix, make in MAKERS.items()}
    ran = gate.check(update=folder(gate, "none", files))
    assert ran.code == 4
    axes = [one["axes"]["authentic"] for one in ran.json["signatures"]]
    assert len(axes) == len(MAKERS)
    assert set(axes) <= {"fail", "unverifiable"}


@pytest.mark.parametrize("suffix", [".sig", ".intoto.jsonl", ".suit", ".lms"])
def test_one_is_enough(gate: signed.Gate, suffix: str) -> None:
    files = {f"fw{suffix}": MAKERS[suffix](CONTENT)}
    ran = gate.check(update=folder(gate, f"one{suffix}", files))
    assert (ran.code, ran.json["verdict"]) == (0, "ALLOW"), ran.json["reasons"]


def test_a_metadata_folder_beside_it(gate: signed.Gate) -> None:
    files = {f"metadata/{name}": data for name, data in metadata().items()}
    ran = gate.check(update=folder(gate, "tuf", files))
    assert (ran.code, ran.json["verdict"]) == (0, "ALLOW"), ran.json["reasons"]
    members = {one["path"] for one in ran.json["subject"]["members"]}
    assert "metadata/timestamp.json" in members


def test_a_metadata_folder_beside_its_targets(gate: signed.Gate) -> None:
    files = {f"metadata/{name}": data for name, data in metadata().items()}
    update = folder(gate, "repo", files | {"targets/fw.txt": CONTENT})
    (gate.folder / "repo" / "fw.txt").unlink()
    ran = gate.check(update=update.parent / "targets" / "fw.txt")
    assert (ran.code, ran.json["verdict"]) == (0, "ALLOW"), ran.json["reasons"]


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("other", metadata(b"another file")),
        ("expired", metadata(expires={"timestamp": tuf.PAST})),
        ("rootless", {k: v for k, v in metadata().items() if "root" not in k}),
    ],
)
def test_metadata_that_says_nothing(gate: signed.Gate, name: str, files) -> None:
    beside = {f"metadata/{path}": data for path, data in files.items()}
    assert gate.check(update=folder(gate, name, beside)).code in (4, 5)
