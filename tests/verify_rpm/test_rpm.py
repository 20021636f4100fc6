"""RPM packages: what a header signature reaches, and what must break it."""

from __future__ import annotations

import base64
import shutil
import subprocess
from datetime import timedelta

import pytest

from fwverify.reader import Malformed
from fwverify.verify.rpm import RPM, parse
from tests.verify_cms.helpers import accepted, axes, view
from tests.verify_openpgp import pgp
from tests.verify_rpm import fuzz
from tests.verify_rpm.rpms import (
    CERT,
    EDDSA,
    LEAD,
    PAYLOAD,
    SIGNER,
    TRUST,
    binary,
    build,
    header,
    main,
)

BODY = main()
STRANGER = pgp.key(pgp.EDDSA, 7)


def verify(content: bytes, trust=TRUST):
    seen = view(content, name="fw.rpm", kind="rpm")
    assert RPM.applies(seen)
    results = RPM.verify(seen, trust)
    assert results
    return results


def one(content: bytes, trust=TRUST):
    (result,) = verify(content, trust)
    return result


def text(member: bytes):
    return (278, 8, 1, base64.b64encode(member) + b"\0")


@pytest.mark.parametrize(
    ("tag", "algorithm"),
    [
        (binary(268, pgp.detached(SIGNER, BODY)), "rsa-pkcs1v15"),
        (binary(267, pgp.detached(EDDSA, BODY)), "ed25519"),
        (binary(1002, pgp.detached(SIGNER, BODY + PAYLOAD)), "rsa-pkcs1v15"),
        (text(pgp.detached(EDDSA, BODY)), "ed25519"),
    ],
)
def test_header_and_payload_are_covered(tag, algorithm):
    content = build([tag])
    result = one(content)
    start = len(content) - len(BODY + PAYLOAD)
    assert axes(result) == ("pass", "pass"), result.reason
    assert (result.algorithm, result.covered) == (algorithm, ((start, len(content)),))
    assert result.container == ((len(LEAD), start),)


def test_the_lead_steers_and_carries_nothing_else():
    content = build()
    assert one(content).steering == ((0, 96),)
    for at in (4, 12, 78, 79, 80, 95):
        changed = content[:at] + b"\xee" + content[at + 1 :]
        assert (one(changed).authentic, one(changed).steering) == ("pass", ())


@pytest.mark.parametrize("options", [{"digest": b""}, {"algorithm": 2}, {"algorithm": 99}])
def test_without_a_payload_digest_only_the_header_is_covered(options):
    body = main(**options)
    content = build([binary(268, pgp.detached(SIGNER, body))], body=body)
    result = one(content)
    start = len(content) - len(body + PAYLOAD)
    assert axes(result) == ("pass", "pass")
    assert result.covered == ((start, start + len(body)),)
    assert "no payload digest" in result.reason
    both = [binary(268, pgp.detached(SIGNER, body)), binary(1002, pgp.detached(SIGNER, body))]
    assert [axes(each)[0] for each in verify(build(both, body=body))] == ["pass", "fail"]


def test_what_is_hidden_in_the_signature_header():
    good = binary(268, pgp.detached(SIGNER, BODY))
    assert one(build([good, binary(1008, bytes(4096))])).container
    for tag in (binary(1008, b"\0" * 9 + b"x"), binary(7777, b"payload")):
        result = one(build([good, tag]))
        assert accepted((result,))
        assert result.container == ()


@pytest.mark.parametrize(
    "content",
    [
        build([binary(268, pgp.detached(SIGNER, BODY + b"x"))]),
        build([binary(268, pgp.detached(SIGNER, PAYLOAD))]),
        build([binary(268, pgp.detached(SIGNER, LEAD))]),
        build([binary(268, pgp.detached(SIGNER, BODY, issuer=b"")), binary(1002, b"\0")]),
        build([binary(268, b"")]),
        build([binary(268, b"\xc2")]),
        build([(268, 6, 1, b"x\0")]),
        build([(278, 8, 1, b"@@@\0")]),
        build([(278, 8, 1, b"aaaa")]),
        build([(278, 8, 99, b"aaaa\0" * 99)]),
        build(payload=PAYLOAD + b"x"),
        build(payload=PAYLOAD[:-1]),
        build(payload=b""),
        build(body=main(digest=b"0" * 64)),
        build(body=main(entries=1)),
        build(body=main(trailer=bytes(16))),
        build(body=main(more=[(5092, 8, 1, b"0\0")])),
        build(body=main(more=[(9999, 33, 1, b"0")])),
        build(body=main(more=[(9999, 4, 1 << 30, b"0000")])),
        build(body=header(62, [])),
        build(body=b""),
        build(entries=1),
        build()[:96],
        build()[:100],
        build()[:200],
        build()[:-700],
        LEAD + bytes(400),
        LEAD + b"\x8e\xad\xe8\x01" + bytes(4) + b"\xff" * 8,
        LEAD + b"\x8e\xad\xe8\x01" + bytes(4) + b"\0\0\xff\xff\0\0\0\0",
    ],
)
def test_a_package_that_must_not_count(content):
    results = verify(content)
    assert not all(accepted((each,)) for each in results)
    assert any(each.authentic == "fail" for each in results), results


def test_keys_that_are_not_in_the_rule():
    stranger = binary(267, pgp.detached(STRANGER, BODY))
    assert axes(one(build([stranger]))) == ("unverifiable", "unverifiable")
    both = [stranger, binary(268, pgp.detached(SIGNER, BODY))]
    assert accepted((one(build(both)),))


def test_what_is_no_signed_package():
    assert not RPM.applies(view(b"\xed\xab\xee"))
    assert not RPM.applies(view(build([binary(1004, bytes(16))])))
    with pytest.raises(Malformed):
        parse(b"")


def test_mutants():
    fuzz.check_package(300)


@pytest.mark.skipif(
    not (shutil.which("rpmbuild") and shutil.which("rpmsign") and shutil.which("gpg")),
    reason="rpmbuild, rpmsign or gpg is not installed",
)
def test_what_rpmsign_signs(tmp_path):
    home = tmp_path / "gpg"
    home.mkdir(mode=0o700)

    def run(*command: str) -> bytes:
        ran = subprocess.run(command, check=True, capture_output=True, timeout=60)
        return ran.stdout

    gpg = ("gpg", "--homedir", str(home), "--batch", "--passphrase", "", "--yes")
    run(*gpg, "--quick-generate-key", "Test <t@example.org>", "rsa2048", "sign", "1y")
    certificate = run(*gpg, "--export")
    (tmp_path / "a.spec").write_text(
        "Name: fw\nVersion: 1\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n"
        "%description\nd\n%files\n"
    )
    run("rpmbuild", "-bb", "--define", f"_topdir {tmp_path}", str(tmp_path / "a.spec"))
    (package,) = (tmp_path / "RPMS").rglob("*.rpm")
    names = ("--define", "_gpg_name t@example.org", "--define", f"_gpg_path {home}")
    assert not RPM.applies(view(package.read_bytes()))
    run("rpmsign", *names, "--define", f"__gpg {shutil.which('gpg')}", "--addsign", str(package))
    run("gpgconf", "--homedir", str(home), "--kill", "all")
    content = package.read_bytes()
    trust = pgp.material(certificate, at=pgp.AT.now(pgp.AT.tzinfo) + timedelta(minutes=1))
    results = verify(content, trust)
    assert accepted(results), [each.reason for each in results]
    start = parse(content).main.start
    assert results[0].covered == ((start, len(content)),)
    assert not accepted(verify(content, pgp.material(CERT)))
    for at in range(start, len(content), 97):
        changed = content[:at] + bytes((content[at] ^ 4,)) + content[at + 1 :]
        assert not accepted(verify(changed, trust)), at
