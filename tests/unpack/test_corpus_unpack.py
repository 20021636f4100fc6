"""Real firmware: sums hold, and the standard library agrees where it can read."""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from fwverify.limits import Limits
from fwverify.model import Unpacked
from fwverify.unpack import unpack
from fwverify.workers import Pool
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import Bench, check_tree, codes, is_broken, node, sha, subject_of

pytestmark = needs_corpus


def real(path: str) -> Unpacked:
    bench = Bench()
    data = (CORPUS / path).read_bytes()
    subject = subject_of(bench.store, (Path(path).name, data))
    with Pool(2, 2 << 30, (str(bench.store.root),)) as pool:
        unpacked = unpack(subject, bench.store, pool, Limits())
    check_tree(unpacked, subject)
    return unpacked


def _listed() -> list[str]:
    if not (CORPUS / "MANIFEST.tsv").is_file():
        return []
    lines = (CORPUS / "MANIFEST.tsv").read_text().splitlines()[1:]
    return [line.split("\t")[0] for line in lines]


def test_every_file_is_accounted_for_without_a_crash() -> None:
    bench = Bench()
    files = tuple((path, (CORPUS / path).read_bytes()) for path in _listed())
    subject = subject_of(bench.store, *files)
    with Pool(2, 2 << 30, (str(bench.store.root),)) as pool:
        unpacked = unpack(subject, bench.store, pool, Limits())
    check_tree(unpacked, subject)
    assert len(files) > 80
    assert not {code for code in codes(unpacked) if code.startswith(("open.", "limit.", "tool."))}


@pytest.mark.parametrize("version", ["7", "9"])
def test_a_debian_package_agrees_with_the_standard_library(version: str) -> None:
    name = f"openssh-server_1_9.2p1-2+deb12u{version}_amd64.deb"
    unpacked = real(f"scanner_linux_debian_openssh/{name}")
    assert unpacked.problems == ()
    data = (CORPUS / "scanner_linux_debian_openssh" / name).read_bytes()
    at = data.index(b"data.tar.xz") + 60
    decoder = lzma.LZMADecompressor()
    with tarfile.open(fileobj=io.BytesIO(decoder.decompress(data[at:]))) as archive:
        for item in archive:
            inside = "%2E" if item.name == "." else item.name.removeprefix("./")
            placed = node(unpacked, f"{name}!/data.tar.xz!/data!/{inside}")
            assert placed.node.mode == item.mode
            assert placed.node.mtime == item.mtime
            if item.isreg():
                content = archive.extractfile(item)
                assert content is not None
                assert placed.node.sha256 == hashlib.sha256(content.read()).hexdigest()
            elif item.issym():
                assert placed.node.link == item.linkname


@pytest.mark.parametrize(
    "path", [path for path in _listed() if path.endswith((".apk", ".zip")) and "fake" not in path]
)
def test_zip_files_agree_with_the_standard_library(path: str) -> None:
    unpacked = real(path)
    with zipfile.ZipFile(CORPUS / path) as archive:
        for item in archive.infolist():
            placed = node(unpacked, f"{Path(path).name}!/{item.filename}")
            assert placed.node.sha256 == sha(archive.read(item))


def test_a_hidden_second_end_record_is_reported() -> None:
    unpacked = real("android_ota_apk/fake-eocd.zip")
    assert "unpack.evasion.directory" in {finding.rule for finding in unpacked.findings}
    assert is_broken(unpacked)


def test_trailing_bytes_behind_a_gzip_member_are_unexplained() -> None:
    unpacked = real("lvfs_cab_fakedevice/fakedevice124.jcat")
    assert node(unpacked, "fakedevice124.jcat").node.coverage.unexplained == 8


def test_archives_inside_signed_libraries_are_found() -> None:
    unpacked = real("scanner_win_basler_pylon/update_26.3.1/PylonGigE_v11_TL.dll")
    root = node(unpacked, "PylonGigE_v11_TL.dll")
    assert root.node.coverage.signature > 10_000
    assert root.node.coverage.unexplained == 0
    assert sum(placed.node.format == "zip" for placed in unpacked.nodes) == 3


def test_encrypted_images_stay_unexplained() -> None:
    unpacked = real("meter_dlms_spodes_1phase/OTA_PWRM_M2M_1S_F4__1.6.2.bin")
    (placed,) = unpacked.nodes
    assert placed.node.coverage.unexplained == placed.node.size
    assert max(region.entropy_milli for region in placed.regions) > 7_200
