"""The table of formats, and what is only known by name."""

from __future__ import annotations

import inspect

import pytest

from fwverify.unpack.formats import CARVED, FORMATS, NAMED
from tests.unpack.helpers import Bench, codes, kinds, noise

SAMPLES: dict[str, bytes] = {
    "thin-ar": b"!<thin>\n",
    "macho": b"\xcf\xfa\xed\xfe",
    "java-class": b"\xca\xfe\xba\xbe\x00\x00\x00\x34",
    "flash-container": b"SGML Object File\x00",
}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_known_names_are_incomplete_and_explain_nothing(name: str) -> None:
    data = SAMPLES[name] + noise(900, len(name))
    opened = Bench().open(data)
    assert (opened.format, codes(opened)) == (name, {"format.unsupported"})
    assert set(kinds(opened)) == {"unexplained"}


def test_names_are_unique_and_every_row_is_documented() -> None:
    names = [each.name for each in FORMATS]
    assert len(set(names)) == len(names)
    for each in FORMATS:
        assert each.title
        assert each.family
        assert each.specification.startswith("https://") or each.name in (
            "empty", "vbf", "flash-container",
        )  # fmt: skip


def test_what_is_opened_comes_before_what_is_only_known() -> None:
    names = [each.name for each in FORMATS]
    first_detected = names.index(NAMED[0].name)
    for each in CARVED:
        assert each.open is not None
        assert names.index(each.name) < first_detected
    assert names[-1] == "text"


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_no_recogniser_raises_for_short_or_odd_input(each) -> None:
    for data in (b"", b"\x00", b"PK", b"\x7fELF", b"\xff" * 70, b"0707", noise(3000)):
        answer = each.recognise(data, "blob")
        assert answer in (True, False)
        assert each.recognise(memoryview(data), "blob") == answer


def test_random_bytes_are_rarely_called_anything() -> None:
    """A chance match costs a review; here, how often: below one in a hundred."""
    named = 0
    for seed in range(400):
        data = noise(2048, 10_000 + seed)
        named += any(each.recognise(data, "blob") for each in FORMATS)
    assert named <= 4


def test_no_module_of_unpacking_uses_the_readers_that_hide_things() -> None:
    import fwverify.unpack as package

    folder = inspect.getfile(package).rsplit("/", 1)[0]
    import pathlib

    for file in pathlib.Path(folder).glob("*.py"):
        text = file.read_text()
        assert "import zipfile" not in text
        assert "import tarfile" not in text
