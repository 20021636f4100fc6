"""The reference tools sign and verify too: the same images, the same answers."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import CertificateBuilder, Name, random_serial_number

from fwverify.verify.avb import AVB
from fwverify.verify.esp32 import ESP32
from fwverify.verify.fit import FIT
from fwverify.verify.mcuboot import MCUBOOT
from fwverify.verify.swupdate import SWUPDATE
from tests.builders import boot, keys
from tests.corpus import CORPUS, needs_corpus
from tests.unpack_android import build as android
from tests.verify_boot.build import (
    CODE,
    EC,
    EC384,
    ED,
    ROOTFS,
    RSA,
    RSA3072,
    RSA4096,
    SCRIPT,
    Case,
    accepted,
    description,
    esp,
    is_covered,
    mcuboot,
)

ITS = """/dts-v1/;
/ { description = "test"; #address-cells = <1>;
  images {
    kernel { description = "k"; data = /incbin/("kernel"); type = "kernel"; arch = "arm";
      os = "linux"; compression = "none"; load = <0x8000>; entry = <0x8000>;
      hash-1 { algo = "sha256"; }; };
    fdt-1 { description = "f"; data = /incbin/("tree"); type = "flat_dt"; arch = "arm";
      compression = "none"; hash-1 { algo = "sha512"; }; };
    ramdisk { description = "r"; data = /incbin/("disk"); type = "ramdisk"; arch = "arm";
      os = "linux"; compression = "none"; hash-1 { algo = "sha256"; }; };
  };
  configurations { default = "conf-1";
    conf-1 { description = "c"; kernel = "kernel"; fdt = "fdt-1"; ramdisk = "ramdisk";
      signature-1 { algo = "%(algo)s"; key-name-hint = "dev"; %(more)s }; }; };
};
"""
ALL = 'sign-images = "fdt", "kernel", "ramdisk";'


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"NOT COMPARED: {name} is not installed")
    return found


def private_pem(private) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL
        if not hasattr(private, "sign_digest") and hasattr(private, "key_size")
        else serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def certificate(private) -> bytes:
    digest = keys.DIGESTS["sha256"]
    empty = Name([])
    built = CertificateBuilder(
        issuer_name=empty, subject_name=empty, public_key=private.public_key(),
        serial_number=random_serial_number(),
        not_valid_before=datetime(2025, 1, 1, tzinfo=UTC),
        not_valid_after=datetime(2045, 1, 1, tzinfo=UTC),
    ).sign(private, digest)  # fmt: skip
    return built.public_bytes(serialization.Encoding.PEM)


def mkimage(folder, private, algo, more, *options) -> bytes:
    program = tool("mkimage")
    for name, data in (("kernel", CODE * 4), ("tree", b"tree" * 77), ("disk", b"disk" * 99)):
        (folder / name).write_bytes(data)
    (folder / "dev.key").write_bytes(private_pem(private))
    (folder / "dev.pem").write_bytes(private_pem(private))
    (folder / "dev.crt").write_bytes(certificate(private))
    (folder / "fit.its").write_text(ITS % {"algo": algo, "more": more})
    command = [program, *options, "-f", "fit.its", "-k", ".", "-r", "fit.itb"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "fit.itb").read_bytes()


@pytest.mark.parametrize("options", [(), ("-E",), ("-E", "-p", "0x2000")])
@pytest.mark.parametrize(
    ("private", "algo", "more", "disk"),
    [
        (RSA, "sha256,rsa2048", ALL, True),
        (RSA, "sha256,rsa2048", "", False),
        (RSA, "sha512,rsa2048", 'padding = "pss";' + ALL, True),
        (RSA3072, "sha384,rsa3072", 'sign-images = "kernel", "fdt";', False),
        (EC, "sha256,ecdsa256", ALL, True),
    ],
)
def test_fit_of_mkimage(tmp_path, private, algo, more, disk, options):
    content = mkimage(tmp_path, private, algo, more, *options)
    case = Case("fit", FIT, content, private)
    (result,) = case.run()
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    assert is_covered(result, content.index(CODE * 4))
    assert is_covered(result, content.index(b"tree" * 77))
    assert is_covered(result, content.index(b"disk" * 99)) is disk
    altered = bytearray(content)
    altered[content.index(b"\0\0\x80\0")] ^= 1  # the load address
    assert not accepted(case.run(bytes(altered)))


def imgtool(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [tool("imgtool"), *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("private", "options"),
    [
        (RSA, ()),
        (RSA3072, ()),
        (EC, ()),
        (EC, ("--public-key-format", "full")),
        (EC, ("--align", "8", "--pad", "--confirm")),
        (EC384, ()),
        (ED, ()),
        (ED, ("--pure",)),
        (ED, ("--sha", "512")),
    ],
)
def test_mcuboot_of_imgtool(tmp_path, private, options):
    pem = tmp_path / "key.pem"
    pem.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (tmp_path / "in.bin").write_bytes(CODE)
    done = imgtool(
        "sign", "-k", str(pem), "-H", "0x200", "--pad-header", "-S", "0x8000", "-v", "1.2.3+4",
        "-s", "7", *options, str(tmp_path / "in.bin"), str(tmp_path / "out.bin"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = (tmp_path / "out.bin").read_bytes()
    case = Case("mcuboot", MCUBOOT, content, private)
    (result,) = case.run()
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    assert "security counter 7" in result.reason


def test_imgtool_and_this_scheme_agree_on_mutants(tmp_path):
    """imgtool looks at the first hash and the first fitting signature, and not at the rest.

    Where they differ, imgtool accepts what is refused here: never the other way round.
    """
    content = mcuboot(0x22, lambda signed, _: keys.sign_ec(EC, signed))
    pem = tmp_path / "key.pem"
    pem.write_bytes(keys.pem(EC))
    case = Case("mcuboot", MCUBOOT, content, EC)
    for position in (0, 9, 70, len(content) - 90, len(content) - 3, None):
        altered = bytearray(content)
        if position is not None:
            altered[position] ^= 1
        file = tmp_path / "image.bin"
        file.write_bytes(bytes(altered))
        theirs = imgtool("verify", "-k", str(pem), str(file)).returncode == 0
        ours = bool(accepted(case.run(bytes(altered))))
        assert ours == theirs, position


def test_swupdate_of_openssl(tmp_path):
    """The commands of the SWUpdate manual: CMS, RSA and RSA-PSS of ``sw-description``."""
    openssl = tool("openssl")
    text = description()
    (tmp_path / "key.pem").write_bytes(keys.private_pem(RSA))
    (tmp_path / "sw-description").write_bytes(text)
    for more in ((), ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-2")):
        command = [openssl, "dgst", "-sha256", "-sign", "key.pem", *more, "-out", "sig"]
        subprocess.run([*command, "sw-description"], cwd=tmp_path, check=True, capture_output=True)
        value = (tmp_path / "sig").read_bytes()
        content = android.cpio(
            [(b"sw-description", text), (b"sw-description.sig", value),
             (b"rootfs.img", ROOTFS), (b"run.sh", SCRIPT)]
        )  # fmt: skip
        (result,) = Case("swupdate", SWUPDATE, content, RSA).run()
        assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason


def test_avb_of_avbtool(tmp_path):
    """A main vbmeta with a hash, a hash tree and a chain, all made by avbtool.

    Where they differ: ``verify_image --follow_chain_partitions`` compares the chained
    partition with the main key and refuses it; libavb, and this scheme, compare it with
    the key in the descriptor.
    """
    program = tool("avbtool")

    def avbtool(*arguments: str) -> None:
        command = [program, *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    for name, private in (("top", RSA), ("vendor", RSA4096)):
        (tmp_path / f"{name}.pem").write_bytes(keys.private_pem(private))
    images = {"boot": CODE * 9, "system": (CODE * 60)[: 4096 * 9], "vendor": CODE * 5}
    for name, data in images.items():
        (tmp_path / f"{name}.img").write_bytes(data)
    common = ("--partition_size", "262144", "--image")
    avbtool("add_hash_footer", *common, "boot.img", "--partition_name", "boot")
    avbtool(
        "add_hashtree_footer", *common, "system.img", "--partition_name", "system",
        "--hash_algorithm", "sha256", "--do_not_generate_fec",
    )  # fmt: skip
    avbtool(
        "add_hash_footer", *common, "vendor.img", "--partition_name", "vendor",
        "--algorithm", "SHA256_RSA4096", "--key", "vendor.pem",
    )  # fmt: skip
    avbtool("extract_public_key", "--key", "vendor.pem", "--output", "vendor.key")
    avbtool(
        "make_vbmeta_image", "--output", "vbmeta.img", "--algorithm", "SHA512_RSA2048",
        "--key", "top.pem", "--include_descriptors_from_image", "boot.img",
        "--include_descriptors_from_image", "system.img",
        "--chain_partition", "vendor:1:vendor.key", "--rollback_index", "5",
    )  # fmt: skip
    beside = {f"{name}.img": (tmp_path / f"{name}.img").read_bytes() for name in images}
    content = (tmp_path / "vbmeta.img").read_bytes()
    results = Case("avb", AVB, content, RSA, beside).run()
    assert len(accepted(results)) == 4
    assert "rollback index 5" in results[0].reason
    for one in results[1:]:
        size = len(images[one.path.removesuffix(".img")])
        assert is_covered(one, 0)
        assert is_covered(one, size - 1)
    vendor = Case("avb", AVB, beside["vendor.img"], RSA4096)
    assert accepted(vendor.run())


@pytest.mark.parametrize(
    ("version", "private", "form"),
    [("2", RSA3072, "PKCS8"), ("2", EC, "PKCS8"), ("1", EC, "TraditionalOpenSSL")],
)
def test_secure_boot_of_espsecure(tmp_path, version, private, form):
    program = tool("espsecure")
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        getattr(serialization.PrivateFormat, form),
        serialization.NoEncryption(),
    )
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "in.bin").write_bytes(boot.esp_image((0x3F400020, CODE)))
    command = [program, "sign-data", "--version", version, "--keyfile", "key.pem"]
    command += ["--output", "out.bin", "in.bin"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    case = Case("esp32", ESP32, (tmp_path / "out.bin").read_bytes(), private)
    (result,) = case.run()
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason


def test_espsecure_accepts_what_is_built_here(tmp_path):
    program = tool("espsecure")
    for private in (RSA3072, EC):
        (tmp_path / "key.pem").write_bytes(keys.pem(private))
        (tmp_path / "image.bin").write_bytes(esp(private))
        command = [program, "verify-signature", "--version", "2", "--keyfile", "key.pem"]
        done = subprocess.run(
            [*command, "image.bin"], cwd=tmp_path, capture_output=True, check=False
        )
        assert b"Signature block 0 verification successful" in done.stdout


# --- real firmware -------------------------------------------------------------------------


@needs_corpus
@pytest.mark.parametrize("name", ["mcuboot_a_128_8_1024.bin", "mcuboot_b_smp_dut.bin"])
def test_mcuboot_of_the_corpus_holds_under_the_public_key(name):
    from tests.verify.stores import shipped

    folder = CORPUS / "mcuboot_nrf52840dk"
    public = serialization.load_pem_public_key(
        (folder / "keys" / "mcuboot_root_ec_p256.recovered.pem").read_bytes()
    )
    content = (folder / name).read_bytes()
    (result,) = Case("mcuboot", MCUBOOT, content, _Public(public)).run()
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    known = shipped().known_bad.look_up(result.spki, ())
    assert known is not None
    assert "root-ec-p256" in known


@needs_corpus
def test_fit_of_the_corpus_is_unsigned():
    for folder in ("baseline_2023.01", "update_2025.01"):
        content = (CORPUS / "fit_uboot_rockpi4" / folder / "u-boot.itb").read_bytes()
        assert Case("fit", FIT, content, RSA).run() == ()


class _Public:
    """A public key where the builders expect a private one."""

    def __init__(self, public) -> None:
        self._public = public

    def public_key(self):
        return self._public
