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
from fwverify.places import INSIDE, address_of
from fwverify.reader import Buffer

MAX_ENDPOINTS: Final = 20_000
_MAX_VALUE_CHARACTERS: Final = 200
_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E

TOP_LEVELS: Final = (
    "com net org info biz eu nl de fr uk cn ru us ir kp by ua jp kr tw hk sg io tv tk top "
    "xyz online site cloud club icu vip dev ltd mobi gov mil edu arpa tech app store live"
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
        rb"|\d{1,3}\.\d{1,3}\.\d|(?:168|1[6-9]|2\d|3[01])/\d|\d{1,3}\.(?:\d{1,3}\.)?[$%{*'\"+<\[])",
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
    r"(?P<scheme>[a-z][a-z0-9+.-]{1,15})://(?P<user>[^\s/\"'<>]{0,1000}@)?"
    r"(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9_%{}$-][a-z0-9._%{}$-]{0,252})(?P<port>:\d{1,5})?"
    r"(?P<path>/[^\s\"'<>\\^`{|}?#]{0,120})?",
    re.IGNORECASE,
)
_SLASHES: Final = re.compile(r"\b(https?|ftps?|wss?):/{1,9}(?=[a-z0-9_\[@])", re.IGNORECASE)
"""Programs take one slash, or three, for two (WHATWG URL; curl)."""
_EMAIL: Final = re.compile(
    rf"(?<![\w.+-])[a-z0-9][a-z0-9._%+-]{{0,63}}@{_HOST}[a-z]{{2,24}}(?![\w-])", re.IGNORECASE
)
_BARE_HOST: Final = re.compile(
    rf"(?<![\w.@/$:-]){_HOST}(?:{TOP_LEVELS.replace(' ', '|')})(?![\w(]|-|\.\w)"
)
_ONION: Final = re.compile(r"(?<![a-z0-9])(?:[a-z2-7]{16}|[a-z2-7]{56})\.onion(?![a-z0-9])")
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_QUAD: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_BEGINS: Final = r"(?:(?<![\w.-])|(?<=\\[nrt])|(?<=\s-[a-uw-zA-UW-Z]))"
"""Before an address: no word, but an escaped end of a line or the letter of an option."""
_IPV4: Final = re.compile(
    rf"{_BEGINS}(?<![vV] )"
    r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}"
    r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?![\w-]|\.\w)"
)
_IPV6: Final = re.compile(r"(?<![\w:.])(?:[0-9a-f]{1,4}:){2,7}(?::|[0-9a-f]{1,4})[0-9a-f:]{0,30}")
_INSIDE: Final = re.compile(
    rf"{_BEGINS}(?<![vV] )((?:10\.{_OCTET}|172\.(?:1[6-9]|2\d|3[01])|192\.168|169\.254"
    rf"|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\.)(?:({_OCTET}\.)(?:({_OCTET})"
    rf"(?:/(3[0-2]|[12]?\d)(?!\d|\.\d)|(-\d)|(?![\w-]|\.\w))|[$%{{*'\"+<\[])|[$%{{*<\[])"
)
_REST: Final = re.compile(
    rf"(?:(?P<slash>/)|[ \t]{{1,8}}(?:(?:net)?mask[ \t]{{1,8}})?)(?P<mask>{_QUAD})(?![\w.-])"
    rf"|[ \t]{{0,8}}-[ \t]{{0,8}}(?P<last>{_QUAD})(?![\w-]|\.\w)"
)
"""What widens an address: a mask (``/255.255.0.0``, ``netmask 255.255.0.0``), the last one."""
_SHORT: Final = re.compile(
    r"(?<![\w./-])(192\.168|172\.(?:1[6-9]|2\d|3[01]))/([89]|[12]\d)(?![\w.])"
)
"""A network without its last octets (``192.168/16``), as routes are written."""
"""Two octets of an inside network; the third; the fourth with prefix length or range."""
_LOCAL_IPV6: Final = ipaddress.ip_network("fc00::/7")
_VERSION_WORD: Final = re.compile(r"\b(?:version|release|ver\.?|rev\.?|v)[\s:=]*$", re.IGNORECASE)
_LARGEST_PORT: Final = 65535
_FIRST_NUMBER: Final = 1 << 24
"""Below it no number is an address of another: 0.0.0.0/8 (RFC 6890)."""
_NO_HOST: Final = re.compile(r"[^A-Za-z0-9_.-]+")

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
    if ":/" in text:
        text = rest = _SLASHES.sub(r"\1://", text)
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
    if url["user"]:
        yield from _hosts(_NO_HOST.sub(" ", url["user"]))  # some read the host there
    if host in STANDARD_HOSTS and not url["user"]:
        return
    inner = address_of(host.strip("[]"))
    if "." not in host and (inner is None or (host.isalnum() and int(inner) < _FIRST_NUMBER)):
        return  # a scheme such as "file://", a local name or a small number
    port = url["port"] or ""
    if port and int(port[1:]) > _LARGEST_PORT:
        port = ""
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
        wordy = any(label.replace("-", "").isalpha() for label in labels[:-1])
        if plain and long_enough and wordy:
            yield "host", host[:_MAX_VALUE_CHARACTERS]


def _addresses(text: str) -> Iterator[Found]:
    for match in _IPV4.finditer(text):
        address = _address(match[0])
        before = text[max(0, match.start() - 16) : match.start()]
        # TEST-NET addresses are not global, yet an image has no reason to name one.
        if address is None or not _worth_naming(address) or _VERSION_WORD.search(before):
            continue
        if _IS_PLAIN.search(match[0]) or _said_to_be_one(match, text, before):
            yield "ipv4", match[0]


_IS_PLAIN: Final = re.compile(r"\d\d")
"""Four single digits (1.2.3.4) are a version unless something says that they are none."""

_RESOLVERS: Final = frozenset(("1.1.1.1", "8.8.4.4", "8.8.8.8", "9.9.9.9"))
_DIALLED: Final = re.compile(
    r"\b(?:(?:name)?server|ping6?|host|dns|addr(?:ess)?|ip|gateway|gw|via|ntp|peer|remote|telnet"
    r"|ssh|nc|tftp|connect)[\s:=\"'(]{1,4}$",
    re.IGNORECASE,
)
_PORT_BEHIND: Final = re.compile(r":\d{2,5}(?![\w.:])")


def _said_to_be_one(match: re.Match[str], text: str, before: str) -> bool:
    """Return whether four single digits are an address by name, by port or by what dials it."""
    return (
        match[0] in _RESOLVERS
        or _DIALLED.search(before) is not None
        or _PORT_BEHIND.match(text, match.end()) is not None
    )


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
        network = ipaddress.IPv4Network(f"{value}/{bits or 32}", strict=False)
        if fourth and not prefix:
            at = match.end() - len(span or "")
            network = _widened(ipaddress.IPv4Address(value), _REST.match(text, at)) or network
        yield INSIDE, str(network) if network.prefixlen < _HOST_BITS else value
    for short in _SHORT.finditer(text):
        octets = f"{short[1]}.0.0"
        yield INSIDE, str(ipaddress.ip_network(f"{octets}/{short[2]}", strict=False))


_HOST_BITS: Final = 32
_WIDEST_MASK: Final = 8


def _widened(
    first: ipaddress.IPv4Address, rest: re.Match[str] | None
) -> ipaddress.IPv4Network | None:
    """Return the network that ``first`` and what stands behind it are, or None.

    A mask after a space counts behind the address of a network alone: behind that of a
    device it says how that one is connected.
    """
    if rest is None:
        return None
    if rest["last"]:
        apart = int(first) ^ int(ipaddress.IPv4Address(rest["last"]))
        return ipaddress.IPv4Network((first, _HOST_BITS - apart.bit_length()), strict=False)
    try:
        network = ipaddress.IPv4Network((first, rest["mask"]), strict=False)
    except ValueError:
        return None  # two addresses, one behind the other
    if network.prefixlen < _WIDEST_MASK or not (rest["slash"] or network[0] == first):
        return None
    return network


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
