from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.config.hive import Hive
from fwverify.analyse.config.reader import configuration
from fwverify.analyse.config.registry import RULES
from fwverify.analyse.taxonomy import CAPABILITY_IDS
from fwverify.model import Fact
from tests.builders.hive import Key, dword, hive, text

HEAD = "Windows Registry Editor Version 5.00\r\n\r\n"
TIGHTVNC = r"C:\Program Files\TightVNC\tvnserver.exe -service"
HKLM = "HKEY_LOCAL_MACHINE"
RDP = rf"{HKLM}\SYSTEM\CurrentControlSet\Control\Terminal Server"


def found(content: bytes) -> list[tuple[str, str | None, str]]:
    return [(hit.rule, hit.capability, hit.severity) for hit in configuration(content)[1]]


def reg(key: str, line: str) -> bytes:
    return f"{HEAD}[{HKLM}\\{key}]\r\n{line}\r\n".encode("utf-16")


CASES = [
    (r"SYSTEM\CurrentControlSet\Control\Terminal Server", "fDenyTSConnections", 0, 1, "win.rdp"),
    (r"SYSTEM\ControlSet001\Control\Terminal Server", "fDenyTSConnections", 0, 1, "win.rdp"),
    (
        r"SOFTWARE\Policies\Microsoft\Windows Defender",
        "DisableAntiSpyware", 1, 0, "win.defender_off",
    ),
    (
        r"SOFTWARE\Policies\Microsoft\Windows Defender\Real-Time Protection",
        "DisableRealtimeMonitoring", 1, 0, "win.defender_off",
    ),
    (
        r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\StandardProfile",
        "EnableFirewall", 0, 1, "net.firewall_open",
    ),
    (
        r"SOFTWARE\Policies\Microsoft\Windows\WinRM\Service",
        "AllowAutoConfig", 1, 0, "win.psremoting",
    ),
    (r"SYSTEM\CurrentControlSet\Control\Lsa", "LimitBlankPasswordUse", 0, 1, "cred.empty"),
    (
        r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System",
        "LocalAccountTokenFilterPolicy", 1, 0, "lateral.smb",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("key", "name", "bad", "good", "capability"), CASES)
def test_a_number_that_opens_the_machine(
    key: str, name: str, bad: int, good: int, capability: str
) -> None:
    assert [item[1] for item in found(reg(key, f'"{name}"=dword:{bad:08x}'))] == [capability]
    assert found(reg(key, f'"{name}"=dword:{good:08x}')) == []
    assert found(reg(key, f'"{name}"=-')) == []
    assert found(reg(key + "x", f'"{name}"=dword:{bad:08x}')) == []


@pytest.mark.parametrize(
    ("key", "name", "bad", "good", "capability"),
    [
        (
            r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon",
            "Shell", r"C:\\t\\agent.exe", "explorer.exe", "persist.init",
        ),
        (
            r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon",
            "Userinit", r"C:\\Windows\\system32\\userinit.exe,C:\\x.exe",
            r"C:\\Windows\\system32\\userinit.exe,", "persist.init",
        ),
        (
            r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution Options\sethc.exe",
            "Debugger", "cmd.exe", "", "remote.shell.trigger",
        ),
        (r"SOFTWARE\Microsoft\Windows\CurrentVersion\Run", "Up", r"C:\\up.exe", "", "persist.init"),
        (
            r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Windows",
            "AppInit_DLLs", "x.dll", "", "persist.ld_preload",
        ),
        (r"SOFTWARE\Microsoft\TelnetServer\1.0", "DefaultShell", "cmd", "", "remote.shell.telnet"),
    ],
)  # fmt: skip
def test_a_text_that_starts_something(
    key: str, name: str, bad: str, good: str, capability: str
) -> None:
    assert [item[1] for item in found(reg(key, f'"{name}"="{bad}"'))] == [capability]
    assert found(reg(key, f'"{name}"="{good}"')) == []


def test_the_automatic_password_is_not_shown() -> None:
    key = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
    _, (hit,), _, _ = configuration(reg(key, '"DefaultPassword"="hunter2secret"'))
    assert hit.capability == "cred.static"
    assert "hunter2" not in repr(hit)


def test_a_service_is_put_together() -> None:
    key = r"SYSTEM\CurrentControlSet\Services\tvnserver"
    lines = (
        '"ImagePath"=hex(2):'
        + ",".join(
            f"{byte:02x}"
            for byte in "C:\\Program Files\\TightVNC\\tvnserver.exe -service\0".encode("utf-16-le")
        )
        + '\r\n"Start"=dword:00000002'
    )
    facts, (hit,), _, troubles = configuration(reg(key, lines))
    assert troubles == ()
    assert (hit.capability, hit.severity) == ("remote.desktop", "high")
    assert "automatically" in hit.text
    assert Fact(kind="service", text=f"tvnserver starts automatically: {TIGHTVNC}") in facts
    off = lines.replace("dword:00000002", "dword:00000004")
    assert found(reg(key, off)) == [("registry.remote_service", "remote.desktop", "medium")]


@pytest.mark.parametrize("name", ["Spooler", "nssmx", "anydeskless", "Dhcp"])
def test_another_service_is_a_fact(name: str) -> None:
    key = rf"SYSTEM\CurrentControlSet\Services\{name}"
    content = reg(key, f'"ImagePath"="C:\\\\Windows\\\\System32\\\\{name}.exe"')
    facts, hits, _, _ = configuration(content)
    assert hits == ()
    assert [fact.kind for fact in facts] == ["service"]


@pytest.mark.parametrize(
    "content",
    [
        f'[{RDP}]\n"fDenyTSConnections"=dword:0',
        HEAD + '"fDenyTSConnections"=dword:00000000',
        HEAD + f'[-{RDP}]\n"fDenyTSConnections"=dword:0',
        HEAD + f'[{HKLM}\\Control\\Terminal Server]\n;"fDenyTSConnections"=dword:00000000',
    ],
)  # fmt: skip
def test_what_sets_nothing_says_nothing(content: str) -> None:
    assert found(content.encode()) == []


@pytest.mark.parametrize("coding", ["utf-16", "ascii", "utf-8-sig"])
def test_a_continued_line_and_each_coding(coding: str) -> None:
    raw = ",".join(f"{byte:02x}" for byte in "x.dll".encode("utf-16-le"))
    content = HEAD + (
        f"[{HKLM}\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Windows]\r\n"
        f'"AppInit_DLLs"=hex(1):{raw[:9]}\\\r\n  {raw[9:]}\r\n'
    )
    assert [item[1] for item in found(content.encode(coding))] == ["persist.ld_preload"]


SYSTEM_HIVE = Key(
    "ROOT",
    keys=(
        Key(
            "ControlSet001",
            keys=(
                Key("Control", keys=(Key("Terminal Server", {"fDenyTSConnections": dword(0)}),)),
                Key(
                    "Services",
                    keys=(
                        Key(
                            "rustdesk",
                            {"ImagePath": text(r"C:\rustdesk.exe --service"), "Start": dword(2)},
                        ),
                        Key("Dnscache", {"ImagePath": text(r"svchost.exe -k NetworkService")}),
                    ),
                ),
            ),
        ),
    ),
)  # fmt: skip


@pytest.mark.parametrize("listing", [b"lf", b"lh", b"li", b"ri"])
def test_a_hive_says_what_a_text_says(listing: bytes) -> None:
    facts, hits, _, troubles = configuration(hive(SYSTEM_HIVE, listing))
    assert troubles == ()
    assert [hit.capability for hit in hits] == ["win.rdp", "remote.desktop"]
    assert [fact.text for fact in facts] == [
        "Dnscache starts ?: svchost.exe -k NetworkService",
        r"rustdesk starts automatically: C:\rustdesk.exe --service",
    ]


def test_the_paths_of_a_hive() -> None:
    names = {(value.key, value.name, value.data) for value in Hive(hive(SYSTEM_HIVE)).values()}
    assert (r"ControlSet001\Control\Terminal Server", "fDenyTSConnections", "0") in names


def test_a_circle_of_keys_ends() -> None:
    content = bytearray(hive(Key("R", keys=(Key("A", keys=(Key("B"),)),)), b"li"))
    lists = [at for at in range(4096, len(content)) if content[at : at + 4] == b"li\x01\x00"]
    root = struct.unpack_from("<I", content, 36)[0]
    struct.pack_into("<I", content, lists[0] + 4, root)
    _, _, _, (trouble,) = configuration(bytes(content))
    assert trouble.code == "analyse.hive"


def test_every_broken_cell_is_said_or_harmless() -> None:
    whole = hive(SYSTEM_HIVE)
    for at in range(4096 + 32, len(whole) - 64, 3):
        content = bytearray(whole)
        content[at] ^= 0xA5
        configuration(bytes(content))


@pytest.mark.parametrize("size", [4096, 4200, 4500])
def test_a_truncated_hive_is_said(size: int) -> None:
    assert configuration(hive(SYSTEM_HIVE)[:size])[3][0].code == "analyse.hive"


def test_every_rule_is_of_the_taxonomy() -> None:
    assert {rule.capability for rule in RULES} <= CAPABILITY_IDS
    assert len({rule.rule for rule in RULES}) == len(RULES)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.text(max_size=200))
def test_any_text_behind_the_head_never_raises(body: str) -> None:
    configuration((HEAD + body).encode("utf-16"))


@pytest.mark.skipif(
    shutil.which("hivexml") is None,
    reason="HIVES NOT COMPARED: hivexml (libhivex-bin) is absent",
)
def test_another_reader_agrees_with_the_builder(tmp_path: Path) -> None:
    file = tmp_path / "SYSTEM"
    file.write_bytes(hive(SYSTEM_HIVE))
    shown = subprocess.run(["hivexml", str(file)], capture_output=True, check=True).stdout.decode()
    for name in ("Terminal Server", "fDenyTSConnections", "rustdesk", "Dnscache"):
        assert name in shown


TASK = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
<Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
<Principals><Principal><UserId>S-1-5-18</UserId></Principal></Principals>
<Settings><Hidden>true</Hidden><Enabled>{enabled}</Enabled></Settings>
<Actions><Exec><Command>{command}</Command><Arguments>-x 1</Arguments></Exec></Actions></Task>
"""


@pytest.mark.parametrize("coding", ["utf-16", "utf-8"])
def test_a_scheduled_task(coding: str) -> None:
    content = TASK.format(enabled="true", command="C:\\up.exe").encode(coding)
    facts, (hit,), _, _ = configuration(content)
    assert (hit.capability, hit.severity) == ("win.scheduled_task", "high")
    assert facts[0].text == "C:\\up.exe -x 1 (LogonTrigger) as S-1-5-18"


def test_a_disabled_task_and_a_task_without_a_command() -> None:
    off = TASK.format(enabled="false", command="C:\\up.exe").encode()
    assert found(off) == [("config.scheduled_task", "win.scheduled_task", "low")]
    assert found(TASK.replace("<Command>{command}</Command>", "").encode()) == []
    assert found(TASK.replace("mit/task", "mit/tusk").encode()) == []


def test_a_setup_file_that_installs_a_remote_tool() -> None:
    inf = "[Version]\n[D.Services]\nAddService = Agent,2,S\n[S]\nServiceBinary = %12%\\{}\n"
    assert found(inf.format("anydesk.exe").encode()) == [
        ("config.inf_service", "win.service", "high")
    ]
    facts, hits, _, _ = configuration(inf.format("mydriver.sys").encode())
    assert hits == ()
    assert len(facts) == 2
