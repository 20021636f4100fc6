import sqlite3

import pytest

from fwverify.unpack.documents.sqlite import SQLITE
from tests.unpack.helpers import Bench, codes, kinds, noise, rules
from tests.unpack_packages.helpers import (
    never_complete_when_cut,
    never_raises_when_flipped,
    opened_by,
)

ROWS = (
    "CREATE TABLE log (number INTEGER PRIMARY KEY, text TEXT)",
    "CREATE INDEX by_text ON log (text)",
)


@pytest.fixture
def database(tmp_path):
    def make(*statements, rows=40, size=512):
        file = tmp_path / "a.db"
        file.unlink(missing_ok=True)
        with sqlite3.connect(file) as base:
            base.execute(f"PRAGMA page_size={size}")
            for statement in ROWS:
                base.execute(statement)
            for number in range(rows):
                base.execute(
                    "INSERT INTO log (text) VALUES (?)", (f"line {number} " + "x" * number,)
                )
            for statement in statements:
                base.execute(statement)
        base.close()
        return file.read_bytes()

    return make


def test_rows_and_schema_are_children(database):
    bench = Bench()
    opened = bench.open(database())
    assert (opened.format, opened.complete) == ("sqlite", True)
    content = bench.content(opened, b"content")
    assert all(b"line %d x" % number in content for number in range(1, 40))
    assert b"CREATE TABLE log" in bench.content(opened, b"schema.sql")
    assert not rules(opened)


@pytest.mark.parametrize("size", [512, 4096, 65536])
def test_page_sizes_and_overflow_pages(database, size):
    bench = Bench()
    opened = bench.open(database(f"INSERT INTO log (text) VALUES ('{'y' * 200_000}')", size=size))
    assert opened.complete
    assert b"y" * 200_000 in bench.content(opened, b"content")


def test_triggers_and_views_are_said(database):
    data = database("CREATE TRIGGER t AFTER INSERT ON log BEGIN SELECT 1; END",
                    "CREATE VIEW v AS SELECT 1")  # fmt: skip
    opened = Bench().open(data)
    assert [each.rule for each in opened.observations] == ["sqlite.active"] * 2


def test_deleted_content_stays_unexplained(database):
    data = database("PRAGMA secure_delete=OFF", "DELETE FROM log WHERE number > 5", rows=200)
    assert kinds(Bench().open(data))["unexplained"] > 1000


def test_bytes_behind_the_last_page_are_unexplained(database):
    base = kinds(Bench().open(database())).get("unexplained", 0)
    assert kinds(Bench().open(database() + noise(300)))["unexplained"] == base + 300


@pytest.mark.parametrize(
    ("at", "value"),
    [(16, b"\x00\x00"), (16, b"\x02\x01"), (20, b"\xff"), (21, b"\x41"), (72, b"\x01"),
     (28, b"\xff\xff\xff\xff")],
)  # fmt: skip
def test_headers_that_lie_are_not_read_whole(database, at, value):
    data = bytearray(database())
    data[at : at + len(value)] = value
    opened = opened_by(SQLITE, bytes(data))
    assert opened is None or not opened.complete


def test_a_page_that_points_at_itself_ends_and_is_incomplete(database):
    data = bytearray(database(rows=400))
    page = next(at for at in range(512, len(data), 512) if data[at] == 5)
    data[page + 8 : page + 12] = (page // 512 + 1).to_bytes(4, "big")
    assert codes(Bench().open(bytes(data))) == {"format.malformed"}


def test_an_overflow_chain_that_loops_ends_and_is_incomplete(database):
    data = bytearray(database(f"INSERT INTO log (text) VALUES ('{'y' * 5000}')", rows=0))
    page = next(at for at in range(512, len(data), 512) if data[at + 4 : at + 12] == b"y" * 8)
    data[page : page + 4] = (page // 512 + 1).to_bytes(4, "big")
    assert not Bench().open(bytes(data)).complete


def test_truncation_is_never_complete(database):
    never_complete_when_cut(SQLITE, database(), step=97)


def test_flips_never_raise(database):
    never_raises_when_flipped(SQLITE, database(), 120)


def test_a_header_alone_is_malformed():
    assert codes(Bench().open(b"SQLite format 3\x00" + noise(900))) == {"format.malformed"}
