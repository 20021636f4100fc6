"""Programs hidden where the signature itself lies: bytes that count as its container.

Nobody signs a container, and it is not reported as unsigned. So it may hold what the
signature needs and nothing else.
"""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest

from fwverify.verify.dsse import DSSE_DETACHED
from fwverify.verify.esp32 import ESP32
from fwverify.verify.fit import FIT
from fwverify.verify.gbl import GBL
from fwverify.verify.mcuboot import MCUBOOT
from fwverify.verify.minisign import MINISIGN
from fwverify.verify.openpgp_schemes import OPENPGP_DETACHED
from fwverify.verify.rpm import RPM
from fwverify.verify.suit import SUIT
from tests.attack4.helpers import EVIL, inside
from tests.builders import boot, keys, pki
from tests.verify_boot import build as made
from tests.verify_cms import helpers
from tests.verify_openpgp import pgp
from tests.verify_rpm import rpms
from tests.verify_statements import coses as suits
from tests.verify_statements import dsses
from tests.verify_statements import helpers as statements


def hidden(signed, content: bytes, evil: bytes = EVIL) -> bool:
    """Return whether the program counts as covered or as container."""
    at = content.index(evil)
    return inside((*signed.covered, *signed.container), at, at + len(evil))


def shown(results) -> list[bool]:
    return [(one.authentic, one.trusted) == ("pass", "pass") for one in results]


# --- FIT ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["payload", "comment", "key-name-hint", "timestamp"])
def test_a_program_in_a_fit_signature_node_is_no_container(name):
    content = made.fit_signed((made.KERNEL, made.TREE), made.REFS, extra=((name, EVIL),))
    results = made.Case("fit", FIT, content, made.RSA).run()
    assert not any(hidden(one, content) for one in results)
    assert all(
        inside(one.steering, content.index(EVIL), content.index(EVIL) + 1) for one in results
    )


def test_what_mkimage_writes_into_a_signature_node_is_container():
    extra = (
        ("key-name-hint", boot.text("dev")),
        ("timestamp", boot.cell(1_700_000_000)),
        ("signer-name", boot.text("mkimage")),
        ("signer-version", boot.text("2024.01")),
        ("sign-images", boot.text("kernel") + boot.text("fdt")),
    )
    content = made.fit_signed((made.KERNEL, made.TREE), made.REFS, extra=extra)
    (one,) = made.Case("fit", FIT, content, made.RSA).run()
    assert hidden(one, content, b"mkimage\0") and hidden(one, content, b"2024.01\0")
    assert (one.authentic, one.trusted) == ("pass", "pass")


# --- GBL ---------------------------------------------------------------------------------


def test_a_program_in_the_end_tag_of_a_gbl_file_is_no_container():
    whole = made.gbl()
    body = whole[:-12] + struct.pack("<II", 0xFC0404FC, 4 + len(EVIL)) + EVIL
    content = body + struct.pack("<I", zlib.crc32(body))
    results = made.Case("gbl", GBL, content, made.EC).run()
    assert results
    assert not any(hidden(one, content) for one in results)


# --- MCUboot -----------------------------------------------------------------------------


def p256(signed, _):
    return keys.sign_ec(made.EC, signed)


def pieces(kind: int, size: int, count: int) -> bytes:
    return b"".join(boot.tlv(kind, b"\x7fCODE" + bytes((n,)) * (size - 5)) for n in range(count))


@pytest.mark.parametrize(
    ("kind", "size", "count"),
    [(0x01, 1000, 60), (0x01, 32, 100), (0x02, 1000, 60), (0x02, 90, 3)],
)
def test_a_program_in_pieces_as_hints_of_keys_is_no_container(kind, size, count):
    content = made.mcuboot(0x22, p256, extra=pieces(kind, size, count))
    for one in made.Case("mcu", MCUBOOT, content, made.EC).run():
        found = sum(end - start for start, end in one.container)
        assert found < 600, "more than a hash, a hint, a key and a signature"


def test_a_hint_and_a_key_are_container():
    extra = boot.tlv(0x02, keys.spki(made.EC))
    content = made.mcuboot(0x22, p256, extra=extra)
    (one,) = made.Case("mcu", MCUBOOT, content, made.EC).run()
    assert inside(one.container, content.index(extra), content.index(extra) + len(extra))
    assert not one.steering


# --- ESP32 -------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [424, 600, 807, 808, 811])
def test_a_block_of_secure_boot_carries_no_bytes_of_anybodys(at):
    """R and M' are in no digest: 388 bytes of code, or a wrong constant for the boot loader."""
    content = bytearray(made.esp())
    start = content.rindex(b"\xe7\x02\0\0")
    content[start + at] ^= 1
    crc = zlib.crc32(bytes(content[start : start + 1196]))
    content[start + 1196 : start + 1200] = struct.pack("<I", crc)
    case = made.Case("esp", ESP32, bytes(content), made.RSA3072)
    assert shown(case.run()) == [False]
    assert shown(case.run(made.esp())) == [True]


# --- RPM ---------------------------------------------------------------------------------


def rpm(*more, store: bytes = b"") -> tuple[bytes, list]:
    body = rpms.main()
    tags = [rpms.binary(268, rpms.pgp.detached(rpms.SIGNER, body)), *more]
    content = rpms.build(tags, body=body)
    return content, RPM.verify(helpers.view(content), rpms.TRUST)


@pytest.mark.parametrize(
    "tag",
    [
        (1004, 7, len(EVIL), EVIL),
        (1007, 7, len(EVIL), EVIL),
        (269, 6, 1, EVIL.replace(b"\0", b"x") + b"\0"),
        (273, 6, 1, EVIL.replace(b"\0", b"x") + b"\0"),
        (274, 8, 1, EVIL.replace(b"\0", b"x") + b"\0"),
        (1008, 7, len(EVIL), EVIL),
    ],
)
def test_a_program_in_the_signature_header_of_a_package_is_no_container(tag):
    content, results = rpm(tag)
    assert shown(results) == [True]
    assert not hidden(results[0], content, tag[3])


def test_bytes_of_the_signature_header_that_no_entry_names_are_no_container():
    content, results = rpm((1007, 4, 1, struct.pack(">I", 5) + EVIL))
    assert shown(results) == [True]
    assert not hidden(results[0], content)


def test_what_rpm_writes_into_a_signature_header_is_container():
    digest = hashlib.sha256(rpms.main()).hexdigest().encode()
    tags = (
        (273, 6, 1, digest + b"\0"),
        (1007, 4, 1, struct.pack(">I", 5)),
        (1008, 7, 64, bytes(64)),
    )
    content, (one,) = rpm(*tags)
    at = content.index(b"\x8e\xad\xe8\x01")
    end = content.index(b"\x8e\xad\xe8\x01", at + 1)
    assert sum(high - low for low, high in one.container) == end - at


# --- CMS ---------------------------------------------------------------------------------


def carrier(size: int) -> pki.Identity:
    """Return a certificate that nobody needs, with a program in an extension."""
    body = (EVIL * (size // len(EVIL) + 1))[:size]
    more = (pki.extension("1.3.6.1.4.1.99999.1", pki.octets(body)),)
    return pki.issue("Carrier", pki.key("p256", number=77), extensions=more)


@pytest.mark.parametrize("ca", [False, True])
def test_certificates_that_no_chain_needs_are_a_weakness_once_they_are_large(ca):
    bag = (pki.signer(), pki.intermediate(), carrier(70_000))
    (one,) = helpers.check(pki.message(helpers.CONTENT, certificates=bag))
    assert one.authentic == "pass"
    assert any("nothing needs" in weak for weak in one.weak)


def test_lists_of_revoked_certificates_in_a_message_are_a_weakness_once_they_are_large():
    many = tuple((n, pki.FROM, None, None) for n in range(1 << 40, (1 << 40) + 9000))
    lists = (pki.crl(pki.intermediate(), many).dump(),)
    info = pki.signer_info(pki.signer(), helpers.CONTENT)
    message = pki.signed_data((info,), (pki.signer(), pki.intermediate()), crls=lists)
    (one,) = helpers.check(message)
    assert any("nothing needs" in weak for weak in one.weak)


def test_the_chain_and_some_roots_are_no_weakness():
    bag = (pki.signer(), pki.intermediate(), pki.root(), pki.root("Another"), pki.signer("Other"))
    (one,) = helpers.check(pki.message(helpers.CONTENT, certificates=bag))
    assert (one.trusted, one.weak) == ("pass", ())


# --- DSSE, SUIT --------------------------------------------------------------------------


STRANGER, OURS = keys.ed_key(99), keys.ed_key()


@pytest.mark.parametrize(("size", "carries"), [(100, False), (200_000, True)])
def test_an_envelope_by_nobody_beside_one_that_holds_is_a_weakness_once_it_is_large(size, carries):
    payload = (EVIL * (size // len(EVIL) + 1))[:size]
    lines = dsses.envelope(STRANGER, payload=payload) + b"\n" + dsses.envelope(OURS) + b"\n"
    seen = statements.shown(statements.CONTENT, detached=(("fw.bin.intoto.jsonl", lines),))
    (one,) = DSSE_DETACHED.verify(seen, statements.trust(OURS))
    assert (one.authentic, one.trusted) == ("pass", "pass")
    assert bool(one.weak) is carries


def test_a_program_in_the_name_of_a_payload_of_a_suit_envelope_is_refused():
    content = suits.manifest(statements.CONTENT)
    for name, holds in (("#fw", True), ("#" + "echo evil;" * 100, False)):
        data = suits.envelope(OURS, content=content, members={name: statements.CONTENT})
        seen = statements.shown(data, name="u.suit")
        results = SUIT.verify(seen, statements.trust(OURS))
        assert shown(results) == [holds]


# --- OpenPGP, minisign -------------------------------------------------------------------


def of_openpgp(*members: bytes):
    signer = pgp.key(pgp.EDDSA)
    member = b"".join((*members, pgp.detached(signer, helpers.CONTENT)))
    seen = helpers.view(helpers.CONTENT, detached=(("update.bin.asc", member),))
    return OPENPGP_DETACHED.verify(seen, pgp.material(pgp.certificate(signer)))


@pytest.mark.parametrize(("count", "carries"), [(1, False), (3, True)])
def test_signatures_by_strangers_are_a_weakness_once_they_are_large(count, carries):
    body = pgp.signature(pgp.key(pgp.EDDSA, 5), b"x")
    packets = [pgp.packet(2, body + bytes((n,)) * 30_000) for n in range(count)]
    (one,) = of_openpgp(*packets)
    assert (one.authentic, one.trusted) == ("pass", "pass")
    assert bool(one.weak) is carries


@pytest.mark.parametrize("kind", [16, 32, 33])
def test_a_program_in_the_unhashed_part_of_a_signature_is_a_weakness(kind):
    signer = pgp.key(pgp.EDDSA)
    member = pgp.detached(signer, helpers.CONTENT, unhashed=pgp.sub(kind, EVIL))
    seen = helpers.view(helpers.CONTENT, detached=(("update.bin.asc", member),))
    for one in OPENPGP_DETACHED.verify(seen, pgp.material(pgp.certificate(signer))):
        assert one.authentic != "pass" or any("unhashed" in weak for weak in one.weak)


@pytest.mark.parametrize(("size", "holds"), [(1000, True), (5000, False)])
def test_a_program_in_the_untrusted_comment_of_minisign_is_refused(size, holds):
    member = keys.minisign(OURS, helpers.CONTENT).replace(b"signature", b"x" * size, 1)
    seen = helpers.view(helpers.CONTENT, detached=(("update.bin.minisig", member),))
    assert shown(MINISIGN.verify(seen, made.material(OURS))) == [holds]
