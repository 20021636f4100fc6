"""Settings that let somebody in or start something by their form, in further systems.

Read: OpenWrt's UCI section ``dropbear``; container files (the Compose Specification,
podman's ``.container`` units, Kubernetes manifests) whose image is a tunnel; Windows'
answer files ("Unattended Windows Setup Reference"); ``autorun.inf`` ("Autorun.inf
Entries"). Text is looked at by patterns and never parsed as XML or YAML, so that entities,
anchors and includes are nothing here. A password itself never stands in a result.

What it does not see: images under a name of the vendor's own, variables in a value.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.config.registry import REMOTE_TOOLS
from fwverify.analyse.config.said import Said, lines

MAX_SHOWN: Final = 200
MAX_ELEMENT_CHARACTERS: Final = 4000
_SECTION: Final = re.compile(r"config\s+(\w{1,40})")
_OPTION: Final = re.compile(r"option\s+(\w{1,40})\s+['\"]?([^'\"\n]{0,200})")
_ON: Final = frozenset(("on", "1", "yes", "true", "enabled"))
_OFF: Final = frozenset(("0", "off", "no", "false", "disabled"))

_CONTAINERS: Final = re.compile(
    r"^(?:services|version|kind|containers)\s*:|^\[Container\]", re.MULTILINE
)
_IMAGE: Final = re.compile(
    r"^[ \t]*(?:-[ \t]*)?[\"']?(?:image[\"']?[ \t]*:|Image[ \t]*=)[ \t]*[\"']?"
    r"([A-Za-z0-9][\w./:@-]{1,200})",
    re.MULTILINE,
)
IMAGES: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    (
        "tunnel.reverse",
        frozenset(
            (
                "bore", "chisel", "cloudflared", "expose", "frp", "frpc", "inlets", "inlets-pro",
                "localtunnel", "ngrok", "nps", "npc", "pagekite", "phtunnel", "playit", "rathole",
                "sish", "sshuttle", "tmate", "zrok",
            )
        ),
    ),
    (
        "tunnel.mesh",
        frozenset(
            ("headscale", "n2n", "nebula", "netbird", "netmaker", "tailscale", "tinc", "zerotier")
        ),
    ),
    ("tunnel.vpn", frozenset(("openvpn", "openvpn-client", "wireguard", "wg-easy"))),
    ("tunnel.anon", frozenset(("tor", "tor-proxy", "torproxy", "i2p", "i2pd"))),
    (
        "remote.desktop",
        frozenset(("rustdesk", "rustdesk-server", "guacamole", "guacd", "meshcentral", "novnc")),
    ),
    ("remote.shell.web", frozenset(("ttyd", "wetty", "shellinabox", "gotty"))),
)  # fmt: skip
"""The last part of an image's name, without tag; ``docker-NAME`` and ``NAME-docker`` too."""

_ANSWERS: Final = re.compile(r"urn:schemas-microsoft-com:unattend")
_FIRST: Final = re.compile(
    r"<(?:CommandLine|Path)>\s{0,20}([^<]{1,800})</(?:CommandLine|Path)>", re.IGNORECASE
)
_REMOVED: Final = "*SENSITIVE*DATA*DELETED*"
_AUTORUN: Final = re.compile(r"^[ \t]*\[autorun(?:\.\w{1,20})?\]", re.MULTILINE | re.IGNORECASE)
_STARTS: Final = re.compile(
    r"^[ \t]*(open|shellexecute|shell\\[\w ]{1,40}\\command)[ \t]*=[ \t]*([^\n;]{1,300})",
    re.MULTILINE | re.IGNORECASE,
)


def dropbear(text: str, said: Said) -> None:
    """Read the sections ``dropbear`` of UCI: who may log in over SSH, and how."""
    for offset, options in _sections(text, "dropbear"):
        if options.get("enable", "1").lower() in _OFF:
            continue
        port = options.get("Port", "22")
        where = options.get("Interface", "all interfaces")
        shown = " ".join(f"{name}={options[name]}" for name in sorted(options))
        said.fact("ssh server", f"dropbear {shown}")
        root = options.get("RootPasswordAuth", "").lower() in _ON
        if root and options.get("PasswordAuth", "on").lower() not in _OFF:
            said.hit(
                "config.ssh_root_password", "remote.shell.ssh",
                f"root logs in over SSH with a password, port {port} of {where}",
                f"RootPasswordAuth port {port} on {where}", offset=offset, shown=shown,
            )  # fmt: skip


def _sections(text: str, wanted: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield offset and options of each UCI section of the type ``wanted``."""
    kind, start = "", 0
    options: dict[str, str] = {}
    for offset, line in (*lines(text), (len(text), "config end")):
        if section := _SECTION.match(line):
            if kind == wanted:
                yield start, options
            kind, options, start = section[1], {}, offset
        elif option := _OPTION.match(line):
            options[option[1]] = option[2].strip()


def containers(text: str, said: Said) -> None:
    """Read which images a container file starts; a tunnel among them is a way in."""
    if not _CONTAINERS.search(text):
        return
    for match in _IMAGE.finditer(text):
        said.fact("container image", match[1])
        if capability := _tunnel(match[1]):
            said.hit(
                "config.container_tunnel", capability,
                f"a container is started from the image {match[1]}"[:MAX_SHOWN],
                f"image {match[1]}", severity="high", offset=match.start(1),
            )  # fmt: skip


def _tunnel(image: str) -> str | None:
    """Return the ability that the name of an image shows, by its last part."""
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()
    owner = image.partition("@")[0].rpartition("/")[0].rpartition("/")[2].lower()
    plain = re.sub(r"^docker-|-(?:docker|client|agent|image)$", "", name)
    names = {name, plain}
    if plain in ("client", "agent", "latest", "daemon"):
        names.add(owner)
    return next((capability for capability, known in IMAGES if names & known), None)


def answers(text: str, said: Said) -> None:
    """Read an answer file of Windows' setup: accounts, automatic logon, first commands."""
    if not _ANSWERS.search(text):
        return
    for offset, body in _elements(text, "LocalAccount"):
        _account(offset, body, said)
    for offset, body in _elements(text, "AutoLogon"):
        if _field(body, "Enabled").lower() != "false":
            _automatic(offset, body, said)
    for offset, body in _elements(text, "AdministratorPassword"):
        if seal := _sealed(body):
            said.hit(
                "config.unattend_password", "cred.static",
                "setup gives the administrator a password that is the same everywhere",
                f"Administrator {seal}", severity="high", offset=offset,
            )  # fmt: skip
    for match in _FIRST.finditer(text):
        command = match[1].strip()
        said.fact("setup command", command)
        if tool := REMOTE_TOOLS.search(command):
            said.hit(
                "config.unattend_command", "win.service",
                f"setup runs {tool[1]}", f"command {command}", severity="high",
                offset=match.start(1),
            )  # fmt: skip


def _elements(text: str, name: str) -> Iterator[tuple[int, str]]:
    """Yield offset and content of each element ``name``, as far as the next one begins."""
    starts = [match.span() for match in re.finditer(rf"<{name}\b[^<>]{{0,200}}>", text)]
    for (offset, inside), (following, _) in itertools.pairwise([*starts, (len(text), 0)]):
        limit = min(following, inside + MAX_ELEMENT_CHARACTERS)
        end = text.find(f"</{name}>", inside, limit)
        yield offset, text[inside : limit if end == -1 else end]


def _account(offset: int, body: str, said: Said) -> None:
    name, group = _field(body, "Name"), _field(body, "Group")
    said.fact("account", f"{name} group {group or '?'}")
    seal = _sealed(body) or "no password"
    said.hit(
        "config.unattend_account", "win.user_add",
        f"setup makes the account {name} in {group or 'no group'}"[:MAX_SHOWN],
        f"account {name} group {group} {seal}",
        severity="high" if "admin" in group.lower() else "medium", offset=offset,
        shown=f"{name} {group}",
    )  # fmt: skip


def _automatic(offset: int, body: str, said: Said) -> None:
    name = _field(body, "Username") or "?"
    seal = _sealed(body) or "no password"
    said.hit(
        "config.unattend_logon", "cred.static",
        f"setup logs {name} in by itself"[:MAX_SHOWN], f"automatic logon {name} {seal}",
        severity="high", offset=offset, shown=f"AutoLogon {name}",
    )  # fmt: skip


def _field(text: str, name: str) -> str:
    match = re.search(rf"<{name}>\s{{0,20}}([^<]{{0,200}})</{name}>", text, re.IGNORECASE)
    return match[1].strip() if match else ""


def _sealed(text: str) -> str:
    """Return a digest of the password in ``text``; empty where there is none."""
    value = _field(text, "Value")
    if not value or value == _REMOVED:
        return ""
    return f"seal {hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:16]}"


def autorun(text: str, said: Said) -> None:
    """Read what a medium starts when it is put in."""
    if not _AUTORUN.search(text):
        return
    for match in _STARTS.finditer(text):
        command = match[2].strip()
        said.fact("autorun", f"{match[1].lower()} {command}")
        said.hit(
            "config.autorun", "persist.init",
            f"the medium starts {command} by itself"[:MAX_SHOWN],
            f"{match[1].lower()}={command}", offset=match.start(),
        )  # fmt: skip
