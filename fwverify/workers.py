"""A pool of worker processes that outlives whatever hostile input does to one of them.

Guarantees: every item submitted gives exactly one ``Outcome``, in the order submitted;
a worker that crashes, overruns its deadline, exceeds its memory or raises costs that
item alone and is replaced; deadlines are enforced by the parent with SIGKILL, so they
hold inside C code. Workers run this package's own functions by name, without network
and with bounded memory where the machine allows it (``fwverify.sandbox``).

Design note: CPython's ``ProcessPoolExecutor`` loses every worker's item when one worker
is killed, hence this one (STYLE, "Traps measured"). ``Executor`` is the interface; a
cluster's executor can stand in for ``Pool``.

What it does not do: retry. The same input would do the same again, and a verdict that
depends on luck is none.
"""

from __future__ import annotations

import importlib
import os
import selectors
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, Self, TypeAlias

import msgspec

from fwverify.model import _Value as Value

FailureKind: TypeAlias = Literal["crashed", "deadline", "memory", "raised"]

_HEADER: Final = struct.Struct("<I")
_MAX_MESSAGE_BYTES: Final = 512 * 1024 * 1024
_PACKAGE: Final = "fwverify."
_AHEAD: Final = 4
"""How many tasks per worker may be under way or wait for an earlier one."""


class Task(Value, frozen=True, kw_only=True):
    """Call ``function`` (``module:name``, in this package) with ``argument``.

    ``argument`` is MessagePack; so is what the function returns. Both are bytes, so
    that a worker never unpickles anything.
    """

    function: str
    argument: bytes
    deadline_seconds: float


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


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    index: int | None = None
    expires: float = 0.0
    received: bytearray = field(default_factory=bytearray)


class Pool:
    """At most ``jobs`` workers, started when first needed. Use as a context manager.

    ``memory_bytes`` bounds each worker's data segment; ``writable`` are the only
    folders a worker may write to, where Landlock is at hand.
    """

    def __init__(
        self,
        jobs: int,
        memory_bytes: int,
        writable: tuple[str, ...] = (),
        preload: tuple[str, ...] = (),
    ) -> None:
        if jobs < 1:
            raise ValueError("a pool needs at least one worker")
        self._jobs = jobs
        self._preload = preload
        self._settings = msgspec.json.encode(
            {"memory_bytes": memory_bytes, "writable": writable, "preload": preload}
        )
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []

    def __enter__(self) -> Self:
        if self._preload:  # it gets ready while the caller does
            self._idle.append(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every worker this pool started."""
        for worker in (*self._idle, *self._busy):
            _end(worker)
        self._idle, self._busy = [], []

    def run(self, task: Task) -> Outcome:
        """Return the outcome of one task."""
        return next(iter(self.map((task,))))

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Yield the outcome of each task in the order given; work runs a little ahead of it."""
        waiting = enumerate(tasks)
        done: dict[int, Outcome] = {}
        wanted = 0
        exhausted = False
        try:
            while True:
                while not exhausted and self._has_room(len(done)):
                    pair = next(waiting, None)
                    if pair is None:
                        exhausted = True
                        break
                    self._dispatch(pair[0], pair[1], done)
                while wanted in done:
                    yield done.pop(wanted)
                    wanted += 1
                if self._busy:
                    self._collect(done)
                elif exhausted and wanted not in done:
                    return
        finally:
            for worker in self._busy:  # the consumer stopped early
                _end(worker)
            self._busy = []

    def _has_room(self, finished: int) -> bool:
        """Return whether another task may begin: a worker is free and few outcomes wait.

        One slow task must not let the outcomes of all later ones pile up.
        """
        ahead = len(self._busy) + finished
        return len(self._busy) < self._jobs and ahead < _AHEAD * self._jobs

    def _dispatch(self, index: int, task: Task, done: dict[int, Outcome]) -> None:
        body = msgspec.msgpack.encode(task)
        while self._idle:  # one that died idle never saw the item: the next one gets it
            worker = self._idle.pop()
            if _delivered(worker, body):
                break
            _end(worker)
        else:
            worker = self._start()
            if not _delivered(worker, body):
                done[index] = Outcome(failure="crashed", text=_ending(worker))
                _end(worker)
                return
        worker.index = index
        worker.expires = time.monotonic() + task.deadline_seconds
        self._busy.append(worker)

    def _start(self) -> _Worker:
        command = [sys.executable, "-P", "-m", "fwverify.workers", self._settings.decode()]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=_environment(),
            start_new_session=True,
        )
        return _Worker(process)

    def _collect(self, done: dict[int, Outcome]) -> None:
        with selectors.DefaultSelector() as selector:
            for worker in self._busy:
                selector.register(_pipe(worker.process.stdout), selectors.EVENT_READ, worker)
            nearest = min(worker.expires for worker in self._busy)
            ready = [key.data for key, _ in selector.select(max(0.0, nearest - time.monotonic()))]
        for worker in ready:
            self._receive(worker, done)
        now = time.monotonic()
        for worker in [late for late in self._busy if late.expires <= now]:
            self._retire(worker, Outcome(failure="deadline", text="deadline passed"), done)

    def _receive(self, worker: _Worker, done: dict[int, Outcome]) -> None:
        chunk = os.read(_pipe(worker.process.stdout).fileno(), 1 << 20)
        if not chunk:
            self._retire(worker, Outcome(failure="crashed", text=_ending(worker)), done)
            return
        worker.received += chunk
        if len(worker.received) < _HEADER.size:
            return
        (size,) = _HEADER.unpack_from(worker.received)
        if size > _MAX_MESSAGE_BYTES:
            self._retire(worker, Outcome(failure="crashed", text="absurd answer"), done)
            return
        if len(worker.received) < _HEADER.size + size:
            return
        body = bytes(worker.received[_HEADER.size : _HEADER.size + size])
        worker.received.clear()
        try:
            outcome = msgspec.msgpack.decode(body, type=Outcome)
        except msgspec.MsgspecError as error:
            self._retire(worker, Outcome(failure="crashed", text=f"garbled: {error}"), done)
            return
        if outcome.failure == "memory":  # its heap is in an unknown state
            self._retire(worker, outcome, done)
            return
        self._finish(worker, outcome, done)
        self._idle.append(worker)

    def _retire(self, worker: _Worker, outcome: Outcome, done: dict[int, Outcome]) -> None:
        self._finish(worker, outcome, done)
        _end(worker)

    def _finish(self, worker: _Worker, outcome: Outcome, done: dict[int, Outcome]) -> None:
        if worker.index is None:
            raise RuntimeError("a worker answered without a task")
        done[worker.index] = outcome
        worker.index = None
        self._busy.remove(worker)


def _environment() -> dict[str, str]:
    """Return a worker's environment: what Python needs to start, and nothing that steers."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return kept | {"PYTHONPATH": root, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _pipe(pipe: Any) -> Any:
    """Return ``pipe``; a worker is always started with both pipes."""
    if pipe is None:
        raise RuntimeError("a worker has no pipe")
    return pipe


def _send(process: subprocess.Popen[bytes], body: bytes) -> None:
    pipe = _pipe(process.stdin)
    view = memoryview(_HEADER.pack(len(body)) + body)
    while view:
        view = view[pipe.write(view) :]


def _delivered(worker: _Worker, body: bytes) -> bool:
    """Send ``body``; return False when the worker is dead and cannot have read it whole."""
    if worker.process.poll() is not None:
        return False
    try:
        _send(worker.process, body)
    except BrokenPipeError:
        return False
    return True


def _end(worker: _Worker) -> None:
    process = worker.process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)  # its own session: the worker and what it started
    process.wait()
    for pipe in (process.stdin, process.stdout):
        _pipe(pipe).close()


def _ending(worker: _Worker) -> str:
    try:
        code = worker.process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "stopped answering"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


# --- the worker's side ---------------------------------------------------------------


def _resolve(name: str) -> Callable[[bytes], bytes]:
    module, _, function = name.partition(":")
    if not module.startswith(_PACKAGE):
        raise ValueError(f"{name} is not a function of this package")
    resolved: Callable[[bytes], bytes] = getattr(importlib.import_module(module), function)
    return resolved


def _perform(task: Task) -> Outcome:
    try:
        return Outcome(result=_resolve(task.function)(task.argument))
    except MemoryError:
        return Outcome(failure="memory", text="out of memory")
    except Exception as error:  # noqa: BLE001  (the parent turns it into INCOMPLETE)
        return Outcome(failure="raised", text=f"{type(error).__name__}: {error}"[:2000])


def _serve() -> None:
    from fwverify.sandbox import confine

    settings = msgspec.json.decode(sys.argv[1].encode())
    confine(memory_bytes=settings["memory_bytes"], writable=tuple(settings["writable"]))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library's print must not corrupt answers
    for module in settings["preload"]:
        importlib.import_module(module)
    questions = sys.stdin.buffer
    while header := questions.read(_HEADER.size):
        body = questions.read(_HEADER.unpack(header)[0])
        outcome = msgspec.msgpack.encode(_perform(msgspec.msgpack.decode(body, type=Task)))
        answers.write(_HEADER.pack(len(outcome)) + outcome)
        answers.flush()


if __name__ == "__main__":
    _serve()
