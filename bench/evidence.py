"""How long a package takes beyond the analysis: ``python -m bench.evidence [FILES] [MiB]``.

Makes an update of FILES files and MiB mebibytes in memory of the shape that a check
reports (one node per file), and measures the core, the signed package, ``evidence.check``
and, where openssl is there, ``verify.sh``. The analysis itself is not measured here.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from fwverify.canonical import make_finding, seal
from fwverify.evidence import building, check, layout, sealing
from fwverify.model import Report
from tests.builders import reports
from tests.evidence import lab

FILES, MIB = 5_000, 100


def report(files: int, mib: int) -> Report:
    """A report over ``files`` files: a finding in every tenth, an endpoint in every fifth."""
    size = mib * 2**20 // files
    paths = [f"{reports.ROOTFS}!/usr/lib/part{n % 97}/file{n:05}.so" for n in range(files)]
    found = tuple(
        make_finding(rule="net.listen", path=p, text="listens on a port", evidence=(f"port {n}",))
        for n, p in enumerate(paths)
        if n % 10 == 0
    )
    first = reports.REVIEW.endpoints[0] if reports.REVIEW.endpoints else None
    ends = tuple(msgspec.structs.replace(first, path=p) for p in paths[::5]) if first else ()
    nodes = tuple(reports.node(path, size, format="elf") for path in paths)
    return seal(
        msgspec.structs.replace(
            reports.REVIEW,
            nodes=(*reports.REVIEW.nodes, *nodes),
            findings=tuple(sorted((*reports.REVIEW.findings, *found), key=lambda f: f.path)),
            endpoints=(*reports.REVIEW.endpoints, *ends),
        )
    )


def main(files: int, mib: int) -> None:
    """Print the figures, one line each."""
    made = report(files, mib)
    by = sealing.Seal(at=datetime.now(UTC), lab=lab.signatory(lab.person("Lab")))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        begun = time.perf_counter()
        layout.core(layout.under(made))
        core = time.perf_counter() - begun
        begun = time.perf_counter()
        data = next(iter(building.packages(made, by).values()))
        whole = time.perf_counter() - begun
        begun = time.perf_counter()
        state = check.check(data, lab.trust()).state
        checked = time.perf_counter() - begun
        (place / "p.asice").write_bytes(data)
        (place / "ca.pem").write_bytes(lab.authority("Lab CA").pem)
        (place / "verify.sh").write_bytes(layout.script())
        begun = time.perf_counter()
        shell = subprocess.run(
            ["sh", "verify.sh", "p.asice", "--anchor", "ca.pem"],
            cwd=place,
            capture_output=True,
            check=False,
        )
        scripted = time.perf_counter() - begun
    print(f"{files} files, {mib} MiB: package of {len(data)} bytes, {state}")
    print(f"core {core:.2f} s, package {whole:.2f} s, check {checked:.2f} s")
    print(f"verify.sh {scripted:.2f} s, status {shell.returncode}")


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given + [FILES, MIB][len(given) :]))
