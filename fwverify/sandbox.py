"""Confinement of worker processes and of the external programs they start.

``confine`` applies to the calling process, for good, each of: no core dumps, a bound
on the data segment (RLIMIT_DATA; RLIMIT_AS refuses large maps), on open files and on
the size of a file written, no new privileges, death with the parent, an empty network
namespace, no capability beyond access to files (matters for root alone), and Landlock
rules: reading everywhere, writing only below the given folders,
no TCP at all. What a machine does not allow is left out; ``capabilities`` tries each one
in a child process and says which hold, which is what ``fwverify doctor`` prints.

Specification: Linux man pages setrlimit(2), prctl(2), unshare(2), capset(2), landlock(7).

What it is not: a barrier against reading. A worker reads what its user may read; it
cannot send it anywhere, which is what matters here.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
from typing import Final

import msgspec

from fwverify.model import _Value as Value

MAX_OPEN_FILES: Final = 512
MAX_FILE_BYTES: Final = 64 * 1024**3
"""Above every default of ``Limits``: those bounds stop a blob first and say so."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_CLONE_NEWUSER: Final = 0x1000_0000
_CLONE_NEWNET: Final = 0x4000_0000

# System call numbers are the same on x86-64 and arm64 (the generic table).
_LANDLOCK_CREATE: Final = 444
_LANDLOCK_ADD: Final = 445
_LANDLOCK_RESTRICT: Final = 446
_LANDLOCK_VERSION: Final = 1
_LANDLOCK_PATH_BENEATH: Final = 1

_WRITE_FILE: Final = 1 << 1
_FS_CHANGES_V1: Final = _WRITE_FILE | 0x1FF0
"""Rights of ABI 1 that change a disk: write, remove, and make any kind of file."""

_FS_REFER: Final = 1 << 13
_FS_TRUNCATE: Final = 1 << 14
_FS_GRANTED: Final = _WRITE_FILE | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | _FS_REFER | _FS_TRUNCATE
"""What a writable folder may see: files and folders; no links, devices or sockets."""

_CAPABILITIES_V3: Final = 0x2008_0522
_KEPT_CAPABILITIES: Final = 0b1110
"""DAC_OVERRIDE, DAC_READ_SEARCH and FOWNER: root works on a store of another user."""

_NET_TCP: Final = 0b11
_SCOPED: Final = 0b11
_PROBE_SECONDS: Final = 20


class Capability(Value, frozen=True, kw_only=True):
    """One means of confinement and whether it holds on this machine."""

    name: str
    held: bool
    detail: str


def confine(*, memory_bytes: int, writable: tuple[str, ...]) -> None:
    """Confine the calling process for the rest of its life.

    It must have one thread only. ``writable`` are existing folders; without Landlock
    they are not enforced. Means that this machine refuses are left out.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, memory_bytes)
    _limit(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, MAX_FILE_BYTES)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _leave_network(libc)
    _drop_capabilities(libc)
    _restrict_writes(libc, writable)


def die_with_parent() -> None:
    """Ask the kernel to kill the calling process when its parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _limit(kind: int, value: int) -> None:
    """Lower a resource limit, hard and soft; never raise what stands lower already."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _leave_network(libc: ctypes.CDLL) -> None:
    """Enter an empty network namespace; without root, inside a user namespace.

    Inside one, the own user is mapped to itself, so that files keep their owner.
    """
    if os.geteuid() == 0 and libc.unshare(_CLONE_NEWNET) == 0:
        return
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        try:
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        except OSError:  # unmapped, the process still runs: as nobody, without network
            return


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Keep of the process's capabilities only what ``_KEPT_CAPABILITIES`` names.

    Root could else return to the network by setns(2). Capabilities are two times three
    words: effective, permitted, inheritable, low half first.
    """
    header = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITIES_V3, 0), 8)
    sets = ctypes.create_string_buffer(24)
    if libc.capget(header, sets) != 0:
        return
    kept = struct.unpack("<6I", sets.raw)[1] & _KEPT_CAPABILITIES
    reduced = struct.pack("<6I", kept, kept, 0, 0, 0, 0)
    libc.capset(header, ctypes.create_string_buffer(reduced, 24))


def _landlock_version(libc: ctypes.CDLL) -> int:
    """Return the kernel's Landlock ABI, 0 where there is none."""
    version: int = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    return max(0, version)


def _restrict_writes(libc: ctypes.CDLL, writable: tuple[str, ...]) -> None:
    """Apply Landlock: no change to any disk but below ``writable``, and no TCP.

    The attribute is three 64-bit words (file rights, network rights from ABI 4, scopes
    from ABI 6); an older kernel takes as many as it knows.
    """
    version = _landlock_version(libc)
    if version == 0:
        return
    rights = _FS_CHANGES_V1
    rights |= _FS_REFER if version >= 2 else 0
    rights |= _FS_TRUNCATE if version >= 3 else 0
    words = (rights, _NET_TCP if version >= 4 else 0, _SCOPED if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    attribute = ctypes.create_string_buffer(struct.pack("<3Q", *words)[:size], size)
    ruleset = libc.syscall(_LANDLOCK_CREATE, attribute, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return
    try:
        for folder in writable:
            _allow(libc, ruleset, folder, rights & _FS_GRANTED)
        _allow(libc, ruleset, os.devnull, _WRITE_FILE)
        libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    """Grant ``rights`` at and below ``path``. Raises ``OSError`` when it does not exist."""
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("<Qi", rights, handle), 12)
        libc.syscall(_LANDLOCK_ADD, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0)
    finally:
        os.close(handle)


# --- what holds here ---------------------------------------------------------------


def capabilities() -> tuple[Capability, ...]:
    """Return each means and whether it holds, tried in a child process.

    A child that cannot even report counts as nothing held, and says why.
    """
    command = [sys.executable, "-P", "-m", "fwverify.sandbox"]
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": root}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_PROBE_SECONDS, env=environment, check=True
        )
        return msgspec.json.decode(done.stdout, type=tuple[Capability, ...])
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
        return (Capability(name="sandbox", held=False, detail=f"the probe failed: {error}"),)


def _probe() -> tuple[Capability, ...]:
    """Confine this process and try to break out of each means."""
    with tempfile.TemporaryDirectory() as outside, tempfile.TemporaryDirectory() as inside:
        process = os.fork()
        if process:
            os.waitpid(process, 0)
            return ()
        confine(memory_bytes=512 * 1024 * 1024, writable=(inside,))
        found = (
            _try_core(),
            _try_memory(),
            _try_privileges(),
            _try_capabilities(),
            _try_parent(),
            _try_network(),
            _try_writes(outside, inside),
        )
        sys.stdout.buffer.write(msgspec.json.encode(found))
        sys.stdout.buffer.flush()
        os._exit(0)


def _try_core() -> Capability:
    held = resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
    return Capability(name="no-core-dumps", held=held, detail="RLIMIT_CORE 0")


def _try_memory() -> Capability:
    try:
        bytearray(1024 * 1024 * 1024)
    except MemoryError:
        return Capability(name="memory-bound", held=True, detail="RLIMIT_DATA")
    return Capability(name="memory-bound", held=False, detail="twice the bound was granted")


def _try_privileges() -> Capability:
    with open("/proc/self/status") as file:
        held = "NoNewPrivs:\t1" in file.read()
    return Capability(name="no-new-privileges", held=held, detail="PR_SET_NO_NEW_PRIVS")


def _try_capabilities() -> Capability:
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("CapEff:"))
    held = int(line.split()[1], 16) & ~_KEPT_CAPABILITIES == 0
    return Capability(name="no-root-powers", held=held, detail=line.strip().replace("\t", " "))


def _try_parent() -> Capability:
    kind = ctypes.c_int(0)
    ctypes.CDLL(None).prctl(2, ctypes.byref(kind), 0, 0, 0)
    held = kind.value == signal.SIGKILL
    return Capability(name="dies-with-parent", held=held, detail="PR_SET_PDEATHSIG")


def _try_network() -> Capability:
    """Look for any interface but loopback, and for a route out of it."""
    import socket

    names = [name for _, name in socket.if_nameindex()]
    held = [name for name in names if name != "lo"] == []
    detail = "empty network namespace" if held else f"interfaces {', '.join(names)}"
    return Capability(name="no-network", held=held, detail=detail)


def _try_writes(outside: str, inside: str) -> Capability:
    version = _landlock_version(ctypes.CDLL(None, use_errno=True))
    detail = f"Landlock ABI {version}" if version else "no Landlock in this kernel"
    try:
        with open(os.path.join(inside, "probe"), "wb") as file:
            file.write(b"x")
    except OSError as error:
        return Capability(name="write-rules", held=False, detail=f"nothing is writable: {error}")
    try:
        with open(os.path.join(outside, "probe"), "wb"):
            pass
    except PermissionError:
        return Capability(name="write-rules", held=True, detail=detail)
    return Capability(name="write-rules", held=False, detail=detail)


if __name__ == "__main__":
    _probe()
