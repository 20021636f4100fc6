"""The reference tools sign and verify too: the same images, the same answers."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import CertificateBuilder, Name, random_serial_number

from fwverify.verify.fit import FIT
from fwverify.verify.mcuboot import MCUBOOT
from fwverify.verify.swupdate import SWUPDATE
from tests.builders import keys
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
    SCRIPT,
    Case,
    accepted,
    description,
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
