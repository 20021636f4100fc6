"""Windows configuration that is text: scheduled tasks (XML) and setup files (INF).

Sources: [MS-TSCH] 2.3 (the ``Task`` element), "INF AddService Directive", "INF AddReg
Directive". A value is read in whatever section it stands; ``%strkey%`` stays as it is. The
task's XML is looked at by patterns and never parsed: entities and includes are nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.config.registry import REMOTE_TOOLS, RegistryValue, judge
from fwverify.analyse.config.said import Said

TASK: Final = re.compile(r"<Task\b[^>]{0,300}schemas\.microsoft\.com/windows/2004/02/mit/task")
_COMMAND: Final = re.compile(r"<Command>\s{0,20}([^<]{1,400})</Command>")
_ARGUMENTS: Final = re.compile(r"<Arguments>\s{0,20}([^<]{0,800})</Arguments>")
_TRIGGER: Final = re.compile(r"<(\w{1,40}Trigger)\b")
_USER: Final = re.compile(r"<UserId>\s{0,20}([^<]{1,100})</UserId>")
_SYSTEM: Final = ("S-1-5-18", "SYSTEM", "NT AUTHORITY\\SYSTEM")
_DISABLED: Final = re.compile(
    r"<Enabled>\s{0,20}false\s{0,20}</Enabled>\s*(?:<[^>]{0,80}>[^<]{0,80}</[^>]{0,80}>\s*){0,40}</Settings>"
)
_INF: Final = re.compile(r"^\[Version\]", re.MULTILINE | re.IGNORECASE)
_ADD_SERVICE: Final = re.compile(
    r"^[ \t]*AddService\s{0,8}=\s{0,8}([^,\n;]{0,100})", re.MULTILINE | re.IGNORECASE
)
_BINARY: Final = re.compile(
    r"^[ \t]*ServiceBinary\s{0,8}=\s{0,8}([^\n;]{1,300})", re.MULTILINE | re.IGNORECASE
)


_ROOTS: Final = {"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKU": "HKEY_USERS"}
_ADD_REG: Final = re.compile(
    r"^[ \t]*(HKLM|HKCU|HKU|HKR)[ \t]*,[ \t]*\"?([^\",\n]{1,400})\"?[ \t]*,"
    r"[ \t]*\"?([^\",\n]{0,200})\"?"
    r"[ \t]*,[ \t]*(?:0x)?([0-9A-Fa-f]{0,8})[ \t]*,[ \t]*(?:\"([^\"\n]{0,400})\"|([^,;\n]{0,400}))",
    re.MULTILINE | re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"(?:0x([0-9A-Fa-f]{1,8})|(\d{1,10}))")


def scheduled_task(text: str, said: Said) -> None:
    """Read a scheduled task: what it runs, when and as whom."""
    if not TASK.search(text):
        return
    commands = [item.strip() for item in _COMMAND.findall(text)]
    arguments = [item.strip() for item in _ARGUMENTS.findall(text)]
    users = sorted({item.strip() for item in _USER.findall(text)})
    when = ", ".join(sorted(set(_TRIGGER.findall(text)))) or "on demand"
    off = ", disabled" if _DISABLED.search(text) else ""
    if not commands:
        return
    shown = " ".join((*commands, *arguments))
    said.fact("scheduled task", f"{shown} ({when}{off}) as {', '.join(users) or '?'}")
    grave = bool(REMOTE_TOOLS.search(shown)) or any(user in _SYSTEM for user in users)
    said.hit(
        "config.scheduled_task", "win.scheduled_task",
        f"a scheduled task runs {shown} ({when}{off})"[:300], f"task {shown}",
        severity="low" if off else "high" if grave else "medium", shown=shown,
    )  # fmt: skip


def setup_file(text: str, said: Said) -> None:
    """Read the services that an INF file installs and the registry values that it sets."""
    if not _INF.search(text):
        return
    judge(_set_values(text), said)
    binaries = [item.strip() for item in _BINARY.findall(text)]
    for match in _ADD_SERVICE.finditer(text):
        name = match[1].strip()
        if name:
            said.fact("service", f"{name} installed by this setup file")
    for binary in binaries:
        said.fact("service", f"a setup file installs {binary}")
        if tool := REMOTE_TOOLS.search(binary):
            said.hit(
                "config.inf_service", "win.service",
                f"a setup file installs {tool[1]} as a service",
                f"ServiceBinary {binary}", severity="high",
            )  # fmt: skip


def _set_values(text: str) -> Iterator[RegistryValue]:
    """Yield what lines ``root, key, name, flags, value`` set; numbers in decimal."""
    for match in _ADD_REG.finditer(text):
        data = (match[5] or match[6] or "").strip()
        if number := _NUMBER.fullmatch(data):
            data = str(int(number[1], 16) if number[1] else int(number[2]))
        root = _ROOTS.get(match[1].upper(), match[1].upper())
        yield RegistryValue(f"{root}\\{match[2].strip()}", match[3].strip(), data, match.start())
