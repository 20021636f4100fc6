"""Implants in the corpus' raw files, and the corpus' real updates."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

Planted = tuple[str, Path, bytes, str]
"""Kind, the real file, its changed bytes, and the path that must be seen."""


def planted(corpus: Path) -> Iterator[Planted]:
    """Yield each raw implant."""
    if not corpus.is_dir():
        return
    for folder, name in (
        ("vehicle_panda_release", "panda_1.7.3.bin.signed"),
        ("meter_zlinky_tic_zigbee", "ZLinky_router_v17.ota"),
        ("meter_dlms_spodes_1phase", "OTA_PWRM_M2M_1S_F4__1.6.2.bin"),
        ("mcuboot_nrf52840dk", "mcuboot_b_smp_dut.bin"),
    ):
        source = corpus / folder / name
        yield "4-byte patch of a raw image", source, _patched(source.read_bytes()), name
        grown = source.read_bytes() + bytes(number % 251 for number in range(4096))
        yield "4 KiB behind a raw image", source, grown, name
    yield _calibration(corpus / "meter_emonpi_hex" / "emonPi_V2.5.hex")
    yield _dbx(corpus / "uefi_dbx" / "DBXUpdate_amd64_2025-06-10.bin")
    library = corpus / "scanner_win_basler_pylon" / "update_26.3.1" / "gxapi_v15.dll"
    data = library.read_bytes()
    yield "overlay after the signature", library, data + b"MZ" + bytes(2046), library.name
    yield "4-byte patch of a signed DLL", library, _patched(data), library.name
    archive = corpus / "android_ota_apk" / "unsigned.zip"
    yield "member appended to a ZIP", archive, _member(archive.read_bytes()), "upd.sh"
    tree = corpus / "fit_uboot_rockpi4" / "update_2025.01" / "u-boot.itb"
    data = tree.read_bytes().replace(b"bootflow scan -lb", b"run boot_net_usb0 ")
    yield "U-Boot's built-in boot command", tree, data, "u-boot"


def _patched(data: bytes) -> bytes:
    at = len(data) // 2 // 4 * 4
    return data[:at] + bytes(byte ^ 0x5A for byte in data[at : at + 4]) + data[at + 4 :]


def _calibration(source: Path) -> Planted:
    """Change one data byte of the middle record and mend its checksum (Intel HEX)."""
    lines = source.read_bytes().split(b"\n")
    number = len(lines) // 2
    record = bytearray(bytes.fromhex(lines[number].strip()[1:].decode()))
    record[4] ^= 0x01
    record[-1] = -sum(record[:-1]) & 0xFF
    lines[number] = b":" + record.hex().upper().encode() + b"\r"
    return "calibration byte in a HEX file", source, b"\n".join(lines), "@0x00000000"


def _dbx(source: Path) -> Planted:
    """Take the last entry out of the first list of a revocation list update."""
    data = source.read_bytes()
    start = 16 + struct.unpack_from("<I", data, 16)[0]
    length, header, size = struct.unpack_from("<3I", data, start + 16)
    body = data[start + 28 + header : start + length - size]
    head = data[start : start + 16] + struct.pack("<3I", length - size, header, size)
    kept = data[:start] + head + data[start + 28 : start + 28 + header] + body
    return "entry removed from a dbx", source, kept + data[start + length :], source.name


def _member(data: bytes) -> bytes:
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(zipfile.ZipInfo("system/bin/upd.sh"), "#!/bin/sh\nid\n")
    return out.getvalue()


_Z, _E, _D = "meter_zlinky_tic_zigbee", "meter_emonpi_hex", "meter_dlms_spodes_1phase"
_N, _V, _F = "meter_nodon_sem_zigbee_gbl", "vehicle_panda_release", "fit_uboot_rockpi4"
_UPDATES = (
    (_Z, "ZLinky_router_v16.ota", "ZLinky_router_v17.ota"),
    (_E, "emonPi_V2.3.hex", "emonPi_V2.4.hex"),
    (_E, "emonPi_V2.4.hex", "emonPi_V2.5.hex"),
    (_D, "OTA_PWRM_M2M_1S_F4__1.3.30.bin", "OTA_PWRM_M2M_1S_F4__1.6.2.bin"),
    (
        _N,
        "128b-0022-000B_nodon_sem_4_1_00_V010015.ota",
        "128b-0022-0011-nodon-SEM_4_1_00_v17.zigbee",
    ),
    (_V, "panda_1.6.9.bin.signed", "panda_1.7.0.bin.signed"),
    (_V, "panda_1.7.0.bin.signed", "panda_1.7.3.bin.signed"),
    (_F, "baseline_2023.01", "update_2025.01"),
    ("lvfs_cab_fakedevice", "fakedevice123.cab", "fakedevice124.cab"),
    (
        "scanner_linux_debian_openssh",
        "openssh-server_1_9.2p1-2+deb12u7_amd64.deb",
        "openssh-server_1_9.2p1-2+deb12u9_amd64.deb",
    ),
    ("scanner_win_basler_pylon", "baseline_26.2.1", "update_26.3.1"),
    ("uefi_dbx", "DBXUpdate_amd64_2025-02-24.bin", "DBXUpdate_amd64_2025-06-10.bin"),
    ("uefi_ovmf", "baseline_deb12u1", "update_deb12u2"),
    ("uefi_shim_signed", "baseline_15.8", "update_16.1"),
)


def updates(corpus: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield the real updates of the corpus: name, old, new."""
    for folder, old, new in _UPDATES:
        if (corpus / folder / old).exists() and (corpus / folder / new).exists():
            yield folder, corpus / folder / old, corpus / folder / new
