import shutil
import struct
import subprocess
import zlib

import pytest

from fwverify.unpack.documents.openpgp import OPENPGP
from fwverify.unpack.documents.openpgp_packets import is_public_key, is_signature
from tests.unpack.helpers import Bench, codes, kinds, noise, rules
from tests.unpack_packages.helpers import (
    never_complete_when_cut,
    never_raises_when_flipped,
    opened_by,
)


def packet(tag, body):
    return bytes((0xC0 | tag, 0xFF)) + struct.pack(">I", len(body)) + body


def mpi(bits):
    return struct.pack(">H", bits) + b"\x80" + bytes(bits // 8 - 1)


def signature(*, unhashed=b"\x09\x10" + bytes(range(8)), number=None):
    body = b"\x04\x00\x01\x08" + struct.pack(">H", 6) + b"\x05\x02" + bytes(4)
    return body + struct.pack(">H", len(unhashed)) + unhashed + b"ab" + (number or mpi(2048))


KEY = b"\x04" + bytes(4) + b"\x01" + mpi(2048) + mpi(24)
LITERAL = b"b\x05a.bin" + bytes(4) + b"content"
WHOLE = packet(6, KEY) + packet(13, b"ACME <a@b>") + packet(2, signature())


def test_a_key_with_its_signature():
    opened = Bench().open(WHOLE)
    assert (opened.format, opened.complete) == ("openpgp", True)
    assert opened.identity.vendor == "ACME <a@b>"
    assert kinds(opened) == {
        "parsed": len(packet(6, KEY)) + len(packet(13, b"ACME <a@b>")),
        "signature": len(packet(2, signature())),
    }
    assert ("openpgp.issuer", bytes(range(8)).hex()) in opened.attributes


def test_a_literal_is_a_child_under_its_name():
    bench = Bench()
    opened = bench.open(packet(11, LITERAL))
    assert bench.content(opened, b"a.bin") == b"content"
    assert opened.complete


def test_a_literal_in_parts_is_one_content():
    data = noise(600)
    body = b"b\x01a" + bytes(4)
    parts = (
        bytes((0xC0 | 11, 0xE0 | 9)) + (body + data)[:512] + bytes((192, 607 - 512 - 192 & 0xFF))
    )
    rest = (body + data)[512:]
    parts = bytes((0xC0 | 11, 0xE0 | 9)) + (body + data)[:512] + bytes((len(rest),)) + rest
    bench = Bench()
    opened = bench.open(parts)
    assert bench.content(opened, b"a") == data
    assert "unexplained" not in kinds(opened)


@pytest.mark.parametrize(("number", "wbits"), [(1, -15), (2, 15)])
def test_compressed_data_is_a_child(number, wbits):
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    body = bytes((number,)) + packer.compress(packet(11, LITERAL)) + packer.flush()
    bench = Bench()
    opened = bench.open(packet(8, body))
    assert bench.content(opened, b"compressed") == packet(11, LITERAL)


@pytest.mark.parametrize(
    "data",
    [packet(1, b"\x03" + bytes(8) + b"\x01" + mpi(2048)) + packet(18, b"\x01" + noise(99)),
     packet(3, b"\x04\x09\x03\x08" + bytes(9)) + packet(18, b"\x01" + noise(99)),
     packet(18, b"\x01" + noise(200))],
)  # fmt: skip
def test_an_encrypted_message_is_said_and_stays_unexplained(data):
    opened = Bench().open(data)
    assert codes(opened) == {"encrypted"}
    assert set(kinds(opened)) == {"unexplained"}


def test_a_secret_key_is_said():
    opened = Bench().open(packet(5, KEY + b"\x00" + noise(99)))
    assert "openpgp.secret_key" in rules(opened)
    assert "parsed" not in kinds(opened)


@pytest.mark.parametrize(
    "body",
    [b"", b"\x04", signature()[:-1], signature() + b"x", signature(unhashed=bytes(3)),
     b"\x09" + signature()[1:], signature(number=b"\x08\x00" + bytes(256)),
     signature(unhashed=b"\xff" + struct.pack(">I", 2000) + bytes(2000)),
     signature(number=b"\xff\xff" + bytes(8192))],
)  # fmt: skip
def test_what_is_no_signature_to_the_last_byte(body):
    assert not is_signature(body)
    opened = Bench().open(packet(6, KEY) + packet(2, body))
    assert "signature" not in kinds(opened)


@pytest.mark.parametrize(
    "body", [KEY[:-1], KEY + b"x", b"\x03" + KEY[1:], b"\x04" + bytes(4) + b"\x63"]
)
def test_what_is_no_public_key_to_the_last_byte(body):
    assert not is_public_key(body)


def test_bytes_behind_the_packets_are_incomplete():
    opened = Bench().open(WHOLE + b"\x00" + noise(100, 3))
    assert not opened.complete
    assert kinds(opened)["unexplained"] == 101


def test_a_packet_of_private_use_is_unexplained():
    assert kinds(Bench().open(WHOLE + packet(60, noise(100))))["unexplained"] == 106


def test_a_partial_length_where_none_may_be_is_incomplete():
    assert not Bench().open(WHOLE + bytes((0xC2, 0xE0 | 3)) + bytes(20)).complete


def test_truncation_is_never_complete():
    ends = {len(packet(6, KEY)), len(packet(6, KEY) + packet(13, b"ACME <a@b>"))}
    for size in range(len(WHOLE)):
        opened = opened_by(OPENPGP, WHOLE[:size])
        assert opened is None or not opened.complete or size in ends
    never_complete_when_cut(OPENPGP, packet(2, signature()))


def test_flips_never_raise():
    never_raises_when_flipped(OPENPGP, WHOLE)
    never_raises_when_flipped(OPENPGP, packet(11, LITERAL))


def test_what_gpg_writes_is_read(tmp_path):
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed (Debian package gnupg)")
    home = tmp_path / "h"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--yes", "--passphrase", ""]
    done = subprocess.run([*gpg, "--quick-gen-key", "ACME <a@b.example>", "ed25519"],
                          capture_output=True)  # fmt: skip
    if done.returncode:
        pytest.skip(f"gpg made no key: {done.stderr[-120:]!r}")
    (tmp_path / "a").write_bytes(b"text " * 99)
    run = {"cwd": tmp_path, "capture_output": True, "check": True}
    subprocess.run([*gpg, "--export", "-o", "key.gpg"], **run)
    subprocess.run([*gpg, "-b", "-o", "a.sig", "a"], **run)
    subprocess.run([*gpg, "-s", "-o", "a.gpg", "a"], **run)
    subprocess.run([*gpg, "-e", "-r", "a@b.example", "--trust-model", "always", "-o", "a.enc", "a"],
                   check=False, cwd=tmp_path, capture_output=True)  # fmt: skip
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    for name in ("key.gpg", "a.sig", "a.gpg"):
        opened = Bench().open((tmp_path / name).read_bytes(), name)
        assert (opened.format, opened.complete) == ("openpgp", True)
        assert "unexplained" not in kinds(opened)
