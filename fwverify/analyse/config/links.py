"""Connections that a device keeps: VPN and tunnel profiles, mobile networks, Wi-Fi, time.

Read by their form, whatever the file is called: WireGuard (wg(8), wg-quick(8)), OpenVPN
(openvpn(8)), frp (ini, TOML, YAML and JSON), OpenSSH's client (ssh_config(5)), NetworkManager
keyfiles (nm-settings-keyfile(5)), wpa_supplicant.conf(5), chat scripts and UCI networks
with an access point name, resolv.conf(5), ntp.conf(5), timesyncd.conf(5).

A key or a passphrase itself never stands in a result, only a digest of it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from fwverify.analyse.config.said import Said, lines

_WG_PEER: Final = re.compile(r"^\[Peer\]\s*$", re.MULTILINE)
_WG_KEY: Final = re.compile(
    r"^[ \t]*(?:PrivateKey|PublicKey)\s*=\s*[A-Za-z0-9+/]{42,43}=", re.MULTILINE
)
_SETTING: Final = re.compile(
    r"^[ \t]*([\w.-]{1,60})[ \t]*[:=][ \t]*[\"']?([^\n\"']{0,200})[\"']?\s*,?$", re.MULTILINE
)
_OVPN_REMOTE: Final = re.compile(
    r"^[ \t]*remote[ \t]+([\w.:-]{3,253})(?:[ \t]+(\d{1,5})(?:[ \t]+(?:udp|tcp)\S{0,8})?)?[ \t]*$",
    re.MULTILINE,
)
_OVPN_DEVICE: Final = re.compile(
    r"^[ \t]*(?:dev[ \t]+t(?:un|ap)\w{0,14}|proto[ \t]+(?:udp|tcp)\S{0,8})[ \t]*$", re.MULTILINE
)
_SSH_FORWARD: Final = re.compile(
    r"^[ \t]*RemoteForward\s+(\S.{0,120})$", re.MULTILINE | re.IGNORECASE
)
_SSH_HOST: Final = re.compile(r"^[ \t]*HostName\s+(\S{1,253})\s*$", re.MULTILINE | re.IGNORECASE)
_FRP: Final = re.compile(
    r"(?:^[ \t]*|[{,][ \t]*)[\"']?(?:server_addr|serverAddr)[\"']?\s{0,8}[=:]\s{0,8}"
    r"[\"']?([\w.:-]{3,253})",
    re.MULTILINE,
)
_FRP_PORT: Final = re.compile(
    r"(?:^[ \t]*|[{,][ \t]*)[\"']?(?:server_port|serverPort)[\"']?\s{0,8}[=:]\s{0,8}[\"']?\d{1,5}",
    re.MULTILINE,
)
_APN: Final = re.compile(
    r"AT\+CGDCONT\s*=\s*\d{1,2}\s*,\s*\\?\"?IP\w{0,4}\\?\"?\s*,\s*\\?\"([\w.-]{2,100})\\?\""
    r"|^[ \t]*(?:option\s+apn\s+['\"]?|apn\s*=\s*['\"]?)([\w.-]{2,100})['\"]?\s*$",
    re.MULTILINE | re.IGNORECASE,
)
_WPA_BLOCK: Final = re.compile(r"^[ \t]*network\s*=\s*\{([^}]{0,4000})\}", re.MULTILINE)
_NM: Final = re.compile(r"^\[connection\]\s*$", re.MULTILINE)
_NAMESERVER: Final = re.compile(r"^[ \t]*nameserver\s+([\da-fA-F.:]{3,45})\s*$", re.MULTILINE)
_NTP: Final = re.compile(
    r"^[ \t]*(?:server|pool|peer)\s+([A-Za-z0-9.-]{3,253})"
    r"(?:\s+(?:i?burst|prefer|minpoll|maxpoll|key)\b.*)?$",
    re.MULTILINE,
)
_NTP_FILE: Final = re.compile(
    r"^[ \t]*(?:driftfile|makestep|restrict\s+default|leapsectz)\b", re.MULTILINE
)
_TIMESYNC: Final = re.compile(r"^[ \t]*(?:Fallback)?NTP\s*=\s*(\S.{0,400})$", re.MULTILINE)


def wireguard(text: str, said: Said) -> None:
    """Read a WireGuard profile: an interface with a key and its peers."""
    if not (_WG_PEER.search(text) and _WG_KEY.search(text)):
        return
    ends = [value for name, value in _SETTING.findall(text) if name == "Endpoint"]
    for name, value in _SETTING.findall(text):
        if name in ("AllowedIPs", "Address", "ListenPort", "DNS", "PersistentKeepalive"):
            said.fact("tunnel", f"wireguard {name} {value}")
        elif name in ("PostUp", "PreUp", "PostDown", "PreDown"):
            said.fact("tunnel", f"wireguard {name} runs {value}")
    for end in ends:
        said.place(end)
    peers = ", ".join(sorted(ends)) or "peers that connect to it"
    text = f"a WireGuard profile for {peers}"[:300]
    said.hit("config.wireguard", "tunnel.vpn", text, f"peers {peers}")


def openvpn(text: str, said: Said) -> None:
    """Read an OpenVPN client profile."""
    remotes = _OVPN_REMOTE.findall(text)
    if not remotes or not _OVPN_DEVICE.search(text):
        return
    for host, port in sorted(set(remotes)):
        said.place(host)
        said.fact("tunnel", f"openvpn remote {host} {port}".strip())
    names = ", ".join(sorted({host for host, _ in remotes}))
    said.hit(
        "config.openvpn", "tunnel.vpn", f"an OpenVPN profile for {names}"[:300], f"remotes {names}"
    )
    for name in ("up", "down", "route-up", "tls-verify", "auth-user-pass-verify", "plugin"):
        for match in re.finditer(rf"^[ \t]*{name}\s+(\S.{{0,200}})$", text, re.MULTILINE):
            said.fact("tunnel", f"openvpn {name} runs {match[1]}")


def frp(text: str, said: Said) -> None:
    """Read the profile of frp's client: a server that makes ports of the device public."""
    servers = _FRP.findall(text)
    if not servers or not _FRP_PORT.search(text):
        return
    for server in sorted(set(servers)):
        said.place(server)
        said.hit(
            "config.frp", "tunnel.reverse", f"an frp profile: {server} makes ports public",
            f"server {server}", severity="high",
        )  # fmt: skip


def ssh_client(text: str, said: Said) -> None:
    """Read ``RemoteForward`` of an SSH client's configuration."""
    hosts = sorted(set(_SSH_HOST.findall(text)))
    for forward in sorted(set(_SSH_FORWARD.findall(text))):
        to = f" to {', '.join(hosts)}" if hosts else ""
        said.hit(
            "config.remote_forward", "tunnel.reverse",
            f"an SSH connection{to} carries a port back"[:300], f"RemoteForward {forward}",
            severity="high",
        )  # fmt: skip
        for host in hosts:
            said.place(host)


def mobile(text: str, said: Said) -> None:
    """Read access point names of mobile networks."""
    for match in _APN.finditer(text):
        name = (match[1] or match[2]).lower()
        said.endpoints.add(("apn", name))
        said.hit(
            "config.apn", "modem.apn", f"an access point name of a mobile network: {name}",
            f"apn {name}", offset=match.start(),
        )  # fmt: skip


def wifi(text: str, said: Said) -> None:
    """Read networks of wpa_supplicant: names, and that their key is the same everywhere."""
    for block in _WPA_BLOCK.finditer(text):
        settings = dict(_SETTING.findall(block[1]))
        name = settings.get("ssid", "")
        if not name:
            continue
        said.fact("wifi", f"ssid {name} {settings.get('key_mgmt', '')}")
        _secret(settings.get("psk", "") or settings.get("password", ""), name, block.start(), said)


def _secret(secret: str, name: str, offset: int, said: Said) -> None:
    if secret and not secret.startswith(("ext:", "${")):
        text = f"the Wi-Fi key of {name!r} is the same in every device"[:300]
        seal = hashlib.sha256(secret.encode("latin-1", "replace")).hexdigest()[:16]
        said.hit(
            "config.wifi_key", "cred.static", text,
            f"wifi {name} seal {seal}", shown=f"{name}: (key)", offset=offset,
        )  # fmt: skip


def network_manager(text: str, said: Said) -> None:
    """Read a NetworkManager keyfile: its type, mobile network, VPN and Wi-Fi key."""
    if not _NM.search(text):
        return
    section, settings = "", {}
    for _, line in lines(text):
        if line.startswith("["):
            section = line.strip("[]")
        else:
            name, _, value = line.partition("=")
            settings[f"{section}.{name.strip()}"] = value.strip()
    kind = settings.get("connection.type", "?")
    automatic = settings.get("connection.autoconnect", "true")
    said.fact("network", f"{kind} {settings.get('connection.id', '')} autoconnect={automatic}")
    if kind in ("vpn", "wireguard"):
        for name in ("vpn.remote", "vpn.gateway"):
            said.place(settings.get(name, ""))
        shown = settings.get("vpn.service-type", kind).rpartition(".")[2]
        said.hit(
            "config.nm_vpn",
            "tunnel.vpn",
            f"a {shown} connection of NetworkManager",
            f"{kind} {shown}",
        )
    name = settings.get("wifi.ssid", settings.get("802-11-wireless.ssid", ""))
    for key in ("wifi-security.psk", "802-11-wireless-security.psk"):
        _secret(settings.get(key, ""), name, 0, said)


def names_and_time(text: str, said: Said) -> None:
    """Read name servers and time servers as facts: who answers decides where it goes."""
    for server in sorted(set(_NAMESERVER.findall(text))):
        said.fact("dns", f"nameserver {server}")
    if _NTP_FILE.search(text):
        for server in sorted(set(_NTP.findall(text))):
            said.fact("ntp", f"server {server}")
            said.place(server)
    if re.search(r"^\[Time\]\s*$", text, re.MULTILINE):
        for listed in _TIMESYNC.findall(text):
            for server in listed.split():
                said.fact("ntp", f"server {server}")
                said.place(server)
