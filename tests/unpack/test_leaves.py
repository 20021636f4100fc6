"""Leaves claim only what they read to the end."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import struct

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.archives import (
    elf,
    pe,
    png,
    png_chunk,
    version_resource,
    win_certificate,
)
from tests.unpack.helpers import Bench, codes, is_broken, kinds, noise, rules


@pytest.fixture
def bench() -> Bench:
    return Bench()


def signed_data() -> bytes:
    """Return a detached CMS SignedData."""
    _, key, built = certificate()
    builder = pkcs7.PKCS7SignatureBuilder().set_data(noise(500))
    return builder.add_signer(built, key, hashes.SHA256()).sign(
        serialization.Encoding.DER,
        [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary],
    )


def certificate() -> tuple[bytes, ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unit")])
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=900))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.DER), key, built


# --- text ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"plain\n",
        "näher 更新\n".encode(),
        "\ufeffmarked\r\n".encode(),
        b'{"json": 1}',
        b"<?xml version='1.0'?><a/>",
        b"\x1b[1mcolour\x1b[0m\n",
    ],
)
def test_text_is_parsed(bench: Bench, data: bytes) -> None:
    opened = bench.open(data)
    assert (opened.format, kinds(opened), opened.complete) == ("text", {"parsed": len(data)}, True)


@pytest.mark.parametrize(
    "data",
    [
        b"with a NUL \x00 inside\n",
        b"bell \x07\n",
        b"latin-1 \xe4\n",
        b"cut utf-8 \xe6\x9b",
        b"\xff\xfe" + b"\x00\xd8" * 4,
        b"late control " * 1000 + b"\x01",
        "\ufeff".encode("utf-16-le") + noise(8192),
    ],
)
def test_what_is_no_text_is_unexplained(bench: Bench, data: bytes) -> None:
    opened = bench.open(data)
    assert (opened.format, kinds(opened)) == ("unknown", {"unexplained": len(data)})


def test_dense_characters_are_no_text(bench: Bench) -> None:
    dense = "".join(chr(0x4E00 + value) for value in noise(6000, 7)).encode("utf-16-le")
    mixed = b"\xff\xfe" + bytes(
        byte for pair in zip(noise(6000, 8), [0x4E + n % 64 for n in noise(6000, 9)], strict=True)
        for byte in pair
    )  # fmt: skip
    assert bench.open(mixed).format == "unknown"
    assert bench.open(b"\xff\xfe" + dense).format in ("text-utf16", "unknown")


def test_scripts_are_executable_and_their_payload_is_not_text(bench: Bench) -> None:
    opened = bench.open(b"#!/bin/sh\necho hi\n")
    assert (opened.format, opened.executable) == ("script", True)
    opened = bench.open(b"#!/bin/sh\nexit 0\n" + noise(400))
    assert opened.executable
    assert kinds(opened) == {"parsed": 17, "unexplained": 400}


def test_an_empty_file_is_complete_and_has_no_regions(bench: Bench) -> None:
    opened = bench.open(b"")
    assert (opened.format, opened.regions, opened.complete) == ("empty", (), True)


# --- certificates and keys -----------------------------------------------------------


def test_pem_and_der_are_told_apart_from_text(bench: Bench) -> None:
    der, key, built = certificate()
    pem = built.public_bytes(serialization.Encoding.PEM)
    assert bench.open(b"a comment\n" + pem).format == "pem"
    assert bench.open(der).format == "x509-certificate"
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert bench.open(public).format == "public-key"
    assert bench.open(pem.replace(b"\nMI", b"\n*I", 1)).format == "text"


def test_bytes_behind_a_certificate_are_unexplained(bench: Bench) -> None:
    der, _, _ = certificate()
    opened = bench.open(der + noise(50))
    assert kinds(opened) == {"parsed": len(der), "unexplained": 50}


def test_a_damaged_certificate_is_unknown(bench: Bench) -> None:
    der, _, _ = certificate()
    for at in range(0, 40, 3):
        damaged = bytearray(der)
        damaged[at] ^= 0x80
        opened = bench.open(bytes(damaged))
        assert "unexplained" in kinds(opened) or opened.format == "x509-certificate"
    assert bench.open(der[:-1]).format == "unknown"


def test_a_long_certificate_hides_nothing(bench: Bench) -> None:
    _, key, _ = certificate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unit")])
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    hidden = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.1.1"), noise(80_000))
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(5).not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=9))
        .add_extension(hidden, critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    der = built.public_bytes(serialization.Encoding.DER)
    assert kinds(bench.open(der)) == {"unexplained": len(der)}


def test_a_cms_message_is_understood_only_without_content(bench: Bench) -> None:
    _, key, built = certificate()
    signer = pkcs7.PKCS7SignatureBuilder().set_data(noise(500)).add_signer(
        built, key, hashes.SHA256()
    )  # fmt: skip
    detached = signer.sign(
        serialization.Encoding.DER,
        [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary],
    )
    attached = signer.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
    # parsed, and no signature: nobody has verified it
    assert kinds(bench.open(detached)) == {"parsed": len(detached)}
    opened = bench.open(attached)
    assert kinds(opened) == {"unexplained": len(attached)}
    assert codes(opened) == {"unsupported"}


# --- ELF -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "wide", "big", "arch"),
    [
        (62, True, False, "x86_64"),
        (183, True, False, "aarch64"),
        (40, False, False, "arm"),
        (8, False, True, "mips"),
        (8, False, False, "mipsel"),
        (243, True, False, "riscv"),
    ],
)
def test_elf_is_parsed_and_named(
    bench: Bench, machine: int, wide: bool, big: bool, arch: str
) -> None:
    data = elf(machine=machine, wide=wide, big=big)
    opened = bench.open(data)
    assert (opened.format, opened.identity.arch, opened.executable) == ("elf", arch, True)
    assert kinds(opened) == {"parsed": len(data)}
    assert all(region.executable for region in opened.regions)


def test_an_elf_overlay_is_unexplained(bench: Bench) -> None:
    data = elf()
    opened = bench.open(data + noise(333))
    assert kinds(opened) == {"parsed": len(data), "unexplained": 333}
    assert opened.complete


def test_truncated_elf_is_incomplete_everywhere(bench: Bench) -> None:
    data = elf(noise(200))
    for length in [*range(4, 130), *range(131, len(data), 5), len(data) - 1]:
        assert is_broken(bench.open(data[:length])), length


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (4, b"\x03"),
        (5, b"\x00"),
        (32, b"\xff" * 8),
        (40, b"\xff" * 8),
        (54, b"\x01"),
        (58, b"\x01"),
        (60, b"\xfe\xff"),
        (56, b"\xfe\xff"),
        (64 + 8, b"\xff" * 4),
        (64 + 32, b"\xff" * 4),
    ],
)
def test_elf_fields_that_lie_are_incomplete(bench: Bench, offset: int, value: bytes) -> None:
    data = bytearray(elf())
    data[offset : offset + len(value)] = value
    opened = bench.open(bytes(data))
    assert is_broken(opened)
    assert rules(opened) == {"unpack.malformed"}


# --- PE ------------------------------------------------------------------------------


def test_pe_is_parsed_signed_and_named(bench: Bench) -> None:
    resource = version_resource(CompanyName="Acme", ProductVersion="1.2", FileVersion="1.2.3.4")
    first, second = signed_data(), signed_data()
    table = win_certificate(first) + win_certificate(second)
    opened = bench.open(pe(resource=resource, certificate=table))
    identity = opened.identity
    assert (opened.format, opened.executable, opened.complete) == ("pe", True, True)
    assert (identity.arch, identity.vendor, identity.version, identity.build) == (
        "x86_64", "Acme", "1.2", "1.2.3.4",
    )  # fmt: skip
    assert kinds(opened)["signature"] == 8 + len(first) + 8 + len(second)
    assert "unexplained" not in kinds(opened)


@pytest.mark.parametrize(
    "hidden", [noise(101), noise(64 * 1024), b"#!/bin/sh\ntelnetd\n", gzip.compress(noise(900))]
)
def test_what_is_no_signature_hides_in_no_certificate_table(bench: Bench, hidden: bytes) -> None:
    opened = bench.open(pe(certificate=win_certificate(hidden)))
    assert "signature" not in kinds(opened)
    left = kinds(opened).get("unexplained", 0) + kinds(opened).get("extracted", 0)
    assert left >= len(hidden)


def test_bytes_behind_a_signature_in_its_entry_are_unexplained(bench: Bench) -> None:
    signature = signed_data()
    opened = bench.open(pe(certificate=win_certificate(signature + b"payload")))
    assert kinds(opened)["unexplained"] >= len(signature) + 7


@pytest.mark.parametrize("signed", [False, True])
def test_a_pe_overlay_is_unexplained(bench: Bench, signed: bool) -> None:
    data = pe(certificate=win_certificate(signed_data()) if signed else b"")
    opened = bench.open(data + noise(200, 5))
    assert kinds(opened)["unexplained"] == 200


def test_bytes_hidden_in_the_headers_are_unexplained(bench: Bench) -> None:
    data = bytearray(pe())
    data[0x190:0x1F0] = noise(0x60)
    assert kinds(bench.open(bytes(data)))["unexplained"] >= 0x60


@pytest.mark.parametrize("length", [70, 200, 300, 0x200, 0x2FF])
def test_truncated_pe_is_incomplete(bench: Bench, length: int) -> None:
    assert is_broken(bench.open(pe()[:length]))


@pytest.mark.parametrize("start", [0x200, 0x300, 1 << 30])
def test_a_certificate_table_over_code_is_malformed(bench: Bench, start: int) -> None:
    data = bytearray(pe())
    at = 64 + 24 + 112 + 8 * 4
    data[at : at + 8] = struct.pack("<II", start, 0x100)
    data[0x200:0x208] = data[0x300:0x308] = struct.pack("<IHH", 0x100, 0x200, 2)
    opened = bench.open(bytes(data))
    assert is_broken(opened)
    assert "signature" not in kinds(opened)


# --- PNG -----------------------------------------------------------------------------


def test_png_is_parsed_and_free_chunks_are_not(bench: Bench) -> None:
    plain = bench.open(png())
    assert (plain.format, set(kinds(plain))) == ("png", {"parsed"})
    hidden = png_chunk(b"prVt", noise(90))
    assert kinds(bench.open(png(extra=hidden)))["unexplained"] == len(hidden)
    assert kinds(bench.open(png(after=noise(60))))["unexplained"] == 60


@pytest.mark.parametrize("at", [9, 17, 25, 26, 30, 45, -3])
def test_a_damaged_png_is_incomplete(bench: Bench, at: int) -> None:
    data = bytearray(png())
    data[at] ^= 0x01
    assert is_broken(bench.open(bytes(data)))


def test_a_png_with_fewer_pixels_than_it_says_is_incomplete(bench: Bench) -> None:
    short = png(4, 4).replace(png(4, 4)[8:33], png(4, 5)[8:33])
    assert is_broken(bench.open(short))


# --- mutations -----------------------------------------------------------------------

SEEDS = {
    "elf": elf(noise(60)),
    "elf32": elf(wide=False, big=True),
    "pe": pe(certificate=win_certificate(noise(40)), resource=version_resource(FileVersion="1")),
    "png": png(),
    "pem": b"-----BEGIN X-----\n" + base64.encodebytes(noise(60)) + b"-----END X-----\n",
}


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.sampled_from(sorted(SEEDS)), st.data())
def test_mutations_neither_crash_nor_break_the_sums(name: str, data: st.DataObject) -> None:
    seed = bytearray(SEEDS[name])
    for _ in range(data.draw(st.integers(1, 6))):
        seed[data.draw(st.integers(0, min(len(seed), 700) - 1))] = data.draw(st.integers(0, 255))
    Bench().open(bytes(seed))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_accounted_for(data: bytes) -> None:
    Bench().open(data)
