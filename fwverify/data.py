"""Where the data lies that ships with the program: trust store and rules."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_folder(name: str) -> Path:
    """Return the folder ``name`` (``signatures``, ``yara_rules``).

    In an installed wheel it stands inside the package, in a checkout beside it. Raises
    ``FileNotFoundError`` where neither does: running without it would judge by nothing.
    """
    for candidate in (_PACKAGE / "data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the installation lacks its folder {name}")
