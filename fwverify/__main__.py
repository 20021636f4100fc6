"""The program: ``fwverify`` and ``python -m fwverify``."""

from __future__ import annotations

import gc
import os
import sys
from typing import Final, NoReturn

from fwverify import early

_FEWEST_GARBAGE: Final = 50_000
"""Objects made before cycles among them are looked for; loading modules makes none."""


def _open_standard_files() -> None:
    """Give a process that was started without them standard files, which nobody reads.

    Else the first file that is opened gets their number, and what is printed goes into it;
    the verdict stands in the exit code.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            while os.open(os.devnull, os.O_RDWR) < number:
                continue
            os.set_inheritable(number, True)
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    _open_standard_files()
    gc.set_threshold(_FEWEST_GARBAGE)
    early.begin(sys.argv[1:])
    from fwverify.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
