"""Communication stacks inside a content, default routes, and public keys.

Facts, no findings: ``stack`` (a family with the words that name it), ``route`` (a line
that sets a default route) and ``public key`` (SHA-256 of the SubjectPublicKeyInfo). They are
what declared claims are held against: a network stack alone is nothing bad.

Sources: the projects' own names (lwIP, FreeRTOS+TCP, NimBLE, Zephyr, OpenThread, LoRaMac),
3GPP TS 27.007 (AT commands), ITU-T G.9903 (G3-PLC); RFC 5280, 4.1.2.7 and RFC 7468, 13 for keys.

What it does not see: stacks whose builder removed every name, keys without a structure
around them. A key inside a certificate is the certificate's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from fwverify.analyse.config.said import clean
from fwverify.analyse.values import Trouble
from fwverify.analyse.windows import Extracted, holds_wide, windows
from fwverify.model import Fact
from fwverify.reader import Buffer

MAX_WAY_FACTS: Final = 4096
MAX_ATTEMPTS: Final = 4096
"""Beginnings of a key that are tried in one content."""

STACKS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("ip", ("lwIP", "LWIP_", "tcpip_thread", "tcpip_init", "netif_add", "dhcp_start",
            "FreeRTOS_IPInit", "FreeRTOS+TCP", "NetX Duo", "nx_tcp_socket", "CycloneTCP",
            "pico_socket_open", "uip_process", "net_if_up")),
    ("ppp", ("pppos_create", "pppapi_", "PPPoS", "PPP_AUTH", "ppp_connect", "LCP: timeout",
             "CHAP authentication", "pppd")),
    ("at", ("AT+CGDCONT", "AT+CIPSTART", "AT+QIOPEN", "AT+CGATT", "AT+CREG?", "AT+CSQ",
            "AT+CFUN", "AT+NSOCR", "AT+CGPADDR", "ATD*99")),
    ("ble", ("ble_gap_", "nimble_port", "BLE_GATTS", "SoftDevice", "sd_ble_", "bt_le_adv_start",
             "aci_gap_", "ble_gatts_", "btstack_")),
    ("plc", ("G3-PLC", "G3PLC", "PRIME PLC", "PLC modem", "plc_modem", "ST7590", "ST8500",
             "IEEE1901", "HomePlug", "AdpInitialize", "adp_network", "6LoWPAN")),
    ("802.15.4", ("ZigBee", "Zigbee", "zigbee", "emberAf", "ieee802154", "IEEE802154",
                  "OpenThread", "otThread")),
    ("lora", ("LoRaWAN", "LoRaMac", "lorawan_", "SX1276", "SX1262")),
    ("nb-iot", ("NB-IoT", "NBIOT", "nbiot_", "LwM2M", "lwm2m_")),
    ("wifi", ("esp_wifi_", "wpa_supplicant", "cyw43_", "wlan_connect", "WiFi.begin")),
    ("wireless m-bus", ("wM-Bus", "wireless M-Bus", "WMBUS", "wmbus_")),
)  # fmt: skip
_PEM_MARK: Final = "PUBLIC KEY-----"
NEEDLES: Final = tuple(f'"{word}" ascii wide' for _, words in STACKS for word in words)
WAY_NEEDLES: Final = (
    f'"{_PEM_MARK}"',
    "{ 30 ?? 30 ( 13 | 10 | 05 ) 06 ?? ( 2A 86 48 CE 3D | 2B 65 ) }",
    "{ 30 0D 06 09 2A 86 48 86 F7 0D 01 01 01 05 00 03 82 }",
    '"route" ascii fullword',
    '"ateway" ascii',
)
_SHORTEST_WORD: Final = min(len(word) for _, words in STACKS for word in words)
SURE_WORDS: Final = 2
"""Different words of one family in one content from which it is no coincidence."""

_ROUTE: Final = re.compile(
    rb"(?m)[ \t]{0,16}((?:ip[ \t]{1,4}(?:-[46][ \t]{1,4})?route[ \t]{1,4}(?:add|replace)[ \t]{1,4}"
    rb"default[ \t]{1,4}via|route[ \t]{1,4}add[ \t]{1,4}(?:-net[ \t]{1,4})?default[ \t]{1,4}gw"
    rb"|Gateway[ \t]{0,4}=|gateway|option[ \t]{1,4}gateway)[ \t]{0,4}['\"]?"
    rb"[0-9A-Fa-f.:]{3,45})['\"]?[ \t;\r]{0,4}$"
)
_ROUTE_WORDS: Final = (b"route", b"ateway")
_BEFORE_WORD: Final = 64
"""No line that ``_ROUTE`` takes has more before the first of the words."""

_PEM: Final = re.compile(
    rb"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]{16,16384}?)-----END PUBLIC KEY-----"
)
_DER: Final = re.compile(
    rb"\x30(?:[\x20-\x7f]|\x81.|\x82..)\x30(?:[\x10-\x20]\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
    rb"|\x05\x06\x03\x2b\x65[\x6e-\x71]\x03|\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05)",
    re.DOTALL,
)
_CERTIFICATE: Final = re.compile(
    rb"\x30(?:\x82[\x01-\x7f].|\x81.)\x30(?:\x82..|\x81.)\xa0\x03\x02\x01\x02\x02", re.DOTALL
)


def stacks(buffer: Buffer, extracted: Extracted) -> tuple[Fact, ...]:
    """Return one fact per family of stacks that the content names, sorted."""
    words: dict[str, set[str]] = {}
    for base, data in windows(buffer, extracted):
        for family, word in _words(data, base, extracted):
            words.setdefault(family, set()).add(word)
    return tuple(
        Fact(kind="stack", text=f"{family}: {', '.join(sorted(words[family]))}")
        for family in sorted(words)
    )


def ways(buffer: Buffer, extracted: Extracted) -> tuple[tuple[Fact, ...], tuple[Trouble, ...]]:
    """Return default routes and public keys of a content, sorted, and the bounds hit."""
    facts: set[Fact] = set()
    attempts = 0
    for base, data in windows(buffer, extracted):
        for match in _routes(data):
            if not extracted.covers(base + match.start(), len(match[0])):
                facts.add(Fact(kind="route", text=clean(match[1].decode("ascii"))))
        for start, length, fingerprint in _keys(data):
            attempts += 1
            if fingerprint and not extracted.covers(base + start, length):
                facts.add(Fact(kind="public key", text=fingerprint))
            if attempts > MAX_ATTEMPTS or len(facts) > MAX_WAY_FACTS:
                said = f"more than {MAX_ATTEMPTS} keys or routes; the first are listed"
                return _ordered(facts), (Trouble(code="limit.public_keys", text=said),)
    return _ordered(facts), ()


def _routes(data: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the lines that set a route, from the words on that one of them holds."""
    starts = set()
    for word in _ROUTE_WORDS:
        at = data.find(word)
        while at >= 0:
            low = max(0, at - _BEFORE_WORD)
            line = data.rfind(b"\n", low, at) + 1
            if line or low == 0:
                starts.add(line)
            at = data.find(word, at + 1)
    for start in sorted(starts):
        if match := _ROUTE.match(data, start):
            yield match


def _ordered(facts: set[Fact]) -> tuple[Fact, ...]:
    return tuple(sorted(facts, key=lambda fact: (fact.kind, fact.text))[:MAX_WAY_FACTS])


def _words(data: bytes, base: int, extracted: Extracted) -> Iterator[tuple[str, str]]:
    """Yield family and word of each word that stands outside of the children."""
    wide = holds_wide(data, _SHORTEST_WORD)
    for family, words in STACKS:
        for word in words:
            for form in (word.encode("ascii"), word.encode("utf-16-le"))[: 1 + wide]:
                start = data.find(form)
                while start >= 0 and extracted.covers(base + start, len(form)):
                    start = data.find(form, start + len(form))
                if start >= 0:
                    yield family, word


def _keys(data: bytes) -> Iterator[tuple[int, int, str | None]]:
    """Yield offset, length and fingerprint of each public key that stands by itself.

    The fingerprint is None where what begins like one is none.
    """
    for block in _PEM.finditer(data):
        try:
            der = base64.b64decode(re.sub(rb"\s", b"", block[1]), validate=True)
        except binascii.Error:
            continue
        yield block.start(), len(block[0]), _fingerprint(der)
    taken = 0
    certificates = [
        (match.start(), match.start() + len(der))
        for match in _CERTIFICATE.finditer(data)
        if (der := _element(data, match.start()))
    ]
    for match in _DER.finditer(data):
        start = match.start()
        while taken < len(certificates) and certificates[taken][1] <= start:
            taken += 1
        if taken < len(certificates) and certificates[taken][0] <= start:
            continue
        der = _element(data, start)
        if der:
            yield start, len(der), _fingerprint(der)


def _element(data: bytes, start: int) -> bytes:
    """Return the DER element (X.690 8.1, definite, at most two octets of length), or nothing."""
    length, size = data[start + 1], 2
    if length >= 0x80:
        size = 2 + (length & 0x7F)
        length = int.from_bytes(data[start + 2 : start + size], "big")
    end = start + size + length
    return data[start:end] if end <= len(data) else b""


def _fingerprint(der: bytes) -> str | None:
    try:
        key = load_der_public_key(der)
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return hashlib.sha256(spki).hexdigest()
