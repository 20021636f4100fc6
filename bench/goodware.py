"""Programs that do nothing of what the rules look for, fixed by name.

``GOODWARE`` was chosen for its number of programs and libraries over many sections of
Debian and for near misses (network clients, name servers, media, interpreters, tools of
administrators); the tools of ``bench.tooltable`` are not in it. ``FIRMWARE`` is what lies
in every device: boot loaders, UEFI, busybox, C libraries; all its files are looked at,
raw images too. ``TRUE`` are findings of high confidence that say what the program does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GOODWARE_ARCHS: Final = ("amd64", "arm64", "armhf", "mipsel")

_BASE: Final = """
bash bsdutils bzip2 coreutils cpio dash diffutils e2fsprogs file findutils gawk grep gzip kmod
less libc-bin login lsof mawk mount nano passwd patch perl-base procps psmisc sed strace
sysvinit-core sysvinit-utils tar util-linux vim-tiny xz-utils zsh zstd
"""
_SYSTEM: Final = """
acl apparmor at attr btrfs-progs cron cryptsetup-bin dbus-daemon dmsetup dosfstools ethtool
grub-common kexec-tools logrotate lvm2 mdadm mtd-utils nvme-cli open-iscsi parted pciutils
policykit-1 rsyslog smartmontools systemd systemd-timesyncd udev usbutils xfsprogs
"""
_NETWORK: Final = """
apache2-bin arping avahi-daemon bind9-host bind9-libs bluez bridge-utils chrony conntrack curl
dhcpcd5 dnsmasq-base dovecot-core exim4-daemon-light freeradius haproxy hostapd inetutils-ping
iperf3 iproute2 iptables iputils-ping isc-dhcp-client krb5-user ldap-utils libnss3
libsasl2-modules lighttpd memcached mosquitto net-tools network-manager nfs-common nftables
nginx-core nmap ntpsec postfix ppp rsync slapd snmp snmpd squid tcpdump telnet unbound wget
wireshark-common wpasupplicant
"""
_LANGUAGES: Final = """
binutils-common binutils-multiarch cpp-12 gdb git libgcc-s1 libllvm15 libperl5.36
libpython3.11-minimal libpython3.11-stdlib libruby3.1 libstdc++6 lua5.4 m4 make nodejs
ocaml-base-nox perl php8.2-cli php8.2-common python3.11-minimal r-base-core tcl8.6
"""
_DATA: Final = """
collectd-core gnuplot-nox graphviz libgdal32 libhdf5-103 libopenblas0-pthread mariadb-client-core
mariadb-server-core monitoring-plugins-basic postgresql-15 postgresql-client-15 redis-tools
sqlite3 uwsgi-core
"""
_MEDIA: Final = """
alsa-utils asterisk-modules cups-daemon cups-filters ffmpeg ghostscript gimp
gstreamer1.0-plugins-bad gstreamer1.0-plugins-base gstreamer1.0-plugins-good
imagemagick-6.q16 inkscape libasound2-plugins libavcodec59 libgtk-3-0 libqt5core5a libqt5gui5
libqt5network5 libqt5widgets5 libspa-0.2-modules libx11-6 mpd pipewire-bin poppler-utils
pulseaudio sox vlc-plugin-base xserver-xorg-core x11-utils x11-xserver-utils xterm
"""
_NEAR: Final = """
adb aria2 freerdp2-x11 ftp irssi libcurl4 libpcap0.8 libssh2-1 libvncclient1 lftp openssh-client
putty remmina remmina-plugin-rdp remmina-plugin-vnc screen tightvncpassword tmux
transmission-daemon xtightvncviewer
"""

_SECTIONS: Final = (_BASE, _SYSTEM, _NETWORK, _LANGUAGES, _DATA, _MEDIA, _NEAR)
GOODWARE: Final = tuple(name for section in _SECTIONS for name in section.split())

_ALL: Final = ("amd64", "arm64", "armhf", "armel", "i386", "mipsel", "mips64el")
FIRMWARE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("busybox", _ALL),
    ("busybox-static", _ALL),
    ("dietlibc-dev", _ALL),
    ("klibc-utils", _ALL),
    ("libc-bin", _ALL),
    ("libc6", _ALL),
    ("libklibc", _ALL),
    ("musl", _ALL),
    ("musl-dev", _ALL),
    ("ovmf", ("all",)),
    ("ovmf-ia32", ("all",)),
    ("qemu-efi-aarch64", ("all",)),
    ("qemu-efi-arm", ("all",)),
    ("u-boot-amlogic", ("arm64",)),
    ("u-boot-exynos", ("armhf",)),
    ("u-boot-imx", ("armhf", "arm64")),
    ("u-boot-mvebu", ("armhf", "arm64")),
    ("u-boot-omap", ("armhf",)),
    ("u-boot-qcom", ("arm64",)),
    ("u-boot-qemu", ("all",)),
    ("u-boot-rockchip", ("armhf", "arm64")),
    ("u-boot-rpi", ("armel", "armhf", "arm64")),
    ("u-boot-sunxi", ("armhf", "arm64")),
    ("u-boot-tegra", ("armhf", "arm64")),
)


@dataclass(frozen=True)
class Explained:
    """A finding of high confidence that is right, and why."""

    package: str
    rule: str
    why: str


TRUE: Final[tuple[Explained, ...]] = (
    Explained(
        "dovecot-core",
        "key.private",
        "libdovecot carries the key of its own test certificate in the clear: it is there",
    ),
    Explained("alsa-utils", "surv_audio_record", "aplay is arecord too, by the name it is called"),
    Explained("libgdal32", "exfil_cloud_writer", "it writes files to the object stores it names"),
    Explained("nmap", "lateral_subnet_sweep", "its help shows the sweep of private networks"),
    Explained("wireshark-common", "code.packet_socket", "dumpcap captures packets"),
    Explained("nmap", "code.packet_all", "nmap and nping read whole packets"),
    Explained("tcpdump", "elf.packet_capture", "it captures packets"),
    Explained("collectd-core", "elf.packet_capture", "its dns plugin captures name look-ups"),
    Explained("collectd-core", "surv_place_receiver", "its gps plugin reads a receiver"),
    Explained("wireshark-common", "surv_capture_command", "wifidump starts tcpdump, far away too"),
    Explained(
        "klibc-utils",
        "elf.nameless_calls",
        "its programs call their loader by address, so that no import can be read: it says so",
    ),
    *(
        Explained(package, "key.private", "the package brings the key of its test certificates")
        for package in ("ovmf", "qemu-efi-aarch64")
    ),
)
