"""Installed packages and well-known programs: components with their versions.

Read: Debian's and opkg's status files (deb-control(5)), Alpine's ``installed`` database,
RPM's (``rpmdb``), and version texts that programs keep. Each gives a fact ``component``
(``name version``).

What it does not see: packages that were removed from the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.config import rpmdb
from fwverify.analyse.config.said import Said, clean
from fwverify.analyse.windows import Extracted, windows
from fwverify.model import Fact
from fwverify.reader import Buffer

MAX_COMPONENTS: Final = 20_000
_HEAD_BYTES: Final = 4096
STATUS: Final = re.compile(r"Package: \S{1,100}\n")
_APK: Final = re.compile(r"C:Q1[A-Za-z0-9+/=]{20,40}\nP:")
_INSTALLED: Final = re.compile(r"^Status: (?:install|hold) \S+ installed\b", re.MULTILINE)
_FIELD: Final = re.compile(r"^(Package|Version|Architecture): (\S{1,200})", re.MULTILINE)
_APK_FIELD: Final = re.compile(r"^([PV]):(\S{1,200})", re.MULTILINE)

_VERSION: Final = rb"(\d{1,4}\.\d{1,4}[0-9A-Za-z.+-]{0,24})(?![0-9A-Za-z.+-])"
TEXTS: Final[tuple[tuple[str, bytes, re.Pattern[bytes]], ...]] = tuple(
    (name, mark, re.compile(re.escape(mark) + pattern))
    for name, mark, pattern in (
        ("busybox", b"BusyBox v", _VERSION),
        ("dropbear", b"SSH-2.0-dropbear_", _VERSION),
        ("openssh", b"OpenSSH_", _VERSION + rb"(?![*,])"),
        (
            "openssl",
            b"OpenSSL ",
            rb"(\d\.\d\.\d{1,2}[a-z]{0,2})(?: +(?:FIPS )?\d{1,2} [A-Z][a-z]{2} 20)",
        ),
        ("u-boot", b"U-Boot ", rb"((?:SPL )?20\d\d\.\d\d[0-9A-Za-z.+-]{0,40}) \("),
        ("linux", b"Linux version ", rb"(\d\.\d{1,3}\.\d{1,3}[0-9A-Za-z.+-]{0,60}) \("),
        ("glibc", b"GNU C Library ", rb"[^\n]{0,80}release version " + _VERSION),
        ("zlib", b" deflate ", rb"(1\.\d{1,2}\.\d{1,2}(?:\.\d{1,2})?) Copyright 1995"),
        ("wpa_supplicant", b"wpa_supplicant v", _VERSION),
        ("hostapd", b"hostapd v", _VERSION),
        ("dnsmasq", b"dnsmasq-", _VERSION),
        ("openvpn", b"OpenVPN ", _VERSION),
        ("lighttpd", b"lighttpd/", _VERSION),
        ("mbedtls", b"mbed TLS ", _VERSION),
        ("wolfssl", b"wolfSSL ", _VERSION),
    )
)


def packages(text: str, said: Said) -> None:
    """Read a list of installed packages; one that is removed is none."""
    if STATUS.match(text):
        found = _debian(text)
    elif _APK.match(text):
        found = _alpine(text)
    else:
        return
    for number, (name, version) in enumerate(found):
        if number >= MAX_COMPONENTS:
            said.exhausted = True
            return
        said.facts.add(Fact(kind="component", text=f"{name} {version}"))


def rpm_packages(buffer: Buffer, said: Said) -> None:
    """Read an RPM database. Raises ``Malformed``."""
    for name, version in rpmdb.installed(buffer):
        said.facts.add(Fact(kind="component", text=f"{clean(name)} {clean(version)}"))


def _debian(text: str) -> Iterator[tuple[str, str]]:
    for block in text.split("\n\n"):
        fields = dict(_FIELD.findall(block))
        if "Package" in fields and "Version" in fields and _INSTALLED.search(block):
            yield fields["Package"], fields["Version"]


def _alpine(text: str) -> Iterator[tuple[str, str]]:
    for block in text.split("\n\n"):
        fields = dict(_APK_FIELD.findall(block))
        if len(fields) == 2:
            yield fields["P"], fields["V"]


def versions(buffer: Buffer, extracted: Extracted) -> tuple[Fact, ...]:
    """Return a fact ``component`` for each version text of a well-known program.

    Only binary content is looked at: a text that names a program is not the program.
    """
    if b"\0" not in bytes(buffer[:_HEAD_BYTES]):
        return ()
    found: set[Fact] = set()
    for start, window in windows(buffer, extracted):
        for name, mark, pattern in TEXTS:
            at = window.find(mark)
            while at != -1 and len(found) < MAX_COMPONENTS:
                match = pattern.match(window, at)
                if match and not extracted.covers(start + at, len(match[0])):
                    text = match[1].decode("ascii")
                    found.add(Fact(kind="component", text=f"{name} {text.rstrip('.')}"))
                at = window.find(mark, at + 1)
    return tuple(sorted(found, key=lambda fact: fact.text))
