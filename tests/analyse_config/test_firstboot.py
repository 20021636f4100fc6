"""Presets enable and tmpfiles.d makes: both without a line in any unit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse import services
from fwverify.analyse.values import Hit, PathRequest, PathResult

PRESET = "usr/lib/systemd/system-preset/90-vendor.preset"
TMPFILES = "usr/lib/tmpfiles.d/vendor.conf"


def read(path: str, text: str) -> PathResult:
    assert services.applies(path), path
    return services.examine(text.encode(), PathRequest(store="s", sha256="ab" * 32, path=path))


def test_a_preset_enables_units() -> None:
    result = read(
        PRESET, "# x\nenable sshd.service\ndisable telnet.socket\n  enable agent@.timer a\n"
    )
    assert [(item.name, item.kind, item.starts) for item in result.services] == [
        ("sshd.service", "systemd-preset", "systemd preset, first start"),
        ("agent@.timer", "systemd-preset", "systemd preset, first start"),
    ]
    (hit,) = result.hits
    assert (hit.rule, hit.capability) == ("service.ssh", "remote.shell.ssh")


@pytest.mark.parametrize(
    "text", ["", "disable *\n", "enable\n", "#enable x.service\n", "ignore a\n"]
)
def test_other_lines_of_a_preset_enable_nothing(text: str) -> None:
    assert read(PRESET, text) == PathResult()


def only(line: str) -> Hit:
    (hit,) = (hit for hit in read(TMPFILES, line).hits if hit.rule == "service.tmpfiles")
    return hit


@pytest.mark.parametrize(
    ("line", "capability", "severity"),
    [
        ("L+ /etc/systemd/system/multi-user.target.wants/x.service - - - - /opt/x.service",
         "persist.systemd", "high"),
        ("f+ /root/.ssh/authorized_keys 0600 root root - ssh-ed25519 AAAA", "cred.sshkey", "high"),
        ('F "/etc/cron.d/x" 0644 root root - * * * * * root /tmp/x', "persist.cron", "high"),
        ("C /etc/shadow 0600 root root - /opt/shadow", "cred.static", "high"),
        ("w /etc/ld.so.preload - - - - /opt/x.so", "persist.ld_preload", "high"),
        ("f /etc/udev/rules.d/9.rules", "persist.udev", "high"),
        ("L /etc/init.d/S99x - - - - /opt/x", "persist.init", "high"),
        ("z /opt/vendor/agent 4755 root root - -", "cred.uid0", "high"),
        ("f /opt/vendor/agent ~04755 root", "cred.uid0", "high"),
        ("f^ /root/.ssh/authorized_keys 600 root root - ssh.authorized_keys.root",
         "cred.sshkey", "low"),
    ],
)  # fmt: skip
def test_what_lets_in_or_starts_is_named(line: str, capability: str, severity: str) -> None:
    hit = only(line)
    assert (hit.capability, hit.severity, hit.offset) == (capability, severity, 0)


@pytest.mark.parametrize(
    "line",
    [
        "d /run/lock 0755 root root -",
        "d /root/.ssh 0700 root root -",
        "z /var/log/journal 2755 root systemd-journal - -",
        "L /etc/os-release - - - - ../usr/lib/os-release",
        "C! /etc/pam.d - - - -",
        "r! /etc/cron.d/x",
        "x /tmp/systemd-private-*",
        "# f /etc/cron.d/x",
        "q /var 0755 - - -",
        "f",
    ],
)
def test_ordinary_lines_are_left_alone(line: str) -> None:
    assert read(TMPFILES, line) == PathResult()


def test_what_a_line_writes_is_read_as_commands() -> None:
    line = "f /etc/rc.local 0755 root root - /usr/sbin/telnetd -p 2323"
    assert {hit.rule for hit in read(TMPFILES, line).hits} >= {"service.telnet", "service.tmpfiles"}


def test_too_many_units_are_said() -> None:
    result = read(PRESET, "enable x.service\n" * 600)
    assert [trouble.code for trouble in result.troubles] == ["limit.services"]


@pytest.mark.parametrize(
    "path", ["etc/tmpfiles.d/x.txt", "opt/x.preset", "usr/lib/systemd/system-preset/x.conf"]
)
def test_other_places_are_not_read(path: str) -> None:
    assert not services.applies(path)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.text(max_size=60), st.sampled_from((PRESET, TMPFILES)))
def test_no_text_raises(text: str, path: str) -> None:
    raw = text.encode("utf-8", "replace")
    services.examine(raw, PathRequest(store="s", sha256="ab" * 32, path=path))
