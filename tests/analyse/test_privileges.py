"""Whoever runs with another's rights is named, the graver the more can be done with it."""

from __future__ import annotations

import io
import struct
import tarfile

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse import privileges
from fwverify.analyse.privileges import privileged, read_capabilities
from fwverify.canonical import make_finding
from fwverify.model import Finding, Placed
from tests.builders.linuxfs import placed


def node(path: str, mode: int | None, uid: int | None = 0, gid: int | None = 0) -> Placed:
    bare = placed(f"a.squashfs!/{path}", "0" * 64, 4)
    owned = msgspec.structs.replace(bare.node, mode=mode, uid=uid, gid=gid)
    return msgspec.structs.replace(bare, node=owned)


def said(*nodes: Placed) -> list[tuple[str, str, str | None]]:
    found, problems = privileged(nodes, ())
    assert problems == ()
    return [(each.path.rpartition("!/")[2], each.severity, each.capability) for each in found]


@pytest.mark.parametrize(
    ("path", "mode", "uid", "severity", "capability"),
    [
        ("bin/su", 0o4755, 0, "low", None),
        ("bin/busybox", 0o4755, 0, "low", None),
        ("opt/vendor/agent", 0o4755, 0, "medium", None),
        ("opt/vendor/agent", 0o4755, None, "medium", None),
        ("opt/vendor/agent", 0o4755, 33, "low", None),
        ("opt/vendor/agent", 0o4757, 0, "high", "cred.uid0"),
        ("tmp/.x/bash", 0o4755, 0, "high", "cred.uid0"),
        ("usr/bin/python3", 0o6755, None, "high", "cred.uid0"),
        ("usr/bin/find", 0o4755, 33, "medium", None),
        ("opt/vendor/agent", 0o2755, 0, "medium", None),
        ("usr/bin/wall", 0o2755, 5, "low", None),
    ],
)
def test_bits_are_named_with_their_weight(path, mode, uid, severity, capability) -> None:
    gid = uid if mode & 0o2000 else 0
    assert said(node(path, mode, uid, gid)) == [(path, severity, capability)]


@pytest.mark.parametrize("mode", [None, 0, 0o755, 0o777, 0o1777, 0o2644])
def test_without_a_bit_that_works_there_is_nothing(mode: int | None) -> None:
    assert said(node("bin/bash", mode)) == []


@pytest.mark.parametrize("kind", ["directory", "symlink", "device"])
def test_what_is_no_file_is_left_alone(kind: str) -> None:
    bare = node("var/mail", 0o6777)
    other = msgspec.structs.replace(bare, node=msgspec.structs.replace(bare.node, kind=kind))
    assert said(other) == []


def test_a_changed_owner_is_another_finding() -> None:
    (first,), _ = privileged((node("opt/x", 0o4755, 0),), ())
    (second,), _ = privileged((node("opt/x", 0o4755, 1),), ())
    assert first.fingerprint != second.fingerprint


# --- capabilities ------------------------------------------------------------------------


def value(*bits: int, revision: int = 2, inheritable: bool = False, tail: bytes = b"") -> str:
    given = sum(1 << bit for bit in bits)
    low, high = given & 0xFFFFFFFF, given >> 32
    pairs = (0, low, 0, high) if inheritable else (low, 0, high, 0)
    return (struct.pack("<5I", revision << 24 | 1, *pairs) + tail).hex()


def noted(name: str, raw: str) -> Finding:
    return make_finding(
        rule="squashfs.file_capability",
        path="a.squashfs",
        text="x",
        evidence=(name, f"capability:{raw}"),
    )


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (value(13), ("net_raw",)),
        (value(7, 39), ("bpf", "setuid")),
        (value(21, inheritable=True), ("sys_admin",)),
        (value(10, revision=3, tail=bytes(4)), ("net_bind_service",)),
        (struct.pack("<3I", 1 << 24, 1 << 2, 0).hex(), ("dac_read_search",)),
        (value(), ()),
    ],
)
def test_values_are_read(raw: str, names: tuple[str, ...]) -> None:
    assert read_capabilities(raw) == names


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "0102",
        value(13)[:-2],
        value(13) + "00",
        value(13, revision=4),
        value(60),
        value(3, revision=3),
    ],
)
def test_other_values_are_not_guessed(raw: str) -> None:
    assert read_capabilities(raw) is None
    ((finding,), _) = privileged((), (noted("opt/x", raw),))
    assert finding.severity == "medium"


@pytest.mark.parametrize(
    ("name", "bits", "severity"),
    [
        ("bin/ping", (13,), "low"),
        ("opt/vendor/agent", (21,), "medium"),
        ("usr/bin/python3.11/python3", (7,), "high"),
        ("bin/bash", (13,), "medium"),
    ],
)
def test_capabilities_have_their_weight(name: str, bits: tuple[int, ...], severity: str) -> None:
    ((finding,), problems) = privileged((), (noted(name, value(*bits)),))
    assert (finding.severity, problems) == (severity, ())
    assert finding.evidence[1] == f"file:a.squashfs!/{name}"


def test_too_many_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "MAX_FINDINGS", 2)
    nodes = [node(f"opt/{number}", 0o4755) for number in range(3)]
    found, (problem,) = privileged(nodes, ())
    assert len(found) == 2
    assert (problem.code, problem.path) == ("limit.privileges", "a.squashfs!/opt/2")


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.binary(max_size=28))
def test_any_value_is_read_or_refused(raw: bytes) -> None:
    names = read_capabilities(raw.hex())
    assert names is None or names == tuple(sorted(names))


def test_a_tar_archive_tells_of_its_capabilities(tmp_path) -> None:
    from tests.cli.program import fwverify

    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("opt/agent")
        member.size, member.mode = 4, 0o755
        raw = bytes.fromhex(value(13))  # tarfile writes text: bits below 0x80 only
        member.pax_headers = {"SCHILY.xattr.security.capability": raw.decode("ascii")}
        archive.addfile(member, io.BytesIO(b"abcd"))
    (tmp_path / "a.tar").write_bytes(whole.getvalue())
    report = fwverify(
        "scan", tmp_path / "a.tar", "--format", "json", "--at", "2026-06-01T00:00:00Z"
    )
    rules = {each["rule"]: each for each in report.json["findings"]}
    assert "capabilities:net_raw" in rules["privilege.capability"]["evidence"]
