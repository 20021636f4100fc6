"""Cleartext messages: only the signed text counts, byte for byte."""

from __future__ import annotations

import itertools

import pytest

from fwverify.reader import Malformed
from fwverify.verify.openpgp_cleartext import BEGIN, parse
from fwverify.verify.openpgp_schemes import OPENPGP_CLEARTEXT
from tests.verify_cms.helpers import accepted, axes, view
from tests.verify_openpgp import pgp
from tests.verify_openpgp.fuzz import check_certificate, check_cleartext

SIGNER = pgp.key()
CERT = pgp.certificate(SIGNER)
TEXT = b"first \t\n- dashed\n-----BEGIN\n\nlast\r"
MESSAGE = pgp.cleartext(SIGNER, TEXT)


def one(message: bytes):
    seen = view(message, name="note.txt", kind="text")
    assert OPENPGP_CLEARTEXT.applies(seen)
    (result,) = OPENPGP_CLEARTEXT.verify(seen, pgp.material(CERT))
    return result


def covered(message: bytes) -> bytes:
    return b"".join(message[low:high] for low, high in one(message).covered)


def test_the_signed_text_is_covered_and_nothing_else():
    result = one(MESSAGE)
    assert axes(result) == ("pass", "pass"), result.reason
    assert covered(MESSAGE) == b"first\n- dashed\n-----BEGIN\n\nlast"
    both = sorted((*result.covered, *result.container))
    gaps = [MESSAGE[a[1] : b[0]] for a, b in itertools.pairwise(both) if a[1] < b[0]]
    assert (both[0][0], both[-1][1]) == (0, len(MESSAGE))
    assert gaps == [b" \t", b"\r"]


def test_text_before_and_after_is_unsigned():
    before, after = b"rm -rf /\n", b"\ntrailer\n"
    result = one(before + MESSAGE + after)
    assert axes(result) == ("pass", "pass")
    assert covered(before + MESSAGE + after) == covered(MESSAGE)
    assert min(low for low, _ in (*result.covered, *result.container)) == len(before)
    assert max(high for _, high in result.container) == len(before + MESSAGE)
    assert "outside the signed text" in result.reason


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.replace(b"first", b"First"),
        lambda m: m.replace(b"\n\nlast", b"\nlast"),
        lambda m: m.replace(b"\nlast", b"\nmore\nlast"),
        lambda m: m.replace(b"- - dashed", b"- dashed"),
        lambda m: m.replace(b"- - dashed", b"-dashed"),
        lambda m: m.replace(b"Hash: SHA256", b"Hash: SHA512"),
        lambda m: m.replace(b"Hash: SHA256", b"Hash: WHIRL"),
        lambda m: m.replace(b"Hash: SHA256", b"Hash: SHA256\nNotDashEscaped: x"),
        lambda m: m.replace(b"Hash: SHA256", b"Comment: text"),
        lambda m: m.replace(b"SHA256\n\n", b"SHA256\n"),
        lambda m: m.replace(b"SHA256\n\n", b"SHA256\n \x0b\n\n"),
        lambda m: m + MESSAGE,
        lambda m: m.replace(b"-----BEGIN PGP SIGNATURE", b"- ----BEGIN PGP SIGNATURE"),
        lambda m: m.replace(b"-----END PGP SIGNATURE-----", b""),
        lambda m: m[: len(m) // 2],
        lambda m: pgp.cleartext(SIGNER, TEXT, digest="sha512"),
        lambda m: pgp.cleartext(pgp.key(number=9), TEXT, issuer=b"\x04" + SIGNER.fingerprint),
        lambda m: m.replace(b"\n-----BEGIN PGP SIG", b"\n\n-----BEGIN PGP SIG"),
    ],
)
def test_a_message_that_must_not_count(change):
    message = change(MESSAGE)
    assert message != MESSAGE
    assert axes(one(message)) == ("fail", "fail")


@pytest.mark.parametrize(
    "message",
    [
        pgp.cleartext(SIGNER, b"a\nb").replace(b"\na\n", b"\n- a\n").replace(b"- a", b"-a"),
        pgp.cleartext(SIGNER, b"- dashed").replace(b"- - dashed", b"-  dashed"),
        pgp.cleartext(SIGNER, b"-dashed").replace(b"- -dashed", b"-dashed"),
        pgp.cleartext(SIGNER, TEXT, headers=b"Evil: SHA256\n"),
        pgp.cleartext(SIGNER, TEXT, headers=b"Hash: SHA256\nEvil: SHA256\n"),
    ],
)
def test_framing_that_is_not_exact_is_refused_although_the_text_is_signed(message):
    assert axes(one(message)) == ("fail", "fail")


@pytest.mark.parametrize("headers", [b"", b"Hash: SHA512\nHash: SHA256\n", b"Hash: MD5,SHA256\n"])
def test_hash_headers(headers):
    assert accepted((one(pgp.cleartext(SIGNER, TEXT, headers=headers)),))


@pytest.mark.parametrize("text", [b"", b"\n", b"a", b"\n\n", b"-", b"From x"])
def test_small_texts(text):
    assert accepted((one(pgp.cleartext(SIGNER, text)),))


@pytest.mark.parametrize(
    "content",
    [b"", b"x" + BEGIN, b"x" * 5000 + b"\n" + BEGIN, b"- " + BEGIN, b"\x7fELF" + BEGIN],
)
def test_what_only_holds_the_words(content):
    assert not OPENPGP_CLEARTEXT.applies(view(content))


def test_parts_out_of_order():
    with pytest.raises(Malformed):
        parse(b"-----BEGIN PGP SIGNATURE-----\n-----END PGP SIGNATURE-----\n" + BEGIN + b"\n\n")


def test_mutants():
    check_cleartext(400)
    check_certificate(120)
