"""``python -m tests.requirements --write docs/requirements.md``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.requirements.document import page, read_tests

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--write", type=Path, required=True, metavar="FILE")
parser.parse_args().write.write_text(page(read_tests()), encoding="utf-8")
