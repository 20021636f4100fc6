"""The words by which a content shows that it handles personal or operational data.

Each ``Mark`` is a source of data (location, vehicle identity, camera, ...) or a way out
(a protocol or a file), with strings of which any one is enough. They are compiled as one
more YARA namespace beside the rules, so that no content is read a second time, and give
no finding: they are what the inventory of data flows is made from (``dataflow``).

What it does not see: data that is handled without any of these words, and whether the
program ever runs that part. A word in a document counts like one in a program.

The needles of the content analysers are searched for in the same pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from fwverify.analyse.analysers import CONTENT
from fwverify.analyse.matched import Matched, stable_text
from fwverify.analyse.windows import Extracted
from fwverify.reader import Buffer

NAMESPACE: Final = "fwverify.marks"
MAX_MENTIONS: Final = 4096
MAX_TEXTS: Final = 4
"""Words kept per mark as evidence."""

_MENTIONS: Final = "mentions"
_WANTED: Final = "wanted_"
_PATH: Final = r"/\/(etc|opt|data|srv|usr\/s?bin|usr\/local)\/[A-Za-z0-9_.\/-]{2,120}/"


@dataclass(frozen=True)
class Mark:
    """A source or a way out; ``strings`` are YARA strings with their modifiers.

    ``category`` says whose data it is: personal data of which kind, or operational.
    """

    id: str
    side: Literal["source", "sink"]
    category: str
    strings: tuple[str, ...]


def _words(*texts: str) -> tuple[str, ...]:
    return tuple(f'"{text}" ascii wide fullword' for text in texts)


def _parts(*texts: str) -> tuple[str, ...]:
    return tuple(f'"{text}" ascii wide' for text in texts)


MARKS: Final[tuple[Mark, ...]] = (
    Mark(
        "location",
        "source",
        "personal: location",
        (
            *_words("gps_open", "gps_read", "gpsd", "geoclue", "LocationManager", "GGA", "GPRMC"),
            *_parts("$GPRMC", "$GNRMC", "$GPGGA", "$GNGGA", "AT+QGPSLOC", "AT+CGPSINFO"),
            *_parts("AT+CGNSINF", "AT+QGPS=1", "getLastKnownLocation", "/dev/gps", "gps_latitude"),
        ),
    ),
    Mark(
        "vin",
        "source",
        "personal: vehicle identity",
        (
            *_words("VIN", "getVin", "readVin", "get_vin", "read_vin", "vehicle_vin"),
            *_parts("VIN=", '\\"vin\\"', "vehicleIdentificationNumber", "vin_number"),
        ),
    ),
    Mark(
        "imei",
        "source",
        "personal: device identity",
        (
            *_words("IMEI", "getImei", "get_imei"),
            *_parts("AT+CGSN", "AT+GSN", '\\"imei\\"', "imei="),
        ),
    ),
    Mark(
        "imsi",
        "source",
        "personal: subscriber identity",
        (*_words("IMSI", "getSubscriberId", "get_imsi"), *_parts("AT+CIMI", '\\"imsi\\"', "imsi=")),
    ),
    Mark(
        "iccid",
        "source",
        "personal: subscriber identity",
        (*_words("ICCID", "get_iccid"), *_parts("AT+CCID", "AT+QCCID", '\\"iccid\\"', "iccid=")),
    ),
    Mark(
        "contacts",
        "source",
        "personal: contacts",
        _parts(
            "BEGIN:VCARD", "AT+CPBR", "content://contacts", "com.android.contacts", "contacts2.db"
        )
        + _words("ContactsContract", "phonebook"),
    ),
    Mark(
        "messages",
        "source",
        "personal: communication",
        _parts("AT+CMGL", "AT+CMGR", "content://sms", "mmssms.db"),
    ),
    Mark(
        "camera",
        "source",
        "personal: image",
        _parts("/dev/video", "VIDIOC_", "v4l2_", "android.hardware.camera", "rtspsrc")
        + _words("libcamera", "v4l2src", "raspistill", "capDriverConnect"),
    ),
    Mark(
        "microphone",
        "source",
        "personal: sound",
        _words("snd_pcm_readi", "snd_pcm_readn", "AudioRecord", "arecord", "alsasrc", "waveInOpen")
        + _parts("pa_simple_read", "RECORD_AUDIO"),
    ),
    Mark(
        "can",
        "source",
        "operational: vehicle bus",
        _words("can0", "can1", "vcan0", "candump", "socketcan", "CAN_RAW", "slcan0")
        + _parts("PF_CAN", "AF_CAN", "/dev/can"),
    ),
    Mark(
        "meter",
        "source",
        "personal: consumption",
        _parts(
            "1-0:1.8.0", "1.0.1.8.0.255", "1-0:2.8.0", "1-0:16.7.0", "load_profile", "LoadProfile"
        )
        + _words("OBIS", "smart_meter", "cosem"),
    ),
    Mark(
        "scan_image",
        "source",
        "operational: scan images",
        _words("DICOM", "DICOS", "ScanImage", "scan_image", "xray_image", "XRayImage")
        + _parts("1.2.840.10008."),
    ),
    Mark(
        "keystrokes",
        "source",
        "personal: input",
        _parts("/dev/input/event", "EVIOCG")
        + _words("GetAsyncKeyState", "SetWindowsHookExA")
        + _words("SetWindowsHookExW", "XRecordEnableContext"),
    ),
    Mark(
        "screen",
        "source",
        "personal: image",
        _parts("/dev/fb0", "/dev/graphics/fb")
        + _words("XShmGetImage", "XGetImage", "BitBlt")
        + _words("screencap", "PrintWindow"),
    ),
    Mark(
        "mqtt",
        "sink",
        "",
        _parts("mosquitto_publish", "mqtt://", "mqtts://", "MQTTClient_", "MQTTAsync_")
        + _words("mosquitto_pub", "mqtt_publish", "paho.mqtt.client"),
    ),
    Mark(
        "http upload",
        "sink",
        "",
        _parts("multipart/form-data", "curl_easy_perform", "HttpSendRequest", "--data-binary")
        + _parts("--upload-file", "requests.post", "POST %s HTTP/1."),
    ),
    Mark(
        "ftp",
        "sink",
        "",
        _words("ftpput", "tftp", "lftp", "curlftpfs") + _parts("ftp://", "STOR %s"),
    ),
    Mark("smtp", "sink", "", _parts("smtp://", "smtps://", "MAIL FROM:<", "RCPT TO:<")),
    Mark("sms", "sink", "", _parts("AT+CMGS", "sendTextMessage", "AT+CMSS")),
    Mark("websocket", "sink", "", _parts("Sec-WebSocket-Key", "wss://")),
    Mark(
        "ssh", "sink", "", _parts("sftp://", "SSH_MSG_", "scp -") + _words("libssh2_sftp_open_ex")
    ),
    Mark(
        "telematics protocol",
        "sink",
        "",
        _words("JT808", "JT/T808", "GB32960", "GB/T32960", "remotive_gb32960"),
    ),
    Mark(
        "removable storage",
        "sink",
        "",
        _parts("/media/usb", "/mnt/usb", "/mnt/sdcard", "/run/media/", "/mnt/udisk"),
    ),
    Mark(
        "network share",
        "sink",
        "",
        _parts("mount -t nfs", "mount -t cifs", "mount.cifs", "net use \\\\\\\\"),
    ),
)

SOURCES: Final = {mark.id: mark for mark in MARKS if mark.side == "source"}
SINKS: Final = {mark.id: mark for mark in MARKS if mark.side == "sink"}


@dataclass(frozen=True)
class Marked:
    """(mark, word) pairs and the absolute paths named, sorted; ``cut`` where some are left out.

    ``wanted`` are the analysers whose needles are there.
    """

    marks: tuple[tuple[str, str], ...] = ()
    mentions: tuple[str, ...] = ()
    cut: bool = False
    wanted: frozenset[str] = frozenset()


def marks_source() -> str:
    """Return the YARA text of the marks, the needles and the paths.

    Rule ``mark_N`` is the N-th mark, ``wanted_NAME`` holds an analyser's needles.
    """
    rules = [_rule(f"mark_{index}", mark.strings) for index, mark in enumerate(MARKS)]
    wanted = [_rule(f"{_WANTED}{each.name}", each.needles) for each in CONTENT if each.needles]
    return "\n".join([*rules, *wanted, _rule(_MENTIONS, (_PATH,))])


def _rule(name: str, strings: tuple[str, ...]) -> str:
    lines = "\n".join(f"        $s{index} = {text}" for index, text in enumerate(strings))
    return f"rule {name}\n{{\n    strings:\n{lines}\n    condition:\n        any of them\n}}\n"


def marked(buffer: Buffer, found: Iterable[Matched], extracted: Extracted) -> Marked:
    """Return the marks of a content from its matches in the namespace of the marks."""
    marks: list[tuple[str, str]] = []
    mentions: set[str] = set()
    wanted: set[str] = set()
    for each in found:
        if each.rule.startswith(_WANTED):
            wanted.add(each.rule.removeprefix(_WANTED))
            continue
        texts = _texts(buffer, each, extracted)
        if each.rule == _MENTIONS:
            mentions = {text.rstrip("./-") for text in texts}
            continue
        mark = MARKS[int(each.rule.removeprefix("mark_"))]
        marks.extend((mark.id, text) for text in sorted(texts)[:MAX_TEXTS])
    listed = tuple(sorted(mentions))
    cut = len(listed) > MAX_MENTIONS
    return Marked(tuple(sorted(marks)), listed[:MAX_MENTIONS], cut, frozenset(wanted))


def _texts(buffer: Buffer, found: Matched, extracted: Extracted) -> set[str]:
    pieces = {
        bytes(buffer[offset : offset + length])
        for offset, length, _ in found.places
        if not extracted.covers(offset, length)
    }
    if found.rule == _MENTIONS:
        return {piece.decode("ascii") for piece in pieces}
    return {stable_text(piece, len(piece)) or piece.hex() for piece in pieces}
