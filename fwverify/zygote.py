"""The process that workers are forked from, and what a worker does.

Guarantees: it loads the parsers once, from a clean environment, and never sees an item: it
reads orders of a few bytes from the pool (``fwverify.workers``), forks and reaps. A worker
so begins in milliseconds with nothing in its memory but the program itself, enters a
session and a sandbox of its own (``fwverify.sandbox``) before it reads its first item,
holds no other worker's pipes, and dies with this process, which dies with the pool's.
Only this process reaps workers, on the pool's order, so that no order ever meets another
process that was given the same number.

Orders come over a socket that keeps messages apart: ``START`` with the worker's settings
and the two ends of pipes that it is to read and write, answered by its process id; ``END``
with a process id, answered by the status it ended with. The process must have one thread
only.

What it does not do: watch deadlines. The pool does, in a process that no input reaches.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

import msgspec

from fwverify.forked import (
    HEADER,
    MAX_ORDER_BYTES,
    ORDER,
    START,
    Settings,
    decode_settings,
)
from fwverify.sandbox import confine, die_with_parent
from fwverify.workers import Outcome, Task

_PACKAGE: Final = "fwverify."
_FAILED: Final = 1
_FEWEST_GARBAGE: Final = 50_000
"""Objects made before a worker looks for cycles among them; parsers make hardly any."""


def main() -> None:
    """Load what the arguments name, then carry out orders until the pool is gone."""
    die_with_parent()
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library's print is no answer
    gc.disable()  # nothing of what is loaded is garbage
    for name in sys.argv[1:]:
        _preload(name)
    gc.freeze()  # and it stays shared with the workers
    gc.set_threshold(_FEWEST_GARBAGE)
    gc.enable()
    while _carry_out(control):
        pass


def _preload(name: str) -> None:
    """Import the module ``name``, or call the function ``module:name``, of this package."""
    module, _, function = name.partition(":")
    loaded = importlib.import_module(module)
    if function:
        getattr(loaded, function)()


def _carry_out(control: socket.socket) -> bool:
    """Carry out one order; return False when there will be no more."""
    message, pipes, _, _ = socket.recv_fds(control, MAX_ORDER_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
    if len(message) < ORDER.size:
        return False
    kind, grace_seconds, process = ORDER.unpack_from(message)
    if kind == START:
        questions, answers = pipes
        answer = _fork(control, questions, answers, decode_settings(message[ORDER.size :]))
    else:
        answer = _ended(process, grace_seconds)
    with contextlib.suppress(BrokenPipeError):
        control.send(ORDER.pack(kind, 0, answer))
    return True


def _fork(control: socket.socket, questions: int, answers: int, settings: Settings) -> int:
    """Return the process id of a new worker, or 0 where the machine allows no more."""
    own = os.getpid()
    try:
        process = os.fork()
    except OSError:
        process = -1
    if process == 0:
        control.close()
        _work_and_exit(own, questions, answers, settings)
    os.close(questions)
    os.close(answers)
    return max(0, process)


def _ended(process: int, grace_seconds: int) -> int:
    """Return the status of ``process`` (negative: the signal), killed after the grace."""
    if grace_seconds:
        _await(process, grace_seconds)
    for kill in (os.killpg, os.kill):  # its session is its own, unless it had not begun
        with contextlib.suppress(ProcessLookupError):
            kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _await(process: int, seconds: int) -> None:
    """Wait until ``process`` has ended; at most ``seconds``."""
    try:
        handle = os.pidfd_open(process)
    except OSError:
        return
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        waiting.poll(1000 * seconds)
    finally:
        os.close(handle)


# --- the worker ------------------------------------------------------------------------


def _work_and_exit(parent: int, questions: int, answers: int, settings: Settings) -> NoReturn:
    """Be a worker until the pool is gone; never return into the zygote's code."""
    status = _FAILED
    try:
        os.setsid()
        confine(memory_bytes=settings.memory_bytes, writable=settings.writable)
        if os.getppid() == parent:  # else it died before its death could be a signal
            _serve(questions, answers)
        status = 0
    except Exception:  # noqa: BLE001  (told on standard error; the item counts as crashed)
        traceback.print_exc()
    finally:
        os._exit(status)


def _serve(questions: int, answers: int) -> None:
    """Answer tasks from ``questions`` until its end."""
    with open(questions, "rb") as asked, open(answers, "wb") as answered:
        while header := asked.read(HEADER.size):
            size, number = HEADER.unpack(header)
            body = asked.read(size)
            outcome = msgspec.msgpack.encode(perform(msgspec.msgpack.decode(body, type=Task)))
            answered.write(HEADER.pack(len(outcome), number) + outcome)
            answered.flush()


def perform(task: Task) -> Outcome:
    """Return the outcome of ``task``, run here."""
    try:
        return Outcome(result=_resolve(task.function)(task.argument))
    except MemoryError:
        return Outcome(failure="memory", text="out of memory")
    except Exception as error:  # noqa: BLE001  (the parent turns it into INCOMPLETE)
        return Outcome(failure="raised", text=f"{type(error).__name__}: {error}"[:2000])


def _resolve(name: str) -> Callable[[bytes], bytes]:
    module, _, function = name.partition(":")
    if not module.startswith(_PACKAGE):
        raise ValueError(f"{name} is not a function of this package")
    resolved: Callable[[bytes], bytes] = getattr(importlib.import_module(module), function)
    return resolved


if __name__ == "__main__":
    main()
