"""Builds the sample updates, their vendors' keys and their trust store into ``samples/out``.

``python -m samples.build`` does nothing where the output already answers to the inputs:
``out/built.json`` holds a digest over everything that goes into the samples and the
digest of each file that came out. Keys are kept from build to build. Two builds at a
time wait for each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
OUT: Final = HERE / "out"
SHIPPED_TRUST: Final = HERE.parent / "signatures"
_STAMP: Final = "built.json"
_LOCK: Final = ".lock"
# What a build may find and keeps: never listed among what it made.
_KEPT: Final = ("keys", "store", "reports")


def build(out: Path = OUT, *, say: Callable[[str], object] = lambda _: None) -> bool:
    """Bring ``out`` up to date; return whether anything had to be made."""
    out.mkdir(parents=True, exist_ok=True)
    with _locked(out / _LOCK):
        inputs = _digest_of(_inputs())
        if _is_current(out, inputs):
            return False
        say("building the samples with the packaged C compiler")
        _remove_old(out)
        with tempfile.TemporaryDirectory(prefix="fwverify-samples-") as work:
            _make(out, Path(work))
        record = {"inputs": inputs, "outputs": _digests(out)}
        temporary = out / f"{_STAMP}.new"
        temporary.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        temporary.replace(out / _STAMP)
        return True


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(out: Path, work: Path) -> None:
    # Imported here: what is up to date needs neither signing nor compiling.
    from samples import meter, trust, vehicle
    from samples.signing import load_or_make_key, make_issuer

    keys = out / "keys"
    issuer = make_issuer(
        "Norden Vehicles",
        load_or_make_key(keys / "vehicle-root.pem"),
        load_or_make_key(keys / "vehicle-release.pem"),
    )
    meter_key = load_or_make_key(keys / "meter-release.pem")
    vehicle.build(out, work, issuer)
    meter.build(out, work, meter_key)
    trust.build(out / "trust", SHIPPED_TRUST, issuer, meter_key)


def _inputs() -> Iterator[tuple[str, bytes]]:
    yield "ziglang", version("ziglang").encode()
    yield from _files(HERE, HERE.glob("*.py"))
    yield from _files(HERE, HERE.glob("src/*"))
    yield from _files(SHIPPED_TRUST, SHIPPED_TRUST.rglob("*"))


def _files(base: Path, found: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for file in sorted(found):
        if file.is_file():
            yield str(file.relative_to(base)), file.read_bytes()


def _digest_of(parts: Iterable[tuple[str, bytes]]) -> str:
    total = hashlib.sha256()
    for name, content in parts:
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def _digests(out: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that a build makes, keys included."""
    found = [
        *out.glob("*.raucb"),
        *out.glob("*.hex"),
        *out.glob("*.sig"),
        *out.glob("keys/*"),
        *(file for file in out.glob("trust/**/*") if file.is_file()),
    ]
    return {
        str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(found)
    }


def _is_current(out: Path, inputs: str) -> bool:
    try:
        record = json.loads((out / _STAMP).read_text())
    except (OSError, ValueError):
        return False
    return bool(record == {"inputs": inputs, "outputs": _digests(out)})


def _remove_old(out: Path) -> None:
    for found in out.iterdir():
        if found.name in (*_KEPT, _LOCK):
            continue
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink()


if __name__ == "__main__":
    MADE = build(say=lambda text: print(text, flush=True))
    print(f"samples: {'built in' if MADE else 'up to date in'} {OUT}")
    sys.exit(0)
