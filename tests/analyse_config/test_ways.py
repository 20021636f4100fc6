"""What a unit or a script starts is said of the program, whatever it is called."""

from __future__ import annotations

import pytest

from fwverify.analyse import ways as module
from fwverify.analyse.commands import MAX_READ_BYTES, MAX_STARTED, scripted, started
from fwverify.analyse.ways import MAX_STEPS, MAX_WAYS, ways
from fwverify.model import Placed
from fwverify.paths import SEPARATOR
from tests.builders.linuxfs import ROOT, placed

SHA = "cd" * 32
UNIT = "lib/systemd/system/helper.service"
AT_BOOT = "systemd multi-user.target"


def at(inner: str, root: str = ROOT) -> str:
    return f"{root}{SEPARATOR}{inner}"


def node(inner: str, link: str | None = None, root: str = ROOT) -> Placed:
    kind = "file" if link is None else "symlink"
    return placed(at(inner, root), None if link else SHA, kind=kind, link=link)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("/opt/bin/agent -d\n", ("/opt/bin/agent",)),
        ("-/usr/sbin/agent --foreground", ("/usr/sbin/agent",)),
        ("@/usr/sbin/agent agentd", ("/usr/sbin/agent",)),
        ("PATH=/bin LANG=C /opt/a &", ("/opt/a",)),
        ("DAEMON=/usr/sbin/x\n$DAEMON -f\n", ("/usr/sbin/x",)),
        ("cd /opt/t\n./client --key k &\n", ("/opt/t/client",)),
        ("cd /opt/t && ./client", ("/opt/t/client",)),
        ('cd "$HOME"\n./client', ("./client",)),
        ("if true; then /opt/a; fi", ("/opt/a", "fi", "true")),
        ("nohup /opt/a > /dev/null 2>&1 &", ("/opt/a", "nohup")),
        ("procd_set_param command /usr/bin/x -v", ("/usr/bin/x", "command", "procd_set_param")),
    ],
)
def test_the_commands_of_a_text(text: str, names: tuple[str, ...]) -> None:
    assert started(text) == tuple(sorted(names))


def test_start_stop_daemon_starts_what_it_names() -> None:
    assert "/usr/sbin/x" in started("start-stop-daemon -S -b -x /usr/sbin/x -- -d")


@pytest.mark.parametrize(
    "text",
    [
        "# /opt/bin/agent",
        "echo /opt/bin/agent",
        "killall /opt/bin/agent",
        "test -x /opt/bin/agent",
        "rm -f /opt/bin/agent",
        "start-stop-daemon -K -x /opt/bin/agent",
        "start-stop-daemon --stop --exec /opt/bin/agent",
        'logger "/opt/bin/agent was started"',
        "AGENT=/opt/bin/agent",
    ],
)
def test_what_only_names_a_program_starts_none(text: str) -> None:
    assert "/opt/bin/agent" not in started(text)


def test_a_text_of_many_commands_is_bounded() -> None:
    assert len(started("\n".join(f"/opt/a{number}" for number in range(2000)))) == MAX_STARTED


def test_only_a_shell_script_is_read() -> None:
    assert scripted(b"#!/bin/sh\n/opt/a\n") == ("/opt/a",)
    assert scripted(b"#!/usr/bin/python3\n/opt/a\n") == ()
    assert scripted(b"\x7fELF/opt/a\n") == ()


def test_the_beginning_of_a_long_script_is_read() -> None:
    long = b"#!/bin/sh\n/opt/a\n" + b"#" * MAX_READ_BYTES + b"\n/opt/b\n"
    assert scripted(long) == ("/opt/a",)


def test_a_unit_of_another_name_starts_the_program() -> None:
    found, problems = ways(
        (node(UNIT), node("opt/bin/agent")), {at(UNIT): (("/opt/bin/agent", AT_BOOT),)}, {}
    )
    assert found == {at("opt/bin/agent"): ((UNIT, AT_BOOT),)}
    assert problems == ()


def test_a_script_in_between_is_named() -> None:
    nodes = (node(UNIT), node("opt/t/run.sh"), node("opt/t/client"))
    found, _ = ways(
        nodes,
        {at(UNIT): (("/opt/t/run.sh", AT_BOOT),)},
        {at("opt/t/run.sh"): ("./client",)},
    )
    assert found[at("opt/t/client")] == ((UNIT, f"{AT_BOOT}; through opt/t/run.sh"),)


def test_a_bare_name_is_a_program_of_the_folders_for_programs() -> None:
    nodes = (node("etc/init.d/rcS"), node("usr/sbin/agent"), node("srv/data/agent"))
    found, _ = ways(nodes, {at("etc/init.d/rcS"): (("agent", "at boot"),)}, {})
    assert set(found) == {at("usr/sbin/agent")}


def test_a_root_in_a_folder_and_a_linked_folder_are_followed() -> None:
    nodes = (
        node("rootfs/etc/init.d/S50a"),
        node("rootfs/opt/now", link="v2"),
        node("rootfs/opt/v2/agent"),
    )
    by = at("rootfs/etc/init.d/S50a")
    found, _ = ways(nodes, {by: (("/opt/now/agent", "S50"),)}, {})
    assert set(found) == {at("rootfs/opt/v2/agent")}


@pytest.mark.parametrize(
    "nodes",
    [
        (node("opt/bin/other"),),
        (node("opt/bin/agent", root="update.raucb!/other.squashfs"),),
        (node("bin/busybox"), node("opt/bin/agent", link="/bin/busybox")),
        (node("opt/bin/agent", link="agent"),),
        (placed(at("opt/bin/agent"), None, kind="directory"),),
    ],
    ids=["another", "elsewhere", "busybox", "circle", "folder"],
)
def test_another_file_is_not_started(nodes: tuple[Placed, ...]) -> None:
    found, _ = ways((node(UNIT), *nodes), {at(UNIT): (("/opt/bin/agent", AT_BOOT),)}, {})
    assert found == {}


def test_scripts_in_a_circle_and_a_long_chain_end() -> None:
    nodes = [node(UNIT), *(node(f"opt/s{number}") for number in range(9))]
    scripts = {at(f"opt/s{number}"): (f"/opt/s{number + 1}", "/opt/s0") for number in range(9)}
    found, _ = ways(nodes, {at(UNIT): (("/opt/s0", AT_BOOT),)}, scripts)
    assert set(found) == {at(f"opt/s{number}") for number in range(MAX_STEPS + 1)}
    assert found[at("opt/s0")] == ((UNIT, AT_BOOT),)


def test_what_many_start_is_bounded() -> None:
    names = [f"etc/init.d/S{number}" for number in range(40)]
    nodes = [node("opt/a"), *(node(name) for name in names)]
    found, _ = ways(nodes, {at(name): (("/opt/a", "boot"),) for name in names}, {})
    assert len(found[at("opt/a")]) == MAX_WAYS


def test_names_that_are_not_followed_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LOOKED_UP", 1)
    runs = (("/opt/a", "boot"), ("/opt/b", "boot"))
    found, problems = ways((node(UNIT), node("opt/a"), node("opt/b")), {at(UNIT): runs}, {})
    assert set(found) == {at("opt/a")}
    assert [each.code for each in problems] == ["limit.starts"]
