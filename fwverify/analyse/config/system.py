"""Boot environments, D-Bus policies and what else of a Linux system is settings.

Read: U-Boot environments (``name=value`` with ``bootcmd``), D-Bus policies
(dbus-daemon(1)), and ``ld.so.preload`` is left to ``services``, which knows its place.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.analyse.config.said import Said

_BOOT: Final = re.compile(
    r"(?<![A-Za-z0-9_])(bootcmd|altbootcmd|preboot|bootargs)=([^\0\n]{1,600})"
)
_NETBOOT: Final = re.compile(
    r"(?:^|[;\s])(?:tftp(?:boot)?|dhcp|nfs|pxe|wget|loadb|loady)(?=[;\s]|$)"
)
_NO_INIT: Final = re.compile(r"(?:^|\s)(?:init|rdinit)=(/\S{0,60}sh)\b")
_KERNEL_LINE: Final = re.compile(r"(?:^|\s)(?:root|console|rootfstype|rootwait)(?:=|\s|$)")
MAX_LINE_CHARACTERS: Final = 4096
"""As the longest COMMAND_LINE_SIZE of Linux's architectures, rounded up."""

_POLICY: Final = re.compile(r"<policy\s([^>]{0,200})>(.{0,20000}?)</policy>", re.DOTALL)
_ALLOW: Final = re.compile(r"<allow\s([^>]{0,300})/?>")


def boot_environment(text: str, said: Said) -> None:
    """Read what the boot loader runs; from the network it is a way in before any check."""
    for match in _BOOT.finditer(text):
        name, value = match[1], match[2].strip()
        said.fact("boot", f"{name}={value}")
        if name != "bootargs" and (way := _NETBOOT.search(value)):
            said.hit(
                "config.network_boot", "update.no_verify",
                f"the boot loader loads from the network or a console ({name})",
                f"{name} {way[0].strip(' ;')}",
                confidence="medium", offset=match.start(1), shown=value,
            )  # fmt: skip
        if shell := _NO_INIT.search(value):
            said.hit(
                "config.boot_shell", "cred.empty", "the kernel starts a shell, not the system",
                f"{name} {shell[0].strip()}",
                severity="high", offset=match.start(1), shown=value,
            )  # fmt: skip


def kernel_line(text: str, said: Said) -> None:
    """Read a kernel command line that stands alone in its file (Documentation/admin-guide)."""
    line = text.strip()
    if "\n" in line or len(line) > MAX_LINE_CHARACTERS or not _KERNEL_LINE.search(line):
        return
    said.fact("boot", f"kernel command line {line}")
    if shell := _NO_INIT.search(line):
        said.hit(
            "config.boot_shell", "cred.empty", "the kernel starts a shell, not the system",
            f"bootargs {shell[0].strip()}", severity="high", shown=line,
        )  # fmt: skip


def bus_policy(text: str, said: Said) -> None:
    """Read who may own and call services on D-Bus, as facts."""
    if "<busconfig>" not in text:
        return
    for policy in _POLICY.finditer(text):
        for allow in _ALLOW.findall(policy[2]):
            said.fact("dbus policy", f"{policy[1]}: allow {allow.strip(' /')}")
