from __future__ import annotations

import pytest

from fwverify.analyse.alive import MAX_TEXT_CHARACTERS, with_starts
from fwverify.canonical import make_finding
from fwverify.model import Finding, Placed, Service
from tests.builders.linuxfs import ROOT, placed

SHA = "ab" * 32


def finding(path: str, capability: str | None = "tunnel.reverse", root: str = ROOT) -> Finding:
    return make_finding(
        rule="x.y",
        path=f"{root}!/{path}",
        text="a tunnel",
        capability=capability,
        evidence=("string frpc",),
    )


def service(name: str, starts: str, path: str, root: str = ROOT) -> Service:
    return Service(name=name, kind="k", starts=starts, listens=(), path=f"{root}!/{path}")


def node(path: str, link: str | None = None, root: str = ROOT) -> Placed:
    kind = "file" if link is None else "symlink"
    return placed(f"{root}!/{path}", None if link else SHA, kind=kind, link=link)


S50 = service("frpc", "sysv S50 runlevel default", "etc/init.d/S50frpc")


@pytest.mark.parametrize(
    ("started", "how"),
    [
        (S50, "etc/init.d/S50frpc (sysv S50 runlevel default)"),
        (
            service("frpc.service", "systemd multi-user.target", "etc/systemd/system/frpc.service"),
            "etc/systemd/system/frpc.service (systemd multi-user.target)",
        ),
        (
            service("frpc@a.service", "systemd x.target", "lib/systemd/system/frpc@a.service"),
            "lib/systemd/system/frpc@a.service (systemd x.target)",
        ),
        (
            service("frpc", "inittab respawn", "etc/inittab"),
            "etc/inittab (inittab respawn)",
        ),
        (service("frpc", "cron @reboot", "etc/crontab"), "etc/crontab (cron @reboot)"),
    ],
)
def test_the_text_says_what_starts_the_program(started: Service, how: str) -> None:
    before = finding("usr/bin/frpc")
    (after,) = with_starts((before,), (started,), ())
    assert after.text == f"a tunnel; started by {how}"
    assert (after.fingerprint, after.evidence) == (before.fingerprint, before.evidence)


@pytest.mark.parametrize(
    "unchanged",
    [
        finding("usr/bin/frps"),
        finding("usr/bin/frpc", capability=None),
        finding("usr/bin/frpc", capability="evade.packed"),
        finding("usr/bin/frpc", root="update.raucb!/other.squashfs"),
        finding("etc/init.d/S50frpc"),
    ],
)
def test_another_program_ability_or_file_system_is_left_alone(unchanged: Finding) -> None:
    assert with_starts((unchanged,), (S50,), (node("usr/bin/frpc"),)) == (unchanged,)


def test_a_link_to_busybox_makes_it_the_program() -> None:
    started = service("telnetd", "inittab respawn", "etc/inittab")
    nodes = (node("bin/busybox"), node("usr/sbin/telnetd", link="../../bin/busybox"))
    (after,) = with_starts((finding("bin/busybox", "remote.shell.telnet"),), (started,), nodes)
    assert after.text.endswith("started by etc/inittab (inittab respawn)")


def test_a_link_in_a_circle_or_to_nothing_is_none() -> None:
    started = service("telnetd", "inittab respawn", "etc/inittab")
    nodes = (node("usr/sbin/telnetd", link="telnetd"), node("bin/telnetd", link="/gone"))
    before = finding("bin/busybox", "remote.shell.telnet")
    assert with_starts((before,), (started,), nodes) == (before,)


def test_what_a_script_starts_counts_by_its_words() -> None:
    launch = make_finding(
        rule="service.ssh",
        path=f"{ROOT}!/etc/init.d/S99local",
        text="starts an SSH server",
        capability="remote.shell.ssh",
        excerpt="/usr/sbin/dropbear -R",
        evidence=("/usr/sbin/dropbear -R", "starts: sysv S99 runlevel default"),
    )
    program = finding("usr/sbin/dropbear", "remote.shell.ssh")
    script, after = with_starts((launch, program), (), ())
    assert script == launch
    assert after.text.endswith("started by etc/init.d/S99local (sysv S99 runlevel default)")


def test_what_is_enabled_comes_first_and_the_rest_is_counted() -> None:
    services = (
        service("frpc", "sysv, not linked to a runlevel", "etc/init.d/a"),
        service("frpc", "cron daily", "etc/cron.daily/frpc"),
        service("frpc", "at the end of boot", "etc/rc.local"),
    )
    (after,) = with_starts((finding("bin/frpc"),), services, ())
    assert after.text == (
        "a tunnel; started by etc/cron.daily/frpc (cron daily), "
        "etc/rc.local (at the end of boot) and 1 more"
    )


def test_the_text_stays_short_and_the_order_is_kept() -> None:
    long = service("frpc", "x" * 900, "etc/init.d/S50frpc")
    first, second = with_starts((finding("b/frpc"), finding("a/frpc")), (long,), ())
    assert (len(first.text), first.path < second.path) == (MAX_TEXT_CHARACTERS, False)


def test_without_services_nothing_changes() -> None:
    before = (finding("usr/bin/frpc"),)
    assert with_starts(before, (), ()) == before


@pytest.mark.parametrize("path", ["etc/init.d/frpc", "etc/pam.d/frpc", "lib/systemd/frpc.service"])
def test_a_setting_of_the_name_is_no_program(path: str) -> None:
    before = finding(path)
    assert with_starts((before,), (S50,), ()) == (before,)


def test_a_script_of_etc_is_started_where_a_service_runs_it() -> None:
    before = finding("etc/vpn/frpc")
    ways = {before.path: (("etc/inittab", "inittab respawn"),)}
    (after,) = with_starts((before,), (), (), ways)
    assert after.text == "a tunnel; started by etc/inittab (inittab respawn)"
