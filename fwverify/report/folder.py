"""The report folder of ``--out``: every file whole, or none of the new ones.

All files are written beside their targets first and renamed at the end, so a full disk
or a kill before that leaves the earlier results as they were.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from fwverify.canonical import canonical_json
from fwverify.model import Report
from fwverify.report.html import render as render_html
from fwverify.report.junit import junit
from fwverify.report.sarif import sarif
from fwverify.sbom.cyclonedx import bill
from fwverify.strict import InputFileError


def write_reports(report: Report, folder: Path, more: Mapping[str, bytes] | None = None) -> None:
    """Write every report of ``report`` into ``folder``, which is created with its parents.

    ``more`` are other files to be written with them, by name.

    Raises ``InputFileError`` where the folder cannot be written; nothing is then replaced.
    """
    files = {
        **(more or {}),
        "report.json": canonical_json(report) + b"\n",
        "report.html": render_html(report),
        "findings.sarif": sarif(report),
        "junit.xml": junit(report),
        "sbom.cdx.json": bill(report),
        "run-metadata.json": canonical_json(_run_metadata(report)) + b"\n",
    }
    write_files(files, folder)


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write ``files`` into ``folder``, all or none. Raises ``InputFileError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_all(folder, files.items())
    except OSError as error:
        raise InputFileError(folder, None, "--out", error.strerror or str(error)) from error


def take_away(folder: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Remove the files ``names`` of ``folder`` and return those that were there.

    For what an earlier run wrote under a name that the present one has nothing for.
    Raises ``InputFileError``.
    """
    gone: list[str] = []
    for name in sorted(names):
        try:
            (folder / name).unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            why = f"of an earlier report, cannot be removed: {error.strerror or error}"
            raise InputFileError(folder / name, None, "--out", why) from error
        gone.append(name)
    return tuple(gone)


def replace_all(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write ``files`` into ``folder``, all or none of them. Raises ``OSError``."""
    written: list[tuple[Path, Path]] = []
    try:
        for name, data in files:
            temporary = folder / f".{name}.{os.getpid()}"
            written.append((temporary, folder / name))
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for temporary, target in written:
            os.replace(temporary, target)
    finally:
        for temporary, _ in written:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _run_metadata(report: Report) -> dict[str, str]:
    """Return what differs from run to run and therefore stands outside the report."""
    return {
        "report_core_sha256": report.core_sha256,
        "finished": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "host": platform.node(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
