"""What every run of the command line in this process would make anew, made once.

The process that workers are forked from loads the parsers and never sees an item
(``fwverify.zygote``): one serves all runs of a test process as well as one each. Whether a
source of rules compiles depends on its text alone. The program's own start, with a forking
process of its own, is what ``program.process`` runs.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from unittest import mock

from fwverify import early, forked
from fwverify.analyse import rules

MOST_KEPT = 2
_BEGIN = """
import sys
from pathlib import Path
from fwverify import zygote
from fwverify.analyse import rules, scan, yara
from fwverify.data import data_folder

yara.compiled(rules.load_rules((data_folder("yara_rules"),), compiled=False).bundle())
zygote.main()
"""
"""The rules that come along are compiled before the fork instead of after each."""


class _Lasting(forked.Forker):
    """A forking process that outlives the pools it is handed to."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._unanswered = deque()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the process)
        self._read = 0
        with theirs:
            self._process = subprocess.Popen(
                (sys.executable, "-P", "-c", _BEGIN, *early.PRELOAD),
                stdin=theirs.fileno(), stderr=self._said, cwd="/",
                env=forked._environment(), start_new_session=True,
            )  # fmt: skip

    def close(self) -> str:
        return "kept"

    def said(self) -> str:
        """Return what it and its workers have written to standard error since last asked."""
        new = os.pread(self._said.fileno(), os.fstat(self._said.fileno()).st_size, self._read)
        self._read += len(new)
        return new.decode(errors="replace")

    def dead(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        super().close()
        self._said.close()


_kept: dict[tuple[tuple[str, str], ...], _Lasting] = {}


def forker() -> _Lasting:
    """Return the forking process for the environment as it is now."""
    place = tuple(sorted(forked._environment().items()))
    found = _kept.pop(place, None)
    if found is not None and found.dead():
        found.stop()
        found = None
    while len(_kept) >= MOST_KEPT:
        _kept.pop(next(iter(_kept))).stop()
    _kept[place] = found or _Lasting()  # the last one used is the last to go
    return _kept[place]


def said() -> str:
    """Return what workers have written to standard error since last asked."""
    return "".join(each.said() for each in _kept.values())


@atexit.register
def stop() -> None:
    """End what is kept."""
    while _kept:
        _kept.popitem()[1].stop()


_real_forker, _real_check = early.forker, rules.check_source
_check_source = lru_cache(maxsize=1024)(rules.check_source)


@contextlib.contextmanager
def in_use() -> Iterator[None]:
    """Use both for a while; what a test has put in their place stays."""
    with contextlib.ExitStack() as stack:
        if early.forker is _real_forker:
            stack.enter_context(mock.patch.object(early, "forker", forker))
        if rules.check_source is _real_check:
            stack.enter_context(mock.patch.object(rules, "check_source", _check_source))
        yield
