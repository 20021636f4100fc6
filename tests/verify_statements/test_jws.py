"""JWS: what every broken library once accepted is refused; then what holds."""

from __future__ import annotations

import json

import pytest

from fwverify.verify.jws import JWS_DETACHED
from tests.builders import keys
from tests.verify_cms.helpers import accepted
from tests.verify_statements import fuzz, jwss
from tests.verify_statements.helpers import CONTENT, axes, run, shown, trust

EC, EC384, RSA, ED = keys.ec_key(), keys.ec_key("secp384r1"), keys.rsa_key(), keys.ed_key()
REFUSED, OPEN = [("fail", "fail")], [("unverifiable", "unverifiable")]


def beside(member: bytes, *privates, content: bytes = CONTENT, name="fw.jws", **changes):
    seen = shown(content, detached=((name, member),))
    return run(JWS_DETACHED, seen, trust(*privates, **changes))


def bare(header: str, payload: str = "", signature: str = "") -> bytes:
    return f"{jwss.b64(header.encode())}.{payload}.{signature}".encode()


JWK = {"kty": "OKP", "crv": "Ed25519", "x": jwss.b64(keys.raw(keys.ed_key(7)))}


@pytest.mark.parametrize(
    ("member", "wanted"),
    [
        (bare('{"alg":"none"}'), REFUSED),
        (bare('{"alg":"None"}', jwss.b64(CONTENT)), REFUSED),
        (bare('{"alg":"nOnE"}', "", "AAAA"), REFUSED),
        (jwss.confused(keys.pem(RSA)), REFUSED),
        (jwss.confused(keys.spki(RSA)), REFUSED),
        (jwss.compact(keys.ed_key(7), jwk=JWK), REFUSED),
        (jwss.compact(keys.ed_key(7), jku="https://keys.example/jwks", kid="key-0"), REFUSED),
        (jwss.compact(keys.ed_key(7), x5c=["AAAA"]), REFUSED),
        (jwss.compact(ED, crit=["exp"], exp=1), REFUSED),
        (jwss.compact(ED, crit=["b64", "exp"], b64=False, exp=1), REFUSED),
        (jwss.compact(ED, crit=["b64", "b64"], b64=False), REFUSED),
        (jwss.compact(ED, crit=[]), REFUSED),
        (jwss.compact(ED, crit=["b64"]), REFUSED),
        (jwss.compact(ED, crit="b64", b64=False), REFUSED),
        (jwss.compact(ED, b64=False), REFUSED),
        (jwss.compact(ED, b64=0, crit=["b64"]), REFUSED),
        (jwss.compact(ED, alg="ES256"), REFUSED),
        (jwss.compact(EC, alg="EdDSA"), REFUSED),
        (jwss.compact(EC384, alg="ES256"), REFUSED),
        (jwss.compact(ED, alg="ES256K"), OPEN),
        (jwss.compact(ED, alg=7), REFUSED),
        (bare("{}", "", "AAAA"), REFUSED),
        (bare('{"alg":"EdDSA","alg":"EdDSA"}', "", "AAAA"), REFUSED),
        (bare("[]", "", "AAAA"), REFUSED),
        (jwss.compact(EC, value=bytes(64)), REFUSED),
        (jwss.compact(EC, value=keys.sign_ec(EC, b"x")), REFUSED),
        (jwss.compact(ED, b"other"), REFUSED),
        (jwss.compact(ED, b"other", attached=True), REFUSED),
        (jwss.compact(ED) + b".x", REFUSED),
        (jwss.compact(ED) + b"=", REFUSED),
        (b"..", REFUSED),
        (b"", REFUSED),
        (b"\xff.\xff.\xff", REFUSED),
        (b'{"signatures": []}', REFUSED),
        (jwss.flattened(ED, more={"header": {"alg": "EdDSA"}}), REFUSED),
        (jwss.flattened(ED, kid="a", more={"header": {"kid": "b"}}), REFUSED),
        (jwss.flattened(ED, more={"header": {"crit": ["x"]}}), REFUSED),
        (jwss.flattened(ED, more={"carried": "along"}), OPEN),
        (jwss.flattened(ED, more={"signature": 1}), REFUSED),
        (jwss.flattened(ED, more={"protected": ""}), REFUSED),
        (jwss.flattened(ED)[:-1] + b', "protected": ""}', REFUSED),
        (json.dumps({"signatures": [{"signature": "AA"}] * 9}).encode(), REFUSED),
    ],
)
def test_refused(member, wanted):
    results = beside(member, ED, EC, EC384, RSA)
    assert axes(results) == wanted, results
    assert not any(one.covered for one in results)


@pytest.mark.parametrize("private", [EC, EC384, RSA, ED])
@pytest.mark.parametrize("header", [{}, {"b64": False, "crit": ["b64"]}])
def test_one_signature(private, header):
    member = jwss.compact(private, **header)
    (result,) = beside(member, keys.ed_key(4), private)
    assert accepted((result,)), result.reason
    assert result.covered == ((0, len(CONTENT)),)
    assert axes(beside(member)) == OPEN
    assert axes(beside(member, private, usable=False)) == [("pass", "fail")]
    assert axes(beside(member, private, content=CONTENT + b"x")) == REFUSED
    assert axes(beside(member, private, algorithms=("rsa-pkcs1v15:sha512",))) == REFUSED


def test_other_forms():
    assert accepted(beside(jwss.compact(ED, attached=True), ED))
    assert accepted(beside(jwss.flattened(ED, kid="a"), ED))
    assert accepted(beside(jwss.compact(RSA, alg="RS256"), RSA))
    (result,) = beside(jwss.compact(ED, jwk=JWK), ED)
    assert accepted((result,)) and "not believed" in result.reason
    empty = jwss.compact(ED, b"")
    assert accepted(beside(empty, ED, content=b""))


def test_pieces_of_three_are_the_whole():
    content = bytes(3 * 256 * 1024 + 5)
    assert accepted(beside(jwss.compact(EC, content), EC, content=content))


def test_several_signers_are_several_keys():
    results = beside(jwss.general(ED, EC, ED, RSA), ED, EC)
    assert sorted(one.key_id for one in results) == ["key-0", "key-1"]
    assert all("1 other signatures" in one.reason for one in results)


def test_joserfc_agrees():
    jws = pytest.importorskip("joserfc.jws", reason="ORACLE NOT RUN: joserfc")
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    private, public = ECKey.import_key(keys.private_pem(EC)), ECKey.import_key(keys.pem(EC))
    made = jws.serialize_compact({"alg": "ES256"}, CONTENT, private).encode()
    assert accepted(beside(made, EC))
    ours = jwss.compact(EC, attached=True).decode()
    assert jws.deserialize_compact(ours, public).payload == CONTENT
    for bad in (
        bare('{"alg":"none"}', jwss.b64(CONTENT)),
        jwss.compact(EC, attached=True, crit=["exp"], exp=1),
        jwss.compact(EC, attached=True, value=bytes(64)),
    ):
        assert not accepted(beside(bad, EC))
        with pytest.raises((JoseError, ValueError)):
            jws.deserialize_compact(bad.decode(), public)


@pytest.mark.parametrize(("name", "check"), [one for one in fuzz.FUZZ if "jws" in one[0]])
def test_mutants(name, check):
    check(200)
