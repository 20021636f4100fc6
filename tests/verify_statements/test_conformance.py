"""The Sigstore project's own conformance bundles, where their repository lies at hand.

``$FWVERIFY_SIGSTORE_CONFORMANCE`` names a checkout of sigstore/sigstore-conformance. Bundles of
versions 0.1 and 0.2 are shown in the form of 0.3: what they check is the same.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import x509

from fwverify.verify.keys import KeyFormatError, read_keys
from fwverify.verify.scheme import Holder, LogKey, Material, TrustedKey
from fwverify.verify.sigstore import SIGSTORE
from tests.verify_cms.helpers import accepted
from tests.verify_statements.helpers import run, shown

FOLDER = Path(os.environ.get("FWVERIFY_SIGSTORE_CONFORMANCE", "/nonexistent"))
CASES = FOLDER / "test" / "assets" / "bundle-verify"
SUBJECT = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/"
    ".github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ISSUER = "https://token.actions.githubusercontent.com"
EXPLAINED = {
    "intoto-with-custom-trust-root": "intoto entries are not read: unverifiable",
    "rekor2-timestamp-outside-trust-root-tsa-validity_fail": "time roots have no window here",
    "trust-root-tlog-missing-validity-start_fail": "a fault of a trust root file, not ours",
}


def _production() -> Path | None:
    sigstore = pytest.importorskip("sigstore", reason="ORACLE NOT RUN: sigstore")
    store = Path(sigstore.__file__).parent / "_store"
    found = [one for one in store.rglob("trusted_root.json") if "stage" not in str(one)]
    return found[0] if found else None


def _text(case: Path, name: str, default: str) -> str:
    return (case / name).read_text().strip() if (case / name).is_file() else default


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _material(case: Path) -> Material:
    own = case / "trusted_root.json"
    root = json.loads((own if own.is_file() else _production()).read_text())
    logs = []
    for use, name in (("rekor", "tlogs"), ("ct", "ctlogs")):
        for number, log in enumerate(root.get(name, [])):
            key, window = log["publicKey"], log["publicKey"].get("validFor", {})
            spki = base64.b64decode(key["rawBytes"])
            span = _time(window.get("start")), _time(window.get("end"))
            logs.append(LogKey(f"{name} {number}", spki, use, *span))
    key = case / "key.pub"
    held = read_keys(key.read_bytes(), "key") if key.is_file() else ()
    return Material(
        at=datetime(2026, 11, 21, tzinfo=UTC),
        keys=tuple(TrustedKey("key", one.spki, ("release",), usable=True) for one in held),
        identity_roots=_certificates(root["certificateAuthorities"]),
        time_roots=_certificates(root.get("timestampAuthorities", [])),
        logs=tuple(logs),
        holders=(Holder(_text(case, "identity", SUBJECT), _text(case, "issuer", ISSUER)),),
    )


def _certificates(authorities: list) -> tuple[x509.Certificate, ...]:
    listed = (one["rawBytes"] for each in authorities for one in each["certChain"]["certificates"])
    return tuple(x509.Certificate.load(base64.b64decode(one)) for one in listed)


def _as_3(raw: bytes) -> bytes:
    try:
        value = json.loads(raw)
    except ValueError:
        return raw
    if value.get("mediaType", "").endswith(("version=0.1", "version=0.2")):
        value["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json"
    material = value.get("verificationMaterial", {})
    listed = material.pop("x509CertificateChain", {}).get("certificates", [])
    if listed:
        material["certificate"] = listed[0]
    return json.dumps(value).encode()


def _names() -> list[str]:
    return sorted(one.name for one in CASES.iterdir() if one.is_dir()) if CASES.is_dir() else []


@pytest.mark.skipif(not CASES.is_dir(), reason="ORACLE NOT RUN: FWVERIFY_SIGSTORE_CONFORMANCE")
@pytest.mark.parametrize("name", _names())
def test_conformance(name: str) -> None:
    case = CASES / name
    artifact = case / "artifact" if (case / "artifact").is_file() else CASES / "a.txt"
    wanted = not name.endswith("_fail")
    try:
        material = _material(case)
    except KeyFormatError:
        assert not wanted
        return
    member = _as_3((case / "bundle.sigstore.json").read_bytes())
    seen = shown(artifact.read_bytes(), detached=(("a.sigstore.json", member),))
    results = run(SIGSTORE, seen, material)
    if name in EXPLAINED:
        assert accepted(results) is not wanted
    else:
        assert accepted(results) is wanted, [one.reason for one in results]
