from __future__ import annotations

import pytest

from fwverify.analyse import services
from fwverify.analyse.values import PathRequest, PathResult

SHA = "ab" * 32


def read(path: str, text: str) -> PathResult:
    assert services.applies(path), path
    return services.examine(text.encode(), PathRequest(store="s", sha256=SHA, path=path))


def starts(result: PathResult) -> list[tuple[str, str, str]]:
    return [(item.name, item.kind, item.starts) for item in result.services]


RC = """
import /init.x.rc
service adbd /system/bin/adbd --root
    class core
    socket adbd stream 660 system system
service shelld /system/bin/telnetd -p 2323
    disabled
    # class main
on property:sys.boot_completed=1
    setprop a b
    exec - root -- /system/bin/frpc -c /x.ini
on boot
    chmod 0755 /x
"""


def test_an_init_file_of_android() -> None:
    result = read("vendor/etc/init/x.rc", RC)
    assert starts(result) == [
        ("adbd", "android-init", "android init, class core"),
        ("shelld", "android-init", "android init, disabled until it is started by name"),
        ("frpc", "android-init", "android init, on property:sys.boot_completed=1"),
    ]
    assert result.services[0].listens == ("unix:adbd",)
    assert {(hit.rule, hit.severity) for hit in result.hits} == {
        ("service.telnet", "medium"),
        ("service.reverse_tunnel", "high"),
    }
    for hit in result.hits:
        assert RC[hit.offset or 0 :].startswith(("service shelld", "on property"))


@pytest.mark.parametrize(
    ("path", "text", "service", "rule"),
    [
        (
            "usr/share/dbus-1/system-services/a.service",
            "[D-BUS Service]\nName=a.b.C\nExec=/usr/sbin/telnetd\nUser=root\n",
            ("a.b.C", "dbus", "D-Bus, when it is asked for as root"),
            "service.telnet",
        ),
        (
            "etc/sv/door/run",
            "#!/bin/sh\nexec dropbear -F\n",
            ("door", "supervised", "a supervisor keeps it running"),
            "service.ssh",
        ),
        (
            "etc/service/door/run",
            "#!/bin/sh\nexec dropbear -F\n",
            ("door", "supervised", "a supervisor keeps it running"),
            "service.ssh",
        ),
        (
            "etc/network/if-up.d/x",
            "#!/bin/sh\ntelnetd &\n",
            ("x", "event", "when a network interface comes"),
            "service.telnet",
        ),
        (
            "etc/ppp/ip-up",
            "#!/bin/sh\ntelnetd &\n",
            ("ip-up", "event", "when a dial-up connection comes"),
            "service.telnet",
        ),
        (
            "etc/hotplug.d/iface/30-x",
            "telnetd\n",
            ("30-x", "event", "when a device or interface comes"),
            "service.telnet",
        ),
        (
            "etc/NetworkManager/dispatcher.d/x",
            "telnetd\n",
            ("x", "event", "when a network interface comes"),
            "service.telnet",
        ),
        ("etc/profile.d/x.sh", "telnetd\n", ("x.sh", "event", "at every login"), "service.telnet"),
        (
            "etc/network/interfaces",
            "auto eth0\niface eth0 inet dhcp\n  post-up telnetd -p 99\n",
            ("eth0", "event", "interface eth0 post-up"),
            "service.telnet",
        ),
        (
            "etc/ld.so.preload",
            "/lib/libhide.so\n",
            ("libhide.so", "ld.so.preload", "in every program that starts"),
            "service.preload",
        ),
    ],
)
def test_what_starts_and_how(
    path: str, text: str, service: tuple[str, str, str], rule: str
) -> None:
    result = read(path, text)
    assert starts(result) == [service]
    assert [hit.rule for hit in result.hits] == [rule]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("etc/init/x.rc", "service\non\n  exec\nservice x\n"),
        ("init.rc", "# service telnetd /bin/telnetd\n"),
        ("etc/network/interfaces", "# up telnetd\niface eth0 inet dhcp\n address 1.2.3.4\n"),
        ("etc/ld.so.preload", "\n \n"),
    ],
)
def test_what_starts_nothing(path: str, text: str) -> None:
    result = read(path, text)
    assert (result.services, result.hits) == ((), ())


@pytest.mark.parametrize(
    "path",
    [
        "etc/ld.so.preload.bak",
        "etc/ppp/options",
        "usr/share/dbus-1/system.d/a.conf",
        "xetc/init/a.rc",
        "etc/sv/door/finish",
        "usr/lib/initrc",
    ],
)
def test_other_places_are_no_concern(path: str) -> None:
    assert not services.applies(path)


def test_many_services_are_bounded_and_said() -> None:
    text = "".join(f"service s{number} /bin/x\n" for number in range(600))
    result = read("init.rc", text)
    assert [trouble.code for trouble in result.troubles] == ["limit.services"]
