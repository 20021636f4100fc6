from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.modules import REMOTES, modules
from fwverify.analyse.taxonomy import CAPABILITY_IDS
from fwverify.analyse.windows import Extracted
from fwverify.model import Fact
from tests.builders.code import BASE, CODE_AT, static_program

NOTHING = Extracted(())
START = bytes.fromhex("3077af0c9274080241e1c107e6d618e6")
END = bytes.fromhex("f932433186182072008242104116d8f2")
FRP = (
    "path\tgithub.com/fatedier/frp/cmd/frpc\n"
    "mod\tgithub.com/fatedier/frp\t(devel)\t\n"
    "dep\tgolang.org/x/crypto\tv0.14.0\th1:abc=\n"
    "dep\tgithub.com/old/name\tv1.0.0\n"
    "=>\tgolang.zx2c4.com/wireguard\tv0.0.0-2022\th1:x=\n"
    "build\t-compiler=gc\n"
)


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))


def inline(text: str, compiler: str = "go1.21.3") -> bytes:
    listed = START + text.encode() + END if text else b""
    head = b"\xff Go buildinf:" + bytes((8, 2)) + bytes(16)
    return head + varint(len(compiler)) + compiler.encode() + varint(len(listed)) + listed


def pointed(text: str, bits: int, order: str, machine: int) -> bytes:
    """An ELF file with the older form: pointers to string headers."""
    width, word = bits // 8, "I" if bits == 32 else "Q"
    listed = START + text.encode() + END
    compiler = b"go1.16.2"
    at = BASE + CODE_AT
    headers = at + 48
    strings = headers + 4 * width
    flags = 1 if order == ">" else 0
    blob = b"\xff Go buildinf:" + bytes((width, flags))
    blob += struct.pack(f"{order}2{word}", headers, headers + 2 * width)
    blob = blob.ljust(48, b"\0")
    blob += struct.pack(
        f"{order}4{word}", strings, len(compiler), strings + len(compiler), len(listed)
    )
    return static_program(blob + compiler + listed, machine, bits, order)


def texts(content: bytes, kind: str) -> list[str]:
    return [fact.text for fact in modules(content, NOTHING)[0] if fact.kind == kind]


FORMS = {
    "inline": inline(FRP),
    "inside": bytes(4096) + inline(FRP),
    "64 little": pointed(FRP, 64, "<", 62),
    "32 little": pointed(FRP, 32, "<", 40),
    "32 big": pointed(FRP, 32, ">", 8),
    "64 big": pointed(FRP, 64, ">", 8),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_modules_of_a_go_program_are_listed(form: str) -> None:
    expected = [
        "github.com/fatedier/frp",
        "github.com/old/name v1.0.0",
        "golang.org/x/crypto v0.14.0",
        "golang.zx2c4.com/wireguard v0.0.0-2022",
    ]
    facts, _, troubles = modules(FORMS[form], NOTHING)
    assert troubles == ()
    assert [fact.text for fact in facts if fact.kind == "module"] == expected
    assert [fact.text for fact in facts if fact.kind == "component"] == expected
    assert Fact(kind="main", text="github.com/fatedier/frp/cmd/frpc") in facts


@pytest.mark.parametrize("form", FORMS)
def test_a_known_module_is_a_finding_of_high_confidence(form: str) -> None:
    _, hits, _ = modules(FORMS[form], NOTHING)
    found = {(hit.capability, hit.evidence, hit.severity, hit.confidence) for hit in hits}
    assert found == {
        ("tunnel.reverse", ("module github.com/fatedier/frp",), "high", "high"),
        ("tunnel.reverse", ("module github.com/fatedier/frp/cmd/frpc",), "high", "high"),
        ("tunnel.vpn", ("module golang.zx2c4.com/wireguard",), "medium", "high"),
    }


@pytest.mark.parametrize(
    ("path", "capability"),
    [
        ("github.com/jpillora/chisel", "tunnel.reverse"),
        ("github.com/xtls/xray-core/v2", "tunnel.proxy"),
        ("tailscale.com", "tunnel.mesh"),
        ("tailscale.com/cmd/tailscaled", "tunnel.mesh"),
        ("GitHub.com/SlackHQ/Nebula", "tunnel.mesh"),
        ("github.com/fatedier/frpx", None),
        ("github.com/fatedier", None),
        ("nottailscale.com", None),
        ("tailscale.comrade/x", None),
        ("golang.org/x/crypto", None),
    ],
)
def test_a_module_counts_by_whole_parts_of_its_path(path: str, capability: str | None) -> None:
    _, hits, _ = modules(inline(f"dep\t{path}\tv1.2.3\n"), NOTHING)
    assert [hit.capability for hit in hits] == ([capability] if capability else [])


def test_a_program_without_a_module_list_is_known_by_its_functions() -> None:
    names = b"golang.zx2c4.com/wireguard/device.(*Device).Up\0"
    _, (hit,), _ = modules(inline("") + bytes(32) + names, NOTHING)
    assert hit.capability == "tunnel.vpn"
    assert modules(names, NOTHING)[1] == ()  # a text about it is no Go program
    assert modules(inline("") + b"see golang.zx2c4.com/wireguard\n", NOTHING)[1] == ()


@pytest.mark.parametrize("form", ["inline", "64 little", "32 big"])
def test_truncation_is_said(form: str) -> None:
    whole = FORMS[form]
    start = whole.index(b"\xff Go buildinf:")
    for size in range(start + 14, len(whole) - 1, 5):
        facts, _, troubles = modules(whole[:size], NOTHING)
        assert troubles, size
        assert {trouble.code for trouble in troubles} == {"analyse.go"}
        assert [fact for fact in facts if fact.kind == "module"] == []


@pytest.mark.parametrize(
    ("at", "value"),
    [(14, 3), (15, 0), (32, 0xFF), (16, 0xEE)],
)
def test_a_broken_blob_is_said(at: int, value: int) -> None:
    blob = bytearray(FORMS["64 little"] if at == 16 else FORMS["inline"])
    start = blob.index(b"\xff Go buildinf:")
    blob[start + at] = value
    if at == 14:
        blob[start + 15] = 0
    assert modules(bytes(blob), NOTHING)[2]


def test_the_magic_at_an_odd_place_is_text() -> None:
    assert modules(b"x" + inline(FRP), NOTHING) == ((), (), ())


def test_what_a_child_holds_is_left_to_it() -> None:
    content = inline(FRP)
    assert modules(content, Extracted(((0, len(content)),))) == ((), (), ())


def test_rust_crates_by_the_paths_of_their_sources() -> None:
    content = b"".join(
        (
            b"/root/.cargo/registry/src/github.com-1ecc6299db9ec823/boringtun-0.5.2/src/a.rs",
            b"/home/x/.cargo/registry/src/index.crates.io-6f17d22bba15001f/ring-0.17.8/src/lib.rs",
            b"C:\\Users\\x\\.cargo\\registry\\src\\index.crates.io-1\\tokio-1.2.3-rc.1\\src\\x.rs",
            b"/registry/src/a/no-version/src/lib.rs",
        )
    )
    assert texts(content, "module") == ["boringtun 0.5.2", "ring 0.17.8", "tokio 1.2.3-rc.1"]
    _, (hit,), _ = modules(content, NOTHING)
    assert (hit.capability, hit.confidence, hit.evidence) == (
        "tunnel.vpn",
        "high",
        ("module boringtun",),
    )


def test_too_many_crates_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from fwverify.analyse import modules as module

    monkeypatch.setattr(module, "MAX_CRATES", 3)
    content = b"".join(b"/registry/src/a/c%d-1.0.0/x" % number for number in range(5))
    facts, _, (trouble,) = modules(content, NOTHING)
    assert trouble.code == "limit.crates"
    assert len([fact for fact in facts if fact.kind == "module"]) == 3


def test_every_remote_module_is_of_the_taxonomy_and_once() -> None:
    paths = [path.lower() for remote in REMOTES for path in remote.paths]
    assert len(paths) == len(set(paths))
    assert {remote.capability for remote in REMOTES} <= CAPABILITY_IDS


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.integers(0, 900), st.integers(0, 255))
def test_a_changed_byte_never_raises(form: str, at: int, value: int) -> None:
    content = bytearray(FORMS[form])
    content[at % len(content)] = value
    assert modules(bytes(content), NOTHING) == modules(bytes(content), NOTHING)
