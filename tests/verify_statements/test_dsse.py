"""DSSE and in-toto: what must be refused first, then what holds."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from fwverify.store import Store
from fwverify.verify import verify
from fwverify.verify.dsse import DSSE, DSSE_DETACHED, pae
from fwverify.verify.trust import load_trust, select_rule
from tests.builders import keys
from tests.verify import stores
from tests.verify.trees import Leaf, place
from tests.verify_cms.helpers import accepted
from tests.verify_statements import dsses, fuzz
from tests.verify_statements.helpers import CONTENT, axes, run, shown, trust

EC, RSA, ED = keys.ec_key(), keys.rsa_key(), keys.ed_key()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
REFUSED = [("fail", "fail")]
OPEN = [("unverifiable", "unverifiable")]


def beside(
    member: bytes, *privates, name: str = "fw.bin.intoto.jsonl", nodes=None, content=CONTENT
):
    seen = shown(content, detached=((name, member),), nodes=nodes)
    return run(DSSE_DETACHED, seen, trust(*privates))


def altered(member: bytes, **changes) -> bytes:
    return json.dumps(json.loads(member) | changes).encode()


GOOD = dsses.envelope(ED)
OTHER_PAYLOAD = base64.b64encode(dsses.statement(b"other", CONTENT)).decode()


@pytest.mark.parametrize(
    ("member", "wanted"),
    [
        (altered(GOOD, payload=OTHER_PAYLOAD), REFUSED),
        (altered(GOOD, payloadType="text/plain"), REFUSED),
        (altered(GOOD, signatures=[]), REFUSED),
        (altered(GOOD, signatures=[{"sig": "AAAA"}]), REFUSED),
        (altered(GOOD, signatures=[{"sig": "not base64"}]), REFUSED),
        (altered(GOOD, signatures=[{"sig": "AAA="}] * 17), REFUSED),
        (altered(GOOD, signatures={}), REFUSED),
        (altered(GOOD, signatures=[{"keyid": "x"}]), REFUSED),
        (altered(GOOD, extra="carried along"), OPEN),
        (GOOD[:-1] + b', "payload": "e30="}', REFUSED),
        (GOOD + b"{}", REFUSED),
        (b"", REFUSED),
        (b"[" * 100_000, REFUSED),
        (b"\xff\xfe", REFUSED),
        (GOOD + b"\n" + b"\n".join([GOOD] * 64), REFUSED),
        (b"\n".join([dsses.envelope(*[ED] * 13)] * 5), REFUSED),
        (dsses.envelope(ED, signed=dsses.statement()), REFUSED),
        (dsses.envelope(ED, signed=b"DSSEv1 " + dsses.pae(dsses.KIND, dsses.statement())), REFUSED),
        (dsses.envelope(ED, payload=b"{}"), REFUSED),
        (dsses.envelope(ED, kind="application/json"), OPEN),
        (dsses.envelope(ED, payload=dsses.statement(b"another file")), OPEN),
        (dsses.envelope(ED, payload=dsses.statement(kind="https://in-toto.io/Statement/v9")), OPEN),
        (
            dsses.envelope(
                ED,
                payload=dsses.statement(
                    predicate="https://in-toto.io/attestation/test-result/v0.1"
                ),
            ),
            OPEN,
        ),
        (dsses.envelope(ED, payload=dsses.statement(predicate="https://spdx.dev/Document")), OPEN),
        (dsses.envelope(ED, payload=dsses.statement(digests=[{"sha1": "0" * 40}])), OPEN),
        (
            dsses.envelope(ED, payload=dsses.statement(digests=[{"sha256": SHA256.upper()}])),
            REFUSED,
        ),
        (
            dsses.envelope(
                ED, payload=dsses.statement(digests=[{"sha256": SHA256, "sha512": "0" * 128}])
            ),
            REFUSED,
        ),
        (
            dsses.envelope(ED, payload=dsses.statement(subject=[{"digest": {}}] * 4097)),
            REFUSED,
        ),
    ],
)
def test_refused(member, wanted):
    results = beside(member, ED)
    assert axes(results) == wanted, results
    assert all(not one.covered and not one.vouches for one in results)


def test_other_keys_and_none():
    assert axes(beside(GOOD, keys.ed_key(1))) == REFUSED
    assert axes(beside(GOOD)) == OPEN
    assert axes(beside(GOOD, ED, content=CONTENT + b"x")) == OPEN
    seen = shown(CONTENT, detached=(("a.intoto.jsonl", GOOD),))
    assert axes(run(DSSE_DETACHED, seen, trust(ED, usable=False))) == [("pass", "fail")]
    assert axes(run(DSSE_DETACHED, seen, trust(ED, algorithms=("rsa-pss:sha256",)))) == REFUSED


@pytest.mark.parametrize("private", [EC, RSA, ED])
def test_one_key_over_the_whole_file(private):
    (result,) = beside(dsses.envelope(private), private)
    assert (result.authentic, result.trusted) == ("pass", "pass"), result.reason
    assert result.covered == ((0, len(CONTENT)),)
    assert result.key_id == "key-0"


def test_a_key_that_stands_twice_counts_once_and_strangers_are_counted():
    (result,) = beside(dsses.envelope(ED, ED, keys.ed_key(9)), ED)
    assert "1 other signatures" in result.reason
    results = beside(dsses.envelope(ED, EC), ED, EC)
    assert {one.key_id for one in results} == {"key-0", "key-1"}


def test_contents_inside_the_update_are_vouched_for():
    nodes = {"fw.bin!/rootfs": b"inner", "elsewhere": b"inner"}
    member = dsses.envelope(ED, payload=dsses.statement(b"inner", b"absent"))
    (result,) = beside(member, ED, nodes=nodes)
    assert result.covered == ()
    assert [one.path for one in result.vouches] == ["fw.bin!/rootfs"]


def test_lines_of_which_one_is_ours():
    strange = dsses.envelope(keys.ed_key(3))
    (result,) = beside(strange + b"\n" + GOOD + b"\n", ED)
    assert accepted((result,))
    assert "besides" in result.reason
    recall = dsses.envelope(ED, payload=dsses.statement(predicate="https://acme.example/recall/v1"))
    assert OPEN[0] in axes(beside(GOOD + b"\n" + recall, ED))


def test_inside_a_container():
    member = dsses.envelope(ED)
    name = "u.zip!/fw.bin.intoto.jsonl"
    seen = shown(member, name=name, nodes={"u.zip!/fw.bin": CONTENT})
    (result,) = run(DSSE, seen, trust(ED))
    assert accepted((result,)), result.reason
    assert [one.path for one in result.vouches] == ["u.zip!/fw.bin"]
    assert result.container == ((0, len(member)),)
    assert not run(DSSE, shown(b'{"a": 1}', name="x.att"), trust(ED))
    bad = shown(member.replace(b'"k0"', b'"k0", "x": 1'), name=name)
    assert axes(run(DSSE, bad, trust(ED))) == OPEN


def test_thresholds_count_distinct_keys(tmp_path):
    one, two = keys.ed_key(20), keys.ed_key(21)
    rule = stores.RULE.replace('"raw"', '"dsse-detached"').replace("threshold = 1", "threshold = 2")
    trusted = load_trust(stores.with_keys(tmp_path, one, two, rule=rule))
    for number, (signers, wanted) in enumerate((((one, two), True), ((one, one), False))):
        store = Store(tmp_path / f"store{number}")
        member = dsses.envelope(*signers)
        subject, unpacked = place(
            store, Leaf("fw.bin", CONTENT), Leaf("fw.bin.intoto.jsonl", member, role="signature")
        )
        rule_ = select_rule(trusted, "acme", "M-1")
        verified = verify(subject, unpacked, store, rule_, trusted, stores.AT)
        assert verified.satisfied is wanted, verified.findings


def test_the_encoding_is_securesystemslibs():
    lib = pytest.importorskip("securesystemslib.dsse", reason="ORACLE NOT RUN: securesystemslib")
    for payload in (b"", b"x", "ü".encode(), bytes(range(256))):
        for kind in ("a", "application/vnd.in-toto+json", "ü"):
            assert lib.Envelope(payload, kind, {}).pae() == pae(kind, payload)


@pytest.mark.parametrize(("name", "check"), [one for one in fuzz.FUZZ if "dsse" in one[0]])
def test_mutants(name, check):
    check(120)
