"""More things that run by themselves: Android's init, D-Bus, supervisors, event scripts.

One function per family, each returning ``Unit``s as in ``units``. Sources: Android's init
language (``system/core/init/README.md``), D-Bus Specification "Message Bus Starting
Services", runit's runsv(8) and s6-supervise, interfaces(5), pppd(8), NetworkManager-
dispatcher(8), OpenWrt's hotplug.d, ld.so(8) for ``ld.so.preload``.
"""

from __future__ import annotations

import posixpath
import re
from typing import Final

from fwverify.analyse.units import Unit

_SERVICE: Final = re.compile(r"[ \t]*service[ \t]+(\S{1,100})[ \t]+(\S.*)")
_ON: Final = re.compile(r"[ \t]*on[ \t]+(\S.*)")
_ACTION: Final = re.compile(r"[ \t]*(?:exec|exec_background|exec_start|start|insmod)[ \t]+(\S.*)")
_EXEC_PREFIX: Final = re.compile(r"^(?:\S+[ \t]+){0,3}--[ \t]+")
_SETTING: Final = re.compile(r"^[ \t]*(\w{1,40})[ \t]*=[ \t]*(.{0,400}?)[ \t]*$", re.MULTILINE)
_INTERFACE: Final = re.compile(r"[ \t]*iface[ \t]+(\S{1,60})[ \t]")
_WHEN: Final = re.compile(r"[ \t]*(pre-up|up|post-up|down|pre-down|post-down)[ \t]+(\S.*)")


def android(text: str, _: str, __: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return each service of an init file of Android, and the commands of each ``on`` block."""
    units: list[Unit] = []
    block: list[str] = []
    start = offset = 0
    for line in (*text.split("\n"), "on end"):
        if _SERVICE.match(line) or _ON.match(line):
            units.extend(_android_block(block, start))
            block, start = [], offset
        if not line.lstrip().startswith("#"):
            block.append(line.strip())
        offset += len(line) + 1
    return tuple(units)


def _android_block(block: list[str], offset: int) -> tuple[Unit, ...]:
    head = block[0] if block else ""
    if service := _SERVICE.match(head):
        words = [line.split() for line in block[1:] if line]
        kinds = [" ".join(word[1:]) for word in words if word[0] == "class"] or ["default"]
        starts = f"android init, class {kinds[0]}"
        if ["disabled"] in words:
            starts = "android init, disabled until it is started by name"
        sockets = tuple(
            sorted(
                {f"unix:{word[1]}" for word in words if word[:1] == ["socket"] and len(word) > 1}
            )
        )
        return (Unit(service[1], "android-init", starts, service[2], offset, sockets),)
    event = _ON.match(head)
    commands = [
        _EXEC_PREFIX.sub("", match[1]) for line in block[1:] if (match := _ACTION.match(line))
    ]
    if event is None or not commands:
        return ()
    name = posixpath.basename(commands[0].split()[0])
    return (
        Unit(name, "android-init", f"android init, on {event[1]}", "\n".join(commands), offset),
    )


def bus_service(text: str, path: str, _: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return the program that D-Bus starts when somebody asks for its name."""
    settings = dict(_SETTING.findall(text))
    name = settings.get("Name", posixpath.basename(path))
    user = f" as {settings['User']}" if "User" in settings else ""
    at = max(text.find("Exec"), 0)
    return (Unit(name, "dbus", f"D-Bus, when it is asked for{user}", settings.get("Exec", ""), at),)


def supervised(text: str, path: str, _: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return a service of runit or s6: its ``run`` script is kept running."""
    folder = posixpath.basename(posixpath.dirname(path))
    return (Unit(folder, "supervised", "a supervisor keeps it running", text),)


def event_script(text: str, path: str, _: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return a script that runs when the network, a device or a login comes."""
    when = next((said for mark, said in _EVENTS if mark in f"/{path}"), "on an event")
    return (Unit(posixpath.basename(path), "event", when, text),)


_EVENTS: Final = (
    ("-generators/", "at boot, before any service"),
    ("/etc/profile", "at every login"),
    ("/etc/hotplug", "when a device or interface comes"),
    ("/etc/ppp/", "when a dial-up connection comes"),
    ("/etc/network/", "when a network interface comes"),
    ("/dispatcher.d/", "when a network interface comes"),
    ("/udhcpc", "when an address is given"),
    ("/dhclient", "when an address is given"),
    ("/acpi/", "on a power event"),
)


def interfaces(text: str, _: str, __: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return each command that ifupdown runs for an interface."""
    units: list[Unit] = []
    name, offset = "?", 0
    for line in text.split("\n"):
        if interface := _INTERFACE.match(line):
            name = interface[1]
        elif command := _WHEN.match(line):
            units.append(Unit(name, "event", f"interface {name} {command[1]}", command[2], offset))
        offset += len(line) + 1
    return tuple(units)


def preload(text: str, _: str, __: tuple[str, ...]) -> tuple[Unit, ...]:
    """Return the libraries that the loader puts into every program."""
    names = text.replace(":", " ").split()
    return tuple(
        Unit(posixpath.basename(name), "ld.so.preload", "in every program that starts", name)
        for name in names
    )
