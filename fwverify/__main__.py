"""The program: ``fwverify`` and ``python -m fwverify``."""

from __future__ import annotations

import gc
import sys
from typing import Final, NoReturn

from fwverify import early

_FEWEST_GARBAGE: Final = 50_000
"""Objects made before cycles among them are looked for; loading modules makes none."""


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    gc.set_threshold(_FEWEST_GARBAGE)
    early.begin(sys.argv[1:])
    from fwverify.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
