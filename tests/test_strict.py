"""Strict TOML: every error names file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import Struct

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
