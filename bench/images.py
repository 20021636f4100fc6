"""Images of many kinds with known contents, made by the tools that make them in the field.

``KINDS`` are records: a name, the programs that must be on PATH, and a function that puts
one image of the planted tree into a folder. ``planted`` says which files an unpacker must
give back: name, SHA-256, and the permission bits where the format records them. The same
images are used by the recall test and by ``bench.unpack``.

The tree is made of this project's own bytes: a program-like file that is executable, a
text, incompressible bytes, a long run of one word, a file of one byte, and a link.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LINK: Final = "bin/alias"
_MIB: Final = 1024 * 1024
_ALL_TIMES: Final = 1_700_000_000


def _noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


FILES: Final[dict[str, tuple[bytes, int]]] = {
    "bin/tool": (b"\x01\x02tool" + _noise(30_000, 1), 0o755),
    "etc/config.txt": (b"interval = 900\nhost = meter.example\n" * 40, 0o644),
    "data/blob.bin": (_noise(150_000, 2), 0o600),
    "data/words.txt": (b"the same words again and again\n" * 4_000, 0o640),
    "data/deep/a/one": (b"1", 0o444),
}
"""Path to content and permission bits."""


@dataclass(frozen=True)
class File:
    """A file that must come out. ``mode`` is None where the format records none."""

    name: str
    sha256: str
    size: int
    mode: int | None


@dataclass(frozen=True)
class Kind:
    """One kind of image. ``build(tree, folder)`` returns the image's path.

    ``modes`` says whether the format records permission bits; ``only`` names the files
    that this kind carries where it does not carry all.
    """

    name: str
    tools: tuple[str, ...]
    build: Callable[[Path, Path], Path]
    modes: bool = True
    only: tuple[str, ...] = ()

    def missing(self) -> tuple[str, ...]:
        """Return the programs that are not here."""
        return tuple(tool for tool in self.tools if shutil.which(tool) is None)

    def planted(self, tree: Path) -> tuple[File, ...]:
        """Return the files of ``tree`` that must come out of an image of this kind."""
        return tuple(
            File(
                name,
                hashlib.sha256((tree / name).read_bytes()).hexdigest(),
                (tree / name).stat().st_size,
                (tree / name).stat().st_mode & 0o7777 if self.modes else None,
            )
            for name in _files(tree)
            if not self.only or name in self.only
        )


def _more(count: int) -> dict[str, tuple[bytes, int]]:
    """Return ``count`` files of about 100 KB that compress to a third, as programs do."""
    files = {}
    for index in range(count):
        rng = random.Random(1000 + index)
        words = [rng.randbytes(rng.randint(3, 9)) for _ in range(400)]
        data = b"".join(rng.choice(words) for _ in range(17_000))
        files[f"lib/p{index // 20:02}/m{index:04}.bin"] = (data, 0o755 if index % 3 else 0o644)
    return files


def _files(tree: Path) -> list[str]:
    found = (path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(str(path.relative_to(tree)) for path in found)


def _room(tree: Path, spare_bytes: int = 3 * 1024 * 1024) -> int:
    """Return the size of an image that holds ``tree``, in whole mebibytes."""
    used = sum((tree / name).stat().st_size // 4096 * 4096 + 8192 for name in _files(tree))
    return (used * 11 // 10 + spare_bytes) // _MIB * _MIB + _MIB


def plant(folder: Path, more: int = 0) -> Path:
    """Write the tree into ``folder``, with ``more`` files to unpack; return its root."""
    root = folder / "tree"
    for name, (data, mode) in {**FILES, **_more(more)}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)
    (root / LINK).symlink_to("tool")
    for path in sorted(root.rglob("*"), reverse=True):
        os.utime(path, (_ALL_TIMES, _ALL_TIMES), follow_symlinks=False)
        if path.is_dir():
            path.chmod(0o755)
    return root


def run(*command: str | Path, cwd: Path | None = None, stdin: bytes | None = None) -> bytes:
    """Run ``command``; return its standard output. Raises ``CalledProcessError``."""
    arguments = [str(each) for each in command]
    done = subprocess.run(
        arguments,
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(_ALL_TIMES), "LC_ALL": "C.UTF-8"},
    )
    if done.returncode:
        raise subprocess.CalledProcessError(
            done.returncode, arguments, done.stdout, done.stderr[-2000:]
        )
    return done.stdout


def _names(tree: Path) -> bytes:
    paths = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    return "\n".join(paths).encode() + b"\n"


def _zero(path: Path, size_bytes: int) -> Path:
    with path.open("wb") as handle:
        handle.truncate(size_bytes)
    return path


# --- archives --------------------------------------------------------------------------


def _tar(tree: Path, folder: Path) -> Path:
    image = folder / "image.tar"
    run("tar", "--format=gnu", "--owner=0", "--group=0", "-cf", image, "-C", tree, ".")
    return image


def _packed(tool: str, suffix: str, *options: str) -> Callable[[Path, Path], Path]:
    """Return a builder of a tar packed by ``tool``, which writes to standard output."""

    def build(tree: Path, folder: Path) -> Path:
        image = folder / f"image.tar.{suffix}"
        image.write_bytes(run(tool, *options, "-c", _tar(tree, folder)))
        (folder / "image.tar").unlink()
        return image

    return build


def _zip(tree: Path, folder: Path) -> Path:
    image = folder / "image.zip"
    run("zip", "-q", "-X", "-y", "-r", image, ".", cwd=tree)
    return image


def _cpio(tree: Path, folder: Path) -> Path:
    image = folder / "image.cpio"
    image.write_bytes(run("cpio", "--quiet", "-o", "-H", "newc", cwd=tree, stdin=_names(tree)))
    return image


def _7z(tree: Path, folder: Path) -> Path:
    image = folder / "image.7z"
    run("7zz", "a", "-bd", "-snl", image, ".", cwd=tree)
    return image


def _deb(tree: Path, folder: Path) -> Path:
    root = folder / "deb"
    shutil.copytree(tree, root, symlinks=True)
    (root / "DEBIAN").mkdir(mode=0o755)
    control = "Package: planted\nVersion: 1.2-3\nArchitecture: all\nMaintainer: Own <o@example>\n"
    (root / "DEBIAN/control").write_text(control + "Description: planted files\n")
    image = folder / "image.deb"
    run("dpkg-deb", "--root-owner-group", "-b", root, image)
    return image


def _rpm(tree: Path, folder: Path) -> Path:
    lines = ["Name: planted", "Version: 1.2", "Release: 3", "Summary: planted", "License: none"]
    lines += ["BuildArch: noarch", "%description", "planted", "%install"]
    lines += [f"mkdir -p %{{buildroot}} && cp -a {tree}/. %{{buildroot}}/", "%files"]
    lines += [f"/{name}" for name in (*_files(tree), LINK)]
    spec = folder / "planted.spec"
    spec.write_text("\n".join(lines) + "\n")
    defines = ("--define", f"_topdir {folder}/rpm", "--define", "__os_install_post %{nil}")
    run("rpmbuild", "-bb", "--quiet", *defines, spec)
    return next((folder / "rpm/RPMS").rglob("*.rpm"))


def _cab(tree: Path, folder: Path) -> Path:
    image = folder / "image.cab"
    run("gcab", "-c", "-z", image, *_files(tree), cwd=tree)
    return image


def _msi(tree: Path, folder: Path) -> Path:
    components = "".join(
        f'<Component Id="C{index}" Guid="0F2E4C6A-1111-2222-3333-{index:012}">'
        f'<File Id="F{index}" Name="f{index}.bin" Source="{name}"/></Component>'
        for index, name in enumerate(_files(tree))
    )
    references = "".join(f'<ComponentRef Id="C{index}"/>' for index in range(len(_files(tree))))
    source = folder / "planted.wxs"
    source.write_text(
        '<?xml version="1.0"?><Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">'
        '<Product Id="0F2E4C6A-4444-5555-6666-000000000000" Name="Planted" Version="1.2.3"'
        ' Manufacturer="Own" Language="1033" UpgradeCode="0F2E4C6A-7777-8888-9999-000000000000">'
        '<Package Compressed="yes"/><Media Id="1" Cabinet="a.cab" EmbedCab="yes"/>'
        '<Directory Id="TARGETDIR" Name="SourceDir"><Directory Id="D" Name="planted">'
        f"{components}</Directory></Directory>"
        f'<Feature Id="F" Level="1">{references}</Feature></Product></Wix>'
    )
    image = folder / "image.msi"
    run("wixl", "-o", image, source, cwd=tree)
    return image


def _nsis(*compressor: str) -> Callable[[Path, Path], Path]:
    def build(tree: Path, folder: Path) -> Path:
        image = folder / "image.exe"
        script = folder / "planted.nsi"
        files = "\n".join(f'File "/oname=f{at}" "{tree}/{n}"' for at, n in enumerate(_files(tree)))
        script.write_text(
            f'Name "planted"\nOutFile "{image}"\nSetCompressor {" ".join(compressor)}\n'
            f'InstallDir "$TEMP\\planted"\nSection\nSetOutPath $INSTDIR\n{files}\nSectionEnd\n'
        )
        run("makensis", "-V1", script)
        return image

    return build


def _wim(tree: Path, folder: Path) -> Path:
    image = folder / "image.wim"
    run("wimcapture", "--no-acls", tree, image)
    return image


# --- file systems ----------------------------------------------------------------------


def _squashfs(compressor: str) -> Callable[[Path, Path], Path]:
    def build(tree: Path, folder: Path) -> Path:
        image = folder / "image.squashfs"
        options = ("-comp", compressor, "-all-root", "-no-progress", "-noappend")
        run("mksquashfs", tree, image, *options)
        return image

    return build


def _erofs(*options: str) -> Callable[[Path, Path], Path]:
    def build(tree: Path, folder: Path) -> Path:
        image = folder / "image.erofs"
        run("mkfs.erofs", *options, image, tree)
        return image

    return build


def _ext(version: str, *options: str) -> Callable[[Path, Path], Path]:
    def build(tree: Path, folder: Path) -> Path:
        image = _zero(folder / f"image.{version}", _room(tree))
        run(f"mkfs.{version}", "-q", *options, "-d", tree, image)
        return image

    return build


def _fat(tree: Path, folder: Path) -> Path:
    image = _zero(folder / "image.fat", _room(tree))
    run("mkfs.vfat", image)
    for top in sorted(path for path in tree.iterdir() if path.is_dir()):
        _copy_to_fat(top, image, "::/")
    return image


def _copy_to_fat(path: Path, image: Path, target: str) -> None:
    """mcopy follows no links: folders are made and files copied one by one."""
    run("mmd", "-i", image, f"{target}{path.name}")
    for child in sorted(path.iterdir()):
        if child.is_dir():
            _copy_to_fat(child, image, f"{target}{path.name}/")
        elif not child.is_symlink():
            run("mcopy", "-i", image, child, f"{target}{path.name}/")


def _ntfs(tree: Path, folder: Path) -> Path:
    image = _zero(folder / "image.ntfs", _room(tree, 8 * _MIB))
    run("mkntfs", "-q", "-F", "-Q", image)
    for name in _files(tree):
        run("ntfscp", "-q", image, tree / name, Path(name).name)
    return image


def _iso(tree: Path, folder: Path) -> Path:
    image = folder / "image.iso"
    run("genisoimage", "-quiet", "-R", "-J", "-o", image, tree)
    return image


def _romfs(tree: Path, folder: Path) -> Path:
    image = folder / "image.romfs"
    run("genromfs", "-d", tree, "-f", image)
    return image


def _cramfs(tree: Path, folder: Path) -> Path:
    image = folder / "image.cramfs"
    run("mkfs.cramfs", tree, image)
    return image


def _jffs2(*options: str) -> Callable[[Path, Path], Path]:
    def build(tree: Path, folder: Path) -> Path:
        image = folder / "image.jffs2"
        run("mkfs.jffs2", *options, "-r", tree, "-o", image, "-e", "0x20000", "-U")
        return image

    return build


def _ubifs(compressor: str) -> Callable[[Path, Path], Path]:
    def build(tree: Path, folder: Path) -> Path:
        image = folder / "image.ubifs"
        sizes = ("-m", "2048", "-e", "126976", "-c", "2000")
        run("mkfs.ubifs", "-r", tree, *sizes, "-x", compressor, "-U", "-o", image)
        return image

    return build


def _ubi(tree: Path, folder: Path) -> Path:
    inner = _ubifs("lzo")(tree, folder)
    layout = folder / "ubi.ini"
    layout.write_text(
        f"[rootfs]\nmode=ubi\nimage={inner}\nvol_id=0\nvol_size={_room(tree) // _MIB}MiB\n"
        "vol_type=dynamic\nvol_name=rootfs\n"
    )
    image = folder / "image.ubi"
    run("ubinize", "-o", image, "-m", "2048", "-p", "128KiB", layout)
    inner.unlink()
    return image


# --- disks and updates -----------------------------------------------------------------


def _disk(form: str) -> Callable[[Path, Path], Path]:
    def build(tree: Path, folder: Path) -> Path:
        inner = _ext("ext4")(tree, folder)
        image = folder / f"image.{form}"
        run("qemu-img", "convert", "-f", "raw", "-O", form, inner, image)
        inner.unlink()
        return image

    return build


def _gpt(tree: Path, folder: Path) -> Path:
    inner = _ext("ext4")(tree, folder)
    image = _zero(folder / "image.gpt", inner.stat().st_size + 4 * _MIB)
    run("sgdisk", "-n", f"1:2048:+{inner.stat().st_size // _MIB}M", "-c", "1:rootfs", image)
    with image.open("r+b") as handle:
        handle.seek(2048 * 512)
        handle.write(inner.read_bytes())
    inner.unlink()
    return image


def _sparse(tree: Path, folder: Path) -> Path:
    inner = _ext("ext4")(tree, folder)
    image = folder / "image.simg"
    run("img2simg", inner, image)
    inner.unlink()
    return image


def _boot(tree: Path, folder: Path) -> Path:
    ramdisk = _gzip(_cpio(tree, folder))
    image = folder / "boot.img"
    kernel = tree / "bin/tool"
    run("mkbootimg", "--kernel", kernel, "--ramdisk", ramdisk, "--header_version", "2",
        "--dtb", tree / "etc/config.txt", "-o", image)  # fmt: skip
    ramdisk.unlink()
    return image


def _gzip(path: Path) -> Path:
    run("gzip", "-n", path)
    return path.with_name(path.name + ".gz")


def _uimage(tree: Path, folder: Path) -> Path:
    ramdisk = _gzip(_cpio(tree, folder))
    image = folder / "image.uimage"
    run("mkimage", "-A", "arm", "-O", "linux", "-T", "ramdisk", "-C", "gzip", "-n", "planted",
        "-d", ramdisk, image)  # fmt: skip
    ramdisk.unlink()
    return image


def _fit(*options: str) -> Callable[[Path, Path], Path]:
    def build(tree: Path, folder: Path) -> Path:
        ramdisk = _gzip(_cpio(tree, folder))
        source = folder / "image.its"
        source.write_text(
            '/dts-v1/; / { description = "planted"; #address-cells = <1>; images { ramdisk-1 {'
            f' description = "rootfs"; data = /incbin/("{ramdisk}"); type = "ramdisk";'
            ' arch = "arm"; os = "linux"; compression = "none"; hash-1 { algo = "sha256"; };'
            ' }; }; configurations { default = "c-1"; c-1 { ramdisk = "ramdisk-1"; }; }; };'
        )
        image = folder / "image.itb"
        run("mkimage", *options, "-f", source, image)
        ramdisk.unlink()
        return image

    return build


def _swu(tree: Path, folder: Path) -> Path:
    inner = _squashfs("xz")(tree, folder)
    digest = hashlib.sha256(inner.read_bytes()).hexdigest()
    (folder / "sw-description").write_text(
        'software = { version = "1.2.3"; hardware-compatibility: [ "1.0" ];\n images: ( {\n'
        f' filename = "{inner.name}"; sha256 = "{digest}"; device = "/dev/mmcblk0p2";\n }} ); }}\n'
    )
    members = b"sw-description\n" + inner.name.encode() + b"\n"
    image = folder / "image.swu"
    image.write_bytes(run("cpio", "--quiet", "-o", "-H", "crc", cwd=folder, stdin=members))
    return image


def _raucb(form: str) -> Callable[[Path, Path], Path]:
    def build(tree: Path, folder: Path) -> Path:
        key, certificate = folder / "key.pem", folder / "cert.pem"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650",
            "-subj", "/CN=planted", "-keyout", key, "-out", certificate)  # fmt: skip
        content = folder / "bundle"
        content.mkdir()
        shutil.move(_ext("ext4")(tree, folder), content / "rootfs.ext4")
        (content / "manifest.raucm").write_text(
            f"[update]\ncompatible=Planted\nversion=1.2.3\n\n[bundle]\nformat={form}\n\n"
            "[image.rootfs]\nfilename=rootfs.ext4\n"
        )
        image = folder / "image.raucb"
        run("rauc", "bundle", f"--cert={certificate}", f"--key={key}", content, image)
        return image

    return build


def _mender(tree: Path, folder: Path) -> Path:
    inner = _ext("ext4")(tree, folder)
    image = folder / "image.mender"
    run("mender-artifact", "write", "rootfs-image", "-t", "planted", "-n", "release-1",
        "-f", inner, "-o", image)  # fmt: skip
    inner.unlink()
    return image


def _zck(tree: Path, folder: Path) -> Path:
    inner = _tar(tree, folder)
    image = folder / "image.tar.zck"
    run("zck", "-o", image, inner)
    inner.unlink()
    return image


def _ihex(tree: Path, folder: Path) -> Path:
    data = (tree / "bin/tool").read_bytes()[:0x8000]
    lines = []
    for at in range(0, len(data), 16):
        record = (
            bytes((len(data[at : at + 16]),)) + struct.pack(">H", at) + b"\0" + data[at : at + 16]
        )
        lines.append(":" + (record + bytes((-sum(record) & 0xFF,))).hex().upper())
    image = folder / "image.hex"
    image.write_text("\n".join([*lines, ":00000001FF", ""]))
    return image


def _uf2(tree: Path, folder: Path) -> Path:
    data = (tree / "bin/tool").read_bytes()
    total = -(-len(data) // 256)
    image = folder / "image.uf2"
    with image.open("wb") as handle:
        for index in range(total):
            piece = data[index * 256 : index * 256 + 256]
            head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, 0x10000000 + index * 256,
                               len(piece), index, total, 0xE48BFF56)  # fmt: skip
            handle.write(head + piece.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30))
    return image


def _oci(tree: Path, folder: Path) -> Path:
    layer = _tar(tree, folder)
    digest = hashlib.sha256(layer.read_bytes()).hexdigest()
    root = folder / "oci"
    (root / digest).mkdir(parents=True)
    shutil.move(layer, root / digest / "layer.tar")
    layers = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    config = json.dumps({"architecture": "arm64", "os": "linux", "rootfs": layers})
    name = hashlib.sha256(config.encode()).hexdigest() + ".json"
    (root / name).write_text(config)
    (root / "manifest.json").write_text(
        f'[{{"Config":"{name}","RepoTags":["planted:1.2"],"Layers":["{digest}/layer.tar"]}}]'
    )
    image = folder / "image.oci.tar"
    run("tar", "-cf", image, "-C", root, ".")
    return image


def _five_deep(tree: Path, folder: Path) -> Path:
    """cpio in gzip in a FIT in ext4 in an Android sparse image in a ZIP."""
    fit = _fit()(tree, folder)
    root = folder / "outer"
    (root / "boot").mkdir(parents=True)
    shutil.move(fit, root / "boot/image.itb")
    sparse = _sparse(root, folder)
    image = folder / "deep.zip"
    run("zip", "-q", "-j", image, sparse)
    return image


def _five_deep_linux(tree: Path, folder: Path) -> Path:
    """squashfs in UBI in tar in xz in SWU: what a gateway is sent."""
    inner = _squashfs("zstd")(tree, folder)
    layout = folder / "ubi.ini"
    layout.write_text(
        f"[rootfs]\nmode=ubi\nimage={inner}\nvol_id=0\nvol_type=static\nvol_name=rootfs\n"
    )
    ubi = folder / "rootfs.ubi"
    run("ubinize", "-o", ubi, "-m", "2048", "-p", "128KiB", layout)
    archive = folder / "rootfs.tar"
    run("tar", "-cf", archive, "-C", folder, ubi.name)
    run("xz", "-9", archive)
    packed = archive.with_name("rootfs.tar.xz")
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    (folder / "sw-description").write_text(
        'software = { version = "2.0"; hardware-compatibility: [ "1.0" ];\n files: ( {\n'
        f' filename = "{packed.name}"; sha256 = "{digest}"; path = "/tmp/x";\n }} ); }}\n'
    )
    members = b"sw-description\n" + packed.name.encode() + b"\n"
    image = folder / "deep.swu"
    image.write_bytes(run("cpio", "--quiet", "-o", "-H", "newc", cwd=folder, stdin=members))
    for left in (inner, ubi, packed):
        left.unlink()
    return image


_TOOL: Final = ("bin/tool",)
_EXT4: Final = ("mkfs.ext4",)

KINDS: Final[tuple[Kind, ...]] = (
    Kind("zip", ("zip",), _zip),
    Kind("tar", ("tar",), _tar),
    Kind("tar.gz", ("tar", "gzip"), _packed("gzip", "gz", "-n")),
    Kind("tar.bz2", ("tar", "bzip2"), _packed("bzip2", "bz2")),
    Kind("tar.xz", ("tar", "xz"), _packed("xz", "xz")),
    Kind("tar.lzma", ("tar", "xz"), _packed("xz", "lzma", "--format=lzma")),
    Kind("tar.zst", ("tar", "zstd"), _packed("zstd", "zst", "-q")),
    Kind("tar.lz4", ("tar", "lz4"), _packed("lz4", "lz4", "-q")),
    Kind("tar.lz", ("tar", "lzip"), _packed("lzip", "lz")),
    Kind("tar.lzo", ("tar", "lzop"), _packed("lzop", "lzo")),
    Kind("tar.Z", ("tar", "compress"), _packed("compress", "Z")),
    Kind("tar.br", ("tar", "brotli"), _packed("brotli", "br")),
    Kind("zchunk", ("tar", "zck"), _zck),
    Kind("cpio", ("cpio",), _cpio),
    Kind("7z", ("7zz",), _7z),
    Kind("deb", ("dpkg-deb",), _deb),
    Kind("rpm", ("rpmbuild",), _rpm),
    Kind("cab", ("gcab",), _cab, modes=False),
    Kind("msi", ("wixl",), _msi, modes=False),
    Kind("nsis-lzma", ("makensis",), _nsis("/SOLID", "lzma"), modes=False),
    Kind("nsis-zlib", ("makensis",), _nsis("zlib"), modes=False),
    Kind("wim", ("wimcapture",), _wim, modes=False),
    *(
        Kind(f"squashfs-{name}", ("mksquashfs",), _squashfs(name))
        for name in ("gzip", "xz", "lzma", "lz4", "lzo", "zstd")
    ),
    Kind("erofs", ("mkfs.erofs",), _erofs()),
    Kind("erofs-lz4", ("mkfs.erofs",), _erofs("-zlz4hc")),
    Kind("erofs-chunks", ("mkfs.erofs",), _erofs("--chunksize=4096")),
    Kind("ext2", ("mkfs.ext2",), _ext("ext2")),
    Kind("ext4", _EXT4, _ext("ext4")),
    Kind("ext4-inline", _EXT4, _ext("ext4", "-O", "inline_data,metadata_csum", "-I", "256")),
    Kind("fat", ("mkfs.vfat", "mcopy"), _fat, modes=False),
    Kind("ntfs", ("mkntfs", "ntfscp"), _ntfs, modes=False),
    Kind("iso9660", ("genisoimage",), _iso),
    Kind("romfs", ("genromfs",), _romfs, modes=False),
    Kind("cramfs", ("mkfs.cramfs",), _cramfs),
    Kind("jffs2", ("mkfs.jffs2",), _jffs2("-l")),
    Kind("jffs2-be", ("mkfs.jffs2",), _jffs2("-b")),
    Kind("jffs2-lzo", ("mkfs.jffs2",), _jffs2("-l", "-X", "lzo", "-x", "zlib")),
    *(
        Kind(f"ubifs-{name}", ("mkfs.ubifs",), _ubifs(name))
        for name in ("lzo", "zlib", "zstd", "none")
    ),
    Kind("ubi", ("mkfs.ubifs", "ubinize"), _ubi),
    *(
        Kind(name, (*_EXT4, "qemu-img"), _disk(form))
        for name, form in (("qcow2", "qcow2"), ("vmdk", "vmdk"), ("vhd", "vpc"), ("vhdx", "vhdx"))
    ),
    Kind("gpt", (*_EXT4, "sgdisk"), _gpt),
    Kind("android-sparse", (*_EXT4, "img2simg"), _sparse),
    Kind("android-boot", ("mkbootimg", "cpio", "gzip"), _boot),
    Kind("uimage", ("mkimage", "cpio", "gzip"), _uimage),
    Kind("fit", ("mkimage", "dtc", "cpio", "gzip"), _fit()),
    Kind("fit-external", ("mkimage", "dtc", "cpio", "gzip"), _fit("-E")),
    Kind("swu", ("mksquashfs", "cpio"), _swu),
    Kind("raucb-plain", (*_EXT4, "rauc", "mksquashfs", "openssl"), _raucb("plain")),
    Kind("raucb-verity", (*_EXT4, "rauc", "mksquashfs", "openssl"), _raucb("verity")),
    Kind("mender", (*_EXT4, "mender-artifact"), _mender),
    Kind("docker", ("tar",), _oci),
    Kind("uf2", (), _uf2, modes=False, only=_TOOL),
    Kind("intel-hex", (), _ihex, modes=False, only=_TOOL),
    Kind("five-deep-vehicle", (*_EXT4, "mkimage", "dtc", "cpio", "img2simg", "zip"), _five_deep),
    Kind("five-deep-gateway", ("mksquashfs", "ubinize", "xz", "cpio"), _five_deep_linux),
)
