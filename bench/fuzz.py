"""Mutants against every signature scheme: none may be accepted, none may raise.

``python -m bench.fuzz [--count N] [--only NAME]...`` runs each entry of the ``FUZZ`` tuples
of ``tests/verify*/fuzz.py`` with N mutants (2,000 where nothing is said) on all cores and
prints a row each. It exits 1 where an entry fails or a scheme has none; ``make test`` runs
the same entries with a small seeded sample.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from fwverify.verify.schemes import SCHEMES

ROOT: Final = Path(__file__).resolve().parents[1]
COUNT: Final = 2000

SCHEME_OF: Final = {
    "android-ota": "android-ota",
    "attested": "attested",
    "cose": "cose-detached",
    "dsse": "dsse-detached",
    "dsse-inside": "dsse",
    "jws": "jws-detached",
    "recognised": "encrypted",
    "sigstore": "sigstore",
    "suit": "suit",
    "suit-detached": "suit-detached",
    "apk-v2": "apk",
    "apk-v3": "apk",
    "authenticode-cab": "authenticode-cab",
    "authenticode-catalog": "authenticode-catalog-inside",
    "authenticode-listed": "authenticode-catalog",
    "authenticode-msi": "authenticode-msi",
    "authenticode-pe": "authenticode",
    "cms-attached": "cms-attached",
    "cms-detached": "cms-detached",
    "debian-release": "debian-release",
    "jar-packed": "jar",
    "jar-v1": "jar",
    "jcat-bytes": "jcat",
    "jcat-file": "jcat-detached",
    "jcat-json": "jcat",
    "kernel-module": "kernel-module",
    "mender": "mender",
    "minisign": "minisign",
    "openpgp-certificate": "openpgp",
    "openpgp-cleartext": "openpgp-cleartext",
    "openpgp-detached": "openpgp",
    "profile": "profile",
    "profile-document": "profile-document",
    "profile-image": "profile-image",
    "rauc-plain": "rauc",
    "rauc-verity": "rauc",
    "raw": "raw",
    "raw-text": "raw",
    "rpm": "rpm",
    "tuf": "tuf",
    "tuf-delegated": "tuf",
    "uefi-capsule": "uefi-capsule",
    "uefi-payload": "uefi-capsule",
    "uefi-variable": "uefi-variable",
    "uptane": "uptane",
    "verify-avb": "avb",
    "verify-avb-4096": "avb",
    "verify-avb-footed": "avb",
    "verify-avb-partitions": "avb",
    "verify-esp32-ecdsa": "esp32",
    "verify-esp32-rsa": "esp32",
    "verify-esp32-v1": "esp32",
    "verify-fit": "fit",
    "verify-fit-ecdsa": "fit",
    "verify-fit-external": "fit",
    "verify-fit-image": "fit",
    "verify-fit-pss": "fit",
    "verify-fit-sha384": "fit",
    "verify-fwtool": "fwtool",
    "verify-fwtool-ucert": "fwtool",
    "verify-gbl": "gbl",
    "verify-gbl-certificate": "gbl",
    "verify-mcuboot-ed25519": "mcuboot",
    "verify-mcuboot-p256": "mcuboot",
    "verify-mcuboot-p384": "mcuboot",
    "verify-mcuboot-pure": "mcuboot",
    "verify-mcuboot-rsa2048": "mcuboot",
    "verify-mcuboot-rsa3072": "mcuboot",
    "verify-payload": "android-payload",
    "verify-payload-ecdsa": "android-payload",
    "verify-swupdate": "swupdate",
    "verify-swupdate-pss": "swupdate",
}
"""Which scheme an entry shows its mutants to."""

NO_MUTANTS: Final = ("apk-v4", "nxp-ahab", "nxp-hab", "stm32mp", "ti-k3", "zigbee-ecdsa")
"""Schemes that accept nothing: they only say that such a signature is there. All but the
first see the mutants of ``recognised``."""


def entries() -> tuple[tuple[str, Callable[[int], None]], ...]:
    """Return every (name, callable(count)), sorted by name."""
    found: list[tuple[str, Callable[[int], None]]] = []
    for path in sorted((ROOT / "tests").glob("verify*/fuzz.py")):
        found += importlib.import_module(f"tests.{path.parent.name}.fuzz").FUZZ
    return tuple(sorted(found, key=lambda one: one[0]))


def without_entries() -> tuple[str, ...]:
    """Return the schemes that no entry reaches, and entries whose scheme is not named."""
    names = {name for name, _ in entries()}
    reached = {scheme for name, scheme in SCHEME_OF.items() if name in names}
    missing = {one.name for one in SCHEMES} - reached - set(NO_MUTANTS)
    return tuple(sorted(missing | (names - set(SCHEME_OF)) | (reached - {s.name for s in SCHEMES})))


def run(name: str, count: int) -> float:
    """Return the seconds an entry took; raises what the entry raises."""
    begun = time.perf_counter()
    dict(entries())[name](count)
    return time.perf_counter() - begun


def main() -> int:
    """Print a row per entry; return 1 where one failed."""
    parser = argparse.ArgumentParser(prog="bench.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    options = parser.parse_args()
    names = [name for name, _ in entries() if not options.only or name in options.only]
    failed = [f"{name}: no entry, or no scheme named" for name in without_entries()]
    print(f"{'entry':28} {'scheme':28} {'mutants':>8} {'seconds':>8}")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        waiting = [(name, pool.submit(run, name, options.count)) for name in names]
        for name, future in waiting:
            wrong = future.exception()
            seconds = "FAILED" if wrong else f"{future.result():.1f}"
            scheme = SCHEME_OF.get(name, "?")
            print(f"{name:28} {scheme:28} {options.count:8} {seconds:>8}", flush=True)
            failed += [f"{name}: {wrong!r} {wrong.__cause__ or ''}"] if wrong else []
    print(f"{len(names)} entries, {len(names) * options.count} mutants, {len(failed)} failed")
    print("\n".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
