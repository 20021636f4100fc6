import os
import sys
import time

import pytest

from fwverify.unpack.external import MAX_ERROR_BYTES, ToolFailed, run_tool, stream_tool

BOUNDS = {"deadline_seconds": 20.0, "memory_bytes": 1 << 30, "output_limit_bytes": 1 << 20}


def python(code, **changes):
    return run_tool([sys.executable, "-c", code], **(BOUNDS | changes))


def test_output_and_status_come_back():
    result = python("print('hello')")
    assert (result.stdout, result.status, result.failure) == (b"hello\n", 0, "")


def test_a_status_is_a_failure_and_keeps_both_outputs():
    result = python("import sys; print('out'); sys.stderr.write('why'); sys.exit(3)")
    assert (result.status, result.failure) == (3, "status")
    assert (result.stdout, result.stderr) == (b"out\n", b"why")


def test_a_missing_program_is_named():
    result = run_tool(["/nonexistent/tool"], **BOUNDS)
    assert result.failure == "missing"
    assert b"/nonexistent/tool" in result.stderr


@pytest.mark.parametrize(
    "code",
    ["import time; time.sleep(60)", "import os, time; os.close(1); os.close(2); time.sleep(60)"],
)
def test_a_deadline_kills(code):
    begun = time.monotonic()
    assert python(code, deadline_seconds=0.5).failure == "deadline"
    assert time.monotonic() - begun < 10


def test_what_it_started_dies_with_it(tmp_path):
    mark = tmp_path / "alive"
    code = (
        "import os, time\n"
        f"if os.fork() == 0:\n time.sleep(2); open({str(mark)!r}, 'w').close(); os._exit(0)\n"
        "time.sleep(60)"
    )
    assert python(code, deadline_seconds=0.5).failure == "deadline"
    time.sleep(2.2)
    assert not mark.exists()


def test_too_much_output_kills():
    code = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    assert python(code).failure == "output"


def test_errors_are_bounded():
    result = python(f"import sys; sys.stderr.write('e' * {MAX_ERROR_BYTES * 3}); sys.exit(1)")
    assert len(result.stderr) == MAX_ERROR_BYTES


def test_a_crash_is_a_failure():
    assert python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)").failure == "killed"


def test_memory_is_bounded():
    result = python("bytearray(1 << 30)", memory_bytes=1 << 28)
    assert result.failure == "status"
    assert b"MemoryError" in result.stderr


def test_no_environment_and_no_input(monkeypatch):
    monkeypatch.setenv("FWVERIFY_SECRET", "hunter2")
    result = python("import os, sys; print(sorted(os.environ), repr(sys.stdin.read()))")
    assert b"SECRET" not in result.stdout
    assert result.stdout.rstrip().endswith(b"''")


def test_a_stream_closed_early_kills():
    stream = stream_tool(
        [sys.executable, "-u", "-c", "import os, time; print(os.getpid()); time.sleep(60)"],
        **BOUNDS,
    )
    process = int(next(stream))
    stream.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_stream_that_fails_says_so_at_its_end():
    pieces = []
    with pytest.raises(ToolFailed) as error:  # noqa: PT012
        for piece in stream_tool([sys.executable, "-c", "print('a'); exit(2)"], **BOUNDS):
            pieces.append(piece)  # noqa: PERF402
    assert pieces == [b"a\n"]
    assert error.value.result.status == 2
