"""The build: reproducible, cached by content, and readable by the vendors' own tools."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bincopy
import pytest

from samples import build as building
from samples.hexfile import write_hex
from samples.squashfs import Entry, write_squashfs
from samples.toolchain import meter_flash
from samples.vehicle import VARIANTS

RAUC = shutil.which("rauc")
OPENSSL = shutil.which("openssl")
needs_rauc = pytest.mark.skipif(RAUC is None, reason="NOT COMPARED with rauc: install rauc")
needs_openssl = pytest.mark.skipif(
    OPENSSL is None, reason="NOT COMPARED with openssl: install openssl"
)
TRUST = Path("trust/vendors")


@pytest.fixture(scope="module", autouse=True)
def compiler_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the compiler has made from build to build."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("GLOBAL", "LOCAL"):
            patch.setenv(f"ZIG_{kind}_CACHE_DIR", str(tmp_path_factory.mktemp(kind)))
        yield


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a build of its own."""
    folder = tmp_path_factory.mktemp("samples")
    assert building.build(folder)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return another build: under other keys, compiled anew."""
    folder = tmp_path_factory.mktemp("other")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ZIG_LOCAL_CACHE_DIR")
        building.build(folder)
    return folder


def payload(bundle: Path) -> tuple[bytes, bytes]:
    """Return the image and the signature of a plain bundle."""
    content = bundle.read_bytes()
    size = int.from_bytes(content[-8:], "big")
    return content[: -8 - size], content[-8 - size : -8]


def test_a_current_build_is_left_alone(out: Path):
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*") if file.name != ".lock"}
    assert not building.build(out)
    after = {file: file.stat().st_mtime_ns for file in out.rglob("*") if file.name != ".lock"}
    assert before == after


def test_another_build_gives_the_same_images_under_other_keys(out: Path, other: Path):
    for variant in VARIANTS:
        (ours, signed), (theirs, resigned) = (payload(f / variant.name) for f in (out, other))
        assert ours == theirs
        assert signed != resigned
    for name in ("meter-2.0.0.hex", "meter-2.1.0.hex", "meter-2.1.0-trojan.hex"):
        assert (out / name).read_bytes() == (other / name).read_bytes()


def test_a_changed_output_is_made_again_with_the_same_keys(out: Path, tmp_path: Path):
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    bundle = copy / VARIANTS[0].name
    bundle.write_bytes(b"spoiled")
    shutil.rmtree(copy / "trust" / "vendors")
    assert building.build(copy)
    assert payload(bundle)[0] == payload(out / VARIANTS[0].name)[0]
    for file in ((out / "keys"), (out / "trust")):
        for was in file.rglob("*.pem"):
            now = (copy / was.relative_to(out)).read_bytes()
            assert "root" in was.name or now == was.read_bytes()
    assert not building.build(copy)


@pytest.mark.parametrize(
    "name",
    ["keys/meter-release.pem", "trust/vendors/norden-meters/vendor.toml", "meter-2.0.0.hex.sig"],
)
@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_bytes(b"other")])
def test_what_is_missing_or_changed_is_noticed(out: Path, tmp_path: Path, name: str, harm):
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    inputs = json.loads((copy / "built.json").read_text())["inputs"]
    assert building._is_current(copy, inputs)
    assert not building._is_current(copy, inputs[::-1])
    harm(copy / name)
    assert not building._is_current(copy, inputs)


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b"\xff"])
def test_a_spoiled_record_is_no_current_build(out: Path, tmp_path: Path, record: bytes):
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    (copy / "built.json").write_bytes(record)
    assert not building._is_current(copy, "")


def test_keys_are_readable_by_their_owner_only(out: Path):
    modes = {file.stat().st_mode & 0o077 for file in (out / "keys").iterdir()}
    assert modes == {0}


def test_no_private_key_is_in_the_trust_store(out: Path):
    for file in (out / "trust").rglob("*"):
        if file.is_file():
            assert b"PRIVATE KEY" not in file.read_bytes()


@needs_rauc
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_rauc_accepts_each_bundle_under_its_root_only(
    out: Path, other: Path, tmp_path: Path, variant
):
    root = out / TRUST / "norden-vehicles" / "roots" / "release-root.pem"

    def info(bundle: Path, keyring: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(RAUC), f"--keyring={keyring}", "info", str(bundle)],
            capture_output=True,
            text=True,
        )

    good = info(out / variant.name, root)
    assert good.returncode == 0, good.stderr
    assert f"'{variant.release}'" in good.stdout
    assert info(out / variant.name, other / root.relative_to(out)).returncode != 0
    spoiled = tmp_path / variant.name
    content = bytearray((out / variant.name).read_bytes())
    content[2000] ^= 1
    spoiled.write_bytes(content)
    assert info(spoiled, root).returncode != 0


@needs_openssl
def test_openssl_verifies_the_detached_signatures(out: Path, tmp_path: Path):
    image, signature = payload(out / "vehicle-1.1.0.raucb")
    (tmp_path / "image").write_bytes(image)
    (tmp_path / "image.p7s").write_bytes(signature)
    root = out / TRUST / "norden-vehicles" / "roots" / "release-root.pem"
    cms = [
        *(str(OPENSSL), "cms", "-verify", "-binary", "-inform", "DER", "-out", "/dev/null"),
        *("-in", str(tmp_path / "image.p7s"), "-content", str(tmp_path / "image")),
        *("-CAfile", str(root)),
    ]
    assert subprocess.run(cms, capture_output=True).returncode == 0
    (tmp_path / "image").write_bytes(image[:-1] + b"\x01")
    assert subprocess.run(cms, capture_output=True).returncode != 0
    meter = out / "meter-2.1.0.hex"
    key = out / TRUST / "norden-meters" / "keys" / "release.pem"
    raw = [
        *(str(OPENSSL), "dgst", "-sha256", "-verify", str(key)),
        *("-signature", f"{meter}.sig", str(meter)),
    ]
    assert subprocess.run(raw, capture_output=True).returncode == 0


def test_the_meter_is_a_cortex_m_image_with_the_objects_in_plain_sight(out: Path, tmp_path: Path):
    disconnect = bytes((0x12, 0, 70, 0x11, 0, 0x09, 6, 0, 0, 96, 3, 10, 255))
    for name, planted in (
        ("meter-2.0.0.hex", False),
        ("meter-2.1.0.hex", False),
        ("meter-2.1.0-trojan.hex", True),
    ):
        image = bincopy.BinFile(str(out / name))
        (segment,) = image.segments
        stack, reset = struct.unpack_from("<II", segment.data)
        assert (segment.address, stack) == (0x08000000, 0x20004000)
        assert reset % 2 == 1
        assert segment.address <= reset < segment.address + len(segment.data)
        assert (disconnect in segment.data) is planted
    address, flash = meter_flash("2.0.0", (), tmp_path)
    assert (address, flash[:4]) == (0x08000000, b"\x00\x40\x00\x20")


@pytest.mark.parametrize("address", [0, 0x0800FFF8, 0xFFF5])
@pytest.mark.parametrize("size", [0, 1, 16, 17, 70_000])
def test_hex_files_read_back(address: int, size: int):
    data = bytes(n * 31 & 0xFF for n in range(size))
    image = bincopy.BinFile()
    image.add_ihex(write_hex(address, data, start=0x1234).decode())
    assert image.execution_start_address == 0x1234
    assert bytes(image.as_binary()) == data
    assert not size or image.minimum_address == address


def test_planting_changes_only_the_planted_place(out: Path):
    images = {variant.name: payload(out / variant.name)[0] for variant in VARIANTS}
    assert len(set(images.values())) == len(images)
    lone = write_squashfs({"a": Entry(0o644, content=b"telnetd")}, mtime=0)
    assert all(image[:4] == lone[:4] for image in images.values())
