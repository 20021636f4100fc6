"""Starting the process that workers are forked from before anything else is loaded.

Guarantees: for a command that opens contents it is started first, so that it loads the
parsers while the command line, the configuration and the stages are loaded here; it is
handed to whoever asks first. A command that ends without asking takes it along: it dies
with its parent.

What it does not do: read the command line. A word that happens to be a command's name
starts a process that nobody asks for, and no more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Final

from fwverify.forked import Forker

PRELOAD: Final = ("fwverify.unpack.opening:prepare",)
"""What every worker needs, whatever is asked."""

_COMMANDS: Final = frozenset({"batch", "check", "diff", "scan", "unpack", "verify"})
_begun: list[Forker] = []


def begin(arguments: Iterable[str]) -> None:
    """Start the process where ``arguments`` name a command that needs it."""
    if not _COMMANDS.isdisjoint(arguments):
        with contextlib.suppress(OSError):  # who asks for it tries again, and says so
            _begun.append(Forker(PRELOAD))


def forker() -> Forker:
    """Return the process that was started, or a new one; the caller ends it."""
    return _begun.pop() if _begun else Forker(PRELOAD)
