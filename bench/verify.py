"""Verification speed in process, after import, beside osslsigncode and apksigner.

``python -m bench.verify [--modules FOLDER] [--shim FILE] [--apk FILE]`` prints medians of
five runs and writes ``bench/out/verify.json``. Without ``--modules`` 4,000 modules of
about 94 KiB are made and signed (RSA-2048, SHA-256) first; with it every ``*.ko`` below the
folder is taken, such as an unpacked Debian kernel package. The shim with two signatures is
that of the corpus; without it a twice signed PE of a mebibyte is made. The package is made:
18 MB, APK signature scheme v2 and v3.

Each run maps the file, asks the scheme and reads the result. The other tools are
processes of their own: their start is part of their figure, and is shown apart.
"""

from __future__ import annotations

import argparse
import json
import mmap
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from asn1crypto import x509

from fwverify.verify.apk import APK
from fwverify.verify.authenticode import AUTHENTICODE_PE
from fwverify.verify.kernel_module import KERNEL_MODULE
from fwverify.verify.scheme import Material, Scheme, Signed
from tests.builders import pki
from tests.corpus import CORPUS
from tests.verify_apk import build as packages
from tests.verify_apk.helpers import material as package_material
from tests.verify_authenticode import builder as programs
from tests.verify_cms.helpers import material, view
from tests.verify_kmod.helpers import TRUST, module

RUNS: Final = 5
RESULT: Final = Path(__file__).resolve().parent / "out" / "verify.json"
SHIM: Final = CORPUS / "uefi_shim_signed" / "update_16.1" / "shimx64.efi.signed"
MODULES: Final = 4000
MODULE_BYTES: Final = 94 * 1024
PACKAGE_BYTES: Final = 18_000_000


@dataclass(frozen=True)
class Line:
    """One row: milliseconds, medians of ``RUNS``; wall clock but for ``cpu_ms``."""

    name: str
    files: int
    size_bytes: int
    fwverify_ms: int
    cpu_ms: int
    bound_ms: int
    other: str
    other_ms: int | None
    other_start_ms: int | None


def _verify(scheme: Scheme, path: Path, trust: Material) -> tuple[Signed, ...]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        seen = view(b"", name=path.name)
        seen = type(seen)(
            placed=seen.placed,
            content=content,
            detached=(),
            child=seen.child,
            read=seen.read,
        )
        return scheme.verify(seen, trust) if scheme.applies(seen) else ()


def _all(scheme: Scheme, paths: list[Path], trust: Material, trusted: bool) -> None:
    for path in paths:
        found = _verify(scheme, path, trust)
        if not found or any(one.authentic != "pass" for one in found):
            raise SystemExit(f"bench: {path.name}: {[one.reason for one in found]}")
        if trusted and any(one.trusted != "pass" for one in found):
            raise SystemExit(f"bench: {path.name} is not trusted")


def _median_ms(call: Callable[[], object]) -> tuple[int, int]:
    """Return wall clock and this process's own time of a call, after one to warm up."""
    call()
    times: list[tuple[float, float]] = []
    for _ in range(RUNS):
        begun, used = time.perf_counter(), time.process_time()
        call()
        times.append((time.perf_counter() - begun, time.process_time() - used))
    wall, own = (round(statistics.median(column) * 1000) for column in zip(*times, strict=True))
    return wall, own


def _process_ms(*command: str) -> int | None:
    """Return the median of a tool's run; nothing where it is not installed."""
    if shutil.which(command[0]) is None:
        return None

    def call() -> None:
        subprocess.run(command, capture_output=True, check=False, timeout=300)

    return _median_ms(call)[0]


def _modules(folder: Path) -> list[Path]:
    folder.mkdir()
    for number in range(MODULES):
        body = b"\x7fELF\x02\x01\x01" + number.to_bytes(9, "big") + b"\x01\x00"
        body += (b"%08d module code " % number) * (MODULE_BYTES // 21)
        (folder / f"m{number:04}.ko").write_bytes(module(body))
    return sorted(folder.iterdir())


def _shim_material() -> Material:
    folder = SHIM.parents[1] / "keys"
    roots = []
    for name in ("MicCorUEFCA2011_2011-06-27.pem", "microsoft_uefi_ca_2023.pem"):
        found = subprocess.run(
            ("openssl", "x509", "-in", str(folder / name), "-outform", "DER"),
            capture_output=True,
            check=True,
        )
        roots.append(x509.Certificate.load(found.stdout))
    return Material(at=pki.AT, code_roots=tuple(roots))


def _package() -> bytes:
    noise = b"".join(pki.hash_number(str(at)).to_bytes(8, "big") for at in range(4096))
    size = PACKAGE_BYTES // 6
    files = {f"lib/l{at}.so": (noise * (size // len(noise) + 1))[:size] for at in range(6)}
    base = packages.archive({"AndroidManifest.xml": b"\3\0manifest"} | files)
    made: bytes = packages.apk(
        base=base,
        more=(
            packages.signed_pair(base, packages.Signer(sdk=(28, 0x7FFFFFFF)), number=packages.V3),
        ),
    )
    return made


def measure(folder: Path, options: argparse.Namespace) -> list[Line]:
    """Return the three lines."""
    lines = []
    given = options.modules is not None
    paths = sorted(Path(options.modules).rglob("*.ko")) if given else _modules(folder / "modules")
    took = _median_ms(lambda: _all(KERNEL_MODULE, paths, TRUST, not given))
    size = sum(path.stat().st_size for path in paths)
    lines.append(Line("kernel modules", len(paths), size, *took, 3000, "-", None, None))
    shim = Path(options.shim)
    own = not shim.exists()
    if own:
        shim = folder / "twice.efi"
        shim.write_bytes(programs.signed_pe())
    trust = material() if own else _shim_material()
    took = _median_ms(lambda: _all(AUTHENTICODE_PE, [shim], trust, own))
    other = _process_ms("osslsigncode", "verify", "-ignore-crl", "-in", str(shim))
    start = _process_ms("osslsigncode", "--version")
    name = "signed PE" if own else "shim, two signatures"
    lines.append(Line(name, 1, shim.stat().st_size, *took, 100, "osslsigncode", other, start))
    package = Path(options.apk) if options.apk else folder / "app.apk"
    if not options.apk:
        package.write_bytes(_package())
    took = _median_ms(lambda: _all(APK, [package], package_material(), not options.apk))
    other = _process_ms("apksigner", "verify", "--min-sdk-version", "24", str(package))
    start = _process_ms("apksigner", "--version")
    size = package.stat().st_size
    lines.append(Line("APK v2 and v3", 1, size, *took, 150, "apksigner", other, start))
    return lines


def main() -> int:
    """Measure, print and write; return 1 where a bound is passed."""
    parser = argparse.ArgumentParser(prog="bench.verify", description=__doc__)
    parser.add_argument("--modules", metavar="FOLDER")
    parser.add_argument("--shim", metavar="FILE", default=str(SHIM))
    parser.add_argument("--apk", metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fwverify-bench-") as work:
        lines = measure(Path(work), options)
    head = f"{'what':22} {'files':>6} {'bytes':>12} {'fwverify':>9} {'its CPU':>9}"
    print(f"{head} {'bound':>7}  other (start)")
    for one in lines:
        other = f"{one.other} {one.other_ms} ms ({one.other_start_ms})" if one.other_ms else "-"
        print(
            f"{one.name:22} {one.files:6} {one.size_bytes:12} {one.fwverify_ms:6} ms"
            f" {one.cpu_ms:6} ms {one.bound_ms:4} ms  {other}"
        )
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps([asdict(one) for one in lines], indent=1) + "\n")
    return 1 if any(one.fwverify_ms > one.bound_ms for one in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
