"""The readers of configuration, as one explicit table, and what is given to them.

Guarantees: text in ASCII, UTF-8, Latin-1 or UTF-16 with a mark is looked at whatever it
is called; a reader is asked only where one of its marks stands in the text, so that a
text costs a few searches. A text or hive that is larger than its bound, or breaks its
format, is a ``Trouble``. U-Boot environments are looked for in small binaries too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.config import (
    firewall,
    links,
    packages,
    regfile,
    registry,
    remote,
    rpmdb,
    system,
    windows,
)
from fwverify.analyse.config.hive import BASE_BYTES, MAGIC, Hive
from fwverify.analyse.config.said import Said
from fwverify.analyse.values import Hit, Trouble
from fwverify.model import Fact
from fwverify.reader import Buffer, Malformed

MAX_TEXT_BYTES: Final = 8 * 1024 * 1024
MAX_LIST_BYTES: Final = 64 * 1024 * 1024
MAX_HIVE_BYTES: Final = 256 * 1024 * 1024
MAX_ENVIRONMENT_BYTES: Final = 1024 * 1024
_HEAD_BYTES: Final = 4096
_CHECKSUM_BYTES: Final = 4
MAX_NUL_SHARE: Final = 64
"""A text may hold a few NULs: a byte that hides a file from a reader must be cheap to see."""

_MARKS_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


_INF_MARKS: Final = (
    "AddService",
    "addservice",
    "ADDSERVICE",
    "AddReg",
    "addreg",
    "ADDREG",
    "Addreg",
)


@dataclass(frozen=True)
class ConfigReader:
    """A reader and the words of which one stands in every text that it reads.

    ``any_case``: the words are in small letters and hold in any.
    """

    name: str
    marks: tuple[str, ...]
    read: Callable[[str, Said], None]
    any_case: bool = False


def _registry_text(text: str, said: Said) -> None:
    registry.judge(regfile.values(text), said)


READERS: Final[tuple[ConfigReader, ...]] = (
    ConfigReader("iptables", ("*filter", "*nat", "*mangle", "*raw"), firewall.iptables),
    ConfigReader("nftables", ("table inet", "table ip", "table bridge"), firewall.nftables),
    ConfigReader("uci-firewall", ("config rule", "config zone", "config redirect"), firewall.uci),
    ConfigReader("firewalld", ("</zone>",), firewall.firewalld),
    ConfigReader("wireguard", ("[Peer]",), links.wireguard),
    ConfigReader("openvpn", ("\nremote", "\n\tremote", "\n remote"), links.openvpn),
    ConfigReader("frp", ("server_addr", "serverAddr"), links.frp),
    ConfigReader("ssh-client", ("emoteForward", "emoteforward", "EMOTEFORWARD"), links.ssh_client),
    ConfigReader(
        "mobile", ("apn=", "apn =", "option apn", "APN=", "CGDCONT", "cgdcont"), links.mobile
    ),
    ConfigReader("wifi", ("network={", "network ="), links.wifi),
    ConfigReader("networkmanager", ("[connection]",), links.network_manager),
    ConfigReader(
        "names-and-time",
        ("nameserver", "driftfile", "makestep", "restrict ", "leapsectz", "[Time]"),
        links.names_and_time,
    ),
    ConfigReader("reg", ("Windows Registry Editor", "REGEDIT4"), _registry_text),
    ConfigReader("task", ("windows/2004/02/mit/task",), windows.scheduled_task),
    ConfigReader("inf", _INF_MARKS, windows.setup_file),
    ConfigReader("u-boot", ("bootcmd=", "bootargs="), system.boot_environment),
    ConfigReader("kernel-line", ("init=/",), system.kernel_line),
    ConfigReader("dbus", ("<busconfig>",), system.bus_policy),
    ConfigReader("uci-dropbear", ("config dropbear",), remote.dropbear),
    ConfigReader(
        "containers", ("image:", "image :", 'image":', "Image=", "Image ="), remote.containers
    ),
    ConfigReader("answers", ("schemas-microsoft-com:unattend",), remote.answers),
    ConfigReader("autorun", ("[autorun",), remote.autorun, any_case=True),
)

Read = tuple[tuple[Fact, ...], tuple[Hit, ...], tuple[tuple[str, str], ...], tuple[Trouble, ...]]


def configuration(buffer: Buffer) -> Read:
    """Return facts, findings, endpoints and troubles of a content that configures."""
    head = bytes(buffer[:_HEAD_BYTES])
    if head[:4] == MAGIC and len(buffer) >= BASE_BYTES:
        return _hive(buffer)
    if rpmdb.is_database(head):
        return _rpm(buffer)
    said = Said()
    if head.count(0) > len(head) // MAX_NUL_SHARE and head[:2] not in _MARKS_UTF16:
        if len(buffer) <= MAX_ENVIRONMENT_BYTES and _is_environment(buffer):
            variables = bytes(_CHECKSUM_BYTES) + bytes(buffer[_CHECKSUM_BYTES:])
            system.boot_environment(variables.decode("latin-1"), said)
        return _result(said, ())
    if packages.STATUS.match(head.decode("latin-1")) or head.startswith(b"C:Q1"):
        packages.packages(_text(buffer, MAX_LIST_BYTES), said)
        return _result(said, _size("package list", len(buffer), MAX_LIST_BYTES))
    text = _text(buffer, MAX_TEXT_BYTES)
    searched = f"\n{text}"  # a mark may be the beginning of a line
    small = searched.lower()
    for reader in READERS:
        if any(mark in (small if reader.any_case else searched) for mark in reader.marks):
            reader.read(text, said)
    return _result(said, _size("text", len(buffer), MAX_TEXT_BYTES) if _marked(buffer) else ())


def _marked(buffer: Buffer) -> bool:
    """Return whether a mark stands anywhere in a text that is too large to be read whole."""
    if len(buffer) <= MAX_TEXT_BYTES:
        return False
    return any(
        re.search(re.escape(mark.encode()), buffer, re.IGNORECASE if reader.any_case else 0)
        for reader in READERS
        for mark in reader.marks
    )


def _is_environment(buffer: Buffer) -> bool:
    """Return whether ``bootcmd=`` follows a NUL or the checksum at the start."""
    content = bytes(buffer)
    return b"\0bootcmd=" in content or content[4:12] == b"bootcmd="


def _text(buffer: Buffer, size: int) -> str:
    raw = bytes(buffer[:size])
    if raw[:2] in _MARKS_UTF16:
        return raw.decode("utf-16", "replace").replace("\r", "")
    return raw.removeprefix(b"\xef\xbb\xbf").decode("latin-1").replace("\r", "")


def _size(what: str, size: int, bound: int) -> tuple[Trouble, ...]:
    if size <= bound:
        return ()
    said = f"a {what} larger than {bound} bytes; its start is read as configuration"
    return (Trouble(code="limit.configuration_bytes", text=said),)


def _hive(buffer: Buffer) -> Read:
    said = Said()
    if len(buffer) > MAX_HIVE_BYTES:
        return _result(said, _size("registry hive", len(buffer), MAX_HIVE_BYTES))
    try:
        registry.judge(Hive(buffer).values(), said)
    except Malformed as error:
        text = f"registry hive: {error}"
        return _result(said, (Trouble(code="analyse.hive", text=text[:300]),))
    return _result(said, ())


def _rpm(buffer: Buffer) -> Read:
    said = Said()
    if len(buffer) > rpmdb.MAX_DATABASE_BYTES:
        return _result(said, _size("package database", len(buffer), rpmdb.MAX_DATABASE_BYTES))
    try:
        packages.rpm_packages(buffer, said)
    except Malformed as error:
        text = f"package database: {error}"
        return _result(said, (Trouble(code="analyse.package_database", text=text[:300]),))
    return _result(said, ())


def _result(said: Said, troubles: tuple[Trouble, ...]) -> Read:
    if said.exhausted:
        text = "more facts or findings of its configuration than are kept; the first are"
        troubles = (*troubles, Trouble(code="limit.configuration_facts", text=text))
    return (
        tuple(sorted(said.facts, key=lambda fact: (fact.kind, fact.text))),
        tuple(said.hits[key] for key in sorted(said.hits)),
        tuple(sorted(said.endpoints)),
        troubles,
    )
