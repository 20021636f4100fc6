"""The report as a CycloneDX bill of materials (ECMA-424), version 1.6 or 1.7.

Guarantees: one component per file with its SHA-256, per component that the content names,
per key or certificate, and per algorithm that a key names (CBOM); references are made of
digests, so that no name out of an update can point elsewhere; equal reports give equal
bytes. ``compositions`` says ``incomplete`` where anything was not examined and never says
``complete``: what no database names is not seen.

A licence is an SPDX id only where it is one of a short list; every other wording stands
as a name. Texts pass ``report.text.visible``.

Not here: dependencies between components, which the content rarely states.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

from fwverify.learned import is_learned
from fwverify.model import Component, Key, Node, Report
from fwverify.report.text import visible

SpecVersion: TypeAlias = Literal["1.6", "1.7"]
SPEC_VERSIONS: Final[tuple[SpecVersion, ...]] = ("1.6", "1.7")

Json = dict[str, Any]

_PURL_TYPES: Final = {"dpkg": "deb", "apk": "apk", "rpm": "rpm", "pypi": "pypi", "npm": "npm"}
_SPDX: Final = frozenset(
    (
        "0BSD", "AFL-2.1", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-2.0", "Artistic-1.0",
        "Artistic-2.0", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause", "BSL-1.0",
        "CC0-1.0", "CDDL-1.0", "CPL-1.0", "EPL-1.0", "EPL-2.0", "EUPL-1.2", "GPL-1.0-or-later",
        "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "ICU", "ISC",
        "LGPL-2.0-only", "LGPL-2.0-or-later", "LGPL-2.1-only", "LGPL-2.1-or-later",
        "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MIT-0", "MPL-1.1", "MPL-2.0", "NCSA",
        "OFL-1.1", "OpenSSL", "PSF-2.0", "Python-2.0", "Ruby", "Sleepycat", "Unlicense", "Vim",
        "W3C", "WTFPL", "X11", "Zlib", "bzip2-1.0.6", "curl", "libpng-2.0",
    )
)  # fmt: skip
_SSH_ALGORITHMS: Final = {
    "ssh-rsa": ("RSA", "signature"),
    "ssh-dss": ("DSA", "signature"),
    "ssh-ed25519": ("Ed25519", "signature"),
    "ecdsa-sha2-nistp256": ("ECDSA-P-256", "signature"),
    "ecdsa-sha2-nistp384": ("ECDSA-P-384", "signature"),
    "ecdsa-sha2-nistp521": ("ECDSA-P-521", "signature"),
}
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_WITH_CONTENT: Final = ("file", "stream", "hardlink")


def bill(report: Report, spec: SpecVersion = "1.6", vulnerabilities: Iterable[Json] = ()) -> bytes:
    """Return the bill of ``report`` as JSON with sorted keys, in UTF-8, ending in a newline."""
    listed = list(vulnerabilities)
    document = {
        **head(report, spec, "bom"),
        "components": [*_files(report), *_named(report), *_crypto(report)],
        "compositions": [{"aggregate": _aggregate(report), "assemblies": [root_ref(report)]}],
        **({"vulnerabilities": listed} if listed else {}),
    }
    return text(document)


def text(document: Json) -> bytes:
    """Return ``document`` in its one spelling."""
    return (
        json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
    ).encode("utf-8", "replace")


def head(report: Report, spec: SpecVersion, kind: str) -> Json:
    """Return what every document of this module begins with; ``kind`` tells them apart."""
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{spec}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": spec,
        "serialNumber": _serial(report, spec, kind),
        "version": 1,
        "metadata": {
            **({"timestamp": report.at} if _MOMENT.fullmatch(report.at) else {}),
            "tools": {"components": [_tool(report)]},
            "component": _root(report),
            "properties": _properties(
                ("fwverify:report_core_sha256", report.core_sha256),
                ("fwverify:notice", "A list of what was found; not a judgement."),
            ),
        },
    }


def _tool(report: Report) -> Json:
    version = report.tools.get("fwverify")
    named = {"version": visible(version)} if version is not None else {}
    return {"type": "application", "name": "fwverify", **named}


def _serial(report: Report, spec: str, kind: str) -> str:
    """Return a UUID of version 8 (RFC 9562, 5.8) made of the report's digest."""
    seed = f"{kind} {spec} {report.subject.sha256} {report.core_sha256}"
    digits = list(hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:32])
    digits[12] = "8"
    digits[16] = "89ab"[int(digits[16], 16) % 4]
    joined = "".join(digits)
    return f"urn:uuid:{joined[:8]}-{joined[8:12]}-{joined[12:16]}-{joined[16:20]}-{joined[20:]}"


def root_ref(report: Report) -> str:
    """Return the reference of the update itself."""
    return f"update-{report.subject.sha256}"


def _root(report: Report) -> Json:
    named = next((node.identity for node in report.nodes if node.identity.version), None)
    version = {"version": visible(named.version or "")} if named is not None else {}
    return {
        "type": "firmware",
        "bom-ref": root_ref(report),
        "name": visible(report.subject.name) or "update",
        **version,
        "hashes": _hashes(report.subject.sha256),
    }


def _aggregate(report: Report) -> str:
    done = (report.stages.intake, report.stages.unpack, report.stages.analyse)
    whole = all(stage.status == "complete" for stage in done)
    return "unknown" if whole and not report.image.coverage.unexplained else "incomplete"


def reference(kind: str, *values: str) -> str:
    """Return a reference that depends on ``values`` alone and holds none of them."""
    joined = "\0".join(values).encode("utf-8", "replace")
    return f"{kind}-{hashlib.sha256(joined).hexdigest()[:32]}"


def _hashes(sha256: str | None) -> list[Json]:
    known = sha256 is not None and _SHA256.fullmatch(sha256)
    return [{"alg": "SHA-256", "content": sha256}] if known else []


def _properties(*pairs: tuple[str, str | None]) -> list[Json]:
    return [{"name": name, "value": visible(value)} for name, value in pairs if value]


def _files(report: Report) -> Iterator[Json]:
    """Yield each file with content; a learned model is one, one with a version is firmware."""
    seen: set[str] = set()
    for node in report.nodes:
        ref = reference("file", node.path)
        if node.kind not in _WITH_CONTENT or node.sha256 is None or ref in seen:
            continue
        seen.add(ref)
        yield _file(node, ref)


def _file(node: Node, ref: str) -> Json:
    identity = node.identity
    kind = "firmware" if identity.version and identity.product else "file"
    made: Json = {
        "type": "machine-learning-model" if is_learned(node) else kind,
        "bom-ref": ref,
        "name": visible(node.path) or "unnamed",
        "hashes": _hashes(node.sha256),
    }
    if identity.version:
        made["version"] = visible(identity.version)
    if identity.vendor:
        made["supplier"] = {"name": visible(identity.vendor)}
    stated = _properties(
        ("fwverify:arch", identity.arch),
        ("fwverify:format", node.format),
        ("fwverify:product", identity.product),
        ("fwverify:size_bytes", None if node.size is None else str(node.size)),
    )
    return {**made, "properties": stated} if stated else made


def component_ref(each: Component) -> str:
    """Return the reference of a component that the content names."""
    return reference("pkg", each.kind, each.name, each.version, each.arch, each.path)


def _named(report: Report) -> Iterator[Json]:
    seen: set[str] = set()
    for each in report.components:
        ref = component_ref(each)
        if ref in seen:
            continue
        seen.add(ref)
        made: Json = {
            "type": "library",
            "bom-ref": ref,
            "name": visible(each.name) or "unnamed",
            "properties": _properties(
                ("fwverify:arch", each.arch),
                ("fwverify:named_by", each.kind),
                ("fwverify:path", each.path),
                ("fwverify:source", each.source),
            ),
        }
        if each.version:
            made["version"] = visible(each.version)
        if each.supplier:
            made["supplier"] = {"name": visible(each.supplier)}
        if each.licence:
            made["licenses"] = [{"license": _licence(each.licence)}]
        if purl := _purl(each):
            made["purl"] = purl
        yield made


def _licence(stated: str) -> Json:
    return {"id": stated} if stated in _SPDX else {"name": visible(stated)}


def _purl(each: Component) -> str:
    """Return the package URL (ECMA-427), without the namespace that the content lacks."""
    kind = _PURL_TYPES.get(each.kind)
    if kind is None or not each.name or not each.version:
        return ""
    name = each.name if kind == "npm" else each.name.lower()
    path = "/".join(_quoted(part) for part in name.split("/") if part)
    arch = f"?arch={_quoted(each.arch)}" if each.arch else ""
    return f"pkg:{kind}/{path}@{_quoted(each.version)}{arch}" if path else ""


def _quoted(value: str) -> str:
    return quote(value.encode("utf-8", "replace"), safe=".-_~:")


def _crypto(report: Report) -> Iterator[Json]:
    """Yield algorithms that keys name, then keys and certificates, once per place."""
    kinds = sorted({key.kind for key in report.keys if key.kind in _SSH_ALGORITHMS})
    for kind in kinds:
        name, primitive = _SSH_ALGORITHMS[kind]
        yield {
            "type": "cryptographic-asset",
            "bom-ref": reference("algorithm", name),
            "name": name,
            "cryptoProperties": {
                "assetType": "algorithm",
                "algorithmProperties": {"primitive": primitive},
            },
        }
    seen: set[str] = set()
    for key in report.keys:
        ref = reference("key", key.kind, key.fingerprint, key.path)
        if ref not in seen:
            seen.add(ref)
            yield _key(key, ref)
    for signer in sorted({each.key_sha256 for each in report.signatures if each.key_sha256}):
        yield {
            "type": "cryptographic-asset",
            "bom-ref": reference("signer", signer),
            "name": f"key of a signature, SHA-256 {signer}",
            "cryptoProperties": {
                "assetType": "related-crypto-material",
                "relatedCryptoMaterialProperties": {"type": "public-key", "id": signer},
            },
        }


def _key(key: Key, ref: str) -> Json:
    return {
        "type": "cryptographic-asset",
        "bom-ref": ref,
        "name": visible(f"{key.kind} {key.fingerprint}"),
        "cryptoProperties": _crypto_properties(key),
        "properties": _properties(("fwverify:kind", key.kind), ("fwverify:path", key.path)),
    }


def _crypto_properties(key: Key) -> Json:
    if key.kind == "certificate":
        return {"assetType": "certificate"}
    private = key.kind.startswith("private")
    material: Json = {
        "type": "private-key" if private else "public-key",
        "id": visible(key.fingerprint),
    }
    if key.kind in _SSH_ALGORITHMS:
        material["algorithmRef"] = reference("algorithm", _SSH_ALGORITHMS[key.kind][0])
    return {
        "assetType": "related-crypto-material",
        "relatedCryptoMaterialProperties": material,
    }
