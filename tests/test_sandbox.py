import ctypes
import os
import socket
from pathlib import Path

import pytest

from fwverify import doctor, sandbox, selftest
from fwverify.sandbox import Capability, capabilities
from fwverify.selftest import task
from fwverify.unpack import sevenzip_tool
from fwverify.workers import Pool

MEMORY = 256 * 1024 * 1024


@pytest.fixture(scope="module")
def held():
    return {capability.name: capability.held for capability in capabilities()}


def need(held, name):
    if not held[name]:
        pytest.skip(f"CONFINEMENT NOT TESTED: {name} does not hold on this machine")


def test_each_means_is_named_and_tried(held):
    assert set(held) == {
        "no-core-dumps",
        "memory-bound",
        "no-new-privileges",
        "no-root-powers",
        "dies-with-parent",
        "no-network",
        "write-rules",
    }
    always = ("no-core-dumps", "memory-bound", "no-new-privileges", "dies-with-parent")
    assert all(held[name] for name in always)


def test_what_this_kernel_offers_is_used(held):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(444, None, ctypes.c_size_t(0), 1) > 0:
        assert held["write-rules"]
    process = os.fork()
    if process == 0:
        own = 0 if os.geteuid() == 0 else 0x1000_0000
        os._exit(0 if libc.unshare(own | 0x4000_0000) == 0 else 1)
    if os.waitpid(process, 0)[1] == 0:
        assert held["no-network"]


def worker_writes(path, writable):
    with Pool(1, MEMORY, writable=writable) as pool:
        return pool.run(task("write_file", str(path).encode()))


def test_a_worker_writes_below_its_folders(tmp_path):
    inside = tmp_path / "store"
    inside.mkdir()
    assert worker_writes(inside / "blob", (str(inside),)).result == b"done"
    assert (inside / "blob").read_bytes() == b"x"


@pytest.mark.parametrize("how", ["beside", "above", "link", "dotdot"])
def test_a_worker_writes_nowhere_else(held, how, tmp_path):
    need(held, "write-rules")
    inside, outside = tmp_path / "store", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    target = {
        "beside": outside / "x",
        "above": tmp_path / "x",
        "link": inside / "link" / "x",
        "dotdot": Path(f"{inside}/../x"),
    }[how]
    outcome = worker_writes(target, (str(inside),))
    assert outcome.failure == "raised"
    assert "PermissionError" in outcome.text
    assert not target.exists()


def test_without_folders_a_worker_writes_nowhere(held, tmp_path):
    need(held, "write-rules")
    assert worker_writes(tmp_path / "x", ()).failure == "raised"


def test_a_worker_reaches_no_network(held):
    need(held, "no-network")
    with socket.create_server(("127.0.0.1", 0)) as server, Pool(1, MEMORY) as pool:
        port = server.getsockname()[1]
        outcome = pool.run(task("connect", b"%d" % port))
    assert outcome.failure == "raised"


def test_a_program_started_by_a_worker_is_confined_too(held, tmp_path):
    need(held, "write-rules")
    target = tmp_path / "x"
    with Pool(1, MEMORY) as pool:
        outcome = pool.run(task("run_touch", str(target).encode()))
    assert outcome.result is not None
    assert outcome.result != b"0"
    assert not target.exists()


def test_a_limit_is_lowered_and_never_raised():
    with Pool(1, MEMORY) as pool:
        outcome = pool.run(task("limits"))
    core, data, files = (int(part) for part in outcome.result.split())
    assert core == 0
    assert data <= MEMORY
    assert files <= sandbox.MAX_OPEN_FILES


def test_a_probe_that_fails_holds_nothing(monkeypatch):
    monkeypatch.setattr(sandbox.sys, "executable", "/nonexistent/python")
    (only,) = capabilities()
    assert not only.held
    assert "probe failed" in only.detail


# --- the doctor ----------------------------------------------------------------------


def checks():
    return {check.name: check for check in doctor.examine()}


def test_the_doctor_names_everything_it_looked_at():
    found = checks()
    assert {"python", "7-Zip", "package msgspec"} <= set(found)
    assert found["isolation: crash"].ok
    assert found["package msgspec"].ok
    assert all(check.ok or check.remedy for check in found.values())


def test_the_doctor_names_the_package_of_what_is_missing(monkeypatch):
    monkeypatch.setattr(sevenzip_tool, "locate", lambda: None)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(doctor, "prove", lambda: ())
    refused = Capability(name="no-network", held=False, detail="refused")
    monkeypatch.setattr(doctor, "capabilities", lambda: (refused,))
    found = checks()
    assert found["7-Zip"].remedy == "Debian package 7zip"
    assert found["package lief"].remedy == "pip install lief"
    assert "userns" in found["sandbox: no-network"].remedy
    assert not any(check.ok for name, check in found.items() if name != "python")


def test_the_doctor_warns_when_isolation_fails(monkeypatch):
    broken = selftest.Proof(name="crash", held=False, detail="no failure")
    monkeypatch.setattr(doctor, "prove", lambda: (broken,))
    monkeypatch.setattr(doctor, "capabilities", lambda: ())
    check = checks()["isolation: crash"]
    assert not check.ok
    assert check.needed
    assert check.remedy
