"""The same files before ``osslsigncode``, ``sbverify`` and ``lief``, as second opinions.

Where ``osslsigncode`` accepts and this project refuses, the reason stands here:

=================  ==================================================================
case               why osslsigncode is not the gate
=================  ==================================================================
padding            352 bytes in the padding of a certificate (CVE-2013-3900)
unsigned           a payload in an unsigned attribute; here it is a named weakness
appended to MSI    does not look behind the last sector in use
sha1, rsa1024      no floors; here they are facts for the axis ``strong``
=================  ==================================================================

``sbverify`` looks at the hash and the chain, not at time or purpose.
"""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from fwverify.verify import authenticode_pe
from tests import corpus
from tests.builders import pki
from tests.verify_authenticode import builder
from tests.verify_authenticode.helpers import accepted, axes, cab, msi, pe

RSA = pki.signer("Oracle", "rsa2048")
CHECKS = {"exe": pe, "msi": msi, "cab": cab}


def needs(tool):
    return pytest.mark.skipif(
        not shutil.which(tool), reason=f"NOT COMPARED WITH {tool}: it is not installed"
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "root.pem").write_bytes(pki.root().pem)
    (tmp_path / "chain.pem").write_bytes(RSA.pem + pki.intermediate().pem)
    (tmp_path / "leaf.pem").write_bytes(RSA.pem)
    (tmp_path / "ca.pem").write_bytes(pki.intermediate().pem)
    (tmp_path / "key.pem").write_bytes(pki.pem(RSA.private))
    return tmp_path


def run(folder, *command):
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60)


def osslsigncode_accepts(folder, kind, content):
    (folder / f"f.{kind}").write_bytes(content)
    at = str(int(pki.AT.timestamp()))
    command = ["osslsigncode", "verify", "-time", at, "-ignore-crl", "-CAfile", "root.pem"]
    return run(folder, *command, "-in", f"f.{kind}").returncode == 0


def flipped(data, at):
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


GOOD = builder.signed_pe(identity=RSA)
MESSAGE = builder.message(builder.indirect(builder.image_digest(builder.PROGRAM)), RSA)
ALONE = pki.issue(
    "Alone",
    pki.key("rsa2048", 3),
    extensions=(pki.key_usage(0), pki.extended_key_usage(pki.CODE_SIGNING)),
)
AGREED = {
    "pe": ("exe", GOOD, True),
    "cab": ("cab", builder.signed_cab(identity=RSA), True),
    "msi": ("msi", builder.signed_msi(identity=RSA), True),
    "msi without metadata": ("msi", builder.signed_msi(identity=RSA, with_metadata=False), True),
    "body": ("exe", flipped(GOOD, 0x240), False),
    "signature": ("exe", flipped(GOOD, len(GOOD) - 20), False),
    "after the table": ("exe", GOOD + bytes(8), False),
    "self-signed": ("exe", builder.signed_pe(identity=ALONE), False),
    "cab body": ("cab", flipped(builder.signed_cab(identity=RSA), 100), False),
    "msi stream": ("msi", flipped(builder.signed_msi(identity=RSA), 600), False),
    "not PKCS7": (
        "exe",
        builder.attach(builder.PROGRAM, builder.certificate(b"payload!" * 4, kind=0x0EF0)),
        False,
    ),
}
STRICTER = {
    "padding": (
        "exe",
        builder.attach(builder.PROGRAM, builder.certificate(MESSAGE, inner=b"\x90" * 352)),
    ),
    "appended to MSI": ("msi", builder.signed_msi(identity=RSA) + bytes(4096)),
}


@needs("osslsigncode")
@pytest.mark.parametrize("case", sorted(AGREED))
def test_both_say_the_same(folder, case):
    kind, content, expected = AGREED[case]
    assert accepted(CHECKS[kind](content)) is expected
    assert osslsigncode_accepts(folder, kind, content) is expected


@needs("osslsigncode")
@pytest.mark.parametrize("case", sorted(STRICTER))
def test_osslsigncode_accepts_what_is_refused_here(folder, case):
    kind, content = STRICTER[case]
    assert not accepted(CHECKS[kind](content))
    assert osslsigncode_accepts(folder, kind, content)


@needs("osslsigncode")
@pytest.mark.parametrize("options", [(), ("-ph",), ("-h", "sha384"), ("-n", "Name", "-i", "u:x")])
def test_programs_signed_by_osslsigncode(folder, options):
    (folder / "p.exe").write_bytes(builder.PROGRAM)
    sign = ("osslsigncode", "sign", "-certs", "chain.pem", "-key", "key.pem")
    assert run(folder, *sign, *options, "-in", "p.exe", "-out", "s.exe").returncode == 0
    signed = (folder / "s.exe").read_bytes()
    assert [axes(one) for one in pe(signed)] == [("pass", "pass")]
    assert not accepted(pe(flipped(signed, 0x240)))
    assert run(folder, *sign, "-nest", "-in", "s.exe", "-out", "n.exe").returncode == 0
    assert [axes(one) for one in pe((folder / "n.exe").read_bytes())] == [("pass", "pass")] * 2


@needs("osslsigncode")
@pytest.mark.parametrize("options", [(), ("-add-msi-dse",)])
def test_databases_signed_by_osslsigncode(folder, options):
    (folder / "p.msi").write_bytes(builder.msi(builder.STREAMS, None, None))
    sign = ("osslsigncode", "sign", "-certs", "chain.pem", "-key", "key.pem")
    assert run(folder, *sign, *options, "-in", "p.msi", "-out", "s.msi").returncode == 0
    signed = (folder / "s.msi").read_bytes()
    (result,) = msi(signed)
    assert axes(result) == ("pass", "pass"), result.reason
    assert bool(result.steering) is not bool(options)


@needs("osslsigncode")
@needs("gcab")
def test_cabinets_signed_by_osslsigncode(folder):
    (folder / "firmware.bin").write_bytes(b"payload " * 500)
    assert run(folder, "gcab", "-c", "p.cab", "firmware.bin").returncode == 0
    sign = ("osslsigncode", "sign", "-certs", "chain.pem", "-key", "key.pem")
    assert run(folder, *sign, "-in", "p.cab", "-out", "s.cab").returncode == 0
    signed = (folder / "s.cab").read_bytes()
    assert [axes(one) for one in cab(signed)] == [("pass", "pass")]
    assert not accepted(cab(flipped(signed, 70)))


@needs("sbverify")
@needs("sbsign")
def test_efi_programs(folder):
    (folder / "good.exe").write_bytes(GOOD)
    assert run(folder, "sbverify", "--cert", "root.pem", "good.exe").returncode == 0
    (folder / "p.exe").write_bytes(builder.PROGRAM)
    sign = ("sbsign", "--key", "key.pem", "--cert", "leaf.pem", "--addcert", "ca.pem")
    assert run(folder, *sign, "--output", "s.exe", "p.exe").returncode == 0
    assert accepted(pe((folder / "s.exe").read_bytes()))


# --- the corpus ------------------------------------------------------------------------


def certificates(item):
    from asn1crypto import pem, x509

    text = (corpus.CORPUS / item).read_bytes()
    return tuple(x509.Certificate.load(one) for _, _, one in pem.unarmor(text, multiple=True))


BASLER = ("PylonBase_v11", "PylonGigE_v11_TL", "Log_MD_VC142_v3_5_Basler_pylon_v1", "gxapi_v15")
VERSIONS = ("baseline_26.2.1", "update_26.3.1")


def basler(version, name):
    return (corpus.CORPUS / "scanner_win_basler_pylon" / version / name).read_bytes()


@corpus.needs_corpus
def test_basler_pylon():
    """Eight signed libraries, one unsigned module, and one library that was re-signed only."""
    every = certificates("scanner_win_basler_pylon/keys/microsoft_authroot_cacert.pem")
    roots = tuple(one for one in every if "DigiCert" in one.subject.human_friendly)
    trust = {"code_roots": roots, "time_roots": roots, "at": datetime(2026, 11, 1, tzinfo=UTC)}
    for version in VERSIONS:
        for name in BASLER:
            (result,) = pe(basler(version, f"{name}.dll"), **trust)
            assert axes(result) == ("pass", "pass"), result.reason
            assert (result.weak, result.stamped_at is not None) == ((), True)
        assert pe(basler(version, "_genicam.pyd"), **trust) == ()
    first, second = (basler(version, f"{BASLER[2]}.dll") for version in VERSIONS)
    assert first != second
    assert authenticode_pe.image_hash(first) == authenticode_pe.image_hash(second)


@corpus.needs_corpus
def test_shim():
    """15.8 has one signature, 16.1 two in two entries; the CA of 2011 ended in June 2026."""
    keys = "uefi_shim_signed/keys"
    roots = (
        *certificates(f"{keys}/MicCorUEFCA2011_2011-06-27.pem"),
        *certificates(f"{keys}/microsoft_uefi_ca_2023.pem"),
    )

    def shim(folder, at, **trust):
        data = (corpus.CORPUS / "uefi_shim_signed" / folder / "shimx64.efi.signed").read_bytes()
        return [axes(one) for one in pe(data, code_roots=roots, at=at, **trust)]

    may = datetime(2026, 5, 20, tzinfo=UTC)
    assert shim("update_16.1", may) == [("pass", "pass")] * 2
    assert shim("baseline_15.8", may) == [("pass", "fail")]
    assert shim("baseline_15.8", datetime(2024, 6, 30, tzinfo=UTC)) == [("pass", "pass")]
    every = certificates("scanner_win_basler_pylon/keys/microsoft_authroot_cacert.pem")
    times = tuple(one for one in every if "Microsoft" in one.subject.human_friendly)
    assert shim("baseline_15.8", may, time_roots=times) == [("pass", "pass")]


@corpus.needs_corpus
def test_the_image_hash_is_what_lief_computes():
    lief = pytest.importorskip("lief", reason="NOT COMPARED WITH lief: it is not installed")
    for version in VERSIONS:
        for name in (*(f"{one}.dll" for one in BASLER), "_genicam.pyd"):
            data = basler(version, name)
            made = lief.PE.parse(list(data)).authentihash(lief.PE.ALGORITHMS.SHA_256)
            assert bytes(made).hex() == authenticode_pe.image_hash(data), name
