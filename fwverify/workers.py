"""A pool of worker processes that outlives whatever hostile input does to one of them.

Guarantees: every item submitted gives exactly one ``Outcome``, in the order submitted;
a worker that crashes, overruns its deadline, exceeds its memory or raises costs that
item alone and is replaced; deadlines are enforced by the parent with SIGKILL, so they
hold inside C code. Workers run this package's own functions by name, without network
and with bounded memory where the machine allows it (``fwverify.sandbox``). They are
forked, when first needed, from one process that has loaded the parsers and never sees
an item (``fwverify.zygote``); it begins with the pool, so that it gets ready while the
caller does, and is replaced when it dies. Light tasks wait in the pipe of a worker that is
at another light one, so that nobody waits for the next to be sent; one that had not begun
when its worker ended goes to another.

Design note: CPython's ``ProcessPoolExecutor`` loses every worker's item when one worker
is killed, hence this one (STYLE, "Traps measured"). ``Executor`` is the interface; a
cluster's executor can stand in for ``Pool``.

What it does not do: retry. The same input would do the same again, and a verdict that
depends on luck is none.
"""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, Literal, Protocol, Self, TypeAlias

import msgspec

from fwverify.forked import HEADER, Forker, Item, Settings, Worker, ending
from fwverify.model import _Value as Value

FailureKind: TypeAlias = Literal["crashed", "deadline", "memory", "raised"]

_MAX_MESSAGE_BYTES: Final = 512 * 1024 * 1024
_GRACE_SECONDS: Final = 5
"""How long a worker that closed its pipe may take to end, so that its status is known."""

_AHEAD: Final = 4
"""How many tasks per worker may be under way or wait for an earlier one."""

_PIPE_BYTES: Final = 4096
"""What a pipe holds however little the system grants (pipe(7)): sending then never waits."""


class Task(Value, frozen=True, kw_only=True):
    """Call ``function`` (``module:name``, in this package) with ``argument``.

    ``argument`` is MessagePack; so is what the function returns. Both are bytes, so
    that a worker never unpickles anything. A ``light`` task takes milliseconds as a rule
    and holds no secret: it may be sent to a worker that is still at another such task.
    """

    function: str
    argument: bytes
    deadline_seconds: float
    light: bool = False


class Outcome(Value, frozen=True, kw_only=True):
    """What became of a task: ``result`` on success, else ``failure`` and why."""

    result: bytes | None = None
    failure: FailureKind | None = None
    text: str = ""


class Executor(Protocol):
    """Runs tasks; yields their outcomes in the order given."""

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Yield one outcome per task, in order."""
        ...


class Pool:
    """At most ``jobs`` workers, started when first needed. Use as a context manager.

    ``memory_bytes`` bounds each worker's data segment; ``writable`` are the only
    folders a worker may write to, where Landlock is at hand. ``preload`` are modules of
    this package, or functions (``module:name``) to call, before the first worker begins;
    ``forker`` is the process that does so where it has been started already.
    """

    def __init__(
        self,
        jobs: int,
        memory_bytes: int,
        writable: tuple[str, ...] = (),
        preload: tuple[str, ...] = (),
        forker: Forker | None = None,
    ) -> None:
        if jobs < 1:
            raise ValueError("a pool needs at least one worker")
        self._jobs = jobs
        self._settings = Settings(memory_bytes, writable)
        self._preload = preload
        self._forker = forker
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._held: deque[Item] = deque()

    def __enter__(self) -> Self:
        if self._preload:  # it gets ready while the caller does
            self._idle.append(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every worker this pool started."""
        for worker in (*self._idle, *self._busy):
            worker.end()
        self._idle, self._busy = [], []
        if self._forker is not None:
            self._forker.close()
            self._forker = None

    def run(self, task: Task) -> Outcome:
        """Return the outcome of one task."""
        return next(iter(self.map((task,))))

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Yield the outcome of each task in the order given; work runs a little ahead of it."""
        items = (_item(index, task) for index, task in enumerate(tasks))
        done: dict[int, Outcome] = {}
        wanted = 0
        try:
            while True:
                self._feed(items, done)
                while wanted in done:
                    yield done.pop(wanted)
                    wanted += 1
                if self._busy:
                    self._collect(done)
                elif not self._held and wanted not in done and not self._feed(items, done):
                    return
        finally:
            for worker in self._busy:  # the consumer stopped early
                worker.end()
            self._busy = []
            self._held.clear()

    def _feed(self, items: Iterator[Item], done: dict[int, Outcome]) -> bool:
        """Send what there is room for; return False when nothing was left to send.

        One slow task must not let the outcomes of all later ones pile up.
        """
        sent = False
        while True:
            if not self._held:
                ahead = len(done) + sum(len(worker.queue) for worker in self._busy)
                item = next(items, None) if ahead < _AHEAD * self._jobs else None
                if item is None:
                    return sent
                self._held.append(item)
            if not self._place(self._held[0], done):
                return True
            self._held.popleft()
            sent = True

    def _place(self, item: Item, done: dict[int, Outcome]) -> bool:
        """Send ``item`` to a free worker, or behind light ones; return False without either."""
        if len(self._busy) < self._jobs:
            self._dispatch(item, done)
            return True
        room = _PIPE_BYTES - HEADER.size - len(item.body)
        fitting = [
            worker
            for worker in self._busy
            if item.light and worker.waiting_bytes() <= room and len(worker.queue) < _AHEAD
            if all(other.light for other in worker.queue)
        ]
        shortest = min(fitting, key=lambda worker: len(worker.queue), default=None)
        return shortest is not None and shortest.deliver(item)

    def _dispatch(self, item: Item, done: dict[int, Outcome]) -> None:
        while self._idle:  # one that died idle never saw the item: the next one gets it
            worker = self._idle.pop()
            if worker.deliver(item):
                break
            worker.end()
        else:
            worker = self._start()
            if not worker.deliver(item):
                text = ending(worker.end(_GRACE_SECONDS))
                done[item.number] = Outcome(failure="crashed", text=text)
                return
        self._busy.append(worker)

    def _start(self) -> Worker:
        """Return a new worker, from a new forking process where there is none or it died."""
        if self._forker is not None:
            try:
                return self._forker.start(self._settings)
            except (BrokenPipeError, ConnectionResetError):
                self._forker.close()
        self._forker = Forker(self._preload)
        return self._forker.start(self._settings)

    def _collect(self, done: dict[int, Outcome]) -> None:
        with selectors.DefaultSelector() as selector:
            for worker in self._busy:
                selector.register(worker.answers, selectors.EVENT_READ, worker)
            nearest = min(worker.expires for worker in self._busy)
            ready = [key.data for key, _ in selector.select(max(0.0, nearest - time.monotonic()))]
        for worker in ready:
            self._receive(worker, done)
        now = time.monotonic()
        for worker in [late for late in self._busy if late.expires <= now]:
            self._retire(worker, Outcome(failure="deadline", text="deadline passed"), done)

    def _receive(self, worker: Worker, done: dict[int, Outcome]) -> None:
        chunk = os.read(worker.answers, 1 << 20)
        if not chunk:
            self._retire(worker, Outcome(failure="crashed"), done, _GRACE_SECONDS)
            return
        worker.received += chunk
        while (message := _message(worker.received)) is not None:
            number, body = message
            asked = bool(worker.queue) and number == worker.queue[0].number
            outcome = _outcome(body) if asked else None
            if outcome is None:
                self._retire(worker, Outcome(failure="crashed", text="a garbled answer"), done)
                return
            if outcome.failure == "memory":  # its heap is in an unknown state
                self._retire(worker, outcome, done)
                return
            done[worker.finished().number] = outcome
        if not worker.queue:
            self._busy.remove(worker)
            self._idle.append(worker)

    def _retire(
        self, worker: Worker, outcome: Outcome, done: dict[int, Outcome], grace_seconds: int = 0
    ) -> None:
        """End ``worker`` with ``outcome`` for what was under way; the rest goes to others."""
        status = worker.end(grace_seconds)
        if not outcome.text:
            outcome = msgspec.structs.replace(outcome, text=ending(status))
        if worker.queue:
            done[worker.finished().number] = outcome
        self._held.extendleft(reversed(worker.queue))
        self._busy.remove(worker)


def _item(index: int, task: Task) -> Item:
    return Item(index, msgspec.msgpack.encode(task), task.deadline_seconds, task.light)


def _message(received: bytearray) -> tuple[int, bytes] | None:
    """Take number and body of the first message off ``received``, None where it is not whole.

    The body of one of an absurd size is returned empty, which is no answer.
    """
    if len(received) < HEADER.size:
        return None
    size, number = HEADER.unpack_from(received)
    if size > _MAX_MESSAGE_BYTES:
        return number, b""
    if len(received) < HEADER.size + size:
        return None
    body = bytes(received[HEADER.size : HEADER.size + size])
    del received[: HEADER.size + size]
    return number, body


def _outcome(body: bytes) -> Outcome | None:
    """Return the outcome that a worker wrote, None where it wrote none."""
    try:
        return msgspec.msgpack.decode(body, type=Outcome)
    except msgspec.MsgspecError:
        return None
