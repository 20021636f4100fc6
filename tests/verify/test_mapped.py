"""The map that a report carries: bounded, the worst first, nothing left out unsaid."""

from __future__ import annotations

import pytest

from fwverify.verify.mapped import MAX_MEMBERS, MAX_PARTS, maps


def test_a_small_map_stands_whole_and_in_order():
    drawn = (("b", 0, 4, "covered"), ("a", 0, 2, "steering"), ("a", 2, 9, "covered"))
    first, second = maps(drawn)
    assert (first.path, first.size, first.parts_left_out) == ("a", 9, 0)
    assert [(part.start, part.end, part.kind) for part in first.parts] == [
        (0, 2, "steering"),
        (2, 9, "covered"),
    ]
    assert (second.path, second.size) == ("b", 4)


def test_what_is_left_out_is_counted_and_never_the_worst():
    drawn = [("u", at, at + 1, "covered" if at % 2 else "padding") for at in range(1000)]
    drawn[777] = ("u", 777, 778, "unsigned_executable")
    (map_,) = maps(drawn)
    assert len(map_.parts) == MAX_PARTS
    assert map_.parts_left_out == 1000 - MAX_PARTS
    assert [part.start for part in map_.parts if part.kind == "unsigned_executable"] == [777]
    assert [part.start for part in map_.parts] == sorted(part.start for part in map_.parts)


def test_the_worst_members_are_drawn():
    drawn = [(f"m{number:03}", 0, 10, "covered") for number in range(500)]
    drawn[499] = ("m499", 0, 10, "unsigned_data")
    found = maps(drawn)
    assert len(found) == MAX_MEMBERS
    assert "m499" in {each.path for each in found}


def test_a_class_that_is_none_is_a_bug():
    with pytest.raises(ValueError, match="Invalid enum value"):
        maps((("u", 0, 1, "signed"),))
