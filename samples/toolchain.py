"""Compiles the samples' C sources with the compiler that the ``ziglang`` package brings.

The same sources, definitions and compiler version give the same bytes, wherever the
checkout lies: sources are named relative to their own folder, and nothing of the
machine (build id, debug information, paths) goes into the output.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).resolve().parent / "src"

_COMMON: Final = ("-std=c11", "-Os", "-s", "-Wall", "-Wextra", "-Werror", "-Wl,--build-id=none")
_LINUX: Final = ("-target", "arm-linux-musleabi", "-dynamic")
_METER: Final = (
    "-target",
    "thumb-freestanding-eabi",
    "-mcpu=cortex_m3",
    "-ffreestanding",
    "-nostdlib",
    "-Wl,-T,meter.ld",
    "-Wl,-e,reset",
)
_DEADLINE_SECONDS: Final = 300
_LOADED: Final = 1


def linux_program(
    sources: tuple[str, ...], release: str, defined: tuple[str, ...], work: Path
) -> bytes:
    """Return a 32-bit ARM program for Linux, linked against musl's shared library."""
    return _compile(_LINUX, sources, release, defined, work)


def meter_flash(release: str, defined: tuple[str, ...], work: Path) -> tuple[int, bytes]:
    """Return the flash address and content of the meter's Cortex-M3 firmware."""
    return _flash(_compile(_METER, ("meter.c",), release, defined, work))


def _compile(
    target: tuple[str, ...],
    sources: tuple[str, ...],
    release: str,
    defined: tuple[str, ...],
    work: Path,
) -> bytes:
    output = work / "program.elf"
    definitions = (f'-DRELEASE="{release}"', *(f"-D{name}" for name in defined))
    subprocess.run(
        [
            *(sys.executable, "-m", "ziglang", "cc"),
            *(*target, *_COMMON, *definitions, "-o", str(output), *sources),
        ],
        cwd=SOURCES,
        env=os.environ
        | {f"ZIG_{kind}_CACHE_DIR": str(work / kind) for kind in ("GLOBAL", "LOCAL")},
        check=True,
        timeout=_DEADLINE_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    return output.read_bytes()


def _caches(work: Path) -> dict[str, str]:
    """Return where the compiler keeps what it makes, unless the environment says otherwise."""
    return {f"ZIG_{kind}_CACHE_DIR": str(work / kind) for kind in ("GLOBAL", "LOCAL")}


def _flash(elf: bytes) -> tuple[int, bytes]:
    """Return address and bytes of the one loaded segment with content (32-bit LE ELF).

    Offsets are those of ``Elf32_Ehdr`` and ``Elf32_Phdr``. Raises ``ValueError`` where
    there is not exactly one such segment: then the linker script is wrong.
    """
    (table,) = struct.unpack_from("<I", elf, 28)
    entry_bytes, count = struct.unpack_from("<HH", elf, 42)
    segments = []
    for at in range(table, table + entry_bytes * count, entry_bytes):
        kind, offset, _, physical, size = struct.unpack_from("<IIIII", elf, at)
        if kind == _LOADED and size:
            segments.append((physical, elf[offset : offset + size]))
    if len(segments) != 1:
        raise ValueError(f"{len(segments)} loaded segments in the meter's firmware")
    return segments[0]
