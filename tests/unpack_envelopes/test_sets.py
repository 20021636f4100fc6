"""Campaign sets: what is missing, extra, doubled, exchanged, changed, older or mixed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from fwverify.compare import compare, profile_of
from fwverify.intake import Intake, IntakeError, take_in
from fwverify.limits import Limits
from fwverify.model import Analysed, Identity, Profile, Unpacked
from fwverify.store import Store
from fwverify.unpack import unpack
from tests.unpack.helpers import Inline, unpack_all


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def contents(count: int = 30) -> dict[str, bytes]:
    return {f"ecu{n:02d}.bin": b"content of ecu %d\n" % n * 5 for n in range(count)}


def folder_of(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def sums(files: dict[str, bytes], name: str = "sha256") -> bytes:
    lines = (f"{hashlib.new(name, data).hexdigest()}  {path}\n" for path, data in files.items())
    return "".join(lines).encode()


def said(intake: Intake) -> set[tuple[str, str]]:
    return {(each.code, each.path) for each in intake.problems}


def found(intake: Intake) -> set[tuple[str, str]]:
    return {(each.rule, each.path) for each in intake.findings}


def taken(tmp_path: Path, store: Store, files: dict[str, bytes], manifest: bytes, name: str):
    return take_in((folder_of(tmp_path / "set", files | {name: manifest}),), store)


# --- against a manifest ----------------------------------------------------------------


def forms(files: dict[str, bytes]) -> list[tuple[str, bytes]]:
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    rows = [{"path": path, "sha256": digest} for path, digest in digests.items()]
    tagged = "".join(f"SHA256 ({path}) = {digest}\n" for path, digest in digests.items())
    return [
        ("SHA256SUMS", sums(files)),
        ("SHA512SUMS", sums(files, "sha512")),
        ("release.sha256", tagged.encode()),
        ("manifest.json", json.dumps(digests).encode()),
        ("manifest.json", json.dumps(rows).encode()),
        ("manifest.json", json.dumps({"version": 3, "files": rows}).encode()),
    ]


@pytest.mark.parametrize("form", range(6))
def test_each_fault_is_named_with_its_path(tmp_path, store, form) -> None:
    files = contents()
    name, manifest = forms(files)[form]
    missing = {key: value for key, value in files.items() if key != "ecu07.bin"}
    intake = taken(tmp_path / "1", store, missing, manifest, name)
    assert said(intake) == found(intake) == {("set.missing", "ecu07.bin")}
    changed = files | {"ecu07.bin": b"other"}
    assert said(taken(tmp_path / "2", store, changed, manifest, name)) == {
        ("set.mismatch", "ecu07.bin")
    }
    swapped = files | {"ecu01.bin": files["ecu02.bin"], "ecu02.bin": files["ecu01.bin"]}
    assert said(taken(tmp_path / "3", store, swapped, manifest, name)) == {
        ("set.swapped", "ecu01.bin"),
        ("set.swapped", "ecu02.bin"),
    }
    intake = taken(tmp_path / "4", store, files | {"more.bin": b"extra"}, manifest, name)
    assert (said(intake), found(intake)) == (set(), {("set.extra", "more.bin")})
    intake = taken(tmp_path / "5", store, files | {"ecu99.bin": files["ecu00.bin"]}, manifest, name)
    assert found(intake) == {("set.extra", "ecu99.bin"), ("set.duplicate", "ecu99.bin")}
    intake = taken(tmp_path / "6", store, files, manifest, name)
    assert (said(intake), found(intake)) == (set(), set())


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"not a list\n",
        b"0" * 64 + b"  a.bin\n" + b"1" * 64 + b"  a.bin\n",
        b"{",
        b"[" * 100_000,
        b'{"files": []}',
        b'{"a.bin": "d41d8cd98f00b204e9800998ecf8427e"}',
        b"d41d8cd98f00b204e9800998ecf8427e  a.bin\n",
    ],
)
def test_a_manifest_that_says_nothing_is_a_problem(tmp_path, store, manifest) -> None:
    name = "manifest.json" if manifest[:1] in (b"{", b"[") else "SHA256SUMS"
    intake = taken(tmp_path, store, {"a.bin": b"a"}, manifest, name)
    is_list = name == "SHA256SUMS"
    assert ("set.manifest", name) in (said(intake) if is_list else found(intake))


def test_a_manifest_of_a_folder_speaks_of_that_folder(tmp_path, store) -> None:
    inner = {"a.bin": b"aaa", "b.bin": b"bbb"}
    files = {f"part/{name}": data for name, data in inner.items()}
    assert said(taken(tmp_path, store, files, sums(inner), "part/SHA256SUMS")) == set()
    outside = sums({"../x.bin": b"x"} | inner)
    assert {
        code for code, _ in said(taken(tmp_path, store, files, outside, "part/SHA256SUMS"))
    } == {"set.missing"}


def test_the_order_of_arguments_changes_nothing(tmp_path, store) -> None:
    files = contents(5) | {"SHA256SUMS": sums(contents(6))}
    folder = folder_of(tmp_path / "set", files)
    paths = sorted(folder.iterdir())
    assert take_in(tuple(paths), store) == take_in(tuple(reversed(paths)), store)


def test_a_secret_in_the_set_is_refused(tmp_path, store) -> None:
    folder = folder_of(tmp_path / "set", {"a.bin": b"a", "keys.toml": b"secret"})
    with pytest.raises(IntakeError, match="must not be a part"):
        take_in((folder,), store, secrets=(folder / "keys.toml",))


# --- against a baseline ----------------------------------------------------------------


def profile(tmp_path: Path, store: Store, name: str, files: dict[str, bytes]) -> Profile:
    intake = take_in((folder_of(tmp_path / name, files),), store)
    unpacked = unpack(intake.subject, store, Inline(), Limits())
    return profile_of(intake.subject, unpacked, Analysed(), "0" * 64, complete=True)


def rows(new: Profile, old: Profile) -> set[tuple[str, str]]:
    compared = compare(new, old)
    return {(each.rule, each.path) for each in compared.findings if each.rule[:4] == "set."}


def test_a_set_against_its_baseline(tmp_path, store) -> None:
    files = {"brake.bin": b"brake " * 9, "door.bin": b"door " * 9, "radio.bin": b"radio " * 9}
    old = profile(tmp_path, store, "old", files)
    assert rows(profile(tmp_path, store, "same", files), old) == set()
    fewer = {key: value for key, value in files.items() if key != "door.bin"}
    assert rows(profile(tmp_path, store, "fewer", fewer), old) == {("set.missing", "door.bin")}
    more = profile(tmp_path, store, "more", files | {"new.bin": b"new " * 9})
    assert rows(more, old) == {("set.extra", "new.bin")}
    intake = take_in((tmp_path / "old" / "door.bin",), store)
    alone = unpack(intake.subject, store, Inline(), Limits())
    single = profile_of(intake.subject, alone, Analysed(), "0" * 64, complete=True)
    assert rows(single, old) == {("set.missing", "brake.bin"), ("set.missing", "radio.bin")}
    exchanged = files | {"brake.bin": files["door.bin"], "door.bin": files["brake.bin"]}
    assert rows(profile(tmp_path, store, "swap", exchanged), old) == {
        ("set.swapped", "brake.bin"),
        ("set.swapped", "door.bin"),
    }


def named(kept: Profile, **products: str) -> Profile:
    nodes = tuple(
        msgspec.structs.replace(
            each, identity=Identity(vendor="v", product=products[each.path.partition(".")[0]])
        )
        for each in kept.nodes
    )
    return msgspec.structs.replace(kept, nodes=nodes)


def test_a_member_that_says_it_is_another_one_is_swapped(tmp_path, store) -> None:
    old = named(
        profile(tmp_path, store, "old", {"a.bin": b"a1 " * 9, "b.bin": b"b1 " * 9}), a="A", b="B"
    )
    kept = profile(tmp_path, store, "new", {"a.bin": b"a2 " * 9, "b.bin": b"b2 " * 9})
    assert rows(named(kept, a="A", b="B"), old) == set()
    assert rows(named(kept, a="B", b="A"), old) == {
        ("set.swapped", "a.bin"),
        ("set.swapped", "b.bin"),
    }


def test_members_of_one_product_with_several_versions() -> None:
    from tests.builders.zigbee import ota

    same = unpack_all(("a.ota", ota(version=2)), ("b.ota", ota(version=2) + b"\0"))
    assert "set.mixed_versions" not in {each.rule for each in same.findings}
    mixed = unpack_all(("a.ota", ota(version=2)), ("b.ota", ota(version=1)))
    assert "set.mixed_versions" in {each.rule for each in mixed.findings}


def test_equal_content_is_opened_once() -> None:
    pool = Inline()
    unpack_all(("a.txt", b"text\n" * 9), ("b.txt", b"text\n" * 9), pool=pool)
    assert pool.opened == 1
    assert isinstance(unpack_all(("a.txt", b"text\n" * 9)), Unpacked)
