"""Keys of a hive that call themselves the root hide no level of the path."""

from __future__ import annotations

import struct

import pytest

from fwverify.analyse.config.hive import Hive
from fwverify.compare.content.hives import hive_facts
from tests.builders.hive import Key, hive, text

ROOT_FLAG = 4
RUN = {"agent": text(r"C:\agent.exe")}


def flagged(content: bytes, name: bytes) -> bytes:
    """Return the hive with the flag of a root on the key ``name``."""
    at = content.index(name) - 76
    assert content[at : at + 2] == b"nk"
    data = bytearray(content)
    (flags,) = struct.unpack_from("<H", data, at + 2)
    struct.pack_into("<H", data, at + 2, flags | ROOT_FLAG)
    return bytes(data)


def made(*names: str) -> bytes:
    inner = Key(names[-1], RUN)
    for outer in names[-2::-1]:
        inner = Key(outer, {}, (inner,))
    return hive(Key("ROOT", {}, (inner,)))


@pytest.mark.parametrize("name", [b"Microsoft", b"CurrentVersion", b"Run"])
def test_a_key_inside_is_named_whatever_it_calls_itself(name):
    plain = made("Microsoft", "CurrentVersion", "Run")
    paths = [each.key for each in Hive(flagged(plain, name)).values()]
    assert paths == [each.key for each in Hive(plain).values()]
    assert paths[-1] == r"Microsoft\CurrentVersion\Run"


def test_a_renamed_key_is_told_although_it_calls_itself_the_root():
    old, new = (flagged(made("Microsoft", each), each.encode()) for each in ("Runs", "Run9"))
    found = hive_facts(old, new)
    assert found is not None
    assert {(fact.kind, fact.text.partition(" = ")[0]) for fact in found[0]} == {
        (f"key {what}", f"Microsoft\\{key}\\{name}")
        for what, key in (("added", "Run9"), ("removed", "Runs"))
        for name in ("", "agent")
    }
