"""Releases, pins and revocation lists made for one test, and both gates run over them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from fwverify.gate import form, keys
from fwverify.gate.judge import Papers, Refused, judge, same_update
from fwverify.gate.update import Unreadable, hashed
from fwverify.keyring.detached import spki_of

SCRIPT = Path(keys.__file__).with_name("gate.sh")
AT = "2026-11-21T12:00:00Z"
CONTENT = b"image of a telematics unit\n" * 40
ANN, BOB, CY, EVE, LIST = (ed25519.Ed25519PrivateKey.generate() for _ in range(5))
BOB = ec.generate_private_key(ec.SECP256R1())
BOB_OLD = ed25519.Ed25519PrivateKey.generate()
CONTEXT = b'["bus-truck",{"connectivity":"stand-alone","site":"Rotterdam"}]'


def base64_of(private) -> tuple[str, str, str]:
    import base64

    spki = spki_of(private)
    return (
        keys.fingerprint(spki),
        str(keys.algorithm_of(spki)),
        base64.b64encode(spki).decode(),
    )


def pin(private, person: str) -> str:
    return " ".join((*base64_of(private), form.escaped(person)))


def pins(release=None, revocation=None) -> bytes:
    if release is None:
        release = (pin(ANN, "Ann"), pin(BOB, "Bob Ö."), pin(BOB_OLD, "Bob Ö."), pin(CY, "Cy \\n"))
    if revocation is None:
        revocation = (pin(LIST, "Desk"),)
    made = form.make(form.PINS, {"release-key": release, "revocation-key": revocation})
    return form.write(made)


def signed(record: form.Record, *privates) -> bytes:
    lines = sorted({keys.signature_line(each, record.body) for each in privates})
    return form.write(replace(record, signatures=tuple(lines)))


def release(domain=form.RELEASE, signers=None, members=None, **changed) -> bytes:
    digest = hashlib.sha256(CONTENT).hexdigest()
    values = {
        "subject": digest, "kind": "file", "size": str(len(CONTENT)),
        "context": hashlib.sha256(CONTEXT).hexdigest(),
        "config": "1" * 64, "policy": "2" * 64, "trust": "3" * 64, "rules": "4" * 64,
        "baseline": "-", "report": "5" * 64, "at": "2026-11-20T00:00:00Z",
        "verdict": "ALLOW" if domain == form.VERDICT else "REVIEW",
        "submitter": "Desk",
        "not-before": "2026-11-20T00:00:00Z", "not-after": "2026-12-20T00:00:00Z",
    }  # fmt: skip
    if domain == form.RELEASE:
        values |= {"mode": "interim", "condition": ("keep it off the net", "100%25 watched")}
        values |= {"accept": (f"finding {'a' * 64}", "reason baseline.none")}
    if members is not None:
        values |= {"kind": "set", "member": members}
    values |= {name.replace("_", "-"): value for name, value in changed.items()}
    return signed(form.make(domain, values), *((ANN, BOB) if signers is None else signers))


def revocations(signers=None, **changed) -> bytes:
    values = {
        "number": "7", "this-update": "2026-11-21T00:00:00Z",
        "next-update": "2026-11-22T00:00:00Z",
        "release": ("b" * 64,), "subject": ("c" * 64, "d" * 64), "key": (),
    }  # fmt: skip
    values |= {name.replace("_", "-"): value for name, value in changed.items()}
    return signed(form.make(form.REVOCATIONS, values), *((LIST,) if signers is None else signers))


@dataclass(frozen=True)
class Trial:
    """Everything that a gate is given; ``update`` is bytes, a dict of files or None."""

    update: object = CONTENT
    papers: Papers = field(
        default_factory=lambda: Papers(release(), CONTEXT, pins(), revocations())
    )
    at: str = AT

    def with_(self, **changed) -> Trial:
        mine = {name: changed.pop(name) for name in ("update", "at") if name in changed}
        return replace(self, papers=replace(self.papers, **changed), **mine)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath(".written").touch()
        for name in ("release", "context", "pins", "revocations"):
            (folder / name).write_bytes(getattr(self.papers, name))
        update = folder / "update"
        if isinstance(self.update, bytes):
            update.write_bytes(self.update)
        elif isinstance(self.update, dict):
            for name, content in self.update.items():
                file = Path(os.fsdecode(os.fsencode(update) + b"/" + name))
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        return update


def python(trial: Trial, folder: Path) -> str:
    """Return what the Python gate says: ``released`` or the code of its refusal."""
    update = trial.write(folder)
    try:
        passed = judge(trial.papers, trial.at)
        same_update(passed, hashed(update))
    except Refused as error:
        return error.code
    except Unreadable:
        return "missing"
    return "released"


def script(trial: Trial, folder: Path, shell=("dash",), programs: str | None = None) -> str:
    """Return what the script says; it never complains and leaves nothing behind."""
    if not folder.joinpath(".written").exists():
        trial.write(folder)
    work = folder / "tmp"
    work.mkdir(exist_ok=True)
    done = subprocess.run(
        [*shell, str(SCRIPT), str(folder / "update"), "--at", trial.at,
         *(word for name in ("release", "context", "pins", "revocations")
           for word in (f"--{name}", str(folder / name)))],
        check=False, capture_output=True, timeout=60,
        env={"PATH": programs or os.environ["PATH"], "TMPDIR": str(work)},
    )  # fmt: skip
    assert done.stderr == b"", done.stderr
    assert list(work.iterdir()) == []
    word, _, rest = done.stdout.decode("ascii", "replace").partition(" ")
    assert (word, done.returncode) in (("released", 0), ("refused", 4), ("missing", 5)), done
    return word if word != "refused" else rest.partition(":")[0]
