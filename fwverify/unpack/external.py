"""External programs, run inside a worker and bounded on every side.

Guarantees: no shell; a session of its own that ends with the worker; an environment of
five fixed variables and none of the user's; standard input empty, or the few bytes fed to
it (a password never stands in arguments or environment); output streamed and bounded; a
deadline after which the whole session is killed; a bound on memory. In a
worker the confinement of ``fwverify.sandbox`` is inherited: no network, no new
privileges, no writing outside the store.

Called outside a worker (``fwverify doctor`` asks for versions), the network is not taken
away: only trusted arguments are given there.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from fwverify.sandbox import die_with_parent

MAX_ERROR_BYTES: Final = 64 * 1024
MAX_FEED_BYTES: Final = 4096
"""What every pipe takes without a reader (PIPE_BUF of Linux)."""

_CHUNK_BYTES: Final = 256 * 1024
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "LANG": "C.UTF-8",
}

Failure: TypeAlias = Literal["", "missing", "deadline", "output", "killed", "status"]


class ToolResult(Struct, frozen=True):
    """What became of a program. ``failure`` is empty when it ended with status 0.

    ``stderr`` is its first ``MAX_ERROR_BYTES``; ``stdout`` is empty for a stream.
    """

    status: int
    stdout: bytes
    stderr: bytes
    failure: Failure


class ToolFailed(Exception):
    """A program did not end well; ``result`` says how."""

    def __init__(self, result: ToolResult) -> None:
        text = result.stderr.decode("utf-8", "replace").strip()
        super().__init__(f"{result.failure} (status {result.status}): {text[:500]}")
        self.result = result


def run_tool(
    argv: Sequence[str],
    *,
    deadline_seconds: float,
    memory_bytes: int,
    output_limit_bytes: int,
    feed: bytes = b"",
) -> ToolResult:
    """Run ``argv`` to its end and return its output; never raises for what it does."""
    pieces: list[bytes] = []
    try:
        pieces.extend(
            stream_tool(
                argv,
                deadline_seconds=deadline_seconds,
                memory_bytes=memory_bytes,
                output_limit_bytes=output_limit_bytes,
                feed=feed,
            )
        )
    except ToolFailed as error:
        result = error.result
        return ToolResult(result.status, b"".join(pieces), result.stderr, result.failure)
    return ToolResult(0, b"".join(pieces), b"", "")


def stream_tool(
    argv: Sequence[str],
    *,
    deadline_seconds: float,
    memory_bytes: int,
    output_limit_bytes: int,
    feed: bytes = b"",
) -> Iterator[bytes]:
    """Yield the standard output of ``argv`` in pieces; ``feed`` is its standard input.

    Raises ``ToolFailed`` at the end when the program is missing, was killed, ended with
    another status than 0, or passed its deadline or ``output_limit_bytes``. Closing the
    iterator early kills the program.
    """
    try:
        process = _start(argv, memory_bytes, feed)
    except OSError as error:
        failure = ToolResult(127, b"", str(error).encode(), "missing")
        raise ToolFailed(failure) from error
    errors = bytearray()
    try:
        failed = yield from _pump(process, errors, deadline_seconds, output_limit_bytes)
        if not failed:
            failed, status = _status(process, deadline_seconds)
        else:
            status = -1
    finally:
        _end(process)
    if failed:
        raise ToolFailed(ToolResult(status, b"", bytes(errors), failed))


def _input(feed: bytes) -> int:
    """Return a descriptor to read ``feed`` from, which stands in no file.

    Raises ``ValueError`` past what a pipe takes at once.
    """
    if len(feed) > MAX_FEED_BYTES:
        raise ValueError(f"more than {MAX_FEED_BYTES} bytes for standard input")
    reading, writing = os.pipe()
    try:
        os.write(writing, feed)
    finally:
        os.close(writing)
    return reading


def _start(argv: Sequence[str], memory_bytes: int, feed: bytes) -> subprocess.Popen[bytes]:
    def confine_child() -> None:
        die_with_parent()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        bound = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))

    entering = _input(feed) if feed else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            list(argv),
            stdin=entering,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_ENVIRONMENT,
            start_new_session=True,
            preexec_fn=confine_child,  # noqa: PLW1509  (a worker has one thread)
            cwd="/",
        )
    finally:
        if feed:
            os.close(entering)


def _pump(
    process: subprocess.Popen[bytes],
    errors: bytearray,
    deadline_seconds: float,
    output_limit_bytes: int,
) -> Generator[bytes, None, Failure]:
    """Yield output until both pipes end; return why it stopped early, or ``""``."""
    if process.stdout is None or process.stderr is None:
        raise RuntimeError("a tool is always started with both pipes")
    expires = time.monotonic() + deadline_seconds
    total = 0
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, expires - time.monotonic()))
            if not ready and time.monotonic() >= expires:
                return "deadline"
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK_BYTES)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    errors += chunk[: MAX_ERROR_BYTES - len(errors)]
                else:
                    total += len(chunk)
                    if total > output_limit_bytes:
                        return "output"
                    yield chunk
    return ""


def _status(process: subprocess.Popen[bytes], deadline_seconds: float) -> tuple[Failure, int]:
    """Return the failure and status of a program that closed its output."""
    try:
        status = process.wait(timeout=deadline_seconds)
    except subprocess.TimeoutExpired:
        return "deadline", -1
    if status < 0:
        return "killed", status
    return ("status" if status else ""), status


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the program's session and reap it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
