"""A laboratory, an approver and a time-stamp authority, made for one run of the tests."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization

from fwverify.canonical import digest, seal
from fwverify.canonical import sha256_hex as sha256_hex
from fwverify.case import Case
from fwverify.evidence import layout, sealing, statements
from fwverify.evidence.check import Trust
from fwverify.evidence.signers import Signatory
from fwverify.evidence.stamps import Authority
from fwverify.evidence.steering import Asked, ConfigUsed, PolicyUsed, Steering, TrustUsed
from fwverify.limits import Limits
from fwverify.model import OVERLAYS
from fwverify.policy.load import load_class, parse_tightening, with_tightening
from fwverify.policy.model import LoadedPolicy, Tightening
from fwverify.verify.chain import Anchors
from tests.builders import pki, reports

NOW = datetime.now(UTC).replace(microsecond=0)
VALID = {"since": NOW - timedelta(days=30), "until": NOW + timedelta(days=300)}
SIGNING = (pki.key_usage(0), pki.extended_key_usage(pki.EMAIL))
STAMPING = (pki.key_usage(0), pki.extended_key_usage(pki.TIME_STAMPING, critical=True))

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")


@functools.cache
def authority(name: str) -> pki.Identity:
    """A certification authority of its own."""
    return pki.issue(name, pki.key("p256", pki.hash_number(name)), ca=True, **VALID)


@functools.cache
def person(name: str, ca: str = "Lab CA", kind: str = "p256") -> pki.Identity:
    """Someone with a certificate for signing."""
    return pki.issue(
        name, pki.key(kind, pki.hash_number(name + ca)), authority(ca), extensions=SIGNING, **VALID
    )


def signatory(identity: pki.Identity) -> Signatory:
    return Signatory(identity.private, identity.cert)


def key_pem(identity: pki.Identity) -> bytes:
    return identity.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def trust(ca: str | None = "Lab CA", time: str | None = "Time CA", at: datetime | None = None):
    """What a verifier brings who trusts these authorities."""
    roots = Anchors((authority(ca).cert,)) if ca else None
    stamping = Anchors((authority(time).cert,)) if time else None
    return Trust(at or datetime.now(UTC) + timedelta(seconds=1), roots, stamping)


class Handler(BaseHTTPRequestHandler):
    """Answers RFC 3161 requests with ``openssl ts``."""

    folder: Path
    answer: bytes | None = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        reply = self.answer if self.answer is not None else self._stamp(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.end_headers()
        self.wfile.write(reply)

    def _stamp(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        subprocess.run(
            [
                "openssl",
                "ts",
                "-reply",
                "-config",
                "tsa.cnf",
                "-queryfile",
                "query",
                "-out",
                "reply",
            ],
            cwd=self.folder,
            check=True,
            capture_output=True,
        )
        return (self.folder / "reply").read_bytes()

    def log_message(self, *_: object) -> None:
        pass


CONFIG = """\
[tsa]
default_tsa = one
[one]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
certs = ca.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@contextlib.contextmanager
def stamping(folder: Path, ca: str = "Time CA", answer: bytes | None = None) -> Iterator[str]:
    """Serve a time-stamp authority on the loopback; yield its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{ca} stamper"
    unit = stamper(name, ca)
    (folder / "tsa.cnf").write_text(CONFIG)
    (folder / "tsa.pem").write_bytes(unit.pem)
    (folder / "ca.pem").write_bytes(authority(ca).pem)
    (folder / "tsa.key").write_bytes(key_pem(unit))
    (folder / "serial").write_text("01\n")
    handler = type("Bound", (Handler,), {"folder": folder, "answer": answer})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@functools.cache
def stamper(name: str, ca: str) -> pki.Identity:
    return pki.issue(
        name, pki.key("p256", pki.hash_number(name)), authority(ca), extensions=STAMPING, **VALID
    )


def time_authority(url: str, ca: str = "Time CA") -> Authority:
    return Authority(url, Anchors((authority(ca).cert,)))


CASE = Case(
    schema="fwverify.case/1",
    vendor="acme",
    product="bus",
    class_name="vehicle-ecu",
    id="case-7",
    submitter="CasePlanted",
)
VENDOR = 'schema = "fwverify.vendor/1"\nvendor = "acme"\n# VendorPlanted\n'
"""What stands for the vendor's file of a trust store."""


def policy(text: str = "SitePlanted", measure: str = "MeasurePlanted") -> LoadedPolicy:
    """A policy over its class: a rule for both overlays, and one for national security alone."""
    made = load_class("vehicle-ecu")
    for name, words, overlays in (
        ("yard", text, OVERLAYS),
        ("measure", measure, ("national_security_rules",)),
    ):
        rule = msgspec.structs.replace(
            made.policy.rules[0], id=f"{name}.rule", text=words, overlays=overlays, knock_out=False
        )
        over = Tightening(
            schema="fwverify.tightening/1", name=name, version="1", text=words, rules=(rule,)
        )
        data = written(over)
        made = with_tightening(made, parse_tightening(data, f"{name}.toml"))
    return made


def written(over: Tightening) -> bytes:
    """``over`` as TOML; no key of it is null."""
    plain = msgspec.to_builtins(over)
    (rule,) = plain.pop("rules")
    told = {name: plain[name] for name in ("schema", "name", "version", "text")}
    rule = {key: value for key, value in rule.items() if value is not None}
    lines = [f"{key} = {json.dumps(value)}" for key, value in told.items()]
    when, following = rule.pop("when"), rule.pop("next")
    lines += ["[[rules]]", *(f"{key} = {json.dumps(value)}" for key, value in rule.items())]
    rows = ", ".join(f"{key} = {json.dumps(value)}" for key, value in following.items())
    lines.append(f"next = {{ {rows} }}")
    for one in when:
        rows = ", ".join(f"{key} = {json.dumps(value)}" for key, value in one.items())
        lines.append(f"when = [ {{ {rows} }} ]")
    return "\n".join(lines).encode()


def steered(report=reports.ALLOW, case=CASE, loaded=None, vendor=VENDOR, **asked):
    """Return ``report`` as if case and policy had steered it, and what steered it."""
    loaded = loaded or policy()
    digests = msgspec.structs.replace(report.digests, case=digest(case), policy=loaded.sha256)
    told = seal(msgspec.structs.replace(report, digests=digests, case=case.label))
    given = {
        "ad_hoc": (), "baseline": None, "supersedes": None, "superseded": None, "second": None
    }  # fmt: skip
    return told, Steering(
        report=told.core_sha256,
        asked=Asked(**given | asked),
        case=case,
        policy=PolicyUsed(
            label=loaded.label,
            sha256=loaded.sha256,
            sources=loaded.sources,
            effective=loaded.policy,
        ),
        trust=TrustUsed(rule="acme/bus", keys=(), vendor=vendor),
        config=ConfigUsed(engine="both", limits=Limits(), signatures_required=0, people=0),
        accepted=(),
        revoked=0,
    )


def package(report=reports.ALLOW, lab=None, approver=None, url=None, kind="evidence", ca="Time CA",
            steering=None):  # fmt: skip
    """Return a package of ``report``."""
    by = sealing.Seal(
        at=datetime.now(UTC),
        lab=signatory(lab) if lab else None,
        approver=signatory(approver) if approver else None,
        authority=time_authority(url, ca) if url else None,
    )
    report = seal(report)
    core = layout.core(report, steering)
    return sealing.seal(core, kind, report.subject.sha256, by, statements.of(report))


# --- the script ------------------------------------------------------------------------

TOOLS = (
    *("awk", "cat", "cmp", "cp", "date", "dd", "grep", "mkdir", "mktemp", "od", "rm", "sed"),
    *("sha256sum", "sort", "tail", "tr", "uniq", "unzip", "wc", "find"),
)


@dataclass(frozen=True)
class Shell:
    """A shell and a folder with the programs it may use: no Python, nothing of ours."""

    program: tuple[str, ...]
    path: Path

    def verify(self, package: bytes, folder: Path, *options: str) -> tuple[int, str]:
        """Run the script from outside over ``package``; return its status and what it says."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "verify.sh").write_bytes(layout.script())
        (folder / "p.asice").write_bytes(package)
        done = subprocess.run(
            [*self.program, "verify.sh", "p.asice", *options],
            cwd=folder,
            capture_output=True,
            text=True,
            env={"PATH": str(self.path), "TMPDIR": str(folder)},
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr


def shell(kind: str, folder: Path) -> Shell:
    """Return dash with the system's tools, or busybox with its own (and openssl)."""
    folder.mkdir(parents=True, exist_ok=True)
    openssl, busybox = shutil.which("openssl"), shutil.which("busybox")
    program = shutil.which("dash") if kind == "dash" else busybox
    if openssl is None or program is None:
        pytest.skip(f"{kind} or openssl is not here")
    for tool in TOOLS:
        target = busybox if kind == "busybox" else shutil.which(tool)
        if target is None:
            pytest.skip(f"{tool} is not here")
        (folder / tool).symlink_to(target)
    (folder / "openssl").symlink_to(openssl)
    return Shell((program,) if kind == "dash" else (program, "sh"), folder)
