"""Real firmware under the shipped anchors, named by rules of a configured store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.program import fwverify
from tests.corpus import CORPUS, needs_corpus
from tests.verify.stores import SHIPPED

pytestmark = needs_corpus

NOW = "2026-11-20T00:00:00Z"
SHIM = ("microsoft-uefi-2011", "microsoft-uefi-2023", "microsoft-timestamp")
DIGICERT = ("digicert-code", "digicert-timestamp")
DEBIAN = ("debian-archive-11", "debian-archive-12", "debian-archive-13")
SCANNER = "scanner_linux_debian_openssh"
BASLER = "scanner_win_basler_pylon/update_26.3.1"
ROWS = (
    # both shims today: their certificates have expired, their time stamps prove when they signed
    (SHIM, ("authenticode",), ("uefi_shim_signed/baseline_15.8/shimx64.efi.signed",), NOW, 1),
    (SHIM, ("authenticode",), ("uefi_shim_signed/update_16.1/shimx64.efi.signed",), NOW, 2),
    (("microsoft-kek-2011",), ("uefi-variable",), ("uefi_dbx/DBXUpdate_amd64_2025-06-10.bin",),
     "2025-06-20T00:00:00Z", 1),
    (DIGICERT, ("authenticode",), (f"{BASLER}/PylonBase_v11.dll",), NOW, 1),
    (DEBIAN, ("debian-release",),
     (f"{SCANNER}/apt", f"{SCANNER}/openssh-server_1_9.2p1-2+deb12u9_amd64.deb"), NOW, 4),
)  # fmt: skip


def store(folder: Path, anchors: tuple[str, ...], schemes: tuple[str, ...]) -> Path:
    trust = folder / "trust"
    shutil.copytree(SHIPPED, trust)
    own = trust / "vendors" / "maker"
    own.mkdir(parents=True)
    (own / "vendor.toml").write_text(
        'schema = "fwverify.vendor/1"\nvendor = "maker"\n[[rule]]\nid = "all"\n'
        f'products = ["*"]\nschemes = {list(schemes)}\nroles = [{{ role = "maker" }}]\n'
        f'coverage = "all-executable"\nanchors = {list(anchors)}\n'
    )
    return trust


@pytest.mark.parametrize("row", ROWS, ids=lambda row: Path(row[2][0]).name)
def test_trusted_under_the_shipped_anchors(tmp_path: Path, row: tuple) -> None:
    anchors, schemes, updates, at, count = row
    ran = verify(store(tmp_path, anchors, schemes), updates, at)
    assert ran.code == 0
    found = [one["axes"]["trusted"] for one in ran.json["signatures"]]
    assert found == ["pass"] * count


def verify(trust: Path, updates: tuple[str, ...], at: str):
    return fwverify(
        "verify", *(CORPUS / each for each in updates), "--trust", trust, "--vendor", "maker",
        "--product", "any", "--at", at, "--format", "json",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("anchors", "schemes", "updates"),
    [
        (("microsoft-uefi-2023",), ("authenticode",), ROWS[0][2]),
        (("microsoft-uefi-2011",), ("authenticode",), ROWS[0][2]),  # no time stamp anchor: expired
        (("microsoft-kek-2023",), ("uefi-variable",), ROWS[2][2]),
        (("globalsign-code", "digicert-timestamp"), ("authenticode",), ROWS[3][2]),
    ],
)
def test_not_trusted_under_others(tmp_path: Path, anchors, schemes, updates) -> None:
    at = "2025-06-20T00:00:00Z" if "dbx" in updates[0] else NOW
    ran = verify(store(tmp_path, anchors, schemes), updates, at)
    assert ran.code == 4
    assert all(one["axes"]["trusted"] != "pass" for one in ran.json["signatures"])


def test_nobody_trusts_them_unnamed() -> None:
    ran = fwverify("verify", CORPUS / ROWS[0][2][0], "--at", NOW, "--format", "json")
    assert ran.code == 4
    assert all(one["axes"]["trusted"] != "pass" for one in ran.json["signatures"])


def test_the_cabinet_of_lvfs(tmp_path: Path) -> None:
    trust = store(tmp_path, ("lvfs",), ("jcat", "jcat-detached"))
    ran = verify(trust, ("lvfs_cab_fakedevice/fakedevice124.cab",), NOW)
    assert {one["axes"]["trusted"] for one in ran.json["signatures"]} == {"pass"}
