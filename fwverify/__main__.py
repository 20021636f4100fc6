"""The program: ``fwverify`` and ``python -m fwverify``."""

from __future__ import annotations

import sys
from typing import NoReturn

from fwverify import early


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    early.begin(sys.argv[1:])
    from fwverify.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
