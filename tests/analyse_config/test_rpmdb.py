"""RPM databases give their packages; what breaks the layout is said."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.config import rpmdb
from fwverify.analyse.config.reader import configuration
from fwverify.analyse.config.rpmdb import installed
from fwverify.reader import Malformed

COLUMNS = "hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL"


def header(name: str, version: str, release: str, epoch: int | None = None) -> bytes:
    data, entries = b"", []
    for tag, text in ((1000, name), (1001, version), (1002, release)):
        entries.append((tag, 6, len(data), 1))
        data += text.encode() + b"\0"
    if epoch is not None:
        data += bytes(-len(data) % 4)
        entries.append((1003, 4, len(data), 1))
        data += struct.pack(">I", epoch)
    head = struct.pack(">2I", len(entries), len(data))
    return head + b"".join(struct.pack(">4I", *entry) for entry in entries) + data


MUSL = header("musl", "1.2.4", "1.fc40")
BASH = header("bash", "5.2", "3", epoch=2)
LISTED = (("bash", "2:5.2-3"), ("musl", "1.2.4-1.fc40"))


def sqlite(*blobs: object, table: str = f"CREATE TABLE 'Packages' ({COLUMNS})") -> bytes:
    base = sqlite3.connect(":memory:")
    base.execute(table)
    for blob in blobs:
        base.execute("INSERT INTO Packages(blob) VALUES (?)", (blob,))
    base.commit()
    return base.serialize()


def ndb(*blobs: bytes) -> bytes:
    slots, body, block = b"", b"", 256
    for number, blob in enumerate(blobs, 1):
        content = struct.pack("<4s3I", b"BlbS", number, 1, len(blob)) + blob
        content += bytes(-len(content) % 16)
        slots += struct.pack("<4s3I", b"Slot", number, block, len(content) // 16)
        body += content
        block += len(content) // 16
    head = struct.pack("<4s4I", b"RpmP", 0, 1, 1, len(blobs) + 1) + bytes(12)
    rest = struct.pack("<4s3I", b"Slot", 0, 0, 0) * ((4096 - 32 - len(slots)) // 16)
    return head + slots + rest + body


def components(content: bytes) -> list[str]:
    facts, hits, _, troubles = configuration(content)
    assert (hits, troubles) == ((), ())
    return [fact.text for fact in facts if fact.kind == "component"]


@pytest.mark.parametrize("make", [sqlite, ndb])
def test_packages_are_listed(make) -> None:
    assert installed(make(MUSL, BASH)) == LISTED
    assert components(make(MUSL, BASH)) == ["bash 2:5.2-3", "musl 1.2.4-1.fc40"]
    assert installed(make()) == ()


def test_a_database_with_a_log_beside_it_is_read_as_it_stands() -> None:
    content = bytearray(sqlite(MUSL))
    content[18:20] = b"\2\2"
    assert installed(bytes(content)) == LISTED[1:]


def test_another_database_is_none() -> None:
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE packages (pkgKey INTEGER, name TEXT)")
    base.commit()
    content = base.serialize()
    assert components(content) == []
    assert components(content[:4096] + b"\xff" * (len(content) - 4096)) == []


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        MUSL[:7],
        MUSL[:-1],
        struct.pack(">2I", 1 << 30, 0) + bytes(64),
        struct.pack(">2I", 1, 1 << 30) + bytes(64),
        header("a", "b", "c").replace(struct.pack(">I", 1002), struct.pack(">I", 1999)),
        struct.pack(">6I", 1, 4, 1000, 6, 9, 1) + b"abc\0",
    ],
)
def test_a_header_that_breaks_is_said(blob: bytes) -> None:
    for content in (sqlite(MUSL, blob), ndb(MUSL, blob)):
        with pytest.raises(Malformed):
            installed(content)
        (trouble,) = configuration(content)[3]
        assert trouble.code == "analyse.package_database"


def test_packages_that_share_their_bytes_are_refused() -> None:
    content = bytearray(ndb(MUSL + bytes(4096)))
    for at in range(48, 48 + 16 * 8, 16):
        content[at : at + 16] = content[32:48]
    with pytest.raises(Malformed, match="share"):
        installed(bytes(content))


def test_a_row_that_is_no_header_is_said() -> None:
    with pytest.raises(Malformed):
        installed(sqlite("text"))


def test_a_view_is_never_run() -> None:
    base = sqlite3.connect(":memory:")
    endless = (
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT x AS blob FROM c"
    )
    base.execute(f"CREATE VIEW Packages AS {endless}")
    base.execute("CREATE TABLE note (text TEXT)")
    base.execute("INSERT INTO note VALUES ('CREATE TABLE Packages (blob')")
    base.commit()
    assert installed(base.serialize()) == ()


def test_too_much_work_and_too_many_packages_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpmdb, "MAX_PACKAGES", 1)
    for make in (sqlite, ndb):
        with pytest.raises(Malformed, match="more than 1"):
            installed(make(MUSL, BASH))
    monkeypatch.setattr(rpmdb, "_STEP_INSTRUCTIONS", 1)
    monkeypatch.setattr(rpmdb, "MAX_STEPS", 5)
    with pytest.raises(Malformed, match="interrupted"):
        installed(sqlite(MUSL))


@pytest.mark.parametrize(
    ("at", "value"), [(4, 9), (12, 200), (32, 0), (40, 255), (4096, 0), (4108, 255)]
)
def test_an_ndb_file_that_breaks_is_said(at: int, value: int) -> None:
    content = bytearray(ndb(MUSL))
    content[at] = value
    with pytest.raises(Malformed):
        installed(bytes(content))


@pytest.mark.parametrize("make", [sqlite, ndb])
def test_truncation_is_never_silent(make) -> None:
    whole = make(MUSL, BASH)
    for size in range(64, len(whole), 97):
        try:
            found = installed(whole[:size])
        except Malformed:
            continue
        assert found == LISTED or b", blob BLOB NOT NULL" not in whole[:size]


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.integers(0, 8191), st.integers(0, 255), st.booleans())
def test_changed_bytes_never_raise_anything_else(at: int, value: int, as_ndb: bool) -> None:
    content = bytearray((ndb if as_ndb else sqlite)(MUSL, BASH))
    content[at % len(content)] = value
    with contextlib.suppress(Malformed):
        installed(bytes(content))


SPEC = """Name: meterd
Version: 1.2
Release: 3
Epoch: 2
Summary: x
License: x
BuildArch: noarch
%description
x
%files
"""


@pytest.mark.skipif(shutil.which("rpmbuild") is None, reason="NO ORACLE: rpm is not installed")
def test_rpm_itself_writes_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.spec").write_text(SPEC)
    top = ("--define", f"_topdir {tmp_path / 'top'}")
    build = ("rpmbuild", "--quiet", "-bb", *top, str(tmp_path / "x.spec"))
    subprocess.run(build, check=True, capture_output=True)
    (package,) = (tmp_path / "top").rglob("*.rpm")
    define = ("--define", f"_dbpath {tmp_path / 'db'}", "--define", "_db_backend sqlite")
    install = ("rpm", *define, "-i", "--justdb", "--nodeps", "--noscripts", str(package))
    subprocess.run(install, check=True, capture_output=True)
    content = (tmp_path / "db" / "rpmdb.sqlite").read_bytes()
    assert installed(content) == (("meterd", "2:1.2-3"),)
