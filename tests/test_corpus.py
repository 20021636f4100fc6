"""The gate over real firmware: no crash, sums hold, verdicts are those expected.

Each row is judged against its baseline where it has one. The commands are those a user
would give; the exit code is the process's. Where a format is not opened yet, the row
says by which name it must be INCOMPLETE.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import fwverify
from tests.corpus import CORPUS, needs_corpus

AT = "2026-11-01T00:00:00Z"

pytestmark = needs_corpus

LAB_POLICY = """\
schema = "fwverify.policy/1"
name = "unsigned-allowed"
version = "1"
class = "{name}"
[signatures]
required = false
reason = "the item is published unsigned; the content is what is looked at"
"""


@dataclass(frozen=True)
class Row:
    """One update of the corpus and what must be said of it.

    ``reasons`` are rules that must stand among the reasons; ``problems`` are codes that
    must stand among the stage problems.
    """

    update: str
    baseline: str | None
    options: tuple[str, ...]
    verdict: str
    reasons: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


PANDA = "vehicle_panda_release"
RELEASE = ("--key", f"{PANDA}/keys/release.pub", "--class", "vehicle-ecu")
DEV_CA = ("--anchor", "rauc_test_bundles/keys/dev-ca.pem", "--class", "vehicle-ecu")
WEB_CA = ("--anchor", "rauc_test_bundles/keys/web-ca.pem", "--class", "vehicle-ecu")
METER = ("--class", "meter")
SCANNER = ("--class", "scanner")
UNSIGNED = ("trust.no_rule",)

ROWS = (
    Row(f"{PANDA}/panda_1.7.0.bin.signed", f"{PANDA}/panda_1.6.9.bin.signed", RELEASE, "DENY",
        ("signature.weak", "ad_hoc.option", "baseline.path")),
    Row(f"{PANDA}/panda_1.7.3.bin.signed", f"{PANDA}/panda_1.7.0.bin.signed", RELEASE, "DENY",
        ("signature.weak",)),
    Row(f"{PANDA}/panda_1.7.3-hotfix.bin.signed", f"{PANDA}/panda_1.7.3.bin.signed", RELEASE,
        "DENY", ("signature.weak",)),
    Row("meter_dlms_spodes_1phase/OTA_PWRM_M2M_1S_F4__1.6.2.bin",
        "meter_dlms_spodes_1phase/OTA_PWRM_M2M_1S_F4__1.3.30.bin", METER, "DENY",
        (*UNSIGNED, "unpack.high_entropy")),
    Row("meter_dlms_spodes_1phase/boot_PWRM_M2M_1S_F4__11.bin",
        "meter_dlms_spodes_1phase/boot_PWRM_M2M_1S_F4__8.bin", METER, "DENY",
        (*UNSIGNED, "unpack.high_entropy")),
    Row("meter_nodon_sem_zigbee_gbl/128b-0022-0011-nodon-SEM_4_1_00_v17.zigbee",
        "meter_nodon_sem_zigbee_gbl/128b-0022-000B_nodon_sem_4_1_00_V010015.ota", METER, "DENY",
        UNSIGNED),
    Row("meter_zlinky_tic_zigbee/ZLinky_router_v17.ota",
        "meter_zlinky_tic_zigbee/ZLinky_router_v16.ota", METER, "DENY", UNSIGNED),
    Row("meter_emonpi_hex/emonPi_V2.4.hex", "meter_emonpi_hex/emonPi_V2.3.hex", METER, "DENY",
        UNSIGNED),
    Row("meter_emonpi_hex/emonPi_V2.5.hex", "meter_emonpi_hex/emonPi_V2.4.hex", METER, "DENY",
        UNSIGNED),
    Row("scanner_win_basler_pylon/update_26.3.1", "scanner_win_basler_pylon/baseline_26.2.1",
        SCANNER, "DENY", UNSIGNED),
    Row("scanner_linux_debian_openssh/openssh-server_1_9.2p1-2+deb12u9_amd64.deb",
        "scanner_linux_debian_openssh/openssh-server_1_9.2p1-2+deb12u7_amd64.deb", SCANNER,
        "DENY", UNSIGNED),
    Row("uefi_shim_signed/update_16.1/shimx64.efi.signed",
        "uefi_shim_signed/baseline_15.8/shimx64.efi.signed", SCANNER, "DENY", UNSIGNED),
    Row("uefi_ovmf/update_deb12u2/OVMF_CODE_4M.secboot.fd",
        "uefi_ovmf/baseline_deb12u1/OVMF_CODE_4M.secboot.fd", SCANNER, "DENY", UNSIGNED),
    Row("uefi_dbx/DBXUpdate_amd64_2025-06-10.bin", "uefi_dbx/DBXUpdate_amd64_2025-02-24.bin",
        SCANNER, "DENY", UNSIGNED),
    Row("mcuboot_nrf52840dk/mcuboot_b_smp_dut.bin",
        "mcuboot_nrf52840dk/mcuboot_a_128_8_1024.bin", METER, "DENY", UNSIGNED),
    Row("mcuboot_nrf52840dk/a_smp_dut_128_2_256.merged.hex", None, METER, "DENY", UNSIGNED),
    Row("rauc_test_bundles/good-bundle.raucb", None, DEV_CA, "DENY",
        ("signature.known_bad", "baseline.none")),
    Row("rauc_test_bundles/good-verity-bundle.raucb", None, DEV_CA, "DENY",
        ("signature.known_bad", "baseline.none")),
    Row("rauc_test_bundles/good-bundle.raucb", None, WEB_CA, "DENY", ("trust.unsatisfied",)),
    Row("rauc_test_bundles/good-verity-bundle.raucb", None, WEB_CA, "DENY",
        ("trust.unsatisfied",)),
    Row("rauc_test_bundles/invalid-sig-bundle.raucb", None, DEV_CA, "DENY",
        ("signature.invalid",)),
    Row("fit_uboot_rockpi4/update_2025.01/u-boot.itb",
        "fit_uboot_rockpi4/baseline_2023.01/u-boot.itb", ("--class", "vehicle-ecu"), "DENY",
        UNSIGNED),
    Row("lvfs_cab_fakedevice/fakedevice124.cab", "lvfs_cab_fakedevice/fakedevice123.cab",
        SCANNER, "DENY", UNSIGNED),
    Row("uptane_aktualizr/test_data/prov", None, ("--class", "vehicle-ecu"), "DENY", UNSIGNED),
    Row("uptane_aktualizr/tuf", None, ("--class", "vehicle-ecu"), "DENY", UNSIGNED),
    *(
        Row(f"android_ota_apk/{name}", None, ("--class", "vehicle-ecu"), "DENY", UNSIGNED)
        for name in (
            "otasigned_v1.zip",
            "otasigned_v2.zip",
            "unsigned.zip",
            "fake-eocd.zip",
            "jarsigned.zip",
            "apk/golden-aligned-v1v2v3-out.apk",
            "apk/golden-aligned-v1v2v3-lineage-out.apk",
            "apk/two-signers-second-signer-v2-broken.apk",
            "apk/v1-only-with-rsa-pkcs1-md5-1.2.840.113549.1.1.1-2048.apk",
        )
    ),
    Row("flashfs_ubi_jffs2/ubi.img", None, (), "DENY", UNSIGNED),
    Row("flashfs_ubi_jffs2/test.ubifs", None, (), "DENY", UNSIGNED),
    Row("flashfs_ubi_jffs2/jffs2_le.img", None, (), "DENY", UNSIGNED),
    Row("flashfs_ubi_jffs2/jffs2_be.img", None, (), "DENY", UNSIGNED),
    Row("flashfs_ubi_jffs2/ext4.img.xz", None, (), "DENY", UNSIGNED),
    Row("flashfs_ubi_jffs2/wr.fw", None, (), "DENY", UNSIGNED),
)  # fmt: skip


def place(option: str) -> str:
    return str(CORPUS / option) if "/" in option else option


def gate(row: Row, *more: str | Path) -> tuple[int, dict[str, Any]]:
    """Run the gate over ``row``; return the exit code and the report."""
    call = ["check", place(row.update), *map(place, row.options), "--at", AT, "--format", "json"]
    if row.baseline:
        call += ["--baseline", place(row.baseline)]
    ran = fwverify(*call, *more)
    return ran.code, ran.json


def assert_sums(report: dict[str, Any]) -> None:
    """Every byte is in one class: per node, over the image, and by who vouches."""
    size = report["subject"]["size"]
    assert sum(report["image"]["coverage"].values()) == size
    assert sum(report["signature_coverage"].values()) == size
    for node in report["nodes"]:
        if node["size"] is not None and node["kind"] in ("file", "stream"):
            assert sum(node["coverage"].values()) == node["size"], node["path"]


def codes(report: dict[str, Any]) -> set[str]:
    return {problem["code"] for stage in report["stages"].values() for problem in stage["problems"]}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.update}-{row.options}" for row in ROWS])
def test_the_gate_over_real_firmware(row: Row) -> None:
    code, report = gate(row)
    exits = {"ALLOW": 0, "REVIEW": 3, "DENY": 4, "INCOMPLETE": 5}
    assert (report["verdict"], code) == (row.verdict, exits[row.verdict])
    assert_sums(report)
    rules = {reason["rule"] for reason in report["reasons"]}
    assert set(row.reasons) <= rules, rules
    assert set(row.problems) <= codes(report), codes(report)
    assert "stage.failed" not in codes(report)
    assert not {code for code in codes(report) if code.endswith((".crashed", ".raised"))}


def axes(report: dict[str, Any]) -> list[dict[str, str]]:
    return [signature["axes"] for signature in report["signatures"]]


@pytest.mark.parametrize("version", ["1.6.9", "1.7.0", "1.7.3", "1.7.3-hotfix"])
def test_panda_images_verify_and_are_called_weak(version: str) -> None:
    update = CORPUS / PANDA / f"panda_{version}.bin.signed"
    ran = fwverify("verify", update, "--key", CORPUS / PANDA / "keys/release.pub",
                   "--at", AT, "--format", "json")  # fmt: skip
    assert ran.code == 4
    (result,) = ran.json["signatures"]
    assert result["axes"]["authentic"] == result["axes"]["trusted"] == "pass"
    assert result["axes"]["strong"] == "fail"
    assert "1024" in result["reason"]
    assert "sha1" in result["reason"]
    size = update.stat().st_size
    assert result["covered"] == [[4, size - 128]]
    assert_sums(ran.json)


def test_panda_images_do_not_verify_under_the_debug_key() -> None:
    update = CORPUS / PANDA / "panda_1.7.3.bin.signed"
    ran = fwverify("verify", update, "--key", CORPUS / PANDA / "keys/debug.pub",
                   "--at", AT, "--format", "json")  # fmt: skip
    assert ran.code == 4
    assert all(axis["authentic"] != "pass" for axis in axes(ran.json))


def test_the_hotfix_shares_a_version_but_differs() -> None:
    row = next(row for row in ROWS if "hotfix" in row.update)
    _, report = gate(row)
    assert report["delta"]["changed"] or report["delta"]["added"]
    assert "compare.same_version_other_bytes" in {finding["rule"] for finding in report["findings"]}


@pytest.mark.parametrize("name", ["good-bundle", "good-verity-bundle"])
@pytest.mark.parametrize(("anchor", "trusted"), [("dev-ca", "pass"), ("web-ca", "fail")])
def test_rauc_bundles_under_the_right_and_the_wrong_ca(
    name: str, anchor: str, trusted: str
) -> None:
    ran = fwverify(
        "verify", CORPUS / f"rauc_test_bundles/{name}.raucb",
        "--anchor", CORPUS / f"rauc_test_bundles/keys/{anchor}.pem", "--at", AT,
        "--format", "json",
    )  # fmt: skip
    (found,) = axes(ran.json)
    assert (found["authentic"], found["trusted"]) == ("pass", trusted)
    assert ran.code == 4
    assert ran.json["signatures"][0]["known_bad"]


def test_a_rauc_bundle_with_an_invalid_signature_fails() -> None:
    ran = fwverify(
        "verify", CORPUS / "rauc_test_bundles/invalid-sig-bundle.raucb",
        "--anchor", CORPUS / "rauc_test_bundles/keys/dev-ca.pem", "--at", AT,
        "--format", "json",
    )  # fmt: skip
    assert ran.code == 4
    assert all(axis["authentic"] != "pass" for axis in axes(ran.json))


@pytest.mark.parametrize(
    ("update", "name", "verdict"),
    [
        ("meter_dlms_spodes_1phase/OTA_PWRM_M2M_1S_F4__1.6.2.bin", "meter", "INCOMPLETE"),
        ("uefi_ovmf/update_deb12u2/OVMF_CODE_4M.secboot.fd", "scanner", "REVIEW"),
        ("flashfs_ubi_jffs2/ubi.img", "generic", "REVIEW"),
        ("meter_nodon_sem_zigbee_gbl/Bituo_ZS2S_signing_app14.ota", "meter", "INCOMPLETE"),
    ],
)
def test_what_stays_unopened_decides_where_no_signature_is_asked_for(
    update: str, name: str, verdict: str, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(LAB_POLICY.format(name=name))
    row = Row(update, None, ("--class", name), verdict)
    code, report = gate(row, "--policy", policy)
    assert (code, report["verdict"]) == ({"INCOMPLETE": 5, "REVIEW": 3}[verdict], verdict)


def test_the_same_question_gives_the_same_bytes_on_any_cache(tmp_path: Path) -> None:
    row = next(row for row in ROWS if row.update.endswith("deb12u9_amd64.deb"))
    cold, warm = ({"XDG_CACHE_HOME": str(tmp_path / "cache")} for _ in range(2))
    call = ["check", place(row.update), "--at", AT, "--format", "json", "--jobs", "1"]
    first = fwverify(*call, **cold)
    second = fwverify(*call[:-1], "2", **warm)
    third = fwverify(*call, "--no-cache")
    assert first.out == second.out == third.out
    assert json.loads(first.out)["core_sha256"]
