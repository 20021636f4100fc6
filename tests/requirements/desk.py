"""A laboratory's desk: trust store, policies, ledger, cases and updates of one vendor.

Updates are tar archives with a detached signature of the vendor beside them. What is
checked here goes through the command line, in this process.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.builders import keys
from tests.cli.program import Ran, inside
from tests.verify import stores

AT = "2026-11-21T12:00:00Z"
VENDOR = keys.ed_key(70)
REF = "acme/unit/1"
PLAIN = {
    "usr/share/release": b"release 1\n",
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n",
    "etc/shadow": b"root:!:19000:0:99999:7:::\n",
    "etc/init.d/S50app": b"#!/bin/sh\n/usr/bin/app\n",
}
NEXT = {**PLAIN, "usr/share/release": b"release 2\n"}


def tar(files: dict[str, bytes]) -> bytes:
    """Return ``files`` as a tar archive; what lies in ``init.d`` or ``bin`` may be run."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o755 if re.search(r"init\.d/|bin/", name) else 0o644
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def rules(ran: Ran) -> set[str]:
    """The rules of the reasons that a report gives."""
    return {each["rule"] for each in ran.json["reasons"]}


def reason(ran: Ran, rule: str) -> dict[str, Any]:
    """The one reason of ``rule``."""
    (found,) = (each for each in ran.json["reasons"] if each["rule"] == rule)
    return found


@dataclass(frozen=True)
class Desk:
    """A folder with everything; an update is named by its file."""

    folder: Path

    def run(self, *call: str | Path, config: str = "fwverify.toml") -> Ran:
        """Run the program at this desk."""
        return inside("--config", self.folder / config, *call, cwd=self.folder)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the desk."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def update(self, files: dict[str, bytes], name: str = "unit.tar", *, signed: bool = True):
        """Write an update in a folder of its own, with its signature beside it."""
        data = tar(files)
        own = hashlib.sha256(data).hexdigest()[:12] + ("" if signed else "-unsigned")
        file = self.folder / "in" / own / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        if signed:
            file.with_name(f"{name}.sig").write_bytes(VENDOR.sign(data))
        return file

    def case(self, name: str = "case.toml", more: str = "", context: str = "", **keys_: str):
        """Write a case; ``context`` are the lines of its deployment."""
        values = {"vendor": "acme", "product": "unit", "class": "generic", "submitter": "Desk"}
        values |= {("class" if key == "class_name" else key): val for key, val in keys_.items()}
        lines = [f'{key} = "{value}"' for key, value in values.items()]
        head = 'schema = "fwverify.case/1"\n' + "\n".join(lines) + "\n"
        return self.write(name, f"{head}{more}\n" + (f"[context]\n{context}" if context else ""))

    def approve(self, update: Path, case: Path, ref: str = REF) -> None:
        """Have two people approve ``update`` as the baseline ``ref``."""
        ran = self.run("baseline", "approve", update, "--case", case, "--ref", ref, "--reason",
                       "examined", "--by", "Ann", "--by", "Bob", "--at", AT)  # fmt: skip
        assert ran.code == 0, ran

    def check(self, update: Path, case: Path, *more: str | Path, ref: str | None = REF, at=AT):
        """Check ``update``; the answer is the report as JSON."""
        baseline = ("--baseline", f"ledger:{ref}") if ref else ()
        return self.run("check", update, "--case", case, *baseline, "--at", at, "--jobs", "1",
                        "--format", "json", *more)  # fmt: skip


def make(folder: Path, config: str = "", paths: tuple[str, ...] = ("policies",)) -> Desk:
    """Return a desk whose trust store knows the vendor; ``config`` are further lines.

    ``paths`` are the folders that it keeps: ``policies``, ``suppliers``.
    """
    rule = re.sub(r"schemes = .*", 'schemes = ["raw"]', stores.RULE)
    rule = rule.replace('products = ["M-*"]', 'products = ["*"]')
    trust = stores.vendor(folder, stores.key_table(VENDOR), {"keys/release.pem": keys.pem(VENDOR)},
                          rule)  # fmt: skip
    desk = Desk(folder)
    for each in paths:
        (folder / each).mkdir(exist_ok=True)
    named = "".join(f'{each} = "{each}"\n' for each in paths)
    desk.write(
        "fwverify.toml",
        'schema = "fwverify.config/1"\n[ledger]\nurl = "sqlite:///ledger.sqlite"\n[paths]\n'
        f'trust = "{trust}"\nstore = "store"\ncases = "cases"\n{named}{config}',
    )
    return desk
