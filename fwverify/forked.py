"""The pool's side of its workers: starting, feeding and ending processes that are forked.

Guarantees: a worker is known by its pipes and reaped by the process that forked it, on
order; ending one kills its whole session; what has died is told apart from what is slow.
Nothing here waits for a worker to be ready: its first task waits in its pipe.

Specification: Linux man pages unix(7) (SCM_RIGHTS, SOCK_SEQPACKET), pidfd_open(2).

What it does not do: decide when a worker has to end (``fwverify.workers``).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from typing import Final, NamedTuple

HEADER: Final = struct.Struct("<IQ")
"""Before each task and outcome: its size in bytes, and the task's number."""

ORDER: Final = struct.Struct("<BBi")
"""What is asked of the forking process, and its answer: kind, grace in seconds, number."""

START: Final = 1
END: Final = 2


MAX_ORDER_BYTES: Final = 64 * 1024


class Settings(NamedTuple):
    """What bounds every worker of a pool, as ``Pool`` says."""

    memory_bytes: int
    writable: tuple[str, ...]

    def encode(self) -> bytes:
        """Return the settings as the forking process reads them."""
        return b"\0".join((b"%d" % self.memory_bytes, *map(os.fsencode, self.writable)))


def decode_settings(message: bytes) -> Settings:
    """Return what ``Settings.encode`` wrote."""
    memory_bytes, *writable = message.split(b"\0")
    return Settings(int(memory_bytes), tuple(map(os.fsdecode, writable)))


class Item(NamedTuple):
    """A task on its way: its number, its bytes, its deadline, and whether it is ``light``."""

    number: int
    body: bytes
    seconds: float
    light: bool


class Worker:
    """A worker and the pool's ends of its pipes.

    ``process`` is 0 until the forking process has answered, -1 where it could not fork;
    ``handle`` is its pidfd, -1 where the kernel has none. Of ``queue`` the first item is
    under way until ``expires``; the others wait in the pipe.
    """

    def __init__(self, forker: Forker, questions: int, answers: int) -> None:
        self.forker = forker
        self.questions = questions
        self.answers = answers
        os.set_blocking(questions, False)  # one that does not read must not hold up the pool
        self.process = 0
        self.handle = -1
        self.queue: deque[Item] = deque()
        self.expires = 0.0
        self.received = bytearray()

    def deliver(self, item: Item) -> bool:
        """Send ``item``; return False when the worker cannot have read it whole.

        That is when it is dead or, for as long as the item may take, reads nothing. Behind
        another item one is sent at once or not at all; it is no longer than PIPE_BUF.
        """
        self.forker.learn()
        if self.handle >= 0 and _readable(self.handle):
            return False
        view = memoryview(HEADER.pack(len(item.body), item.number) + item.body)
        try:
            while view:
                try:
                    view = view[os.write(self.questions, view) :]
                except BlockingIOError:
                    if self.queue or not _writable(self.questions, item.seconds):
                        return False
        except BrokenPipeError:
            return False
        self.queue.append(item)
        if len(self.queue) == 1:
            self.expires = time.monotonic() + item.seconds
        return True

    def finished(self) -> Item:
        """Take the item under way off the queue; the next one's time begins."""
        item = self.queue.popleft()
        if self.queue:
            self.expires = time.monotonic() + self.queue[0].seconds
        return item

    def waiting_bytes(self) -> int:
        """Return how many bytes may stand in the pipe, unread."""
        return sum(HEADER.size + len(item.body) for item in self.queue)

    def end(self, grace_seconds: int = 0) -> int | None:
        """Kill the worker and what it started, after the grace; return its status.

        That is negative for a signal and None where nobody knows.
        """
        status = self.forker.end(self, grace_seconds)
        for handle in (self.questions, self.answers, self.handle):
            if handle >= 0:
                os.close(handle)
        return status


class Forker:
    """The process that forks workers; a method raises ``OSError`` once it has died."""

    def __init__(self, preload: tuple[str, ...] = ()) -> None:
        """Start it; it loads ``preload`` (as ``Pool`` says) and then waits for orders."""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._unanswered: deque[Worker] = deque()
        with theirs:
            self._process = subprocess.Popen(
                (sys.executable, "-P", "-m", "fwverify.zygote", *preload),
                stdin=theirs.fileno(),
                env=_environment(),
                start_new_session=True,
            )

    def start(self, settings: Settings) -> Worker:
        """Order a worker and return it, before it is there."""
        order = ORDER.pack(START, 0, 0) + settings.encode()
        asked, questions = os.pipe()
        answers, answered = os.pipe()
        try:
            socket.send_fds(self._control, [order], [asked, answered])
        except OSError:
            os.close(questions)
            os.close(answers)
            raise
        finally:
            os.close(asked)
            os.close(answered)
        worker = Worker(self, questions, answers)
        self._unanswered.append(worker)
        return worker

    def learn(self) -> None:
        """Take the answers that have come; without waiting."""
        with contextlib.suppress(OSError):
            while self._unanswered and _readable(self._control.fileno()):
                self._take()

    def end(self, worker: Worker, grace_seconds: int) -> int | None:
        """Have ``worker`` killed and reaped; return its status, None where that is unknown.

        Where this process itself has died its workers die with it.
        """
        try:
            while self._unanswered:
                self._take()
            if worker.process <= 0:
                return None
            self._control.send(ORDER.pack(END, grace_seconds, worker.process))
            return self._answer(END)
        except OSError:
            return None

    def close(self) -> str:
        """Kill this process, and with it every worker left; return how it ended."""
        self._control.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        return ending(self._process.wait())

    def _take(self) -> None:
        """Take the answer to the oldest order for a worker."""
        number = self._answer(START)
        worker = self._unanswered.popleft()
        worker.process = number or -1
        if number:
            with contextlib.suppress(OSError):
                worker.handle = os.pidfd_open(number)

    def _answer(self, expected: int) -> int:
        message = self._control.recv(ORDER.size)
        if len(message) < ORDER.size:
            raise ConnectionResetError("the forking process has ended")
        kind, _, number = ORDER.unpack(message)
        if kind != expected:
            raise RuntimeError("the forking process answered another order")
        return int(number)


def ending(status: int | None) -> str:
    """Return how a process ended, in words."""
    if status is None:
        return "died with the process that had started it"
    if status >= 0:
        return f"ended with code {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal has no name
        return f"killed by signal {-status}"


def _readable(handle: int) -> bool:
    waiting = select.poll()
    waiting.register(handle, select.POLLIN)
    return bool(waiting.poll(0))


def _writable(handle: int, seconds: float) -> bool:
    """Wait until ``handle`` takes more, or its reader has gone; at most ``seconds``."""
    waiting = select.poll()
    waiting.register(handle, select.POLLOUT)
    return bool(waiting.poll(1000 * seconds))


def _environment() -> dict[str, str]:
    """Return a worker's environment: what Python needs to start, and nothing that steers."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return kept | {"PYTHONPATH": root, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
