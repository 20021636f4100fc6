"""The real remote-access tools that the recall bench looks for, and what each is for.

The abilities of a tool were written from what its documentation says it does, before any
result was looked at. ``TOOLS`` are those that the design names (DETECTION, "Real
true-positive samples"); ``FURTHER`` are more programs of the same kinds, counted apart,
so that the rules are not only held against the list that they were written beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BOOKWORM: Final = ("amd64", "arm64", "armhf", "armel", "i386", "mipsel", "mips64el")
TRIXIE: Final = ("riscv64",)
PAIRS: Final = tuple(
    (suite, arch) for suite, archs in (("bookworm", BOOKWORM), ("trixie", TRIXIE)) for arch in archs
)


@dataclass(frozen=True)
class Tool:
    """One tool: its Debian package and the abilities of which one must be found in it."""

    package: str
    capabilities: tuple[str, ...]


@dataclass(frozen=True)
class NpmTool:
    """One tool as a package of the npm registry, one package for each architecture."""

    package: str
    arch: str
    capabilities: tuple[str, ...]


_VPN: Final = ("tunnel.vpn",)
_MESH: Final = ("tunnel.mesh", "tunnel.vpn")
_PROXY: Final = ("tunnel.proxy",)
_HIDDEN_PROXY: Final = ("tunnel.proxy", "tunnel.covert")
_COVERT: Final = ("tunnel.covert",)
_ANON: Final = ("tunnel.anon",)
_DESKTOP: Final = ("remote.desktop",)
_CONNECTOR: Final = ("remote.shell.bind", "remote.shell.reverse", "tunnel.proxy")
_SSH: Final = ("remote.shell.ssh",)
_REVERSE: Final = ("tunnel.reverse",)

TOOLS: Final = (
    Tool("autossh", _REVERSE),
    Tool("can-utils", ("can.inject", "can.remote_bridge")),
    Tool("dns2tcp", ("tunnel.dns",)),
    Tool("dropbear-bin", _SSH),
    Tool("gammu", ("modem.sms_cmd", "modem.apn", "modem.tcp")),
    Tool("gpsd", ("surv.location",)),
    Tool("gsocket", ("tunnel.covert", "tunnel.reverse", "remote.shell.reverse")),
    Tool("httptunnel", _COVERT),
    Tool("inetutils-telnetd", ("remote.shell.telnet",)),
    Tool("iodine", ("tunnel.dns",)),
    Tool("microsocks", _PROXY),
    Tool("mosh", _SSH),
    Tool("motion", ("surv.video",)),
    Tool("n2n", _MESH),
    Tool("ncat", _CONNECTOR),
    Tool("nebula", _MESH),
    Tool("netcat-traditional", _CONNECTOR),
    Tool("obfs4proxy", (*_ANON, *_COVERT)),
    Tool("openvpn", _VPN),
    Tool("proxytunnel", _HIDDEN_PROXY),
    Tool("ptunnel-ng", _COVERT),
    Tool("redsocks", _PROXY),
    Tool("rinetd", _PROXY),
    Tool("shadowsocks-libev", _HIDDEN_PROXY),
    Tool("shellinabox", ("remote.shell.web",)),
    Tool("socat", _CONNECTOR),
    Tool("sslh", _HIDDEN_PROXY),
    Tool("stunnel4", _HIDDEN_PROXY),
    Tool("tigervnc-scraping-server", _DESKTOP),
    Tool("tinc", _MESH),
    Tool("tmate", ("remote.shell.reverse", "remote.shell.ssh", "tunnel.reverse")),
    Tool("tor", _ANON),
    Tool("trojan", _HIDDEN_PROXY),
    Tool("udptunnel", _HIDDEN_PROXY),
    Tool("v2ray", _HIDDEN_PROXY),
    Tool("wayvnc", _DESKTOP),
    Tool("wireguard-go", _VPN),
    Tool("wireguard-tools", _VPN),
    Tool("x11vnc", _DESKTOP),
    Tool("xrdp", _DESKTOP),
    Tool("yggdrasil", _MESH),
)

FURTHER: Final = (
    Tool("adbd", ("remote.shell.bind",)),
    Tool("corkscrew", _HIDDEN_PROXY),
    Tool("dante-server", _PROXY),
    Tool("gnome-remote-desktop", _DESKTOP),
    Tool("krfb", _DESKTOP),
    Tool("libssh-4", _SSH),
    Tool("libvncserver1", _DESKTOP),
    Tool("ocserv", _VPN),
    Tool("openconnect", _VPN),
    Tool("openfortivpn", _VPN),
    Tool("openssh-server", _SSH),
    Tool("pptpd", _VPN),
    Tool("ser2net", ("remote.maintenance", "tunnel.proxy")),
    Tool("snowflake-client", _ANON),
    Tool("snowflake-proxy", _ANON),
    Tool("softether-vpnserver", _VPN),
    Tool("strongswan-starter", _VPN),
    Tool("telnetd-ssl", ("remote.shell.telnet",)),
    Tool("tightvncserver", _DESKTOP),
    Tool("tinysshd", _SSH),
    Tool("torsocks", _ANON),
    Tool("ttyd", ("remote.shell.web",)),
    Tool("vpnc", _VPN),
    Tool("xl2tpd", _VPN),
)

NPM_TOOLS: Final = (
    *(
        NpmTool(f"@expo/ngrok-bin-{arch}", arch, _REVERSE)
        for arch in ("linux-arm", "linux-arm64", "linux-ia32", "linux-x64")
    ),
    *(
        NpmTool(f"@ngrok/ngrok-{arch}", arch, _REVERSE)
        for arch in (
            "linux-arm-gnueabihf",
            "linux-arm64-gnu",
            "linux-arm64-musl",
            "linux-x64-gnu",
            "linux-x64-musl",
        )
    ),
)
