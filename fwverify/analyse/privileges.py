"""Programs that run with another's rights: set-user and set-group bits, file capabilities.

Read: the mode and owner that an opener recorded of each file, and the values of the
attribute ``security.capability`` that the openers of ext, squashfs, EROFS and tar note
(``*.file_capability``; ``linux/capability.h``, ``struct vfs_ns_cap_data``). An owner that
is not recorded counts as root.

Guarantees: one finding per file. A shell, interpreter or file tool with another's rights
is graver than a program that is made for it; a program that anybody may write is grave.

What it does not see: modes in formats without any (zip, FAT, NTFS, MSI), capabilities in
UBIFS, JFFS2, F2FS, cpio, WIM and disk formats whose openers do not record attributes, and
what an installer or a package script sets (``chmod u+s``: the rules look for that).
"""

from __future__ import annotations

import itertools
import posixpath
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from fwverify.canonical import make_finding
from fwverify.model import Finding, Node, Placed, Problem, Severity
from fwverify.paths import SEPARATOR

SETUID, SETGID, _GROUP_EXECUTE, _ALL_WRITE = 0o4000, 0o2000, 0o010, 0o002
MAX_FINDINGS: Final = 10_000
R155: Final = ("9.1",)
_FILE_KINDS: Final = ("file", "hardlink", "stream")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MADE_FOR_IT: Final = frozenset(
    _words(
        "at bsd-write chage chfn chsh crontab dbus-daemon-launch-helper doas dotlockfile exim4 "
        "expiry fping fusermount fusermount3 gpasswd kmod ksu locate login lxc-user-nic mlocate "
        "mount mount.cifs mount.ecryptfs_private mount.nfs newgidmap ntfs-3g newgrp newuidmap "
        "pam_extrausers_chkpwd passwd ping ping4 ping6 pkexec plocate polkit-agent-helper-1 "
        "postdrop postqueue pppd screen ssh-agent ssh-keysign su sudo sudoedit traceroute "
        "umount unix_chkpwd utempter wall write Xorg Xorg.wrap procmail sendmail snap-confine "
        "suexec "
    )
)
"""Ordinary programs of distributions that need it; ``busybox`` is told apart."""

GIVES_AWAY: Final = frozenset(
    _words(
        "ash awk bash cat chmod chown cp csh curl dash dd ed emacs env find gawk gdb insmod ksh "
        "ld.so less lua lua5.1 lua5.3 lua5.4 luajit mawk modprobe more mv nano nc ncat netcat "
        "nmap node openssl perl php python python2 python3 rsync ruby sed sh socat strace tar "
        "tclsh tee toybox vi vim vim.tiny wget wish xargs zsh zip "
    )
)
"""Programs by which anybody does or writes anything with the rights that they have."""

_POWERS: Final = _words(
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap "
    "linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner "
    "sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice "
    "sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap "
    "mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf "
    "checkpoint_restore "
)
AS_ROOT: Final = frozenset(
    _words(
        "bpf chown dac_override dac_read_search fowner mac_admin mac_override mknod setfcap "
        "setgid setuid sys_admin sys_module sys_ptrace sys_rawio "
    )
)
"""Capabilities with which a program gets the others, or reads and writes everything."""

_WORDS: Final = {0x01000000: 1, 0x02000000: 2, 0x03000000: 2}
_REVISION: Final = 0xFF000000
_WITH_USER: Final = 0x03000000


def privileged(
    nodes: Iterable[Placed], noted: Iterable[Finding]
) -> tuple[tuple[Finding, ...], tuple[Problem, ...]]:
    """Return the findings about ``nodes`` and about the attributes that openers ``noted``.

    Past ``MAX_FINDINGS`` there is a problem of the first file that is left out.
    """
    by_mode = (each for placed in nodes for each in _by_mode(placed.node))
    by_value = (_capability(each) for each in noted if each.rule.endswith(".file_capability"))
    found = itertools.chain(by_value, by_mode)
    kept = tuple(itertools.islice(found, MAX_FINDINGS))
    more = next(found, None)
    if more is None:
        return kept, ()
    text = f"more than {MAX_FINDINGS} files have another's rights; the first are listed"
    return kept, (Problem(code="limit.privileges", path=more.path, text=text),)


def _by_mode(node: Node) -> Iterator[Finding]:
    mode = node.mode or 0
    setuid, setgid = bool(mode & SETUID), bool(mode & SETGID and mode & _GROUP_EXECUTE)
    if node.kind not in _FILE_KINDS or not (setuid or setgid):
        return
    name = posixpath.basename(node.path.rpartition(SEPARATOR)[2])
    root = (setuid and not node.uid) or (setgid and not node.gid)
    bits = " and ".join(
        word for word, there in (("set-user", setuid), ("set-group", setgid)) if there
    )
    grave = name in GIVES_AWAY or bool(mode & _ALL_WRITE)
    owner = f"{'?' if node.uid is None else node.uid}:{'?' if node.gid is None else node.gid}"
    yield make_finding(
        rule="privilege.mode",
        path=node.path,
        text=f"runs with the rights of its owner {owner} ({bits})"
        + (" and gives them to whoever starts it" if grave else ""),
        capability="cred.uid0" if grave and root else None,
        threat="both",
        severity=_severity(name, grave=grave, root=root),
        evidence=(f"mode:{mode:04o}", f"owner:{owner}"),
        r155=R155,
    )


def _severity(name: str, *, grave: bool, root: bool) -> Severity:
    if grave:
        return "high" if root else "medium"
    if name in MADE_FOR_IT or name == "busybox" or not root:
        return "low"
    return "medium"


def _capability(noted: Finding) -> Finding:
    """Return what the noted value of ``security.capability`` lets a file do."""
    prefix = "capability:"
    raw = next((each for each in noted.evidence if each.startswith(prefix)), prefix)
    name = next((each for each in noted.evidence if not each.startswith(prefix)), "")
    powers = read_capabilities(raw.removeprefix(prefix))
    shown = "in a form that is not known" if powers is None else ", ".join(powers) or "none"
    strong = powers is None or bool(AS_ROOT & set(powers))
    grave = posixpath.basename(name) in GIVES_AWAY and bool(powers)
    severity: Severity = "high" if grave and strong else "medium" if strong or grave else "low"
    inner = f"{noted.path}{SEPARATOR}{name}" if name else noted.path
    return make_finding(
        rule="privilege.capability",
        path=noted.path,
        text=f"{name} has Linux capabilities: {shown}",
        capability="cred.uid0" if grave and strong else None,
        threat="both",
        severity=severity,
        offset=noted.offset,
        excerpt=name[:80],
        evidence=(f"file:{inner}", f"capabilities:{shown}"),
        r155=R155,
    )


def read_capabilities(value: str) -> tuple[str, ...] | None:
    """Return the names that ``value`` (hexadecimal) permits or hands down, None if unread.

    Little-endian: a word with revision and flags, then permitted and inheritable words of
    32 bits each, once or twice; revision 3 ends with a user id.
    """
    raw = bytes.fromhex(value)
    if len(raw) < 4:
        return None
    (head,) = struct.unpack_from("<I", raw)
    words = _WORDS.get(head & _REVISION)
    if words is None or len(raw) != 4 + 8 * words + (4 if head & _REVISION == _WITH_USER else 0):
        return None
    given = 0
    for index in range(words):
        permitted, inheritable = struct.unpack_from("<II", raw, 4 + 8 * index)
        given |= (permitted | inheritable) << 32 * index
    if given >> len(_POWERS):
        return None
    return tuple(sorted(name for bit, name in enumerate(_POWERS) if given >> bit & 1))
