"""Which libraries are linked into a program, where it says so itself: Go and Rust.

Guarantees: every Go build blob is read (``gobuild``); Rust crates are taken from source
paths of Cargo's registry, which panic messages and debug information keep. Each gives the
facts ``module`` and ``component`` (``name version``), and a module of ``REMOTES`` gives a
finding of high confidence: its code is in the program, by its exact module path.

What it does not see: programs whose builder removed paths (``-trimpath`` keeps module
paths; Rust's ``--remap-path-prefix`` does not), C and C++ libraries (see ``versions``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.code.image import Image
from fwverify.analyse.elfheader import MAGIC as ELF_MAGIC
from fwverify.analyse.elfheader import read_header
from fwverify.analyse.gobuild import GoBuild, builds
from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, Trouble
from fwverify.analyse.windows import Extracted, windows
from fwverify.model import Fact, Severity, Threat
from fwverify.reader import Buffer, Malformed

MAX_CRATES: Final = 4096
_CRATE: Final = re.compile(
    rb"registry[/\\]src[/\\][\w.-]{1,80}[/\\]([A-Za-z][A-Za-z0-9_-]{0,63}?)-"
    rb"(\d{1,5}\.\d{1,5}\.\d{1,5}[0-9A-Za-z.+-]{0,40})[/\\]"
)


@dataclass(frozen=True)
class Remote:
    """A library or program that opens a way in or out.

    ``paths`` are Go module paths (a major version may follow) and names of Rust crates.
    """

    capability: str
    severity: Severity
    threat: Threat
    what: str
    paths: tuple[str, ...]


REMOTES: Final[tuple[Remote, ...]] = (
    Remote(
        "tunnel.reverse",
        "high",
        "both",
        "a tunnel that outsiders come in by",
        (
            "github.com/fatedier/frp",
            "github.com/jpillora/chisel",
            "golang.ngrok.com/ngrok",
            "github.com/inconshreveable/ngrok",
            "github.com/ehang-io/nps",
            "github.com/djylb/nps",
            "github.com/cloudflare/cloudflared",
            "github.com/nicocha30/ligolo-ng",
            "github.com/ginuerzh/gost",
            "github.com/go-gost/gost",
            "github.com/go-gost/x",
            "github.com/rapiz1/rathole",
            "github.com/mmatczuk/go-http-tunnel",
            "github.com/openconfig/grpctunnel",
            "github.com/tmate-io/tmate",
            "github.com/moul/sshportal",
            "github.com/anderspitman/boringproxy",
            "rathole",
            "ngrok",
            "bore-cli",
        ),
    ),
    Remote(
        "tunnel.vpn",
        "medium",
        "both",
        "a VPN",
        (
            "golang.zx2c4.com/wireguard",
            "github.com/songgao/water",
            "github.com/xjasonlyu/tun2socks",
            "boringtun",
            "wireguard-control",
            "defguard_wireguard_rs",
        ),
    ),
    Remote(
        "tunnel.mesh",
        "medium",
        "both",
        "a mesh VPN",
        (
            "github.com/slackhq/nebula",
            "github.com/yggdrasil-network/yggdrasil-go",
            "tailscale.com",
            "github.com/netbirdio/netbird",
            "github.com/gravitl/netclient",
            "github.com/gravitl/netmaker",
            "github.com/juanfont/headscale",
            "github.com/ntop/n2n",
            "easytier",
            "innernet",
        ),
    ),
    Remote(
        "tunnel.proxy",
        "medium",
        "both",
        "a proxy that hides where traffic goes",
        (
            "github.com/v2fly/v2ray-core",
            "v2ray.com/core",
            "github.com/xtls/xray-core",
            "github.com/p4gefau1t/trojan-go",
            "github.com/shadowsocks/go-shadowsocks2",
            "github.com/sagernet/sing-box",
            "github.com/apernet/hysteria",
            "github.com/armon/go-socks5",
            "github.com/things-go/go-socks5",
            "shadowsocks-rust",
            "shadowsocks-service",
            "fast-socks5",
        ),
    ),
    Remote(
        "tunnel.anon",
        "high",
        "espionage",
        "a connection to an anonymity network",
        (
            "github.com/cretz/bine",
            "gitlab.com/yawning/obfs4",
            "gitlab.torproject.org/tpo/anti-censorship/pluggable-transports/lyrebird",
            "git.torproject.org/pluggable-transports/snowflake",
            "arti-client",
        ),
    ),
    Remote(
        "tunnel.dns",
        "high",
        "both",
        "a tunnel in DNS messages",
        ("www.bamsoftware.com/git/dnstt", "github.com/yarrick/iodine"),
    ),
    Remote(
        "remote.shell.reverse",
        "high",
        "both",
        "a command and control agent",
        (
            "github.com/bishopfox/sliver",
            "github.com/bishopfox/merlin",
            "github.com/Ne0nd0g/merlin",
            "github.com/Ne0nd0g/merlin-agent",
            "github.com/lesnuages/hershell",
            "github.com/nhas/reverse_ssh",
            "github.com/fahrenheit-works/reverse-ssh",
        ),
    ),
    Remote(
        "remote.shell.web",
        "high",
        "both",
        "a command line in a web page",
        ("github.com/yudai/gotty", "github.com/sorenisanerd/gotty"),
    ),
    Remote(
        "remote.shell.ssh",
        "medium",
        "both",
        "an SSH server",
        ("github.com/gliderlabs/ssh", "github.com/charmbracelet/wish", "russh", "thrussh"),
    ),
    Remote(
        "remote.maintenance",
        "high",
        "both",
        "remote maintenance",
        (
            "github.com/rustdesk/rustdesk",
            "github.com/shellhub-io/shellhub",
            "github.com/gravitational/teleport",
            "github.com/trzsz/trzsz-go",
            "github.com/amidaware/rmmagent",
            "github.com/zhaojh329/rttys",
            "hbb_common",
            "rustdesk",
            "librustdesk",
        ),
    ),
    Remote(
        "exfil.cloud",
        "medium",
        "espionage",
        "an upload to cloud storage",
        ("github.com/rclone/rclone", "github.com/restic/restic"),
    ),
)
_BY_PATH: Final = {path.lower(): remote for remote in REMOTES for path in remote.paths}
_MAJOR: Final = re.compile(r"/v\d{1,4}$")


def modules(
    buffer: Buffer, extracted: Extracted
) -> tuple[tuple[Fact, ...], tuple[Hit, ...], tuple[Trouble, ...]]:
    """Return the facts, findings and troubles about modules that are linked in."""
    facts: set[Fact] = set()
    hits: dict[tuple[str, ...], Hit] = {}
    troubles: list[Trouble] = []
    for build in builds(buffer, _Mapped(buffer).offset_of):
        if isinstance(build, Malformed):
            troubles.append(Trouble(code="analyse.go", text=f"Go build information: {build}"[:300]))
        elif not extracted.covers(build.offset, 1):
            facts |= _go_facts(build)
            _say(hits, ((m.path, m.version) for m in build.modules), build.offset, "Go module")
            _say(hits, ((build.main, ""),), build.offset, "Go main package")
            if not build.modules:
                _say(hits, _linked(buffer), build.offset, "Go functions of")
    crates = _crates(buffer, extracted)
    if len(crates) >= MAX_CRATES:
        said = f"names {MAX_CRATES} Rust crates or more; the first are listed"
        troubles.append(Trouble(code="limit.crates", text=said))
    for (name, version), at in sorted(crates.items()):
        facts |= _both(name, version)
        _say(hits, ((name, version),), at, "Rust crate")
    return (
        tuple(sorted(facts, key=lambda fact: (fact.kind, fact.text))),
        tuple(hits[key] for key in sorted(hits)),
        tuple(troubles),
    )


class _Mapped:
    """Addresses of an ELF program, looked up only when a build blob asks for one."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._image: Image | None = None

    def offset_of(self, address: int) -> int | None:
        """Return where the byte at ``address`` stands in the file."""
        if self._image is None:
            if bytes(self._buffer[:4]) != ELF_MAGIC:
                return None
            try:
                self._image = Image(bytes(self._buffer), read_header(self._buffer))
            except Malformed:
                return None
        return self._image.offset_of(address)


def _go_facts(build: GoBuild) -> set[Fact]:
    facts = {Fact(kind="compiler", text=build.compiler)} if build.compiler else set()
    if build.main:
        facts.add(Fact(kind="main", text=build.main))
    for module in build.modules:
        facts |= _both(module.path, module.version)
    return facts


def _linked(buffer: Buffer) -> Iterator[tuple[str, str]]:
    """Yield the modules of ``REMOTES`` whose functions a Go program names.

    Programs that are not built by modules (Debian's) list none; the names of functions,
    which begin with the path of their package, stay in every Go program.
    """
    for path in sorted(_BY_PATH):
        if "/" in path and re.search(re.escape(path.encode()) + rb"[/.][\w/.-]*[(\w]", buffer):
            yield path, ""


def _both(name: str, version: str) -> set[Fact]:
    text = f"{name} {version}".strip()
    return {Fact(kind="module", text=text), Fact(kind="component", text=text)}


def _crates(buffer: Buffer, extracted: Extracted) -> dict[tuple[str, str], int]:
    """Return (name, version) of each crate with the offset of its first path."""
    found: dict[tuple[str, str], int] = {}
    for start, window in windows(buffer, extracted):
        for match in _CRATE.finditer(window):
            at = start + match.start()
            if len(found) < MAX_CRATES and not extracted.covers(at, len(match[0])):
                found.setdefault((match[1].decode("ascii"), match[2].decode("ascii")), at)
    return found


def _say(
    hits: dict[tuple[str, ...], Hit], named: Iterable[tuple[str, str]], at: int, kind: str
) -> None:
    """Add a finding for each of ``named`` (path, version) that is one of ``REMOTES``."""
    for path, version in named:
        remote = _remote(path)
        if remote is None:
            continue
        text = f"{kind} {path} {version}".strip()
        hits.setdefault(
            (remote.capability, path),
            Hit(
                rule="module.remote",
                text=f"is built with {remote.what}: {text}",
                capability=remote.capability,
                threat=remote.threat,
                severity=remote.severity,
                confidence="high",
                offset=at,
                excerpt=text[:80],
                evidence=(f"module {path}",),
                r155=R155_BY_ID[remote.capability],
            ),
        )


def _remote(path: str) -> Remote | None:
    """Return what ``path`` or a module above it is; ``a/b/v2`` is ``a/b``."""
    parts = _MAJOR.sub("", path.lower()).split("/")
    for count in range(len(parts), 0, -1):
        remote = _BY_PATH.get("/".join(parts[:count]))
        if remote is not None:
            return remote
    return None
