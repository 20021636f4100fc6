"""A gate of its own for signed updates: trust store, ledger with an approved baseline."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from tests.builders import keys
from tests.cli.program import Ran, fwverify
from tests.verify import stores

AT = "2026-06-01T00:00:00Z"
CONTENT = b"calibration = 1\nrelease = 7\n"
CASE = """\
schema = "fwverify.case/1"
vendor = "acme"
product = "M-1"
class = "generic"
submitter = "Intake Desk"
"""
VENDOR, LAB = keys.ed_key(40), keys.ed_key(41)


@dataclass(frozen=True)
class Gate:
    """A folder with configuration and case; the update lies in ``in/``."""

    folder: Path

    @property
    def update(self) -> Path:
        return self.folder / "in" / "fw.txt"

    def put(self, name: str, data: bytes) -> Path:
        """Write a file beside the update."""
        file = self.update.parent / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def check(self, *more: str | Path, update: Path | None = None) -> Ran:
        config = ("--config", self.folder / "fwverify.toml")
        case = ("--case", self.folder / "case.toml", "--at", AT, "--format", "json")
        ledger = ("--baseline", "ledger:acme/1")
        return fwverify(*config, "check", update or self.update, *case, *ledger, *more)

    def verify(self, *more: str | Path, update: Path | None = None) -> Ran:
        config = ("--config", self.folder / "fwverify.toml")
        case = ("--case", self.folder / "case.toml", "--at", AT, "--format", "json")
        return fwverify(*config, "verify", update or self.update, *case, *more)


def make(
    folder: Path, *schemes: str, extra: str = "", files: dict[str, bytes] | None = None
) -> Gate:
    """Return a gate whose rule allows ``schemes``, with the content as approved baseline."""
    listed = ", ".join(f'"{one}"' for one in schemes)
    rule = re.sub(r"schemes = .*", f"schemes = [{listed}]", stores.RULE)
    tables = stores.key_table(VENDOR) + stores.key_table(LAB, "lab", '["lab"]') + extra
    held = {"keys/release.pem": keys.pem(VENDOR), "keys/lab.pem": keys.pem(LAB), **(files or {})}
    trust = stores.vendor(folder, tables, held, rule)
    text = f'schema = "fwverify.config/1"\n[paths]\ntrust = "{trust}"\nstore = "{folder}/store"\n'
    text += f'[ledger]\nurl = "sqlite:///{folder}/ledger.sqlite"\n'
    (folder / "store").mkdir(exist_ok=True)
    (folder / "fwverify.toml").write_text(text)
    (folder / "case.toml").write_text(CASE)
    gate = Gate(folder)
    gate.put("fw.txt", CONTENT)
    approve = ("--config", folder / "fwverify.toml", "baseline", "approve", gate.update)
    ran = fwverify(*approve, "--case", folder / "case.toml", "--ref", "acme/1", "--reason",
                   "tested", "--by", "A", "--by", "B", "--at", AT)  # fmt: skip
    assert ran.code == 0, ran.err
    return gate


def attestation(content: bytes = CONTENT, **changes: object) -> bytes:
    """Return the statement over ``content``; a change of None leaves the key out."""
    values: dict[str, object] = {
        "schema": '"fwverify.attested/1"',
        "sha256": f'"{hashlib.sha256(content).hexdigest()}"',
        "size": len(content),
        "source": '"Acme support, case 4711"',
        "channel": '"telephone, number from the contract"',
        "confirmed_by": '"N. N., Acme"',
        "confirmed_at": "2026-05-01T10:00:00Z",
        "evidence_sha256": f'"{hashlib.sha256(b"minutes").hexdigest()}"',
    } | changes
    lines = (f"{key} = {value}" for key, value in values.items() if value is not None)
    return ("\n".join(lines) + "\n").encode()
