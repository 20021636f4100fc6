"""Capsules, authenticated variables, microcode, terse executables, flash descriptors."""

import datetime as dt
import struct

import pytest

from fwverify.unpack.uefi.capsule import CAPSULE
from fwverify.unpack.uefi.certificates import AUTH_VARIABLE
from fwverify.unpack.uefi.flashimage import INTEL_FLASH
from fwverify.unpack.uefi.microcode import AMD_MICROCODE, INTEL_MICROCODE
from fwverify.unpack.uefi.te import TE
from tests.builders.uefi import (
    X509_LIST,
    auth_variable,
    fmp_capsule,
    guid,
    microcode,
    payload_header,
    signature_list,
    te,
)
from tests.corpus import CORPUS, needs_corpus
from tests.unpack.helpers import codes, kinds, noise, sha
from tests.unpack_boot.helpers import (
    Format,
    left,
    noise_never_raises,
    rules,
    truncations_are_said,
)

HASHES = [noise(32, seed) for seed in range(5)]
FIRMWARE = noise(900)


@pytest.fixture(scope="module")
def signature():
    """A SignedData without content, as UEFI wants it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import pkcs7

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kek")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(start)
        .not_valid_after(start.replace(year=2040)).sign(key, hashes.SHA256())
    )  # fmt: skip
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(b"x")
        .add_signer(certificate, key, hashes.SHA256())
        .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature])
    )


AUTH, CAP = Format(AUTH_VARIABLE), Format(CAPSULE)


def test_hashes_are_facts_and_the_message_a_signature(signature):
    opened = AUTH.open(auth_variable(signature, signature_list(*HASHES)))
    assert opened.complete, opened.problems
    assert left(opened) == 0
    assert kinds(opened)["signature"] == len(signature)
    facts = dict(opened.attributes)
    assert [facts[f"signature.{at:05d}"] for at in range(5)] == [
        f"sha256 {each.hex()}" for each in HASHES
    ]
    assert facts["timestamp"] == "2026-02-03T04:05:06Z"


def test_certificates_of_a_list_are_children(signature):
    payload = signature_list(b"\x30\x03\x02\x01\x01", kind=X509_LIST) + signature_list(*HASHES)
    opened = AUTH.open(auth_variable(signature, payload))
    assert opened.complete
    assert [each.name for each in opened.entries] == [b"certificate.0.der"]
    assert dict(opened.attributes)["signatures"] == "6"


def test_a_message_that_is_none_has_no_signature_class(signature):
    for data in (noise(300), signature + b"\0", signature[:-1], b"", b"\x30\x00"):
        opened = AUTH.open(auth_variable(data, signature_list(*HASHES)))
        assert opened is None or (not opened.complete and "signature" not in kinds(opened))


def test_a_bare_message_is_one_and_an_attached_one_is_none(signature):
    from asn1crypto import cms

    info = cms.ContentInfo.load(signature)
    bare = info["content"].untag().dump()
    opened = AUTH.open(auth_variable(bare, signature_list(*HASHES)))
    assert opened.complete and kinds(opened)["signature"] == len(bare)
    info["content"]["encap_content_info"]["content"] = noise(500)
    attached = info.dump(force=True)
    opened = AUTH.open(auth_variable(attached, signature_list(*HASHES)))
    assert not opened.complete and "signature" not in kinds(opened)


def test_lists_that_lie_are_said(signature):
    good = signature_list(*HASHES)
    for at, value in ((16, 1 << 30), (16, 20), (20, 1 << 20), (24, 0), (24, 7)):
        broken = bytearray(good)
        struct.pack_into("<I", broken, at, value)
        assert not AUTH.open(auth_variable(signature, bytes(broken))).complete
    unknown = signature_list(*HASHES, kind="00000000-0000-0000-0000-000000000001")
    opened = AUTH.open(auth_variable(signature, unknown))
    assert codes(opened) == {"unsupported"} and left(opened) == 5 * 48


def test_truncated_variables_are_said(signature):
    data = auth_variable(signature, signature_list(*HASHES))
    for size in range(0, len(data), 17):
        opened = AUTH.open(data[:size])
        # a cut between message and list cannot be seen: an empty update
        assert opened is None or not opened.complete or size == len(data) - 28 - 5 * 48
    noise_never_raises(AUTH, data)


@needs_corpus
def test_real_lists_have_the_stated_number_of_hashes():
    for path, count in (("2025-02-24", 416), ("2025-06-10", 430)):
        data = (CORPUS / "uefi_dbx" / f"DBXUpdate_amd64_{path}.bin").read_bytes()
        opened = AUTH.open(data)
        assert opened.complete and left(opened) == 0
        hashes = [value for name, value in opened.attributes if name.startswith("signature.")]
        assert len(hashes) == count


def test_payloads_of_a_capsule_are_children(signature):
    data = fmp_capsule(payload_header(FIRMWARE), signature=signature, vendor=b"v" * 9)
    opened = CAP.open(data)
    assert opened.complete, opened.problems
    assert left(opened) == 0
    assert [(each.name, each.sha256) for each in opened.entries] == [
        (b"payload.0", sha(FIRMWARE)),
        (b"vendor-code.0", sha(b"v" * 9)),
    ]
    assert (opened.identity.version, opened.identity.hardware) == ("0x00010203", X509_LIST.upper())
    assert kinds(opened)["signature"] == len(signature)
    assert dict(opened.attributes)["payload.0.lowest_version"] == "0x00010000"


def test_drivers_and_several_payloads():
    opened = CAP.open(fmp_capsule(b"one", b"two", drivers=(b"MZdriver",)))
    assert opened.complete
    assert [each.sha256 for each in opened.entries] == [sha(b"MZdriver"), sha(b"one"), sha(b"two")]


def test_another_capsule_is_one_body():
    data = guid("3b6686bd-0d76-4030-b70e-b5519e2fc5a0") + struct.pack("<3I", 32, 0, 132)
    opened = CAP.open(data + bytes(4) + noise(100))
    assert opened.complete and opened.entries[0].sha256 == sha(noise(100))


def test_capsules_that_lie_are_said():
    good = fmp_capsule(FIRMWARE)
    for at, layout, value in (
        (24, "<I", 1 << 30), (28, "<I", 2), (34, "<H", 0xFFFF), (36, "<Q", 1 << 40), (36, "<Q", 0),
        (44, "<I", 9), (68, "<I", 1 << 30),
    ):  # fmt: skip
        broken = bytearray(good)
        struct.pack_into(layout, broken, at, value)
        assert not CAP.open(bytes(broken)).complete, at
    for value in (4, 1 << 30):
        broken = bytearray(good)
        struct.pack_into("<I", broken, 16, value)
        assert CAP.open(bytes(broken)) is None


def test_items_over_each_other_are_an_evasion():
    broken = bytearray(fmp_capsule(FIRMWARE, FIRMWARE))
    broken[44:52] = broken[36:44]
    assert "unpack.evasion.overlap" in rules(CAP.open(bytes(broken)))


def test_truncated_capsules_are_said(signature):
    truncations_are_said(CAP, fmp_capsule(FIRMWARE, signature=signature))
    noise_never_raises(CAP, fmp_capsule(FIRMWARE, signature=signature))


MICRO, AMD = Format(INTEL_MICROCODE), Format(AMD_MICROCODE)


def test_microcode_is_proved_by_its_checksum_and_said_to_be_encrypted():
    opened = MICRO.open(microcode(noise(2000)) + microcode(noise(1000), revision=0x2B))
    assert codes(opened) == {"encrypted"}
    assert opened.identity.version == "0x2b"
    facts = dict(opened.attributes)
    assert facts["update.0"].startswith("revision 0x2a, date 2024-05-12, signature 0x506e3")
    assert left(opened) == 3000


def test_wrong_microcode_is_refused_or_said():
    assert "format.malformed" in codes(MICRO.open(microcode(noise(2000), good=False)))
    assert MICRO.open(microcode(noise(2000), date=0x13012024)) is None
    assert MICRO.open(microcode(noise(2000))[:40]) is None
    assert "truncated" in codes(MICRO.open(microcode(noise(2000))[:-4]))
    noise_never_raises(MICRO, microcode(noise(200)))


def test_amd_patches_are_children():
    data = b"DMA\0" + struct.pack("<II", 0, 16) + bytes(16)
    for number in range(2):
        data += struct.pack("<II", 1, 100) + noise(100, number)
    opened = AMD.open(data)
    assert [each.sha256 for each in opened.entries] == [sha(noise(100, 0)), sha(noise(100, 1))]
    assert codes(opened) == {"encrypted"}
    assert AMD.open(b"DMA\0" + struct.pack("<II", 0, 1 << 30)) is None
    assert not AMD.open(data[:-9]).complete


def test_terse_executables_are_code():
    form = Format(TE)
    opened = form.open(te(b"\xc3" * 64))
    assert opened.complete and opened.executable and left(opened) == 0
    assert opened.identity.arch == "x86_64"
    assert not form.open(te(b"\xc3" * 64)[:-1]).complete
    assert form.open(te(b"\xc3" * 64, machine=0x1234)) is None
    noise_never_raises(form, te(b"\xc3" * 64))


def _flash(*regions):
    data = bytearray(b"\xff" * 4096)
    struct.pack_into("<4sI", data, 0x10, b"\x5a\xa5\xf0\x0f", 0x40 << 12)
    struct.pack_into("<I", data, 0x14, 0x04 << 16)
    words = [0x7FFF] * 16
    for number, (low, high) in regions:
        words[number] = low >> 12 | (high - 4096) >> 12 << 16
    struct.pack_into("<16I", data, 0x40, *words)
    return bytes(data)


def test_regions_of_a_flash_image_are_children():
    form = Format(INTEL_FLASH)
    bios, engine = noise(8192), noise(4096, 2)
    data = _flash((0, (0, 4096)), (1, (8192, 16384)), (2, (4096, 8192))) + engine + bios
    opened = form.open(data)
    assert opened.complete
    assert {each.name: each.sha256 for each in opened.entries} == {
        b"bios": sha(bios),
        b"me": sha(engine),
    }
    assert "truncated" in codes(form.open(data[:-1]))
    over = _flash((1, (4096, 12288)), (2, (4096, 8192))) + engine + bios
    assert "unpack.evasion.overlap" in rules(form.open(over))
    noise_never_raises(form, data, count=60)
