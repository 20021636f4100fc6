"""A second opinion: unblob unpacks the same members, and the two sets of files are compared.

Guarantees: unblob runs as a program of its own, confined like a worker (no network, no
writing outside one temporary folder, bounded memory, a deadline after which all of it is
killed), and what it writes is read by digest and removed; nothing of it enters the tree.
A file that only unblob found was not examined here: it is a finding and a problem, so
the unpack stage is INCOMPLETE. What only this engine found is counted in one finding; that
both found the same is said, too. A missing or failing unblob is a problem: the opinion that
was asked for was not had.

What is not compared: empty files, and the pieces that unblob cuts out of a container
under names like ``0-4096.squashfs``: they are the container's own bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from fwverify.canonical import make_finding
from fwverify.intake import submitted
from fwverify.limits import Limits
from fwverify.model import Finding, Member, Problem, Subject, Unpacked
from fwverify.paths import encode_name
from fwverify.sandbox import confine
from fwverify.store import CHUNK_BYTES, Store

ENGINES: Final = ("unblob",)
MAX_LISTED: Final = 100
_DEPTH: Final = 20
_MEMORY_BYTES: Final = 4 * 1024**3
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108  (where unblob's processes keep semaphores)
_PIECE: Final = re.compile(r"\d+-\d+\.[A-Za-z0-9_]+")
_ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}


class Opinion(Struct, frozen=True):
    """What a second engine's result says about ours."""

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()


def program() -> str | None:
    """Return unblob: beside this interpreter, else on PATH."""
    beside = Path(sys.executable).parent / "unblob"
    return str(beside) if beside.is_file() else shutil.which("unblob")


def second_opinion(
    unpacked: Unpacked, subject: Subject, store: Store, limits: Limits, unblob: str | None
) -> Opinion:
    """Return how unblob's files differ from those of ``unpacked``, per submitted member."""
    if unblob is None:
        text = "unblob is missing: install fwverify[unblob]"
        return Opinion(problems=(Problem(code="tool.missing", path="", text=text),))
    findings: list[Finding] = []
    problems: list[Problem] = []
    for member in submitted(subject):
        if member.sha256 is None or not member.size:
            continue
        ours = _ours(unpacked, member)
        with tempfile.TemporaryDirectory(prefix="fwverify-second-") as folder:
            failed = _run(unblob, store.path(member.sha256), Path(folder), limits)
            theirs = dict(_files(Path(folder)))
        if failed:
            text = f"unblob: {failed}; no second opinion was had"
            problems.append(Problem(code="second_opinion.failed", path=member.path, text=text))
        missed = sorted(set(theirs) - ours, key=lambda digest: theirs[digest])
        findings += [_missed(member, theirs[digest], digest) for digest in missed[:MAX_LISTED]]
        if missed:
            text = f"unblob found {len(missed)} files in it that are not in our tree"
            problems.append(Problem(code="second_opinion.missed", path=member.path, text=text))
        more = len(ours - set(theirs) - {member.sha256})
        if more:
            findings.append(_more(member, more))
        elif not missed and not failed:
            findings.append(_agreed(member, len(theirs)))
    return Opinion(tuple(findings), tuple(problems))


def _ours(unpacked: Unpacked, member: Member) -> set[str]:
    """Return the digests of everything in ``member`` and of itself."""
    prefix = f"{member.path}!/"
    return {
        placed.node.sha256
        for placed in unpacked.nodes
        if placed.node.sha256 is not None
        if placed.node.path == member.path or placed.node.path.startswith(prefix)
    }


def _missed(member: Member, name: str, digest: str) -> Finding:
    return make_finding(
        rule="unpack.second_opinion.missed",
        path=member.path,
        text=f"only unblob found the file {name}",
        severity="medium",
        evidence=(f"name:{name}", f"sha256:{digest}"),
    )


def _agreed(member: Member, count: int) -> Finding:
    return make_finding(
        rule="unpack.second_opinion.agreed",
        path=member.path,
        text=f"unblob found the same: {count} contents" if count else "unblob found nothing either",
        severity="info",
        evidence=(f"contents:{count}",),
    )


def _more(member: Member, count: int) -> Finding:
    return make_finding(
        rule="unpack.second_opinion.more",
        path=member.path,
        text=f"{count} contents of it were found here and not by unblob",
        severity="info",
        evidence=(f"contents:{count}",),
    )


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the digest and name of each regular file that is content; links are not followed."""
    for root, _, names in os.walk(folder / "out"):
        for name in sorted(names):
            path = Path(root, name)
            if path.is_symlink() or not path.is_file() or _PIECE.fullmatch(name):
                continue
            if path.stat().st_size:
                shown = encode_name(os.fsencode(str(path.relative_to(folder / "out"))))
                yield _digest(path), shown


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _run(unblob: str, image: Path, folder: Path, limits: Limits) -> str:
    """Run unblob on ``image``; return why it failed, or ``""``.

    unblob ends with status 1 also where one extractor complained: what came out is then
    compared all the same. A run that went to its end has left a report.
    """
    out, home = folder / "out", folder / "home"
    report = home / "report.json"
    out.mkdir()
    home.mkdir()
    command = (
        *(sys.executable, "-m", "fwverify.unpack.second", str(folder), unblob),
        *("--log", str(home / "log"), "--report", str(report)),
        *("--depth", str(min(limits.depth, _DEPTH))),
        *("-e", str(out), str(image)),
    )
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**_ENVIRONMENT, "HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": _package()},
        start_new_session=True,
        cwd=home,
    )
    try:
        status = process.wait(timeout=limits.open_seconds)
    except subprocess.TimeoutExpired:
        return f"stopped after {limits.open_seconds} seconds"
    finally:
        _end(process)
    if status not in (0, 1) or not report.is_file():
        return f"ended with status {status} and no report"
    return ""


def _package() -> str:
    return str(Path(__file__).resolve().parents[2])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of unblob's session and reap it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> None:
    """Confine this process to the folder named first, then become the program named next."""
    folder, program_path, *arguments = sys.argv[1:]
    confine(memory_bytes=_MEMORY_BYTES, writable=(folder, _SHARED_MEMORY))
    os.execv(program_path, [program_path, *arguments])  # noqa: S606  (it becomes unblob)


if __name__ == "__main__":
    main()
