"""Formats that are known by name and not opened yet.

Guarantees: each is said by name and leaves its blob incomplete; none of its bytes is
explained. They stand behind every format that is opened, so an opener that is added
takes the precedence by itself.

The signatures are those of the specifications named; where a magic is short, a second
field of the header is compared too, so that a chance match stays improbable. A chance
match costs an ALLOW, never gives one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from fwverify.reader import Buffer
from fwverify.unpack.source import Format

Recogniser = Callable[[Buffer, str], bool]


def _at(offset: int, *magics: bytes) -> Recogniser:
    def recognise(buffer: Buffer, _: str) -> bool:
        return any(bytes(buffer[offset : offset + len(each)]) == each for each in magics)

    return recognise


def _like(pattern: bytes, length: int = 64) -> Recogniser:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda buffer, _: compiled.match(bytes(buffer[:length])) is not None


def _openpgp(buffer: Buffer, _: str) -> bool:
    """Old or new packet header of a key, signature, session key or literal (RFC 9580, 4.2)."""
    head = bytes(buffer[:6])
    if len(head) < 6 or not head[0] & 0x80:
        return False
    old = not head[0] & 0x40
    tag = head[0] >> 2 & 15 if old else head[0] & 63
    width = (1, 2, 4, 0)[head[0] & 3] if old else (1 if head[1] < 192 else 2)
    version = head[1 + width]
    return tag in (1, 2, 3, 5, 6) and version in ((3,) if tag == 1 else (3, 4, 6))


def _dos(buffer: Buffer, _: str) -> bool:
    """Return whether an MZ header's sizes fit. With a PE header it was opened before."""
    head = bytes(buffer[:28])
    if len(head) < 28 or head[:2] not in (b"MZ", b"ZM"):
        return False
    pages, paragraphs = head[4] | head[5] << 8, head[8] | head[9] << 8
    return pages > 0 and (pages - 1) * 512 < len(buffer) and 16 * paragraphs <= len(buffer)


_ESP_CHIPS: Final = rb"(?:[\x00-\x09\x0c\x0d\x10\x12\x14\x17])\x00"

_TABLE: Final[tuple[tuple[str, str, str, Recogniser], ...]] = (
    # name, title, specification, recogniser
    ("squashfs", "SquashFS", "https://dr-emann.github.io/squashfs/", _at(0, b"hsqs", b"sqsh")),
    ("ubi", "UBI", "https://www.kernel.org/doc/html/latest/driver-api/mtd/", _at(0, b"UBI#\x01")),
    (
        "ubifs",
        "UBIFS",
        "https://www.kernel.org/doc/html/latest/filesystems/ubifs.html",
        _at(0, b"\x31\x18\x10\x06"),
    ),
    (
        "jffs2",
        "JFFS2",
        "https://sourceware.org/jffs2/",
        _like(rb"(?:\x85\x19[\x01-\x09\xff][\x20\xe0\xc0]|\x19\x85[\x20\xe0\xc0][\x01-\x09])"),
    ),
    (
        "fit",
        "Flattened device tree or U-Boot FIT",
        "https://fitspec.osfw.foundation/",
        _at(0, b"\xd0\x0d\xfe\xed"),
    ),
    (
        "uimage",
        "U-Boot legacy image",
        "https://docs.u-boot.org/en/latest/usage/cmd/imi.html",
        _at(0, b"\x27\x05\x19\x56"),
    ),
    ("uefi-volume", "UEFI firmware volume", "https://uefi.org/specs/PI/1.8/", _at(0x28, b"_FVH")),
    (
        "uefi-capsule",
        "UEFI capsule",
        "https://uefi.org/specs/UEFI/2.10/",
        _at(
            0,
            bytes.fromhex("edd5cb6d2de8444cbda17194199ad92a"),
            bytes.fromhex("b9829153b5ab9143b69ae3a943f72fcc"),
        ),
    ),
    (
        "uefi-auth-variable",
        "UEFI authenticated variable update",
        "https://uefi.org/specs/UEFI/2.10/08_Services_Runtime_Services.html",
        _like(
            rb".{20}\x00\x02\xf1\x0e\x9d\xd2\xaf\x4a\xdf\x68\xee\x49\x8a\xa9\x34\x7d\x37\x56\x65\xa7"
        ),
    ),
    (
        "gbl",
        "Silicon Labs GBL",
        "https://docs.silabs.com/mcu-bootloader/latest/",
        _at(0, b"\xeb\x17\xa6\x03"),
    ),
    (
        "mcuboot",
        "MCUboot image",
        "https://docs.mcuboot.com/design.html",
        _at(0, b"\x3d\xb8\xf3\x96", b"\x3c\xb8\xf3\x96"),
    ),
    (
        "esp-image",
        "Espressif application image",
        "https://docs.espressif.com/projects/esptool/en/latest/esp32/advanced-topics/",
        _like(rb"\xe9[\x01-\x10][\x00-\x05].{9}" + _ESP_CHIPS),
    ),
    (
        "android-boot",
        "Android boot image",
        "https://source.android.com/docs/core/architecture/bootloader/boot-image-header",
        _at(0, b"ANDROID!", b"VNDRBOOT"),
    ),
    (
        "android-payload",
        "Android A/B update payload",
        "https://android.googlesource.com/platform/system/update_engine/",
        _at(0, b"CrAU"),
    ),
    (
        "android-sparse",
        "Android sparse image",
        "https://android.googlesource.com/platform/system/core/+/refs/heads/main/libsparse/",
        _at(0, b"\x3a\xff\x26\xed"),
    ),
    (
        "avb-vbmeta",
        "Android Verified Boot metadata",
        "https://android.googlesource.com/platform/external/avb/",
        _at(0, b"AVB0"),
    ),
    (
        "dex",
        "Android DEX",
        "https://source.android.com/docs/core/runtime/dex-format",
        _like(rb"dex\n0[0-9]{2}\x00"),
    ),
    (
        "cab",
        "Microsoft Cabinet",
        "https://learn.microsoft.com/en-us/previous-versions/bb417343(v=msdn.10)",
        _at(0, b"MSCF\x00\x00\x00\x00"),
    ),
    (
        "ole",
        "OLE compound file (MSI, MSP)",
        "https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-cfb/",
        _at(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    ),
    (
        "7z",
        "7z",
        "https://py7zr.readthedocs.io/en/latest/archive_format.html",
        _at(0, b"7z\xbc\xaf\x27\x1c"),
    ),
    ("rar", "RAR", "https://www.rarlab.com/technote.htm", _at(0, b"Rar!\x1a\x07")),
    (
        "wim",
        "Windows Imaging",
        "https://www.microsoft.com/en-us/download/details.aspx?id=13096",
        _at(0, b"MSWIM\x00\x00\x00"),
    ),
    (
        "rpm",
        "RPM",
        "https://rpm-software-management.github.io/rpm/manual/format_v4.html",
        _at(0, b"\xed\xab\xee\xdb"),
    ),
    (
        "iso9660",
        "ISO 9660",
        "https://ecma-international.org/publications-and-standards/standards/ecma-119/",
        _at(0x8001, b"CD001"),
    ),
    (
        "erofs",
        "EROFS",
        "https://erofs.docs.kernel.org/en/latest/core_ondisk.html",
        _at(1024, b"\xe2\xe1\xf5\xe0"),
    ),
    (
        "cramfs",
        "cramfs",
        "https://www.kernel.org/doc/html/latest/filesystems/cramfs.html",
        _at(16, b"Compressed ROMFS"),
    ),
    (
        "romfs",
        "romfs",
        "https://www.kernel.org/doc/html/latest/filesystems/romfs.html",
        _at(0, b"-rom1fs-"),
    ),
    ("ntfs", "NTFS", "https://flatcap.github.io/linux-ntfs/ntfs/", _at(3, b"NTFS    ")),
    (
        "fat",
        "FAT",
        "https://learn.microsoft.com/en-us/windows/win32/fileio/file-systems",
        _like(
            rb"(?:\xeb.\x90|\xe9..).{8}\x00[\x02\x04\x08\x10][\x01\x02\x04\x08\x10\x20\x40\x80]"
            rb".{2}[\x01\x02]"
        ),
    ),
    (
        "ext",
        "ext2, ext3, ext4",
        "https://www.kernel.org/doc/html/latest/filesystems/ext4/",
        lambda buffer, _: bytes(buffer[1080:1082]) == b"\x53\xef" and len(buffer) >= 2048,
    ),
    ("qcow2", "QCOW2", "https://www.qemu.org/docs/master/interop/qcow2.html", _at(0, b"QFI\xfb")),
    ("vmdk", "VMDK", "https://www.vmware.com/app/vmdk/", _at(0, b"KDMV")),
    (
        "vhdx",
        "VHDX",
        "https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/",
        _at(0, b"vhdxfile"),
    ),
    (
        "lz4-legacy",
        "LZ4 legacy frame",
        "https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md",
        _at(0, b"\x02\x21\x4c\x18"),
    ),
    ("lzop", "lzop", "https://www.lzop.org/", _at(0, b"\x89LZO\x00\r\n\x1a\n")),
    ("lzip", "lzip", "https://www.nongnu.org/lzip/manual/", _at(0, b"LZIP\x01")),
    (
        "compress",
        "compress (LZW)",
        "https://pubs.opengroup.org/onlinepubs/9699919799/utilities/compress.html",
        _like(rb"\x1f\x9d[\x89-\x90]"),
    ),
    (
        "thin-ar",
        "thin ar archive",
        "https://sourceware.org/binutils/docs/binutils/ar.html",
        _at(0, b"!<thin>\n"),
    ),
    (
        "cpio-binary",
        "binary cpio",
        "https://man.freebsd.org/cgi/man.cgi?query=cpio&sektion=5",
        _like(rb"\xc7\x71.{4}[\x00-\xff][\x40\x60\x80\xa0\x20]"),
    ),
    ("uf2", "UF2", "https://github.com/microsoft/uf2", _at(0, b"UF2\n\x57\x51\x5d\x9e")),
    ("dfuse", "DfuSe", "https://rc.fdr.hu/UM0391.pdf", _at(0, b"DfuSe\x01")),
    ("vbf", "Versatile Binary Format", "", _like(rb"vbf_version\s*=")),
    ("flash-container", "SGO or FRF flash container", "", _at(0, b"SGML Object File\x00")),
    (
        "macho",
        "Mach-O",
        "https://developer.apple.com/documentation/kernel/mach_header",
        _at(0, b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"),
    ),
    (
        "java-class",
        "Java class",
        "https://docs.oracle.com/javase/specs/jvms/se21/html/",
        _like(rb"\xca\xfe\xba\xbe\x00.\x00[\x2d-\x60]"),
    ),
    (
        "python-pickle",
        "Python pickle",
        "https://docs.python.org/3/library/pickletools.html",
        lambda buffer, _: (
            re.match(rb"\x80[\x02-\x05][\x95\}\]\(c]", bytes(buffer[:3])) is not None
            and bytes(buffer[len(buffer) - 1 : len(buffer)]) == b"."
        ),
    ),
    ("sqlite", "SQLite", "https://www.sqlite.org/fileformat.html", _at(0, b"SQLite format 3\x00")),
    ("pdf", "PDF", "https://pdfa.org/resource/iso-32000-2/", _at(0, b"%PDF-")),
    (
        "jpeg",
        "JPEG",
        "https://www.w3.org/Graphics/JPEG/itu-t81.pdf",
        _like(rb"\xff\xd8\xff[\xc0-\xfe]"),
    ),
    ("gif", "GIF", "https://www.w3.org/Graphics/GIF/spec-gif89a.txt", _at(0, b"GIF87a", b"GIF89a")),
    ("dos-exe", "DOS executable", "https://wiki.osdev.org/MZ", _dos),
    ("openpgp", "OpenPGP", "https://www.rfc-editor.org/rfc/rfc9580", _openpgp),
)


DETECTED: Final[tuple[Format, ...]] = tuple(
    Format(
        name=name,
        title=title,
        family="detected",
        specification=specification,
        limitations="recognised by name, not opened yet",
        recognise=recogniser,
        open=None,
    )
    for name, title, specification, recogniser in _TABLE
)
