"""Places outside the device that a content names: URLs, hosts, addresses, e-mail, onion.

Guarantees: ASCII and UTF-16LE text is looked at; each (kind, value) is named once;
values are normalised (scheme and host in lower case, no user information, no query);
at most ``MAX_ENDPOINTS`` per content, and passing that bound is a ``Trouble``.

Deliberately conservative, because a list that is mostly noise is not read: a bare host
needs a top-level domain of ``TOP_LEVELS``, which leaves out the ones that are common
file suffixes (.sh, .py, .so, …); a bare IPv4 address must be public and written as one
(no leading zero, no version number beside it); private addresses are named only inside
a URL. Hosts of ``STANDARD_HOSTS`` name XML namespaces, schemas and licences; they stand
in every system and are left out, by exact host and never by suffix.

Addresses inside a network (RFC 1918, RFC 3927, RFC 6598, RFC 4193) are kept apart: also a
network (``10.2.0.0/24``), a range (``10.2.0.1-254``), and a beginning that a program
completes (``10.2.0.$i``).

What it does not see: addresses built at run time, encoded or encrypted.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from fwverify.analyse.values import Trouble
from fwverify.analyse.windows import Extracted, windows
from fwverify.places import INSIDE
from fwverify.reader import Buffer

MAX_ENDPOINTS: Final = 20_000
_MAX_VALUE_CHARACTERS: Final = 200
_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E

TOP_LEVELS: Final = (
    "com net org info biz eu nl de fr uk cn ru us ir kp by ua jp kr tw hk sg io tv tk top "
    "xyz online site cloud club icu vip dev ltd mobi gov mil edu arpa"
)
STANDARD_HOSTS: Final = frozenset(
    [
        "www.w3.org",
        "w3.org",
        "schemas.xmlsoap.org",
        "schemas.microsoft.com",
        "schemas.openxmlformats.org",
        "schemas.android.com",
        "purl.org",
        "xmlns.com",
        "ns.adobe.com",
        "www.xml.org",
        "relaxng.org",
        "json-schema.org",
        "www.iana.org",
        "www.ietf.org",
        "tools.ietf.org",
        "datatracker.ietf.org",
        "www.rfc-editor.org",
        "www.gnu.org",
        "gnu.org",
        "www.apache.org",
        "apache.org",
        "opensource.org",
        "creativecommons.org",
        "www.opengis.net",
        "docs.oasis-open.org",
        "xml.apache.org",
        "java.sun.com",
        "www.unicode.org",
        "www.freedesktop.org",
        "freedesktop.org",
        "refspecs.linuxfoundation.org",
        "dublincore.org",
        "example.com",
        "example.org",
        "example.net",
        "www.example.com",
        "www.example.org",
    ]
)
_NAMESPACES: Final = frozenset(
    ["java.net", "java.io", "asp.net", "system.net", "system.io", "node.js"]
)

_MARKS: Final = (
    re.compile(
        rb"\.(?:(?:" + "|".join(("onion", *TOP_LEVELS.split())).encode() + rb")(?![\w])"
        rb"|\d{1,3}\.\d{1,3}\.\d|\d{1,3}\.(?:\d{1,3}\.)?[$%{*'\"+<\[])",
        re.IGNORECASE,
    ),
    re.compile(rb":(?://|[0-9a-fA-F]{0,4}:[0-9a-fA-F:])"),
)
"""What every endpoint has somewhere. Each begins with a literal, which keeps the search fast."""

_WIDE_MARKS: Final = (
    re.compile(rb"\.\x00(?:[a-zA-Z]\x00){2}"),
    re.compile(rb"\.\x00(?:\d\x00){1,3}\.\x00"),
    re.compile(rb":\x00[/:]\x00"),
)
_BEFORE_BYTES: Final = 512
_AFTER_BYTES: Final = 1024
_TO_LINES: Final = bytes(
    byte if _FIRST_PRINTABLE <= byte <= _LAST_PRINTABLE else 0x0A for byte in range(256)
)
_WIDE_RUN: Final = re.compile(rb"(?:[\x20-\x7e]\x00){6,}")
_HOST: Final = r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+"
_URL: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]{1,15})://(?P<user>[^\s/\"'<>@]{1,100}@)?"
    r"(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9_%{}$-][a-z0-9._%{}$-]{0,252})(?P<port>:\d{1,5})?"
    r"(?P<path>/[^\s\"'<>\\^`{|}?#]{0,120})?",
    re.IGNORECASE,
)
_EMAIL: Final = re.compile(
    rf"(?<![\w.+-])[a-z0-9][a-z0-9._%+-]{{0,63}}@{_HOST}[a-z]{{2,24}}(?![\w-])", re.IGNORECASE
)
_BARE_HOST: Final = re.compile(
    rf"(?<![\w.@/$:-]){_HOST}(?:{TOP_LEVELS.replace(' ', '|')})(?![\w(]|-|\.\w)"
)
_ONION: Final = re.compile(r"(?<![a-z0-9])(?:[a-z2-7]{16}|[a-z2-7]{56})\.onion(?![a-z0-9])")
_IPV4: Final = re.compile(
    r"(?<![\w.-])(?<![vV] )(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}"
    r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?![\w-]|\.\w)"
)
_IPV6: Final = re.compile(r"(?<![\w:.])(?:[0-9a-f]{1,4}:){2,7}(?::|[0-9a-f]{1,4})[0-9a-f:]{0,30}")
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_INSIDE: Final = re.compile(
    rf"(?<![\w.-])(?<![vV] )((?:10\.{_OCTET}|172\.(?:1[6-9]|2\d|3[01])|192\.168|169\.254"
    rf"|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\.)(?:({_OCTET}\.)(?:({_OCTET})"
    rf"(?:/(3[0-2]|[12]?\d)|(-\d)|(?![\w-]|\.\w))|[$%{{*'\"+<\[])|[$%{{*<\[])"
)
"""Two octets of an inside network; the third; the fourth with prefix length or range."""
_LOCAL_IPV6: Final = ipaddress.ip_network("fc00::/7")
_VERSION_WORD: Final = re.compile(r"\b(?:version|release|ver\.?|rev\.?|v)[\s:=]*$", re.IGNORECASE)
_LARGEST_PORT: Final = 65535

Found = tuple[str, str]


def endpoints(
    buffer: Buffer, extracted: Extracted
) -> tuple[tuple[Found, ...], tuple[Trouble, ...]]:
    """Return the endpoints of ``buffer`` as sorted (kind, value) pairs."""
    found, troubles = _places(buffer, extracted)
    return tuple(each for each in found if each[0] != INSIDE), troubles


def endpoints_and_inside(
    buffer: Buffer, extracted: Extracted
) -> tuple[tuple[Found, ...], tuple[str, ...], tuple[Trouble, ...]]:
    """Return ``endpoints``, and the addresses and networks (CIDR) inside, sorted."""
    found, troubles = _places(buffer, extracted)
    inside = tuple(value for kind, value in found if kind == INSIDE)
    return tuple(each for each in found if each[0] != INSIDE), inside, troubles


def _places(buffer: Buffer, extracted: Extracted) -> tuple[tuple[Found, ...], tuple[Trouble, ...]]:
    found: set[Found] = set()
    for base, data in windows(buffer, extracted):
        for offset, length, text in _texts(data):
            if extracted.covers(base + offset, length):
                continue
            found.update(_in_text(text))
            if len(found) > MAX_ENDPOINTS:
                said = f"names more than {MAX_ENDPOINTS} endpoints; the first are listed"
                listed = tuple(sorted(found)[:MAX_ENDPOINTS])
                return listed, (Trouble(code="limit.endpoints", text=said),)
    return tuple(sorted(found)), ()


def _texts(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield offset, length and text of the lines around each mark of an endpoint.

    A line is a run of printable ASCII, cut to ``_BEFORE_BYTES`` before the mark and
    ``_AFTER_BYTES`` behind it; a longer line is given in pieces that overlap.
    """
    for mark in _MARKS:
        done = 0
        for match in mark.finditer(data):
            if match.start() < done:
                continue
            start, end = _line(data, match.start())
            yield start, end - start, data[start:end].decode("ascii")
            cut = end - match.start() == _AFTER_BYTES
            done = end - _BEFORE_BYTES if cut else end
    for mark in _WIDE_MARKS:
        done = 0
        for match in mark.finditer(data):
            if match.start() < done:
                continue
            low = max(0, match.start() - 2 * _BEFORE_BYTES)
            low += (match.start() - low) % 2
            run = _wide_run(data, low, match.start())
            if run is not None:
                yield run.start(), len(run[0]), run[0][::2].decode("ascii")
                cut = run.end() >= match.start() + 2 * _AFTER_BYTES - 2
                done = run.end() - 2 * _BEFORE_BYTES if cut else run.end()


def _line(data: bytes, at: int) -> tuple[int, int]:
    """Return start and end of the printable run around ``at``, within the bounds."""
    low = max(0, at - _BEFORE_BYTES)
    piece = data[low : at + _AFTER_BYTES].translate(_TO_LINES)
    start = piece.rfind(b"\n", 0, at - low) + 1
    end = piece.find(b"\n", at - low)
    return low + start, low + (end if end >= 0 else len(piece))


def _wide_run(data: bytes, low: int, at: int) -> re.Match[bytes] | None:
    """Return the UTF-16LE run that holds the mark at ``at``, or None."""
    for run in _WIDE_RUN.finditer(data, low, min(len(data), at + 2 * _AFTER_BYTES)):
        if run.end() > at:
            return run if run.start() <= at and (at - run.start()) % 2 == 0 else None
    return None


def _in_text(text: str) -> Iterator[Found]:
    rest = text
    if "." in text:
        yield from _inside(text)
    if "://" in text:
        for url in _URL.finditer(text):
            yield from _url(url)
        rest = _URL.sub(" ", text)
    if "@" in rest:
        for mail in _EMAIL.finditer(rest):
            if mail[0].rpartition(".")[2].lower() in _TOP_LEVEL_SET:
                yield "email", mail[0].lower()[:_MAX_VALUE_CHARACTERS]
    if "." in rest:
        yield from _hosts(rest)
        yield from _addresses(rest)
    if "::" in rest or rest.count(":") >= _FEWEST_COLONS:
        yield from _long_addresses(rest)


_TOP_LEVEL_SET: Final = frozenset(TOP_LEVELS.split())
_FEWEST_COLONS: Final = 7
_MIN_LABELS_OF_SHORT: Final = 3
_MIN_LABEL_CHARACTERS: Final = 4


def _url(url: re.Match[str]) -> Iterator[Found]:
    host = url["host"].lower().rstrip(".")
    if host in STANDARD_HOSTS and not url["user"]:
        return
    inner = _address(host.strip("[]"))
    if "." not in host and inner is None:
        return  # a scheme such as "file://" or a local name
    port = url["port"] or ""
    if port and int(port[1:]) > _LARGEST_PORT:
        return
    path = (url["path"] or "").rstrip("/.,;)")
    yield "url", f"{url['scheme'].lower()}://{host}{port}{path}"[:_MAX_VALUE_CHARACTERS]
    if host.endswith(".onion"):
        yield "onion", host
    elif inner is not None:
        yield f"ipv{inner.version}", str(inner)
    elif "%" not in host and "{" not in host and "$" not in host:
        yield "host", host


def _hosts(text: str) -> Iterator[Found]:
    for onion in _ONION.finditer(text):
        yield "onion", onion[0]
    for match in _BARE_HOST.finditer(text):
        host = match[0]
        labels = host.split(".")
        plain = host not in STANDARD_HOSTS and host not in _NAMESPACES
        long_enough = (
            len(labels) >= _MIN_LABELS_OF_SHORT or len(labels[-2]) >= _MIN_LABEL_CHARACTERS
        )
        if plain and long_enough and any(label.isalpha() for label in labels[:-1]):
            yield "host", host[:_MAX_VALUE_CHARACTERS]


def _addresses(text: str) -> Iterator[Found]:
    for match in _IPV4.finditer(text):
        address = _address(match[0])
        before = text[max(0, match.start() - 16) : match.start()]
        # TEST-NET addresses are not global, yet an image has no reason to name one.
        if address is None or not _worth_naming(address) or _VERSION_WORD.search(before):
            continue
        if any(len(part) > 1 for part in match[0].split(".")):  # 1.2.3.4 is a version
            yield "ipv4", match[0]


def _inside(text: str) -> Iterator[Found]:
    """Yield the inside addresses and networks of ``text``; a part left open counts whole."""
    for match in _INSIDE.finditer(text):
        two, third, fourth, prefix, span = match.groups()
        before = text[max(0, match.start() - 16) : match.start()]
        if third is None:
            value, bits = f"{two}0.0", "16"
        else:
            value, bits = f"{two}{third}{fourth or 0}", prefix or ("24" if span else "")
            bits = bits or ("" if fourth else "24")
        if not bits and _VERSION_WORD.search(before):
            continue
        network = ipaddress.ip_network(f"{value}/{bits or 32}", strict=False)
        yield INSIDE, str(network) if bits and bits != "32" else value


def _long_addresses(text: str) -> Iterator[Found]:
    for match in _IPV6.finditer(text.lower()):
        address = _address(match[0].rstrip(":") if not match[0].endswith("::") else match[0])
        if address is not None and address.is_global and not address.is_multicast:
            yield "ipv6", str(address)
        elif address is not None and address in _LOCAL_IPV6:
            yield INSIDE, str(address)


def _worth_naming(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address.is_multicast or address.is_loopback or address.is_unspecified:
        return False
    return address.is_global or any(address in network for network in _DOCUMENTATION)


_DOCUMENTATION: Final = tuple(
    ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
