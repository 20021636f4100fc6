"""Package databases: what they list, and what a hostile one cannot do."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.reader import Malformed
from fwverify.sbom import databases
from fwverify.sbom.databases import Kind, Record, records
from tests.builders.rpm import INT32, STRING, section

DPKG = b"""Package: bash
Status: install ok installed
Maintainer: Some One <one@example.org>
Architecture: armhf
Source: bash-src (5.2)
Version: 5.2.15-2+b2
Description: shell
 Version: 9 in a continuation line
 .

Package: gone
Status: deinstall ok config-files
Version: 1

Package: held
Status: hold ok installed
Version: 2

Package: half
Status: install ok half-installed
Version: 3
"""
OPKG = b"""Package: dropbear
Version: 2022.82-6
License: MIT
Status: install user installed
Architecture: mips_24kc

"""
APK = b"""C:Q1abcdefghijklmnopqrstuvwxyz=
P:musl
V:1.2.4-r2
A:x86_64
L:MIT
o:musl
m:Some One <one@example.org>

P:no-version

"""


def rpmdb(*headers: bytes, table: str = "TABLE Packages") -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE Other (x)")
        if table:
            database.execute(f"CREATE {table} (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
            for number, blob in enumerate(headers, 1):
                database.execute("INSERT INTO Packages VALUES (?, ?)", (number, blob))
        database.commit()
        return database.serialize()


def header(**values: bytes) -> bytes:
    tags = {"name": 1000, "version": 1001, "release": 1002, "vendor": 1011, "licence": 1014,
            "arch": 1022, "source": 1044}  # fmt: skip
    listed = [(tags[key], STRING, value) for key, value in values.items() if key in tags]
    if "epoch" in values:
        listed.append((1003, INT32, (int(values["epoch"]),)))
    return section(*listed)[8:]


def test_dpkg() -> None:
    bash, held = records("dpkg", DPKG)
    assert bash == Record(
        name="bash",
        version="5.2.15-2+b2",
        arch="armhf",
        supplier="Some One <one@example.org>",
        source="bash-src",
    )
    assert held.name == "held"


def test_opkg_states_licences() -> None:
    (found,) = records("opkg", OPKG)
    assert (found.name, found.version, found.licence) == ("dropbear", "2022.82-6", "MIT")


def test_apk() -> None:
    (found,) = records("apk", APK)
    assert found == Record(
        name="musl",
        version="1.2.4-r2",
        arch="x86_64",
        supplier="Some One <one@example.org>",
        licence="MIT",
        source="musl",
    )


def test_rpm() -> None:
    one = header(name=b"zlib", version=b"1.3", release=b"2.fc40", licence=b"Zlib", arch=b"aarch64")
    two = header(name=b"bind", version=b"9", release=b"1", epoch=b"32", source=b"bind.src.rpm")
    found = records("rpm", rpmdb(one, two))
    assert [(each.name, each.version) for each in found] == [
        ("zlib", "1.3-2.fc40"),
        ("bind", "32:9-1"),
    ]
    assert found[0].licence == "Zlib"
    assert found[1].source == "bind.src.rpm"


def test_pypi_and_npm() -> None:
    meta = b"Metadata-Version: 2.4\nName: idna\nVersion: 3.7\nLicense-Expression: BSD-3-Clause\n"
    (found,) = records("pypi", meta + b"\nName: in the description\n")
    assert (found.name, found.version, found.licence) == ("idna", "3.7", "BSD-3-Clause")
    (found,) = records("npm", b'{"name": "@a/b", "version": "1.0.0", "license": "ISC"}')
    assert (found.name, found.version, found.licence) == ("@a/b", "1.0.0", "ISC")


def test_copyright() -> None:
    text = (
        b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
        b"Files: *\nLicense: GPL-2+\n text\n\nFiles: a\nLicense: MIT\n\nLicense: MIT\n words\n"
    )
    (found,) = records("copyright", text)
    assert found.licence == "GPL-2+; MIT"
    assert records("copyright", b"This is free software. License: GPL-3\n") == ()


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("dpkg", b""),
        ("dpkg", b"Package: x\n"),
        ("dpkg", b"Version: 1\n"),
        ("apk", b"P:\n"),
        ("npm", b"[]"),
        ("npm", b'{"name": 1, "version": "1"}'),
        ("npm", b'{"name": "a"}'),
        ("pypi", b"Name: a\nVersion: 1\n"),
        ("rpm", rpmdb()),
    ],
)
def test_what_lists_nothing(kind: Kind, content: bytes) -> None:
    assert records(kind, content) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"SQLite format 3\0",
        b"not a database" * 100,
        rpmdb(table=""),
        rpmdb(header(name=b"a", version=b"1", release=b"1"))[:-4096],
        rpmdb(b"short"),
        rpmdb(bytes(64)),
        rpmdb(b"\xff" * 64),
    ],
)
def test_a_broken_rpm_database_is_malformed(content: bytes) -> None:
    with pytest.raises(Malformed):
        records("rpm", content)


def test_a_view_in_the_place_of_the_table_is_refused() -> None:
    """A view would run the adversary's query: here one that never ends."""
    with sqlite3.connect(":memory:") as database:
        database.execute(
            "CREATE VIEW Packages AS WITH RECURSIVE n(hnum, blob) AS "
            "(SELECT 1, x'00' UNION ALL SELECT hnum + 1, blob FROM n) SELECT * FROM n"
        )
        database.commit()
        content = database.serialize()
    with pytest.raises(Malformed, match="no table Packages"):
        records("rpm", content)


def test_a_generated_column_cannot_run_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_SQLITE_STEPS", 2_000)
    blobs = [header(name=b"a", version=b"1", release=b"1")] * 2_000
    with pytest.raises(Malformed, match="interrupted"):
        records("rpm", rpmdb(*blobs))


def test_the_number_of_packages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "MAX_RECORDS", 3)
    text = b"".join(b"Package: p%d\nVersion: 1\n\n" % number for number in range(4))
    with pytest.raises(Malformed, match="more than 3"):
        records("dpkg", text)
    assert len(records("dpkg", text.replace(b"Package: p3", b"Nothing: p3"))) == 3


def test_values_are_short_and_the_first_counts() -> None:
    (found,) = records("dpkg", b"Package: a\nPackage: b\nVersion: " + b"1" * 5_000 + b"\n")
    assert found.name == "a"
    assert len(found.version) == databases.MAX_VALUE


@pytest.mark.parametrize("kind", ["dpkg", "opkg", "apk", "rpm", "pypi", "npm", "copyright"])
@settings(derandomize=True, max_examples=60, deadline=None)
@given(content=st.binary(max_size=300))
def test_any_bytes_give_records_or_malformed(kind: Kind, content: bytes) -> None:
    with contextlib.suppress(Malformed):
        records(kind, content)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(place=st.integers(0, 12_287), bit=st.integers(0, 7))
def test_a_flipped_rpm_database(place: int, bit: int) -> None:
    content = bytearray(rpmdb(header(name=b"zlib", version=b"1", release=b"1")))
    content[place % len(content)] ^= 1 << bit
    with contextlib.suppress(Malformed):
        records("rpm", bytes(content))


def test_a_large_status_is_read_in_linear_time(tmp_path: Path) -> None:
    block = b"Package: p%d\nStatus: install ok installed\nVersion: 1\nX" + b"y" * 200 + b"\n\n"
    text = b"".join(block % number for number in range(20_000))
    assert len(records("dpkg", text)) == 20_000
