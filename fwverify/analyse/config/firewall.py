"""Firewall rules: what of them is a fact to compare, and what opens a way in.

Read: ``iptables-save`` (iptables-save(8)), nftables (nft(8)), OpenWrt's UCI firewall, and
firewalld zones. Each rule is a fact ``firewall``. A default policy that accepts is no
finding where it is all there is (most devices have it in files that a script replaces);
an interface or zone for the outside that accepts everything is one, and so is a rule
that lets in a port for remote access.
"""

from __future__ import annotations

import re
from typing import Final

from fwverify.analyse.config.said import Said, lines

REMOTE_PORTS: Final = {
    "22": "remote.shell.ssh",
    "23": "remote.shell.telnet",
    "445": "lateral.smb",
    "2323": "remote.shell.telnet",
    "3389": "win.rdp",
    "5555": "remote.maintenance",
    "5900": "remote.desktop",
    "5938": "remote.desktop",
    "5985": "win.psremoting",
    "7070": "remote.desktop",
}
IPTABLES: Final = re.compile(r"^\*(?:filter|nat|mangle|raw)\s*$", re.MULTILINE)
NFT: Final = re.compile(
    r"^[ \t]*table\s+(?:inet|ip|ip6|bridge|netdev)\s+\S{1,60}\s*\{", re.MULTILINE
)
UCI: Final = re.compile(r"^config\s+(?:rule|zone|redirect|forwarding)\b", re.MULTILINE)
ZONE: Final = re.compile(r"<zone\b[^>]{0,200}>")

_ALLOWED: Final = re.compile(r"^-A\s+INPUT\b.*-j\s+ACCEPT\b")
_PORTS: Final = re.compile(r"--dports?\s+([\d,:]{1,80})")
_NFT_PORTS: Final = re.compile(r"\bdport\s+(?:\{([\d,\s-]{1,120})\}|(\d{1,5}))")
_OUTSIDE: Final = re.compile(r"wan|wwan|ppp|usb|modem|cell|lte|public|external|dmz")
_SECTION: Final = re.compile(r"config\s+(\w{1,40})")
_OPTION: Final = re.compile(r"(?:option|list)\s+(\w{1,40})\s+['\"]?([^'\"\n]{0,200})")


def iptables(text: str, said: Said) -> None:
    """Read the rules of ``iptables-save``; only what stands between table and COMMIT."""
    if not IPTABLES.search(text):
        return
    for offset, line in lines(text):
        if line.startswith(("-A ", "-I ", ":")):
            rule = re.sub(r"\[\d+:\d+\]", "", line)
            said.fact("firewall", rule)
            if _ALLOWED.match(rule):
                _ports(_PORTS.findall(rule), rule, offset, said)


def nftables(text: str, said: Said) -> None:
    """Read the rules of an nftables file."""
    if not NFT.search(text):
        return
    for offset, line in lines(text):
        if re.search(r"\b(?:accept|drop|reject|dnat|redirect|masquerade)\b", line):
            said.fact("firewall", line)
        if line.rstrip(";").endswith("accept"):
            found = [first or second for first, second in _NFT_PORTS.findall(line)]
            _ports(found, line, offset, said)


def _ports(found: list[str], rule: str, offset: int, said: Said) -> None:
    """Say of each port for remote access that ``rule`` lets it in."""
    for port in sorted({item for text in found for item in re.findall(r"\d+", text)}):
        capability = REMOTE_PORTS.get(port)
        if capability is not None:
            text = f"the firewall lets in port {port}"
            said.hit(
                "firewall.remote_port", capability, text, f"port {port}",
                severity="medium", confidence="medium", offset=offset, shown=rule,
            )  # fmt: skip


def uci(text: str, said: Said) -> None:
    """Read OpenWrt's ``/etc/config/firewall``: sections of options."""
    if not UCI.search(text):
        return
    kind, start = "", 0
    options: dict[str, str] = {}
    for offset, line in (*lines(text), (len(text), "config end")):
        if section := _SECTION.match(line):
            _section(kind, options, start, said)
            kind, options, start = section[1], {}, offset
        elif option := _OPTION.match(line):
            name, value = option[1], option[2].strip()
            options[name] = f"{options[name]} {value}" if name in options else value


def _section(kind: str, options: dict[str, str], offset: int, said: Said) -> None:
    if kind not in ("rule", "zone", "redirect", "forwarding", "defaults"):
        return
    shown = " ".join(f"{name}={options[name]}" for name in sorted(options) if name != "enabled")
    off = " (disabled)" if options.get("enabled") == "0" else ""
    said.fact("firewall", f"{kind} {shown}{off}")
    outside = _OUTSIDE.search(options.get("name" if kind == "zone" else "src", "").lower())
    if not outside or off:
        return
    if kind == "zone" and options.get("input", "").upper() == "ACCEPT":
        text = f"the firewall lets everything in from {options.get('name', '')}"
        said.hit(
            "firewall.open_zone", "net.firewall_open", text, f"zone {shown}",
            severity="high", offset=offset,
        )  # fmt: skip
    elif kind == "redirect" or options.get("target", "").upper() == "ACCEPT":
        _ports([options.get("dest_port", ""), options.get("src_dport", "")], shown, offset, said)


def firewalld(text: str, said: Said) -> None:
    """Read a zone of firewalld (firewalld.zone(5))."""
    zone = ZONE.search(text)
    if not zone or "</zone>" not in text:
        return
    for element in re.finditer(r"<(?:service|port|source-port|forward-port)\b[^>]{0,200}>", text):
        said.fact("firewall", element[0])
        for port in re.findall(r"\bport=\"(\d{1,5})\"", element[0]):
            _ports([port], element[0], element.start(), said)
    if 'target="ACCEPT"' in zone[0]:
        text = "a firewall zone lets everything in"
        said.hit(
            "firewall.open_zone", "net.firewall_open", text, zone[0],
            confidence="medium", offset=zone.start(),
        )  # fmt: skip
