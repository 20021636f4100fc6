"""Both gates: names in other spellings, tools that die, files that were revoked."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import replace

import pytest

from fwverify.gate import form
from tests.gate_release.papers import (
    ANN,
    BOB,
    CY,
    SCRIPT,
    Trial,
    pin,
    pins,
    python,
    release,
    revocations,
    script,
)

SHELLS = [each for each in (("dash",), ("busybox", "sh")) if shutil.which(each[0])]
FILES = {b"a": b"one", b"b/c": b"two"}
MEMBERS = tuple(
    f"{hashlib.sha256(data).hexdigest()} {len(data)} {name.decode()}"
    for name, data in FILES.items()
)
SET = Trial(update=FILES).with_(release=release(members=MEMBERS))
TWO = (pin(ANN, "Ann Engineer"), pin(BOB, "Bob \u00d6."))


def by(submitter, pinned=TWO, signers=(ANN, BOB)):
    text = release(submitter=form.escaped(submitter), signers=signers)
    return Trial().with_(release=text, pins=pins(pinned))


CASES = {
    "as pinned": (by("Ann Engineer"), "release.submitter"),
    "in capitals": (by("ANN ENGINEER"), "release.submitter"),
    "with two blanks": (by("Ann  engineer"), "release.submitter"),
    "beyond ASCII": (by("bob \u00d6."), "release.submitter"),
    "somebody else": (by("Anna Engineer"), "released"),
    "a name that holds another": (by("Ann"), "released"),
    "one person, two spellings": (
        by("Desk", (pin(ANN, "Cy  Clerk"), pin(CY, "cy clerk")), (ANN, CY)), "release.signers"),
    "a revoked file in a set": (
        SET.with_(revocations=revocations(subject=(hashlib.sha256(b"two").hexdigest(),))),
        "revoked.subject"),
    "another file revoked": (
        SET.with_(revocations=revocations(subject=(hashlib.sha256(b"three").hexdigest(),))),
        "released"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_both_gates(name, tmp_path):
    trial, expected = CASES[name]
    assert python(trial, tmp_path) == expected
    for shell in SHELLS:
        assert script(trial, tmp_path, shell) == expected, shell


WRAPPER = """#!/bin/sh
n=1
until /bin/mkdir "$COUNT/$n" 2>/dev/null; do n=$((n + 1)); done
[ "$n" -ne "$DIES" ] || exit 137
exec {tool} "$@"
"""


def dying(folder, trial, dies: int) -> tuple[int, int]:
    """Return exit code and number of awks where the awk number ``dies`` is killed."""
    programs, count = folder / "bin", folder / "count"
    if not programs.exists():
        trial.write(folder)
        programs.mkdir()
        (programs / "awk").write_text(WRAPPER.format(tool=shutil.which("awk")))
        (programs / "awk").chmod(0o755)
    shutil.rmtree(count, ignore_errors=True)
    count.mkdir()
    words = [word for name in ("release", "context", "pins", "revocations")
             for word in (f"--{name}", str(folder / name))]  # fmt: skip
    done = subprocess.run(
        ["dash", str(SCRIPT), str(folder / "update"), "--at", trial.at, *words],
        check=False, capture_output=True, timeout=60,
        env={"PATH": f"{programs}:{os.environ['PATH']}", "COUNT": str(count), "DIES": str(dies)},
    )  # fmt: skip
    return done.returncode, len(list(count.iterdir()))


@pytest.mark.skipif(not shutil.which("dash"), reason="LOUD: dash is the shell of this test")
@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        (replace(Trial(), at="2026-11-22T00:00:01Z"), "stale list"),
        (Trial().with_(release=release(not_after="2026-11-21T11:59:59Z")), "expired"),
        (SET.with_(revocations=revocations(subject=(MEMBERS[0][:64],))), "revoked file"),
    ],
)
def test_a_program_that_is_killed_never_opens_the_gate(trial, reason, tmp_path):
    code, number = dying(tmp_path, trial, 0)
    assert code == 4, reason
    for dies in range(number - 2, number + 1):
        assert dying(tmp_path, trial, dies)[0] != 0, (reason, dies)
