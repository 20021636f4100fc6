"""What a member is for: a baseline of another ECU or other hardware is not its baseline."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fwverify.compare import compare
from tests.builders.profiles import member, node, profile, subject


def told(old, new, name="a.bin"):
    was = profile(node("a.bin", "one"), of=subject(replace(member("a.bin", "one"), **old)))
    now = profile(node(name, "two"), of=subject(replace(member(name, "two"), **new)))
    return [each.text for each in compare(now, was).findings if each.rule == "set.other_part"]


@pytest.mark.parametrize("name", ["a.bin", "b.bin"])
@pytest.mark.parametrize(("key", "what"), [("ecu", "ECU"), ("hw_id", "hardware")])
def test_another_part_is_told(key, what, name):
    text = f"is declared for the {what} B; the baseline's was for A"
    assert told({key: "A"}, {key: "B"}, name) == [text]


@pytest.mark.parametrize(
    ("old", "new"),
    [({}, {}), ({"ecu": "A"}, {"ecu": "A"}), ({}, {"ecu": "A"}), ({"hw_id": "A"}, {}),
     ({"hw_id": "A"}, {"ecu": "B"}), ({"sw_id": "1"}, {"sw_id": "2"})],
)  # fmt: skip
def test_the_same_part_or_an_unstated_one_is_not(old, new):
    assert told(old, new) == []
