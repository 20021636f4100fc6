"""The second opinion: what it compares, how it fails, and that it is confined.

A program of our own stands in for unblob: it takes the same options and does what the
test's script says. Where unblob itself is installed it is asked once.
"""

from __future__ import annotations

import io
import shutil
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest

from fwverify.limits import Limits
from fwverify.model import Subject, Unpacked
from fwverify.sandbox import capabilities
from fwverify.unpack import unpack
from fwverify.unpack.second import MAX_LISTED, Opinion, program, second_opinion
from tests.unpack.helpers import LIMITS, Bench, Inline, subject_of

STAND_IN = """#!{python}
import os, sys
from pathlib import Path
options = dict(zip(sys.argv[1:-1:2], sys.argv[2:-1:2]))
out, report, image = Path(options["-e"]), Path(options["--report"]), Path(sys.argv[-1])
report.write_text("[]")
"""
CONTENTS = {"bin/tool": b"tool bytes", "etc/text": b"text bytes"}


def archive(**more: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as files:
        for name, data in {**CONTENTS, **more}.items():
            files.writestr(zipfile.ZipInfo(name), data)
    return target.getvalue()


def stand_in(folder: Path, script: str) -> str:
    path = folder / "unblob"
    path.write_text(STAND_IN.format(python=sys.executable) + script)
    path.chmod(0o755)
    return str(path)


@pytest.fixture(scope="module")
def unpacked() -> tuple[Bench, Subject, Unpacked]:
    bench = Bench()
    subject = subject_of(bench.store, ("update.zip", archive()))
    return bench, subject, unpack(subject, bench.store, Inline(), LIMITS)


def asked(
    unpacked: tuple[Bench, Subject, Unpacked], unblob: str | None, limits: Limits = LIMITS
) -> Opinion:
    bench, subject, tree = unpacked
    return second_opinion(tree, subject, bench.store, limits, unblob)


Tree = tuple[Bench, Subject, Unpacked]
BOTH = "\n".join(
    f"(out / {Path(name).name!r}).write_bytes({data!r})" for name, data in CONTENTS.items()
)


def agreed(opinion: Opinion) -> bool:
    """Return whether all that is said is that both engines found the two contents."""
    found = [(each.rule, each.severity, each.evidence) for each in opinion.findings]
    said = ("unpack.second_opinion.agreed", "info", ("contents:2",))
    return found == [said] and opinion.problems == ()


def test_two_engines_of_one_mind_say_so(unpacked: Tree, tmp_path: Path) -> None:
    assert agreed(asked(unpacked, stand_in(tmp_path, BOTH)))


def test_a_failing_unblob_agrees_with_nothing(unpacked: Tree, tmp_path: Path) -> None:
    opinion = asked(unpacked, stand_in(tmp_path, BOTH + "\nsys.exit(3)"))
    assert "unpack.second_opinion.agreed" not in {each.rule for each in opinion.findings}


def test_a_file_that_only_unblob_found_was_not_examined(unpacked: Tree, tmp_path: Path) -> None:
    script = BOTH + "\n(out / 'x_extract').mkdir()\n(out / 'x_extract/hidden').write_bytes(b'h')"
    opinion = asked(unpacked, stand_in(tmp_path, script))
    assert [each.code for each in opinion.problems] == ["second_opinion.missed"]
    (finding,) = opinion.findings
    assert finding.rule == "unpack.second_opinion.missed"
    assert "name:x_extract/hidden" in finding.evidence


def test_what_only_we_found_is_counted(unpacked: Tree, tmp_path: Path) -> None:
    opinion = asked(unpacked, stand_in(tmp_path, ""))
    assert opinion.problems == ()
    assert [each.evidence for each in opinion.findings] == [("contents:2",)]


def test_pieces_links_and_empty_files_are_no_content(unpacked: Tree, tmp_path: Path) -> None:
    script = BOTH + "\n(out / '0-12.zip').write_bytes(b'cut')\n(out / 'empty').write_bytes(b'')"
    assert agreed(asked(unpacked, stand_in(tmp_path, script)))


def test_many_differences_are_counted_and_listed_in_part(unpacked: Tree, tmp_path: Path) -> None:
    many = MAX_LISTED + 5
    script = f"{BOTH}\nfor at in range({many}): (out / f'f{{at}}').write_bytes(b'%d' % at)"
    opinion = asked(unpacked, stand_in(tmp_path, script))
    assert len(opinion.findings) == MAX_LISTED
    assert str(many) in opinion.problems[0].text


def test_a_missing_unblob_is_said(unpacked: Tree) -> None:
    opinion = asked(unpacked, None)
    assert [each.code for each in opinion.problems] == ["tool.missing"]
    assert "fwverify[unblob]" in opinion.problems[0].text


@pytest.mark.parametrize(
    "script",
    ["sys.exit(3)", "report.unlink(); sys.exit(1)", "os.abort()", "report.unlink()"],
)
def test_a_failing_unblob_is_no_opinion(unpacked: Tree, tmp_path: Path, script: str) -> None:
    opinion = asked(unpacked, stand_in(tmp_path, script))
    assert [each.code for each in opinion.problems] == ["second_opinion.failed"]


def test_a_hanging_unblob_is_ended(unpacked: Tree, tmp_path: Path) -> None:
    limits = msgspec.structs.replace(LIMITS, open_seconds=1)
    script = "import time\nif os.fork() == 0: time.sleep(600)\ntime.sleep(600)"
    opinion = asked(unpacked, stand_in(tmp_path, script), limits)
    assert [each.code for each in opinion.problems] == ["second_opinion.failed"]
    assert "stopped after" in opinion.problems[0].text


def test_unblob_writes_nowhere_else(unpacked: Tree, tmp_path: Path) -> None:
    if not any(each.name == "write-rules" and each.held for each in capabilities()):
        pytest.skip("this machine has no Landlock: writes are not confined here")
    target = tmp_path / "escaped"
    script = f"{BOTH}\nPath({str(target)!r}).write_text('x')"
    opinion = asked(unpacked, stand_in(tmp_path, script))
    assert not target.exists()
    assert [each.code for each in opinion.problems] == []


def test_the_real_unblob_agrees_on_a_zip(unpacked: Tree) -> None:
    unblob = program() or shutil.which("unblob")
    if unblob is None:
        pytest.skip("unblob is not installed here: only its stand-in was asked")
    assert asked(unpacked, unblob).problems == ()
