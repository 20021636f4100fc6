"""Services of a Linux file system, and those that open a way in from outside.

Each file family is recognised by its place (``FAMILIES``), wherever the root of the file
system lies in the update. A service that starts a program of ``scripts.REMOTES`` gives a
finding that says how it comes alive; one that is not enabled gives it too, because
enabling is one link, with that said and one step milder.

What it does not see: services of other init systems (OpenRC's own syntax, SysV's /etc/rc),
programs that a started program starts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from fwverify.analyse import firstboot, hooks, systemd, units
from fwverify.analyse.commands import started
from fwverify.analyse.scripts import Launch, launches
from fwverify.analyse.shell import disguised
from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.units import MAX_UNITS, Unit
from fwverify.analyse.values import Hit, PathRequest, PathResult, Trouble, printable
from fwverify.model import Service, Severity

Parser = Callable[[str, str, tuple[str, ...]], tuple[Unit, ...]]

FAMILIES: Final[tuple[tuple[re.Pattern[str], Parser], ...]] = (
    (re.compile(r"(?:^|/)(?:etc/)?rc\.local$"), units.rc_local),
    (
        re.compile(r"(?:^|/)etc/(?:init\.d|rc[0-6S]?\.d|rc\.d/(?:init|rc\d)\.d)/[^/]+$"),
        units.init_script,
    ),
    (re.compile(r"(?:^|/)etc/(?:rcS|rc|init\.sh)$"), units.init_script),
    (re.compile(r"(?:^|/)etc/inittab$"), units.inittab),
    (re.compile(r"(?:^|/)etc/(?:crontab$|cron\.d/[^/]+$)"), units.crontab),
    (re.compile(r"(?:^|/)(?:var/spool/cron/(?:crontabs/)?|etc/crontabs/)[^/]+$"), units.crontab),
    (re.compile(r"(?:^|/)etc/cron\.(?:hourly|daily|weekly|monthly)/[^/]+$"), units.cron_script),
    (re.compile(r"(?:^|/)etc/inetd\.conf$"), units.inetd),
    (re.compile(r"(?:^|/)etc/xinetd\.(?:conf|d/[^/]+)$"), units.xinetd),
    (re.compile(r"(?:^|/)udev/rules\.d/[^/]+\.rules$"), units.udev),
    (
        re.compile(
            r"(?:^|/)systemd/(?:system|user)/(?:[^/]+\.(?:wants|requires|d)/)?"
            r"[^/]+\.(?:service|socket|timer|path|conf)$"
        ),
        systemd.unit,
    ),
    (re.compile(r"(?:^|/)systemd/(?:system|user)-preset/[^/]+\.preset$"), firstboot.preset),
    (
        re.compile(r"(?:^|/)(?:etc|lib|run|share)/(?:user-)?tmpfiles\.d/[^/]+\.conf$"),
        firstboot.tmpfiles,
    ),
    (re.compile(r"(?:^|/)(?:init(?:\.[\w.-]+)?\.rc|etc/init/[^/]+\.rc)$"), hooks.android),
    (re.compile(r"(?:^|/)dbus-1/(?:system-)?services/[^/]+\.service$"), hooks.bus_service),
    (re.compile(r"(?:^|/)etc/(?:service|sv|runit|s6[\w-]*)/(?:[^/]+/)*run$"), hooks.supervised),
    (re.compile(r"(?:^|/)etc/network/interfaces(?:$|\.d/[^/]+$)"), hooks.interfaces),
    (re.compile(r"(?:^|/)etc/ld\.so\.preload$"), hooks.preload),
    (
        re.compile(
            r"(?:^|/)(?:etc/network/if-[\w-]+\.d/[^/]+|etc/ppp/(?:ip(?:v6)?-(?:up|down)(?:\.d/[^/]+)?)"
            r"|NetworkManager/dispatcher\.d/(?:[^/]+/)?[^/]+|etc/hotplug(?:\.d/[^/]+)?/[^/]+"
            r"|etc/profile(?:\.d/[^/]+)?|usr/share/udhcpc/[^/]+|etc/udhcpc/[^/]+"
            r"|systemd/(?:system|user)-generators/[^/]+"
            r"|etc/dhcp/dhclient-[\w-]+-hooks\.d/[^/]+|etc/acpi/[^/]+\.sh)$"
        ),
        hooks.event_script,
    ),
)
_SHELL: Final = re.compile(
    r"(?:^|[\s/@:+!-])(?:ba|a|da|k|z)?sh(?:\s+(?:-[a-z]{1,4}|-\S{0,20}))*\s*$|(?:^|/)login(?:\s|$)",
    re.MULTILINE,
)
"""A command that ends with a shell, or logs somebody in."""

_DORMANT: Final = re.compile(r"not linked|not enabled|disabled")
_MILDER: Final[dict[Severity, Severity]] = {"high": "medium", "medium": "low"}


def families(path: str) -> tuple[str, ...]:
    """Return the parser that reads ``path``, and what it reads it as; empty for none."""
    return tuple(parse.__name__ for pattern, parse in FAMILIES if pattern.search(path))[:1]


def applies(path: str) -> bool:
    """Return whether ``path`` (inside its file system) is that of a service file."""
    return bool(families(path))


def examine(content: bytes, request: PathRequest) -> PathResult:
    """Return the services of one file and the findings about them."""
    text = content.decode("latin-1")
    found = next(
        (
            parse(text, request.path, request.links)
            for pattern, parse in FAMILIES
            if pattern.search(request.path)
        ),
        (),
    )
    troubles: tuple[Trouble, ...] = ()
    if len(found) > MAX_UNITS:
        said = f"defines more than {MAX_UNITS} services; the first are listed"
        troubles = (Trouble(code="limit.services", text=said),)
    kept = found[:MAX_UNITS]
    return PathResult(
        services=tuple(_service(unit, request.path) for unit in kept),
        runs=tuple(sorted({run for unit in kept for run in _runs(unit)})),
        hits=tuple({hit: None for unit in kept for hit in _all(unit)}),
        troubles=troubles,
    )


def _all(unit: Unit) -> Iterator[Hit]:
    yield from _hits(unit)
    yield from _disguised(unit)
    yield from _preloaded(unit)
    yield from _connected(unit)
    yield from firstboot.made(unit)


def _service(unit: Unit, path: str) -> Service:
    ports = {port for launch in launches(unit.commands) for port in launch.listens}
    return Service(
        name=printable(unit.name.encode("latin-1")),
        kind=unit.kind,
        starts=printable(unit.starts.encode("latin-1")),
        listens=tuple(sorted({*unit.listens, *ports})),
        path=path,
    )


def _runs(unit: Unit) -> Iterator[tuple[str, str]]:
    """Yield the name of each program that ``unit`` starts, and how it comes alive."""
    starts = printable(unit.starts.encode("latin-1"))
    for name in started(unit.commands):
        yield name, starts


def _hits(unit: Unit) -> tuple[Hit, ...]:
    return tuple(_hit(unit, launch) for launch in launches(unit.commands))


def _disguised(unit: Unit) -> tuple[Hit, ...]:
    """Return what the commands run without it being readable, at its place in the file."""
    return tuple(
        msgspec.structs.replace(hit, offset=unit.offset + (hit.offset or 0))
        for hit in disguised(unit.commands)
    )


def _connected(unit: Unit) -> tuple[Hit, ...]:
    """Return that whoever connects is given a shell: its input is the connection."""
    if not unit.starts.startswith(systemd.CONNECTED) or not _SHELL.search(unit.commands):
        return ()
    words = printable(" ".join(unit.commands.split()).encode("latin-1"))
    return (
        Hit(
            rule="service.socket_shell",
            text=f"gives a shell to whoever connects; it comes alive by {unit.starts}",
            capability="remote.shell.bind",
            threat="both",
            severity="high",
            confidence="high",
            offset=unit.offset,
            excerpt=words,
            evidence=(words, f"starts: {unit.starts}"),
            r155=R155_BY_ID["remote.shell.bind"],
        ),
    )


def _preloaded(unit: Unit) -> tuple[Hit, ...]:
    """Return that a library is loaded into every program, which hides or changes anything."""
    if unit.kind != "ld.so.preload":
        return ()
    name = printable(unit.commands.encode("latin-1"))
    return (
        Hit(
            rule="service.preload",
            text=f"the library {name} is loaded into every program",
            capability="persist.ld_preload",
            threat="both",
            severity="high",
            confidence="high",
            offset=unit.offset,
            excerpt=name,
            evidence=(f"library {name}",),
            r155=R155_BY_ID["persist.ld_preload"],
        ),
    )


def _hit(unit: Unit, launch: Launch) -> Hit:
    remote = launch.remote
    severity = remote.severity
    if _DORMANT.search(unit.starts):
        severity = _MILDER.get(severity, severity)
    starts = printable(unit.starts.encode("latin-1"))
    words = printable(launch.words.encode("latin-1"))
    return Hit(
        rule=remote.rule,
        text=f"starts {remote.what}; it comes alive by {starts}",
        capability=remote.capability,
        threat=remote.threat,
        severity=severity,
        confidence="high",
        offset=unit.offset + launch.offset,
        length=launch.length,
        excerpt=words,
        evidence=(words, f"starts: {starts}"),
        r155=R155_BY_ID[remote.capability],
    )
