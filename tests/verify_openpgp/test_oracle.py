"""gpgv and gpg as oracles: the same members, certificates and messages. Skipped loudly."""

from __future__ import annotations

import base64
import shutil
import subprocess
from datetime import timedelta

import pytest

from fwverify.verify.openpgp_schemes import OPENPGP_CLEARTEXT, OPENPGP_DETACHED
from tests.verify_cms.helpers import accepted, view
from tests.verify_openpgp import pgp
from tests.verify_openpgp.pgp import AT, sub, u32

needs_gpgv = pytest.mark.skipif(not shutil.which("gpgv"), reason="gpgv is not installed")
needs_gpg = pytest.mark.skipif(not shutil.which("gpg"), reason="gpg is not installed")
DATA = b"firmware " * 50
RSA, ECDSA, EDDSA = pgp.key(pgp.RSA), pgp.key(pgp.ECDSA), pgp.key(pgp.EDDSA)
CHILD = pgp.key(pgp.EDDSA, 1)


def gpgv(folder, certificate: bytes, *files: tuple[str, bytes]) -> bool:
    """Return whether gpgv calls it good: GOODSIG without EXPKEYSIG, REVKEYSIG, EXPSIG."""
    (folder / "keys.gpg").write_bytes(certificate)
    for name, content in files:
        (folder / name).write_bytes(content)
    names = [str(folder / name) for name, _ in files]
    command = ["gpgv", "--homedir", str(folder), "--status-fd", "1", "--keyring"]
    ran = subprocess.run(
        [*command, str(folder / "keys.gpg"), *names], capture_output=True, check=False
    )
    return b"GOODSIG" in ran.stdout and b"VALIDSIG" in ran.stdout and ran.returncode == 0


def subkeyed(primary, **options) -> bytes:
    return pgp.certificate(primary, pgp.user_id(primary), pgp.subkey(primary, CHILD, **options))


CASES = [
    (pgp.certificate(RSA), RSA, {}),
    (pgp.certificate(RSA), RSA, {"digest": "sha512"}),
    (pgp.certificate(ECDSA), ECDSA, {}),
    (pgp.certificate(EDDSA), EDDSA, {}),
    (pgp.certificate(EDDSA), EDDSA, {"hashed": sub(3, u32(60))}),
    (pgp.certificate(EDDSA), EDDSA, {"hashed": sub(101, b"x", critical=True)}),
    (pgp.certificate(EDDSA), EDDSA, {"issuer": b"\x04" + bytes(20)}),
    (pgp.certificate(EDDSA, pgp.user_id(EDDSA, hashed=sub(9, u32(60)))), EDDSA, {}),
    (pgp.certificate(EDDSA, pgp.revocation(EDDSA), pgp.user_id(EDDSA)), EDDSA, {}),
    (pgp.certificate(EDDSA, pgp.revocation(EDDSA, 3), pgp.user_id(EDDSA)), EDDSA, {}),
    (subkeyed(RSA), CHILD, {}),
    (subkeyed(RSA, back=b""), CHILD, {}),
    (subkeyed(RSA, flags=sub(27, b"\x0c")), CHILD, {}),
    (subkeyed(RSA, signer=CHILD), CHILD, {}),
    (subkeyed(RSA, hashed=sub(9, u32(60))), CHILD, {}),
]


@needs_gpgv
@pytest.mark.parametrize(("certificate", "signer", "options"), CASES)
def test_detached_agrees_with_gpgv(tmp_path, certificate, signer, options):
    member = pgp.detached(signer, DATA, **options)
    for data in (DATA, DATA + b"x"):
        seen = view(data, detached=(("a.sig", member),))
        own = accepted(OPENPGP_DETACHED.verify(seen, pgp.material(certificate)))
        theirs = gpgv(tmp_path, certificate, ("a.sig", member), ("a", data))
        assert own == theirs


def with_checksum(message: bytes) -> bytes:
    """Return ``message`` with its armour's CRC-24 (RFC 4880, 6.1).

    gpgv 2.2 reads on into the tail line where neither a checksum nor padding ends the
    base64, which is so for one RSA signature in 128.
    """
    head, mark, rest = message.partition(b"-----BEGIN PGP SIGNATURE-----\n\n")
    text, tail, end = rest.partition(b"-----END")
    crc = 0xB704CE
    for byte in base64.b64decode(text):
        crc ^= byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    checksum = b"=" + base64.b64encode((crc & 0xFFFFFF).to_bytes(3, "big")) + b"\n"
    return head + mark + text + checksum + tail + end


@needs_gpgv
@pytest.mark.parametrize("text", [b"a\n- b\nFrom x \t\n\nlast", b"", b"x\r\ny"])
def test_cleartext_agrees_with_gpgv(tmp_path, text):
    certificate = pgp.certificate(RSA)
    good = with_checksum(pgp.cleartext(RSA, text))
    for message in (good, good.replace(b"SHA256\n\n", b"SHA256\n\nz")):
        own = accepted(OPENPGP_CLEARTEXT.verify(view(message), pgp.material(certificate)))
        assert own == gpgv(tmp_path, certificate, ("a.asc", message))


@needs_gpg
def test_what_gpg_makes_is_accepted(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)

    def gpg(*arguments: str) -> bytes:
        command = ["gpg", "--homedir", str(home), "--batch", "--passphrase", "", "--yes"]
        ran = subprocess.run([*command, *arguments], capture_output=True, check=True, timeout=60)
        return ran.stdout

    (tmp_path / "fw").write_bytes(DATA)
    gpg("--quick-generate-key", "Test <t@example.org>", "ed25519", "sign", "1y")
    certificate = gpg("--export")
    (tmp_path / "k").write_bytes(certificate)
    at = AT.now(AT.tzinfo) + timedelta(minutes=1)
    trust = pgp.material(certificate, at=at)
    for armor in ([], ["--armor"]):
        member = gpg(*armor, "--detach-sign", "--output", "-", str(tmp_path / "fw"))
        seen = view(DATA, detached=(("fw.sig", member),))
        assert accepted(OPENPGP_DETACHED.verify(seen, trust))
        late = pgp.material(certificate, at=at + timedelta(days=400))
        assert not accepted(OPENPGP_DETACHED.verify(seen, late))
    message = gpg("--clearsign", "--output", "-", str(tmp_path / "fw"))
    assert accepted(OPENPGP_CLEARTEXT.verify(view(message), trust))
    subprocess.run(
        ["gpgconf", "--homedir", str(home), "--kill", "all"],
        capture_output=True,
        check=False,
    )
