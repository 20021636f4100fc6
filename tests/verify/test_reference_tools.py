"""minisign, signify, sqv and jcat-tool before the same files as the schemes.

Each row is a file, a signature and a key; both sides say whether they accept. Where a
tool accepts what is refused here, the row says so and ``docs/verifiers.md`` why.
"""

from __future__ import annotations

import shutil
import subprocess

import pytest

from fwverify.verify.jcat import JCAT
from fwverify.verify.keys import read_keys
from fwverify.verify.minisign import MINISIGN
from fwverify.verify.openpgp_schemes import OPENPGP_DETACHED
from fwverify.verify.scheme import Material, TrustedKey
from tests.builders import keys, pki
from tests.verify_cms.helpers import accepted, view
from tests.verify_jcat import jcats
from tests.verify_openpgp import pgp
from tests.verify_openpgp.pgp import sub, u32

DATA = b"firmware " * 50
ED = keys.ed_key()


def needs(tool: str, package: str = ""):
    reason = f"NOT COMPARED: {tool} is absent (apt: {package or tool})"
    return pytest.mark.skipif(shutil.which(tool) is None, reason=reason)


def runs(folder, *command: str) -> bool:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60)
    return done.returncode == 0


def write(folder, **files: bytes) -> None:
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)


def ours(member: bytes, data: bytes, private=ED) -> bool:
    trust = Material(at=pki.AT, keys=(TrustedKey("0", keys.spki(private), ("r",), True),))
    seen = view(data, detached=(("fw.minisig", member),))
    return MINISIGN.applies(seen) and accepted(MINISIGN.verify(seen, trust))


def cut(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


GOOD = keys.minisign(ED, DATA)
LEGACY = keys.minisign(ED, DATA, prehashed=False)
_SECOND_LINE = GOOD.index(b"\n") + 1
MINISIGS = {
    "good": (GOOD, DATA, True),
    "legacy": (LEGACY, DATA, True),
    "untrusted comment": (
        GOOD.replace(b"untrusted comment: ", b"untrusted comment: x"),
        DATA,
        True,
    ),
    "trusted comment": (GOOD.replace(b"trusted comment: v1", b"trusted comment: v2"), DATA, False),
    "another file": (GOOD, DATA + b"x", False),
    "another signer": (keys.minisign(keys.ed_key(1), DATA), DATA, False),
    "cut": (GOOD[:-20], DATA, False),
    "flipped": (cut(GOOD, _SECOND_LINE + 40), DATA, False),
}


@needs("minisign")
@pytest.mark.parametrize("case", MINISIGS)
def test_minisign_agrees(tmp_path, case):
    member, data, expected = MINISIGS[case]
    write(tmp_path, fw=data, fw__minisig=member, key__pub=keys.minisign_public(ED))
    theirs = runs(tmp_path, "minisign", "-V", "-p", "key.pub", "-m", "fw", "-x", "fw.minisig")
    assert (ours(member, data), theirs) == (expected, expected)


@needs("minisign")
def test_what_minisign_signs_is_accepted(tmp_path):
    write(tmp_path, fw=DATA)
    assert runs(tmp_path, "minisign", "-G", "-W", "-f", "-p", "key.pub", "-s", "key.sec")
    assert runs(tmp_path, "minisign", "-S", "-s", "key.sec", "-m", "fw", "-t", "release 7")
    (found,) = read_keys((tmp_path / "key.pub").read_bytes(), "key.pub")
    trust = Material(at=pki.AT, keys=(TrustedKey("0", found.spki, ("r",), True),))
    member = (tmp_path / "fw.minisig").read_bytes()
    for data, expected in ((DATA, True), (DATA[:-1], False)):
        seen = view(data, detached=(("fw.minisig", member),))
        assert accepted(MINISIGN.verify(seen, trust)) is expected


@needs("signify-openbsd")
@pytest.mark.parametrize("grown", [b"", b"x"])
def test_signify_agrees(tmp_path, grown):
    write(tmp_path, fw=DATA + grown)
    assert runs(tmp_path, "signify-openbsd", "-G", "-n", "-p", "key.pub", "-s", "key.sec")
    write(tmp_path, signed=DATA)
    assert runs(tmp_path, "signify-openbsd", "-S", "-s", "key.sec", "-m", "signed", "-x", "fw.sig")
    theirs = runs(tmp_path, "signify-openbsd", "-V", "-p", "key.pub", "-m", "fw", "-x", "fw.sig")
    (found,) = read_keys((tmp_path / "key.pub").read_bytes(), "key.pub")
    trust = Material(at=pki.AT, keys=(TrustedKey("0", found.spki, ("r",), True),))
    seen = view(DATA + grown, detached=(("fw.sig", (tmp_path / "fw.sig").read_bytes()),))
    assert accepted(MINISIGN.verify(seen, trust)) is theirs is (not grown)


RSA, EDDSA = pgp.key(pgp.RSA), pgp.key(pgp.EDDSA)
OPENPGP = {
    "good rsa": (RSA, {}, DATA, True),
    "good eddsa": (EDDSA, {}, DATA, True),
    "another file": (RSA, {}, DATA + b"x", False),
    "another signer": (pgp.key(pgp.RSA, 1), {}, DATA, False),
    "expired": (RSA, {"hashed": sub(3, u32(60))}, DATA, False),
}


@needs("sqv")
@pytest.mark.parametrize("case", OPENPGP)
def test_sqv_agrees(tmp_path, case):
    signer, options, data, expected = OPENPGP[case]
    trusted = EDDSA if signer is EDDSA else RSA
    certificate = pgp.certificate(trusted, pgp.user_id(trusted))
    member = pgp.detached(signer, DATA, **options)
    write(tmp_path, fw=data, fw__sig=member, key__pgp=certificate)
    theirs = runs(tmp_path, "sqv", "--keyring", "key.pgp", "fw.sig", "fw")
    seen = view(data, detached=(("fw.sig", member),))
    own = accepted(OPENPGP_DETACHED.verify(seen, pgp.material(certificate)))
    assert (own, theirs) == (expected, expected)


@needs("jcat-tool", "jcat")
@pytest.mark.parametrize(
    ("data", "expected"), [(jcats.DATA, True), (jcats.DATA + b"x", False), (jcats.DATA[:-1], False)]
)
def test_jcat_tool_agrees_on_a_signature_under_its_authority(tmp_path, data, expected):
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "root.pem").write_bytes(pki.root().pem)
    made = jcats.jcat(jcats.item(jcats.blob(3, jcats.pkcs7(jcats.DATA))))
    write(tmp_path, fw__jcat=made, fw__bin=data)
    done = subprocess.run(
        (
            *("jcat-tool", "--disable-time-checks", "--public-keys", "roots"),
            *("verify", "fw.jcat", "fw.bin"),
        ),
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )
    theirs = b"PASSED" in done.stdout and b"FAILED" not in done.stdout
    own = accepted(JCAT.verify(jcats.beside(made, {"fw.bin": data}), jcats.TRUST))
    assert (own, theirs) == (expected, expected), done.stdout + done.stderr
