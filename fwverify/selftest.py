"""Proof that a worker's crash, hang, hoarding and failure cost one item alone.

``prove`` sends a pool, between honest items, functions of this module that do to their
worker what hostile input may do, and checks every outcome. ``fwverify doctor`` prints
the result; the tests of the pool use the same functions.

Not proved here: that an external program is confined (``sandbox.capabilities``).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import socket
import time
from typing import Final

from fwverify.model import _Value as Value
from fwverify.unpack.external import run_tool
from fwverify.workers import FailureKind, Pool, Task

_MEMORY_BYTES: Final = 256 * 1024 * 1024
_DEADLINE_SECONDS: Final = 20.0
_SHORT_SECONDS: Final = 1.0
_HANG_SECONDS: Final = 600


def echo(argument: bytes) -> bytes:
    """Return ``argument``."""
    return argument


def crash(argument: bytes) -> bytes:
    """Read address 0: the worker dies of SIGSEGV."""
    ctypes.string_at(0)
    return argument


def leave(argument: bytes) -> bytes:
    """End the worker at once with the status ``argument``, skipping every handler."""
    os._exit(int(argument))


def hang(argument: bytes) -> bytes:
    """Sleep in C code while holding the interpreter's lock: no Python signal arrives."""
    ctypes.PyDLL(None).sleep(_HANG_SECONDS)
    return argument


def pause(argument: bytes) -> bytes:
    """Sleep for as many seconds as ``argument`` says."""
    time.sleep(float(argument))
    return argument


def hoard(argument: bytes) -> bytes:
    """Ask for ``argument`` bytes of memory."""
    return bytes(len(bytearray(int(argument))) and 1)


def fail(argument: bytes) -> bytes:
    """Raise ``ValueError`` with ``argument``."""
    raise ValueError(argument.decode())


def answer(argument: bytes) -> bytes:
    """Return as many bytes as ``argument`` says."""
    return b"x" * int(argument)


def print_noise(argument: bytes) -> bytes:
    """Write to standard output, as a chatty library does, and return ``argument``."""
    print("noise", flush=True)
    os.write(1, b"more noise\n")
    return argument


def speak(argument: bytes) -> bytes:
    """Write ``argument`` into each pipe that takes it: an answer that nobody asked for."""
    for name in _open_files():
        if os.readlink(f"/proc/self/fd/{name}").startswith("pipe:") and int(name) > 2:
            with contextlib.suppress(OSError):
                os.write(int(name), argument)
    return argument


def process_id(argument: bytes) -> bytes:
    """Return the worker's process id."""
    del argument
    return str(os.getpid()).encode()


def parent_id(argument: bytes) -> bytes:
    """Return the id of the process that the worker was forked from."""
    del argument
    return str(os.getppid()).encode()


def session(argument: bytes) -> bytes:
    """Return the worker's session and the kind of each file it holds open."""
    del argument
    kinds = [os.readlink(f"/proc/self/fd/{name}").partition(":")[0] for name in _open_files()]
    return " ".join((str(os.getsid(0)), *sorted(kinds))).encode()


def _open_files() -> list[str]:
    return [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]


_remembered: list[bytes] = []


def remember(argument: bytes) -> bytes:
    """Return what this worker was told to remember before, and remember ``argument``."""
    before = b" ".join(_remembered)
    _remembered.append(argument)
    return before


def environment(argument: bytes) -> bytes:
    """Return the names of the worker's environment variables."""
    del argument
    return " ".join(sorted(os.environ)).encode()


def write_file(argument: bytes) -> bytes:
    """Write one byte to the path ``argument``; raises where the sandbox forbids it."""
    with open(argument, "wb") as file:
        file.write(b"x")
    return b"done"


def append(argument: bytes) -> bytes:
    """Add one byte to the file ``argument``: how often that was done can be seen."""
    with open(argument, "ab") as file:
        file.write(b"x")
    return b"done"


def connect(argument: bytes) -> bytes:
    """Connect to the port ``argument`` of this machine; raises where there is no network."""
    with socket.create_connection(("127.0.0.1", int(argument)), timeout=5):
        return b"done"


def run_touch(argument: bytes) -> bytes:
    """Run ``touch`` on the path ``argument``; return its status."""
    result = run_tool(
        ("touch", "--", os.fsdecode(argument)),
        deadline_seconds=_DEADLINE_SECONDS,
        memory_bytes=_MEMORY_BYTES,
        output_limit_bytes=1024,
    )
    return str(result.status).encode()


def limits(argument: bytes) -> bytes:
    """Return the worker's bounds on core dumps, data and open files."""
    del argument
    kinds = (resource.RLIMIT_CORE, resource.RLIMIT_DATA, resource.RLIMIT_NOFILE)
    return " ".join(str(resource.getrlimit(kind)[1]) for kind in kinds).encode()


class Proof(Value, frozen=True, kw_only=True):
    """One misdeed, and whether the pool held it to its own item."""

    name: str
    held: bool
    detail: str


def task(
    function: str,
    argument: bytes = b"",
    seconds: float = _DEADLINE_SECONDS,
    *,
    light: bool = False,
) -> Task:
    """Return a task for a function of this module."""
    return Task(
        function=f"fwverify.selftest:{function}",
        argument=argument,
        deadline_seconds=seconds,
        light=light,
    )


_MISDEEDS: Final[tuple[tuple[str, str, bytes, float, FailureKind], ...]] = (
    ("crash", "crash", b"", _DEADLINE_SECONDS, "crashed"),
    ("exit", "leave", b"3", _DEADLINE_SECONDS, "crashed"),
    ("hang in C code", "hang", b"", _SHORT_SECONDS, "deadline"),
    ("memory", "hoard", str(4 * _MEMORY_BYTES).encode(), _DEADLINE_SECONDS, "memory"),
    ("exception", "fail", b"as asked", _DEADLINE_SECONDS, "raised"),
)


def prove() -> tuple[Proof, ...]:
    """Return, for each misdeed, whether it failed as it should and its neighbours did not."""
    tasks = [task("echo", b"first")]
    for _, function, argument, seconds, _ in _MISDEEDS:
        tasks += [task(function, argument, seconds), task("echo", function.encode())]
    with Pool(2, _MEMORY_BYTES) as pool:
        outcomes = list(pool.map(tasks))
    proofs = []
    for index, (name, function, _, _, expected) in enumerate(_MISDEEDS):
        misdeed, neighbour = outcomes[2 * index + 1], outcomes[2 * index + 2]
        held = misdeed.failure == expected and neighbour.result == function.encode()
        detail = f"{misdeed.failure or 'no failure'}: {misdeed.text}".strip()
        proofs.append(Proof(name=name, held=held, detail=detail))
    return tuple(proofs)
