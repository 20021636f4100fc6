"""The same cases before ``openssl cms -verify`` (3.0), as a second opinion.

Where openssl accepts and this project refuses, the reason stands here:

=====================  ==============================================================
case                   why openssl is not the gate
=====================  ==============================================================
trailing               reads the first element and ignores what follows it
ber-length             takes BER lengths
attributes-unordered   signs and checks the order in which the attributes came
authority-signs        lets a CA certificate sign content
signer-twin            takes the first of two certificates of one name
confusion              signed attributes moved into the content verify
=====================  ==============================================================

An unsigned attribute is accepted by both; here it is named as a weakness.

The other way round: openssl does not evaluate time stamps, so a signature past its
certificate's end is refused there and accepted here; and openssl 3.0 reports "invalid
digest" for every Ed25519 signature with signed attributes, so there is no such case.
"""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from tests.builders import pki
from tests.verify_cms.helpers import CONTENT, accepted, check

needs_openssl = pytest.mark.skipif(
    not shutil.which("openssl"), reason="NOT COMPARED WITH openssl: it is not installed"
)

TYPE = pki.content_type_attribute()
DIGEST = pki.message_digest_attribute(pki.digest_of("sha256", CONTENT))
ATTRIBUTES = pki.tlv(0x31, *sorted((TYPE, DIGEST)))
EXPIRED = datetime(2025, 1, 1, tzinfo=UTC)


def odd(number, **options):
    return pki.issue("Oracle Odd", pki.key("p256", number), pki.intermediate(), **options)


def signed_by(identity, *more, **options):
    bag = (identity, *more, pki.intermediate())
    return pki.message(CONTENT, identity, certificates=bag, **options)


def with_info(*infos, **options):
    bag = (signer(), signer("Oracle 2"), pki.intermediate())
    return pki.signed_data(infos, bag, **options)


FOR_MAIL = (pki.key_usage(0), pki.extended_key_usage(pki.EMAIL))
"""openssl 3.0 knows no purpose of code signing; both know this one."""


def signer(name="Oracle 1", kind="p256"):
    return pki.signer(name, kind, extensions=FOR_MAIL)


def message_of(content, **options):
    return pki.message(content, signer(), **options)


GOOD = message_of(CONTENT)
INFO = pki.signer_info(signer(), CONTENT)
TWIN = odd(300, serial=signer().cert.serial_number)
MOVED = pki.signer_info(
    signer(),
    ATTRIBUTES,
    signed=None,
    signature=pki.sign(signer().private, "sha256", ATTRIBUTES),
)
RSA = signer("Oracle RSA", "rsa2048")
TLS = odd(301, extensions=(pki.extended_key_usage(pki.TLS_SERVER),))
CA = pki.issue("Oracle CA", pki.key("p256", 306), pki.root(), ca=True, authority_usage=(0, 5, 6))
BELOW = pki.issue("Below", pki.key("p256", 302), signer())

AGREED = {
    "good": (GOOD, CONTENT, True),
    "good-rsa": (signed_by(RSA), CONTENT, True),
    "good-pss": (signed_by(RSA, pss_salt=32), CONTENT, True),
    "good-bare": (message_of(CONTENT, signed=None), CONTENT, True),
    "good-key-id": (message_of(CONTENT, by_key_id=True), CONTENT, True),
    "good-two": (with_info(INFO, pki.signer_info(signer("Oracle 2"), CONTENT)), CONTENT, True),
    "content-longer": (GOOD, CONTENT + b"\0", False),
    "content-shorter": (GOOD, CONTENT[:-1], False),
    "bare-content-other": (message_of(CONTENT, signed=None), CONTENT[:-1], False),
    "truncated": (GOOD[:-10], CONTENT, False),
    "no-intermediate": (message_of(CONTENT, certificates=(signer(),)), CONTENT, False),
    "no-certificate": (message_of(CONTENT, certificates=()), CONTENT, False),
    "self-signed": (signed_by(pki.issue("Alone", pki.key("p256", 50))), CONTENT, False),
    "expired": (signed_by(odd(303, until=EXPIRED)), CONTENT, False),
    "tls": (signed_by(TLS), CONTENT, False),
    "leaf-as-authority": (signed_by(BELOW, signer()), CONTENT, False),
    "critical": (
        signed_by(odd(304, extensions=(pki.extension("1.2.3.4", pki.NULL, critical=True),))),
        CONTENT,
        False,
    ),
    "key-usage": (signed_by(odd(305, extensions=(pki.key_usage(2),))), CONTENT, False),
    "zero": (message_of(CONTENT, signature=b"\x30\x06\x02\x01\x00\x02\x01\x00"), CONTENT, False),
    "digest-wrong": (
        message_of(CONTENT, signed=(TYPE, pki.message_digest_attribute(b"\0" * 32))),
        CONTENT,
        False,
    ),
    "digest-not-listed": (with_info(INFO, digests=("sha1",)), CONTENT, False),
    "no-digest": (message_of(CONTENT, signed=(TYPE,)), CONTENT, False),
    "no-type": (message_of(CONTENT, signed=(DIGEST,)), CONTENT, False),
    "pss-salt": (
        signed_by(RSA, pss_salt=32, algorithm=pki.pss_id("sha256", 20)),
        CONTENT,
        False,
    ),
    "two-one-bad": (
        with_info(INFO, pki.signer_info(signer("Oracle 2"), b"other")),
        CONTENT,
        False,
    ),
    "unsigned-attribute": (
        message_of(CONTENT, unsigned=lambda _: (pki.attribute("1.2.3", pki.NULL),)),
        CONTENT,
        True,
    ),
}

STRICTER = {
    "trailing": (GOOD + b"\0", CONTENT),
    "ber-length": (b"\x30\x83\x00" + GOOD[2:], CONTENT),
    "attributes-unordered": (
        message_of(
            CONTENT,
            signed=(TYPE, DIGEST),
            order=lambda parts: b"".join(sorted(parts, reverse=True)),
        ),
        CONTENT,
    ),
    "authority-signs": (signed_by(CA), CONTENT),
    "signer-twin": (signed_by(signer(), TWIN), CONTENT),
    "confusion": (with_info(MOVED), ATTRIBUTES),
}


def openssl(folder, message, content):
    """Return whether openssl accepts the message over the content."""
    (folder / "m.der").write_bytes(message)
    (folder / "content").write_bytes(content)
    (folder / "root.pem").write_bytes(pki.root().pem)
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "m.der"]
    command += ["-content", "content", "-CAfile", "root.pem", "-no-CApath", "-out", "out"]
    command += ["-purpose", "smimesign", "-attime", str(int(pki.AT.timestamp()))]
    run = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return run.returncode == 0


@needs_openssl
@pytest.mark.parametrize("case", sorted(AGREED))
def test_both_say_the_same(tmp_path, case):
    message, content, expected = AGREED[case]
    assert accepted(check(message, content)) is expected
    assert openssl(tmp_path, message, content) is expected


@needs_openssl
@pytest.mark.parametrize("case", sorted(STRICTER))
def test_openssl_accepts_what_is_refused_here(tmp_path, case):
    message, content = STRICTER[case]
    assert not accepted(check(message, content))
    assert openssl(tmp_path, message, content)


@needs_openssl
def test_a_time_stamp_counts_here_only(tmp_path):
    stamp = pki.stamped_with(datetime(2024, 1, 1, tzinfo=UTC))
    message = signed_by(odd(303, until=EXPIRED), unsigned=stamp)
    assert accepted(check(message))
    assert not openssl(tmp_path, message, CONTENT)


@needs_openssl
@pytest.mark.parametrize(
    "options", [("-nodetach",), ("-noattr",), ("-keyid",), ("-md", "sha512"), ("-nosmimecap",)]
)
def test_messages_made_by_openssl(tmp_path, options):
    identity = signer()
    (tmp_path / "cert.pem").write_bytes(identity.pem)
    (tmp_path / "key.pem").write_bytes(pki.pem(identity.private))
    (tmp_path / "ca.pem").write_bytes(pki.intermediate().pem)
    (tmp_path / "content").write_bytes(CONTENT)
    command = ["openssl", "cms", "-sign", "-binary", "-in", "content", "-outform", "DER"]
    command += ["-signer", "cert.pem", "-inkey", "key.pem", "-certfile", "ca.pem", "-out", "m.der"]
    subprocess.run([*command, *options], cwd=tmp_path, check=True, capture_output=True)
    message = (tmp_path / "m.der").read_bytes()
    assert accepted(check(message))
    assert not accepted(check(message, CONTENT + b"\0"))
