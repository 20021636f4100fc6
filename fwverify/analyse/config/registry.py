r"""What values of the Windows registry let in, start or switch off.

The readers (``regfile``, ``hive``) give values with their keys; a hive does not say where
it is mounted, so that every rule looks at the end of the key. ``ControlSet001`` counts as
``CurrentControlSet``. Sources: Microsoft's documentation of the keys named below, as of
Windows 7 to 11.

What it does not see: policies of a domain, values that a program sets at run time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.config.said import Said
from fwverify.model import Severity

REMOTE_TOOLS: Final = re.compile(
    r"(?i)(?:^|[\\/\"\s_-])(winvnc4?|tvnserver|uvnc\w*|vncserver\w*|teamviewer\w*|anydesk|rustdesk|todesk\w*"
    r"|sunlogin\w*|oray\w*|rserver3|r_server|aa_v3|ammyy\w*|dwagsvc|dwagent|screenconnect\w*"
    r"|connectwisecontrol\w*|splashtop\w*|srservice|srmanager|logmein\w*|lmiguardian\w*|meshagent"
    r"|ultraviewer\w*|aeroadmin|supremo\w*|remoteutilities\w*|rutserv|netsupport\w*|client32|dameware\w*"
    r"|zohomeeting\w*|zaservice|atera\w*|bomgar\w*|parsecd?|nxservice64|chrome.?remote\w*"
    r"|frpc|ngrok|chisel|cloudflared|phtunnel|nssm)(?:\.exe|[\"\s]|$)"
)


@dataclass(frozen=True)
class RegistryValue:
    """One value: the path of its key, its name (empty: default or none), its data as text."""

    key: str
    name: str
    data: str
    offset: int


@dataclass(frozen=True)
class Rule:
    """A value that matters: end of its key, its name, and which data."""

    rule: str
    capability: str
    severity: Severity
    text: str
    key: re.Pattern[str]
    name: re.Pattern[str]
    bad: Callable[[str], bool]


def _rule(
    name: str,
    capability: str,
    severity: Severity,
    text: str,
    key: str,
    value: str,
    bad: Callable[[str], bool],
) -> Rule:
    return Rule(
        f"registry.{name}",
        capability,
        severity,
        text,
        re.compile(rf"(?i)(?:^|\\)(?:{key})$"),
        re.compile(rf"(?i){value}"),
        bad,
    )


def _zero(data: str) -> bool:
    return data == "0"


def _set(data: str) -> bool:
    return data.isdigit() and data != "0"


def _some(data: str) -> bool:
    return bool(data.strip())


def _shell(data: str) -> bool:
    return _some(data) and data.strip().lower() not in ("explorer.exe", r"c:\windows\explorer.exe")


def _userinit(data: str) -> bool:
    programs = [item.strip().lower() for item in data.split(",") if item.strip()]
    return any(not item.endswith("userinit.exe") for item in programs)


RULES: Final[tuple[Rule, ...]] = (
    _rule("rdp", "win.rdp", "high", "remote desktop is switched on",
          r"Control\\Terminal Server|Windows NT\\Terminal Services", "fDenyTSConnections", _zero),
    _rule("rdp_no_nla", "win.rdp", "medium", "remote desktop shows a login to anybody",
          r"WinStations\\RDP-Tcp", "UserAuthentication", _zero),
    _rule("remote_assistance", "remote.desktop", "medium", "remote assistance is switched on",
          r"Control\\Remote Assistance", "fAllow(?:ToGetHelp|FullControl)", _set),
    _rule("winrm", "win.psremoting", "high", "remote management by WinRM is switched on",
          r"Windows\\WinRM\\Service", "AllowAutoConfig", _set),
    _rule("winrm_plain", "win.psremoting", "high", "WinRM accepts plain passwords",
          r"Windows\\WinRM\\Service|WSMAN\\Service", "AllowUnencrypted(?:Traffic)?|AllowBasic",
          _set),
    _rule("defender", "win.defender_off", "high", "Windows Defender is switched off",
          r"Windows Defender(?:\\Real-Time Protection|\\Spynet|\\Features)?",
          "Disable(?:AntiSpyware|AntiVirus|RealtimeMonitoring|BehaviorMonitoring"
          "|OnAccessProtection|IOAVProtection|ScanOnRealtimeEnable)", _set),
    _rule("defender_exclusion", "win.defender_off", "high", "Windows Defender leaves something out",
          r"Windows Defender\\Exclusions\\(?:Paths|Processes|Extensions)", ".+", lambda _: True),
    _rule("firewall", "net.firewall_open", "high", "the Windows firewall is switched off",
          r"(?:Standard|Public|Private|Domain)Profile", "EnableFirewall", _zero),
    _rule("sticky_keys", "remote.shell.trigger", "high",
          "a key stroke at the login starts a program",
          r"Image File Execution Options"
          r"\\(?:sethc|utilman|osk|narrator|magnify|displayswitch)\.exe",
          "Debugger", _some),
    _rule("autologin", "cred.static", "high", "a password for the automatic login stands here",
          r"CurrentVersion\\Winlogon", "DefaultPassword", _some),
    _rule("shell", "persist.init", "high", "another shell starts at login",
          r"CurrentVersion\\Winlogon", "Shell|Taskman", _shell),
    _rule("userinit", "persist.init", "high", "another program starts at login",
          r"CurrentVersion\\Winlogon", "Userinit", _userinit),
    _rule("run", "persist.init", "medium", "a program starts at login",
          r"CurrentVersion\\(?:Policies\\Explorer\\)?Run(?:Once|OnceEx|Services)?(?:\\\w{1,40})?",
          ".+", _some),
    _rule("app_init", "persist.ld_preload", "high", "a library is loaded into every program",
          r"CurrentVersion\\Windows", "AppInit_DLLs", _some),
    _rule("blank_password", "cred.empty", "high", "accounts without a password log in remotely",
          r"Control\\Lsa", "LimitBlankPasswordUse", _zero),
    _rule("remote_admin_token", "lateral.smb", "medium",
          "administrators keep their rights remotely",
          r"Policies\\System", "LocalAccountTokenFilterPolicy", _set),
    _rule("ssh", "remote.shell.ssh", "medium", "OpenSSH for Windows is set up",
          r"SOFTWARE\\OpenSSH", "DefaultShell\\w*", _some),
    _rule("telnet", "remote.shell.telnet", "high", "the telnet server is set up",
          r"Microsoft\\TelnetServer(?:\\\d\.\d)?", "TelnetPort|DefaultShell|SecurityMechanism",
          _some),
    _rule("no_update", "update.no_verify", "medium", "Windows Update is switched off",
          r"WindowsUpdate(?:\\AU)?", "NoAutoUpdate|DisableWindowsUpdateAccess", _set),
)  # fmt: skip
_SERVICE: Final = re.compile(
    r"(?i)(?:CurrentControlSet|ControlSet\d{3})\\Services\\([^\\]{1,100})$"
)
_FIREWALL_RULES: Final = re.compile(
    r"(?i)FirewallPolicy\\(?:RestrictedServices\\Static\\System\\)?FirewallRules$"
)
_SAM_NAME: Final = re.compile(r"(?i)Domains\\Account\\Users\\Names\\([^\\]{1,100})$")
_TASK: Final = re.compile(r"(?i)Schedule\\TaskCache\\Tree\\(.{1,200})$")
_STARTS: Final = {
    "0": "at boot",
    "1": "by the system",
    "2": "automatically",
    "3": "on demand",
    "4": "disabled",
}


def judge(found: Iterable[RegistryValue], said: Said) -> None:
    """Add what the values say; services are put together from their values."""
    services: dict[str, dict[str, RegistryValue]] = {}
    for value in found:
        if service := _SERVICE.search(value.key):
            services.setdefault(service[1], {})[value.name.lower()] = value
        elif account := _SAM_NAME.search(value.key):
            said.fact("account", account[1])
        elif task := _TASK.search(value.key):
            said.fact("scheduled task", task[1])
        elif _FIREWALL_RULES.search(value.key) and "|Dir=In|" in value.data:
            _firewall(value, said)
        else:
            _rules(value, said)
    for name in sorted(services):
        _service(name, services[name], said)


def _rules(value: RegistryValue, said: Said) -> None:
    for rule in RULES:
        if not (rule.name.fullmatch(value.name) and rule.key.search(value.key)):
            continue
        if not rule.bad(value.data):
            continue
        secret = rule.rule == "registry.autologin"
        shown = f"{value.name} = {'(password)' if secret else value.data}"
        text = rule.text if secret else f"{rule.text}: {shown}"
        said.hit(
            rule.rule, rule.capability, text[:300], f"{value.key}\\{shown}",
            severity=rule.severity, offset=value.offset, shown=shown,
        )  # fmt: skip


def _firewall(value: RegistryValue, said: Said) -> None:
    said.fact("firewall", value.data)
    open_to_all = "|Action=Allow|" in value.data and "|Active=TRUE|" in value.data
    if open_to_all and (tool := REMOTE_TOOLS.search(value.data)):
        said.hit(
            "registry.firewall_rule", "net.firewall_open",
            f"the firewall lets {tool[1]} in", f"firewall {tool[1].lower()}",
            severity="high", offset=value.offset, shown=value.data,
        )  # fmt: skip


def _service(name: str, values: dict[str, RegistryValue], said: Said) -> None:
    """Add a service as a fact, and as a finding where it starts a remote access tool."""
    program = values.get("imagepath")
    start = values.get("start")
    if program is None:
        return
    when = _STARTS.get(start.data, "?") if start else "?"
    said.fact("service", f"{name} starts {when}: {program.data}")
    tool = REMOTE_TOOLS.search(program.data) or REMOTE_TOOLS.search(name)
    if tool:
        said.hit(
            "registry.remote_service", "remote.desktop",
            f"the service {name} starts {tool[1]} {when}", f"service {name}: {program.data}",
            severity="medium" if when == "disabled" else "high", offset=program.offset,
        )  # fmt: skip
