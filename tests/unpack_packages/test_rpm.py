import dataclasses
import hashlib
import shutil
import struct
import subprocess

import pytest

from fwverify.reader import Malformed
from fwverify.unpack.packages.rpm import RPM
from fwverify.unpack.packages.rpm_header import read_section
from tests.builders.archives import CpioItem, cpio_archive
from tests.builders.rpm import BINARY, INT32, STRING, Rpm, gzip
from tests.unpack.helpers import Bench, codes, kinds, node, noise, rules, unpack_all
from tests.unpack_packages.helpers import (
    never_complete_when_cut,
    never_raises_when_flipped,
    opened_by,
)

GOOD = Rpm()


def changed(**fields):
    return Bench().open(dataclasses.replace(GOOD, **fields).build())


def texts(opened):
    return " ".join(each.text for each in (*opened.problems, *opened.observations))


def test_files_modes_identity_and_every_byte():
    opened = Bench().open(GOOD.build(), "meterd.rpm")
    assert opened.complete
    assert opened.format == "rpm"
    assert opened.identity.product == "meterd"
    assert opened.identity.version == "2:1.2-3"
    assert (opened.identity.vendor, opened.identity.arch) == ("ACME", "x86_64")
    assert "unexplained" not in kinds(opened)
    assert not rules(opened)
    tree = unpack_all(("meterd.rpm", GOOD.build()))
    placed = node(tree, "meterd.rpm!/payload.cpio!/usr/bin/meterd")
    assert placed.node.sha256 == hashlib.sha256(b"binary").hexdigest()
    assert placed.node.mode == 0o4755


def test_a_header_digest_that_is_wrong_is_incomplete():
    opened = changed(digest=b"0" * 64)
    assert not opened.complete
    assert "SHA256HEADER" in texts(opened)


def test_a_payload_digest_that_is_wrong_is_incomplete():
    opened = changed(replaced={5092: (5092, 8, [b"1" * 64])})
    assert not opened.complete
    assert "PAYLOADDIGEST" in texts(opened)


def test_a_file_whose_content_is_not_listed_so_is_incomplete():
    opened = changed(in_payload=(GOOD.files[0], (b"/usr/bin/meterd", b"BINARY", 0o104755)))
    assert not opened.complete
    assert "FILEDIGESTS" in texts(opened)


def test_a_mode_that_differs_is_named():
    opened = changed(in_payload=(GOOD.files[0], (b"/usr/bin/meterd", b"binary", 0o100755)))
    assert "rpm.mode" in rules(opened)


def test_a_file_that_no_header_lists_is_named():
    opened = changed(in_payload=(*GOOD.files, (b"/etc/cron.d/x", b"* * *", 0o100644)))
    assert "unpack.evasion.unlisted" in rules(opened)


def test_a_listed_file_that_is_absent_is_named():
    assert "rpm.absent" in rules(changed(in_payload=GOOD.files[:1]))


def test_a_size_that_lies_is_incomplete():
    assert not opened_by(RPM, GOOD.build() + b"appended").complete


@pytest.mark.parametrize("number", [1023, 1024, 1065, 5066, 5104])
def test_scriptlets_are_children_and_said(number):
    data = dataclasses.replace(GOOD, tags=((number, STRING, b"rm -rf /data"),)).build()
    bench = Bench()
    opened = bench.open(data)
    assert opened.complete
    (name,) = [each.name for each in opened.entries if each.name.startswith(b"scriptlet-")]
    assert bench.content(opened, name) == b"rm -rf /data"
    assert "rpm.scriptlet" in rules(opened)


def test_the_strings_of_the_header_are_searched():
    bench = Bench()
    data = dataclasses.replace(GOOD, tags=((1005, STRING, b"see http://evil.example"),)).build()
    assert b"evil.example" in bench.content(bench.open(data), b"header.txt")


def test_a_signature_that_is_none_is_not_class_signature():
    opened = changed(signatures=((268, BINARY, noise(512)),))
    assert "signature" not in kinds(opened)
    assert kinds(opened)["unexplained"] == 512
    assert "rpm.tag" in rules(opened)


def signature_packet():
    hashed = b"\x05\x02" + bytes(4)
    unhashed = b"\x09\x10" + bytes(range(8))
    number = struct.pack(">H", 2048) + b"\x80" + bytes(255)
    body = b"\x04\x00\x01\x08" + struct.pack(">H", 6) + hashed
    body += struct.pack(">H", 10) + unhashed + b"ab" + number
    return b"\xc2\xff" + struct.pack(">I", len(body)) + body


def test_a_signature_packet_is_class_signature_and_its_issuer_is_kept():
    packet = signature_packet()
    opened = changed(signatures=((268, BINARY, packet),))
    assert kinds(opened)["signature"] == len(packet)
    assert dict(opened.attributes)["rpm.signature_issuer"] == bytes(range(8)).hex()
    spoiled = changed(signatures=((268, BINARY, packet + b"x"),))
    assert "signature" not in kinds(spoiled)


def test_bytes_in_the_reserved_space_are_unexplained():
    assert kinds(changed(signatures=((1008, BINARY, b"hidden" * 9),)))["unexplained"] == 54
    assert kinds(changed(signatures=((1008, BINARY, bytes(54)),))).get("unexplained") is None


def test_values_of_unknown_tags_are_unexplained():
    assert kinds(changed(tags=((77_777, BINARY, noise(300)),)))["unexplained"] == 300
    assert kinds(changed(tags=((1150, INT32, tuple(range(500))),)))["unexplained"] >= 2000


def test_a_lead_that_calls_it_otherwise_is_named():
    assert "rpm.lead" in rules(changed(lead_name=b"bash-5.0-1"))
    assert "rpm.lead" in rules(changed(lead_name=b"meterd-1.2-3\0hidden"))


def test_an_unknown_compression_is_unsupported():
    assert codes(changed(compressor=b"lzip")) == {"unsupported"}


def test_a_bare_payload_is_a_child():
    bench = Bench()
    opened = bench.open(dataclasses.replace(GOOD, compressor=b"none").build())
    assert opened.complete
    assert bench.content(opened, b"payload.cpio").startswith(b"070701")


def test_a_payload_that_is_not_of_its_compression_is_incomplete():
    payload = gzip(cpio_archive(CpioItem(b"./x", b"y")))
    assert not changed(payload=payload, compressor=b"xz").complete


def test_bytes_behind_the_compressed_payload_are_unexplained():
    payload = gzip(cpio_archive(*[CpioItem(b"." + n, d, m) for n, d, m in GOOD.files]))
    assert kinds(changed(payload=payload + noise(100)))["unexplained"] == 100


def test_a_bomb_is_stopped():
    opened = changed(payload=gzip(bytes(12 << 20)))
    assert not opened.complete


@pytest.mark.parametrize(
    "index",
    [
        struct.pack(">IIII", 1000, 6, 0xFFFFFFFF, 1),
        struct.pack(">IIII", 1000, 6, 5000, 1),
        struct.pack(">IIII", 1000, 99, 0, 1),
        struct.pack(">IIII", 1000, 4, 0, 0xFFFFFFFF),
        struct.pack(">IIII", 1000, 8, 0, 0x7FFFFFFF),
        struct.pack(">IIII", 1000, 6, 0, 2),
    ],
)
def test_an_absurd_entry_is_malformed(index):
    data = bytearray(GOOD.build())
    at = data.find(b"\x8e\xad\xe8\x01", 100) + 16
    data[at : at + 16] = index
    assert opened_by(RPM, bytes(data)) is None


@pytest.mark.parametrize("counts", [(0, 10), (0x10000, 10), (1, 0xFFFFFFFF), (0xFFFF, 0)])
def test_absurd_counts_are_malformed(counts):
    data = bytearray(GOOD.build())
    at = data.find(b"\x8e\xad\xe8\x01", 100) + 8
    data[at : at + 8] = struct.pack(">II", *counts)
    assert opened_by(RPM, bytes(data)) is None


def test_entries_that_share_all_bytes_do_not_multiply():
    text = b"a" * 50_000
    entry = struct.pack(">IIII", 1004, 6, 0, 1)
    intro = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", 3000, len(text) + 1)
    body = intro + entry * 3000 + text + b"\0"
    with pytest.raises(Malformed, match="share their bytes"):
        read_section(body, 0)


def test_truncation_is_never_complete():
    never_complete_when_cut(RPM, GOOD.build(), step=7)


def test_flips_never_raise_and_never_change_a_file_silently():
    def good(opened):
        (payload,) = [each for each in opened.entries if each.name == b"payload.cpio"]
        return payload.sha256 == reference

    (reference,) = [e.sha256 for e in opened_by(RPM, GOOD.build()).entries if e.kind == "stream"]
    never_raises_when_flipped(RPM, GOOD.build(), good=good)


SPEC = """Name: meterd
Version: 1.2
Release: 3
Summary: x
License: MIT
Vendor: ACME
%description
x
%install
mkdir -p %{buildroot}/etc
echo hello > %{buildroot}/etc/meter.conf
ln %{buildroot}/etc/meter.conf %{buildroot}/etc/hard.conf
ln -s meter.conf %{buildroot}/etc/link
%post
echo post
%files
/etc/*
%ghost /var/log/meterd.log
"""


@pytest.mark.parametrize("payload", ["w9.gzdio", "w2.xzdio", "w3.zstdio", "w9.bzdio", "w.ufdio"])
def test_what_rpmbuild_writes_is_read_to_the_last_byte(payload, tmp_path):
    if shutil.which("rpmbuild") is None:
        pytest.skip("rpmbuild is not installed (Debian package rpm)")
    spec = tmp_path / "a.spec"
    spec.write_text(SPEC)
    command = ["rpmbuild", "-bb", f"-D_topdir {tmp_path}", f"-D_binary_payload {payload}",
               "-Ddebug_package %{nil}", str(spec)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    (file,) = tmp_path.rglob("*.rpm")
    opened = Bench().open(file.read_bytes(), file.name)
    assert opened.complete
    assert rules(opened) == {"rpm.scriptlet"}
    assert "unexplained" not in kinds(opened)
    tree = unpack_all(("a.rpm", file.read_bytes()))
    placed = node(tree, "a.rpm!/payload.cpio!/etc/meter.conf")
    assert placed.node.sha256 == hashlib.sha256(b"hello\n").hexdigest()
