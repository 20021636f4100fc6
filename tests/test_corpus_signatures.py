"""Signatures of real firmware: each gives what its publisher's tools say, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.program import fwverify
from tests.corpus import CORPUS, needs_corpus

pytestmark = needs_corpus

NOW = "2026-11-20T00:00:00Z"
DEBIAN = "scanner_linux_debian_openssh"
BASLER = "scanner_win_basler_pylon"
SHIM = "uefi_shim_signed"
APK = "android_ota_apk/apk"


@dataclass(frozen=True)
class Row:
    """A call of ``verify``, and per scheme how often ``authentic`` and ``trusted`` are what."""

    updates: tuple[str, ...]
    options: tuple[str, ...]
    at: str
    code: int
    found: tuple[tuple[str, str, str], ...]
    known_bad: bool = False


def _shim(folder: str, count: int, at: str) -> Row:
    """Judged while the leaf is valid: the time stamp's authority is not in the corpus."""
    keys = ("MicCorUEFCA2011_2011-06-27.pem", "microsoft_uefi_ca_2023.pem")
    options = tuple(each for key in keys for each in ("--anchor", f"{SHIM}/keys/{key}"))
    found = (("authenticode", "pass", "pass"),) * count
    return Row((f"{SHIM}/{folder}/shimx64.efi.signed",), options, at, 0, found)


ROWS = (
    _shim("baseline_15.8", 1, "2024-09-01T00:00:00Z"),
    _shim("update_16.1", 2, "2026-05-20T00:00:00Z"),
    *(
        Row((f"uefi_dbx/DBXUpdate_amd64_{date}.bin",),
            ("--anchor", "uefi_dbx/keys/MicCorKEKCA2011.pem"), "2025-06-20T00:00:00Z", 0,
            (("uefi-variable", "pass", "pass"),))
        for date in ("2025-02-24", "2025-06-10")
    ),
    Row(("mcuboot_nrf52840dk/mcuboot_b_smp_dut.bin",),
        ("--key", "mcuboot_nrf52840dk/keys/mcuboot_root_ec_p256.recovered.pem"), NOW, 4,
        (("mcuboot", "pass", "pass"),), known_bad=True),
    *(
        Row((f"meter_nodon_sem_zigbee_gbl/{name}",),
            ("--key", "meter_nodon_sem_zigbee_gbl/keys/bituo_nodon_gbl_ecdsa_p256.recovered.pem"),
            NOW, 0, (("gbl", "pass", "pass"),))
        for name in (
            "128b-0022-000B_nodon_sem_4_1_00_V010015.ota",
            "128b-0022-0011-nodon-SEM_4_1_00_v17.zigbee",
            "Bituo_ZS2S_signing_app14.ota",
        )
    ),
    *(
        Row((f"{BASLER}/{folder}/{name}.dll",),
            ("--anchor", f"{BASLER}/keys/microsoft_authroot_cacert.pem"), NOW, 0,
            (("authenticode", "pass", "pass"),))
        for folder in ("baseline_26.2.1", "update_26.3.1")
        for name in ("PylonBase_v11", "gxapi_v15", "Log_MD_VC142_v3_5_Basler_pylon_v1")
    ),
    Row((f"{BASLER}/update_26.3.1/_genicam.pyd",),
        ("--anchor", f"{BASLER}/keys/microsoft_authroot_cacert.pem"), NOW, 4, ()),
    Row((f"{DEBIAN}/apt", f"{DEBIAN}/openssh-server_1_9.2p1-2+deb12u9_amd64.deb"),
        ("--key", f"{DEBIAN}/keys/debian-archive-keyring.gpg"), NOW, 0,
        (("debian-release", "pass", "pass"),) * 4),
    Row((f"{APK}/two-signers-second-signer-v2-broken.apk",), (), NOW, 4,
        (("apk", "fail", "fail"),) * 2 + (("jar", "pass", "fail"),) * 2, known_bad=True),
    Row(("android_ota_apk/fake-eocd.zip",),
        ("--anchor", "android_ota_apk/keys/testkey_v1.x509.pem"), NOW, 4,
        (("android-ota", "fail", "fail"),)),
    Row(("uptane_aktualizr/test_data/prov",), (), NOW, 4, (("uptane", "fail", "fail"),)),
    Row(("uefi_ovmf/update_deb12u2/OVMF_CODE_4M.secboot.fd",), (), NOW, 4, ()),
    Row(("fit_uboot_rockpi4/update_2025.01/u-boot.itb",), (), NOW, 4, ()),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[Path(each.updates[0]).name for each in ROWS])
def test_real_signatures(row: Row) -> None:
    options = [str(CORPUS / each) if "/" in each else each for each in row.options]
    updates = [CORPUS / each for each in row.updates]
    ran = fwverify("verify", *updates, *options, "--at", row.at, "--format", "json")
    report = ran.json
    found = sorted(
        (each["scheme"], each["axes"]["authentic"], each["axes"]["trusted"])
        for each in report["signatures"]
    )
    assert found == sorted(row.found)
    assert any(each["known_bad"] for each in report["signatures"]) == row.known_bad
    assert ran.code == row.code
    assert sum(report["signature_coverage"].values()) == report["subject"]["size"]


def test_a_jcat_holds_under_its_authority_and_its_tail_is_named() -> None:
    ran = fwverify(
        "verify", CORPUS / "lvfs_cab_fakedevice/fakedevice124.cab",
        "--anchor", CORPUS / "lvfs_cab_fakedevice/keys/LVFS-CA.pem",
        "--at", NOW, "--format", "json",
    )  # fmt: skip
    results = ran.json["signatures"]
    assert {(each["axes"]["authentic"], each["axes"]["trusted"]) for each in results} == {
        ("pass", "pass")
    }
    coverage = ran.json["signature_coverage"]  # its files are compressed as one
    assert (coverage["covered"] > 4000, coverage["unsigned_executable"]) == (True, 0)
    assert "trust.coverage" not in {each["rule"] for each in ran.json["findings"]}
    assert any("8 bytes after the gzip member" in each["reason"] for each in results)


def test_md5_is_named_weak() -> None:
    ran = fwverify(
        "verify",
        CORPUS / f"{APK}/v1-only-with-rsa-pkcs1-md5-1.2.840.113549.1.1.1-2048.apk",
        "--at", NOW, "--format", "json",
    )  # fmt: skip
    assert ran.code == 4
    assert {each["axes"]["strong"] for each in ran.json["signatures"]} == {"fail"}


def test_a_release_past_its_validity_is_not_trusted() -> None:
    ran = fwverify(
        "verify", CORPUS / f"{DEBIAN}/apt",
        "--key", CORPUS / f"{DEBIAN}/keys/debian-archive-keyring.gpg",
        "--at", "2027-03-01T00:00:00Z", "--format", "json",
    )  # fmt: skip
    assert ran.code == 4
    security = [each for each in ran.json["signatures"] if "security" in each["path"]]
    assert len(security) == 2
    assert all(each["axes"]["trusted"] != "pass" for each in security)
