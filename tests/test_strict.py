"""Strict TOML: every error names file, line and key."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import pytest
from msgspec import Struct

from fwverify.casework.store import CaseStore
from fwverify.compare.superseded import load_refused
from fwverify.evidence import inputs, layout, redact
from fwverify.ledger.model import LedgerError
from fwverify.ledger.profiles import unpacked
from fwverify.policy.trial import read_report
from fwverify.reader import Malformed
from fwverify.strict import InputFileError, load_toml, parse_toml


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    size: int = 0


class Outer(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    inner: Inner | None = None
    rules: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    ("text", "line", "key", "why"),
    [
        ("", None, "", "is empty"),
        ("# only a comment\n", None, "", "is empty"),
        ('name = "a"\nname = "b"\n', 2, "", "overwrite"),
        ('name = "a"\nsize = 1\n', 2, "size", "unknown field"),
        ("name = 3\n", 1, "name", "Expected `str`"),
        ('name = "a"\n\n[inner]\nid = "i"\nsize = "x"\n', 5, "inner.size", "Expected `int`"),
        ('name = "a"\n[[rules]]\nid = "i"\n[[rules]]\nid = 4\n', 5, "rules.1.id", "Expected `str`"),
        ('name = "a"\n[[rules]]\nid = "i"\nxx = 4\n', 4, "rules.0.xx", "unknown field"),
        ('name = "a"\n[[rules]]\nsize = 1\n', 2, "rules.0", "missing required field"),
        ('name = "a\n', 1, "", "Illegal character"),
        ("name = 'a'\n\xff", 2, "", ""),
    ],
)
def test_errors_name_line_and_key(text: str, line: int | None, key: str, why: str) -> None:
    with pytest.raises(InputFileError) as caught:
        parse_toml(text.encode("latin-1"), "f.toml", Outer)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert why in caught.value.why
    assert str(caught.value).startswith(f"f.toml:{line}" if line else "f.toml")
    assert "\n" not in str(caught.value)


def test_absent_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="No such file"):
        load_toml(tmp_path / "none.toml", Outer)
    with pytest.raises(InputFileError, match="directory"):
        load_toml(tmp_path, Outer)


def test_a_good_file_loads(tmp_path: Path) -> None:
    file = tmp_path / "good.toml"
    file.write_text('name = "n"\n[inner]\nid = "i"\n')
    assert load_toml(file, Outer) == Outer("n", Inner("i"))


def _deep(key: bytes) -> bytes:
    return b'{"' + key + b'":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "data",
    [b'{"schema":"\xff"}', b'{"id":"\xff"}', b'{"\xff":1}', _deep(b"x"), b"[" * 100_000, b"{"],
    ids=["schema", "id", "key", "deep", "open", "cut"],
)
def test_what_is_no_json_is_the_readers_own_error(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(data)
    for read in (load_refused, lambda name: read_report(Path(name))):
        with pytest.raises(InputFileError):
            read(str(file))
    with pytest.raises(InputFileError):
        CaseStore(tmp_path / "cases").take(data, "case.json")
    with pytest.raises(LedgerError):
        unpacked(zlib.compress(data), hashlib.sha256(data).hexdigest())
    for parse, names in (
        (inputs.read_inputs, (inputs.INPUTS,)),
        (redact.listed, (redact.FILE,)),
        (layout.merged, tuple(name for name, _ in layout.PARTS)),
    ):
        with pytest.raises(Malformed):
            parse(dict.fromkeys(names, data))
