"""Sigstore bundles offline: each of the numbered guarantees is broken by itself."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest

from fwverify.store import Store
from fwverify.strict import InputFileError
from fwverify.verify import verify
from fwverify.verify.scheme import Holder
from fwverify.verify.sigstore import SIGSTORE
from fwverify.verify.trust import load_trust, select_rule
from tests.builders import keys, pki
from tests.verify import stores
from tests.verify.trees import Leaf, place
from tests.verify_cms.helpers import accepted
from tests.verify_statements import bundles, dsses, fuzz
from tests.verify_statements.bundles import ISSUER, SIGNED, SUBJECT, bundle, leaf, material
from tests.verify_statements.helpers import CONTENT, axes, run, shown, trust

FAIL, OPEN = ("fail", "fail"), ("unverifiable", "unverifiable")
UNTRUSTED, UNKNOWN = ("pass", "fail"), ("pass", "unverifiable")
DAY = timedelta(days=1)


def one(member: bytes, known=None, content: bytes = CONTENT, nodes=None):
    seen = shown(content, detached=(("fw.sigstore.json", member),), nodes=nodes)
    (result,) = run(SIGSTORE, seen, known or material())
    if (result.authentic, result.trusted) != ("pass", "pass"):
        assert result.authentic == "pass" or not result.covered
    return result


def changed(member: bytes, *path, value) -> bytes:
    document = json.loads(member)
    place_ = document
    for step in path[:-1]:
        place_ = place_[step]
    place_[path[-1]] = value
    return json.dumps(document).encode()


ENTRY = ("verificationMaterial", "tlogEntries", 0)


@pytest.mark.parametrize(
    "member",
    [
        bundle(),
        bundle(version="0.0.2"),
        bundle(stamped=SIGNED + timedelta(minutes=3)),
        bundle(promise=False, stamped=SIGNED + timedelta(minutes=3)),
        bundle(version="0.0.2", promise=False, stamped=SIGNED + timedelta(minutes=3)),
        bundle(index=0, size=1),
        bundle(index=6, size=7),
        bundle(entries=2),
        bundles.with_envelope(),
        bundles.with_envelope(version="0.0.2"),
    ],
)
def test_what_holds(member):
    result = one(member)
    assert accepted((result,)), result.reason
    assert result.covered == ((0, len(CONTENT)),)
    assert result.signer == f"{SUBJECT} by {ISSUER}"
    assert result.holder == f"{bundles.HOLDER.subject} by {ISSUER}"
    assert result.stamped_at is not None and result.weak == ()


def test_every_place_in_every_small_tree():
    for size in range(1, 9):
        for index in range(size):
            assert accepted((one(bundle(index=index, size=size)),)), (index, size)


STAMPED = bundle(stamped=SIGNED + timedelta(minutes=3))
STAMP = (
    *("verificationMaterial", "timestampVerificationData"),
    *("rfc3161Timestamps", 0, "signedTimestamp"),
)
OTHER = pki.issue("other", pki.key("p256", 5000), bundles.fulcio())


@pytest.mark.parametrize(
    ("member", "wanted"),
    [
        # 1: the signature
        (bundle(private=pki.key("p256", 9)), FAIL),
        (bundle(content=b"other"), FAIL),
        (changed(bundle(), "messageSignature", "messageDigest", "digest", value="AAAA"), FAIL),
        (changed(bundle(), "messageSignature", "signature", value="AAAA"), FAIL),
        (bundles.with_envelope(dsses.statement(b"another file")), OPEN),
        (bundles.with_envelope(dsses.statement(predicate="https://x.example/recalled/v1")), OPEN),
        (bundles.with_envelope(b"{}"), FAIL),
        # 2: the certificate
        (bundle(identity=leaf(ca=pki.intermediate("Evil", "Evil Root"))), UNTRUSTED),
        (bundle(identity=leaf(usage=pki.EMAIL)), UNTRUSTED),
        (bundle(identity=leaf(usage=pki.TIME_STAMPING)), UNTRUSTED),
        (bundle(time=SIGNED - timedelta(minutes=1)), UNTRUSTED),
        (bundle(time=SIGNED + timedelta(minutes=11)), UNTRUSTED),
        (bundle(stamped=SIGNED + DAY), UNTRUSTED),
        # 3: the time
        (bundle(promise=False), UNKNOWN),
        (bundle(stated_time=int(SIGNED.timestamp())), UNTRUSTED),
        (bundle(promise=False, stamps=(pki.token(b"other", SIGNED),)), UNTRUSTED),
        (bundle(rekor="strange", checkpoint_by="rekor"), UNKNOWN),
        (changed(STAMPED, *STAMP, value=bundles.b64(pki.token(b"x", SIGNED))), FAIL),
        (
            changed(STAMPED, *STAMP, value=bundles.b64(bundles.response(pki.NULL, 2))),
            FAIL,
        ),
        # 4: the certificate's log
        (bundle(identity=leaf(scts=())), UNTRUSTED),
        (bundle(identity=leaf(scts=("ct", "ct"))), UNTRUSTED),
        (bundle(identity=leaf(scts=("ct other",))), UNKNOWN),
        (bundle(identity=leaf(wrong_sct=True)), UNTRUSTED),
        # 5: who
        (bundle(identity=leaf(subject=SUBJECT.replace("acme", "evil"))), UNTRUSTED),
        (bundle(identity=leaf(subject=SUBJECT.replace("refs/tags", "refs/heads"))), UNTRUSTED),
        (bundle(identity=leaf(issuer="https://login.example")), UNTRUSTED),
        (bundle(identity=leaf(first_issuer="https://login.example")), UNTRUSTED),
        (bundle(identity=leaf(names=())), UNTRUSTED),
        (bundle(identity=leaf(names=(bundles.uri(SUBJECT), bundles.uri(SUBJECT)))), UNTRUSTED),
        (bundle(identity=leaf(names=(pki.tlv(0x82, b"git.example"),))), UNTRUSTED),
        (bundle(identity=leaf(subject=SUBJECT + "\n")), UNTRUSTED),
        (bundle(identity=leaf(subject=SUBJECT.replace("/fw", "/\nfw"))), UNTRUSTED),
        (bundle(identity=leaf(subject=SUBJECT.replace("acme", "%61cme"))), UNTRUSTED),
        # 6: the log entry
        (bundle(entries=0), UNKNOWN),
        (bundle(entries=0, stamped=SIGNED + timedelta(minutes=3)), UNTRUSTED),
        (bundle(proof=False), UNTRUSTED),
        (bundle(checkpoint_by="strange"), UNKNOWN),
        (bundle(root=b"r" * 32), UNTRUSTED),
        (bundle(hashes=()), UNTRUSTED),
        (bundle(hashes=(b"h" * 32,) * 64), UNTRUSTED),
        (bundle(hashes=(b"short",)), UNTRUSTED),
        (bundle(recorded_signature=b"another signature"), UNTRUSTED),
        (bundle(recorded_content=b"another content"), UNTRUSTED),
        (bundle(recorded_identity=OTHER), UNTRUSTED),
        (bundle(body={"kind": "intoto", "apiVersion": "0.0.2", "spec": {}}), UNKNOWN),
        (changed(bundle(), *ENTRY, "kindVersion", "kind", value="dsse"), UNTRUSTED),
        (changed(bundle(), *ENTRY, "inclusionProof", "logIndex", value="3"), UNTRUSTED),
        (changed(bundle(), *ENTRY, "inclusionProof", "logIndex", value="9"), UNTRUSTED),
        (changed(bundle(), *ENTRY, "inclusionProof", "treeSize", value="6"), UNTRUSTED),
        (changed(bundle(), *ENTRY, "logIndex", value="1"), UNTRUSTED),
        (bundles.with_envelope(recorded_signature=b"x"), UNTRUSTED),
        # the file
        (changed(bundle(), "mediaType", value="application/vnd.dev.sigstore.bundle.v0.9"), OPEN),
        (changed(bundle(), "more", value=1), OPEN),
        (changed(bundle(), "dsseEnvelope", value={}), FAIL),
        (changed(bundle(), "verificationMaterial", value={}), FAIL),
        (changed(bundle(), *ENTRY, "logIndex", value="-1"), FAIL),
        (changed(bundle(), *ENTRY, "integratedTime", value="9" * 30), FAIL),
        (changed(bundle(), *ENTRY, "integratedTime", value="9" * 19), UNTRUSTED),
        (changed(bundle(), "verificationMaterial", "tlogEntries", value=[{}] * 5), FAIL),
        (
            changed(bundle(), "verificationMaterial", "certificate", value={"rawBytes": "MAAA"}),
            FAIL,
        ),
        (b"{", FAIL),
        (b"", FAIL),
    ],
)
def test_refused(member, wanted):
    result = one(member)
    assert (result.authentic, result.trusted) == wanted, result.reason


LATER = datetime(2025, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"logs": bundles.logs("ct")}, UNKNOWN),
        ({"logs": bundles.logs("rekor")}, UNKNOWN),
        ({"identity_roots": ()}, UNKNOWN),
        ({"holders": ()}, UNKNOWN),
        ({"identity_roots": (), "code_roots": (pki.root("Acme Fulcio Root").cert,)}, UNKNOWN),
        ({"holders": (Holder(SUBJECT, "https://login.example"),)}, UNTRUSTED),
        ({"holders": (Holder(SUBJECT[:-1], ISSUER),)}, UNTRUSTED),
        ({"at": SIGNED}, UNTRUSTED),
        ({"logs": bundles.logs("rekor", "ct", start=LATER)}, UNTRUSTED),
        ({"logs": bundles.logs("rekor", "ct", end=SIGNED - DAY)}, UNTRUSTED),
        ({"holders": (Holder(SUBJECT, ISSUER),)}, ("pass", "pass")),
        ({"logs": bundles.logs("rekor", "ct", start=SIGNED, end=LATER)}, ("pass", "pass")),
    ],
)
def test_what_the_store_configures(changes, wanted):
    result = one(bundle(), material(**changes))
    assert (result.authentic, result.trusted) == wanted, result.reason


def test_a_time_authority_that_is_not_configured():
    member = bundle(promise=False, stamped=SIGNED + timedelta(minutes=3))
    result = one(member, material(time_roots=()))
    assert (result.authentic, result.trusted) == UNKNOWN


def test_a_checkpoint_that_is_no_note():
    member = bundle()
    path = (*ENTRY, "inclusionProof", "checkpoint", "envelope")
    good = json.loads(member)["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
    note = good["checkpoint"]["envelope"]
    for bad in ("", note[:-1], note + "x\n", note.replace("\n\n", "\n"), note.replace("5", "6", 1)):
        assert not accepted((one(changed(member, *path, value=bad)),)), bad
    assert accepted((one(changed(member, *path, value=note)),))
    root = base64.b64decode(good["rootHash"])
    hinted = bundles.checkpoint(root, 5, bundles.log_key("rekor"), hint=b"nope")
    assert not accepted((one(changed(member, *path, value=hinted)),))


def test_a_bare_key():
    private = keys.ec_key()
    value = bundles.make(identity=dataclasses.replace(leaf(), private=private))
    value["verificationMaterial"] = {"publicKey": {"hint": "anything"}}
    member = json.dumps(value).encode()
    assert accepted((one(member, trust(private)),))
    assert axes((one(member, trust(keys.ed_key())),)) == [FAIL]
    assert axes((one(member, trust()),)) == [OPEN]
    retired = trust(private, usable=False)
    assert axes((one(member, retired),)) == [UNTRUSTED]
    entries = [bundles._entry(bundles.Plan(), b"another signature", leaf())]
    value["verificationMaterial"]["tlogEntries"] = entries
    known = dataclasses.replace(trust(private), logs=bundles.logs("rekor"))
    assert axes((one(json.dumps(value).encode(), known),)) == [FAIL]


def test_contents_inside_are_vouched_for():
    member = bundles.with_envelope(dsses.statement(b"inner"))
    result = one(member, nodes={"fw.bin!/rootfs": b"inner"})
    assert accepted((result,)), result.reason
    assert result.covered == ()
    assert [vouch.path for vouch in result.vouches] == ["fw.bin!/rootfs"]


# --- the rule ------------------------------------------------------------------------------

ROOT = """
[[root]]
id = "{id}"
file = "roots/{id}.pem"
sha256 = "{sha256}"
use = "{use}"
{roles}
added_by = "A. Engineer"
approved_by = "B. Approver"
"""
LOG = """
[[log]]
id = "{id}"
file = "logs/{id}.pem"
spki_sha256 = "{sha256}"
use = "{id}"
added_by = "A. Engineer"
approved_by = "B. Approver"
"""
RULE = stores.RULE.replace('"raw"', '"sigstore", "cms-detached"') + (
    f'holders = [{{ subject = "{bundles.HOLDER.subject}", issuer = "{ISSUER}" }}]\n'
)


def store_of(folder, *, threshold: int = 1, holder: str = RULE):
    roots = {"fulcio": bundles.fulcio(), "root": pki.root("Acme Fulcio Root")}
    tables = "".join(
        ROOT.format(
            id=name,
            sha256=pki.digest_of("sha256", identity.der).hex(),
            use="identity",
            roles='roles = ["release"]',
        )
        for name, identity in roots.items()
    )
    files = {f"roots/{name}.pem": identity.pem for name, identity in roots.items()}
    for name in ("rekor", "ct"):
        private = bundles.log_key(name)
        tables += LOG.format(id=name, sha256=keys.spki_sha256(private))
        files[f"logs/{name}.pem"] = keys.pem(private)
    rule = holder.replace("threshold = 1", f"threshold = {threshold}")
    return load_trust(stores.vendor(folder, tables, files, rule))


def verified(tmp_path, trusted, *members: bytes, content: bytes = CONTENT):
    store = Store(tmp_path / "store")
    leaves = [
        Leaf(f"{number}.sigstore.json", member, role="signature")
        for number, member in enumerate(members)
    ]
    subject, unpacked = place(store, Leaf("fw.bin", content), *leaves)
    rule = select_rule(trusted, "acme", "M-1")
    return verify(subject, unpacked, store, rule, trusted, pki.AT)


def test_a_rule_with_holders(tmp_path):
    trusted = store_of(tmp_path)
    good = verified(tmp_path, trusted, bundle())
    assert good.satisfied, (good.findings, good.problems)
    assert not verified(tmp_path, trusted, bundle(), content=b"other").satisfied
    evil = bundle(identity=leaf(subject=SUBJECT.replace("acme", "evil")))
    assert not verified(tmp_path, trusted, evil).satisfied


def test_two_certificates_of_one_holder_are_one_signer(tmp_path):
    trusted = store_of(tmp_path, threshold=2)
    twice = verified(tmp_path, trusted, bundle(), bundle(identity=leaf(number=1)))
    assert not twice.satisfied
    assert {len(twice.signatures)} == {2}
    tag = bundle(identity=leaf(number=2, subject=SUBJECT.replace("v7", "v8")))
    assert not verified(tmp_path, trusted, bundle(), tag).satisfied, "one workflow, two tags"


@pytest.mark.parametrize("wide_first", [False, True])
def test_two_holders_are_two_signers_where_neither_holds_the_other(tmp_path, wide_first):
    def store(*subjects):
        listed = ", ".join(f'{{ subject = "{one}", issuer = "{ISSUER}" }}' for one in subjects)
        rule = RULE.replace(RULE[RULE.index("holders") :], f"holders = [{listed}]\n")
        return store_of(tmp_path / str(len(subjects)), threshold=2, holder=rule)

    other = SUBJECT.replace("v7", "v8")
    both = bundle(), bundle(identity=leaf(number=2, subject=other))
    assert verified(tmp_path, store(SUBJECT, other), *both).satisfied
    subjects = (SUBJECT, bundles.HOLDER.subject, other)
    overlapping = store(*(reversed(subjects) if wide_first else subjects))
    assert not verified(tmp_path, overlapping, *both).satisfied


def test_a_log_given_up_before_the_stamped_time_includes_nothing():
    """No promise: the time is the authority's, and the checkpoint could be of any day."""
    member = bundle(promise=False, stamped=SIGNED + timedelta(minutes=1))
    assert accepted((one(member),))
    for window in ({"end": SIGNED - DAY}, {"start": LATER}):
        logs = bundles.logs("rekor", **window) + bundles.logs("ct")
        result = one(member, bundles.material(logs=logs))
        assert (result.authentic, result.trusted) == UNTRUSTED, result.reason


def test_an_authority_of_everybody_anchors_no_cms(tmp_path):
    trusted = store_of(tmp_path)
    rule = select_rule(trusted, "acme", "M-1")
    known = rule.material(pki.AT)
    assert known.identity_roots and not known.code_roots and not known.pins


@pytest.mark.parametrize(
    "holder",
    [
        'holders = [{ subject = "*", issuer = "https://x.example" }]',
        'holders = [{ subject = "https://a*b", issuer = "https://x.example" }]',
        'holders = [{ subject = "https://a.example", issuer = "*" }]',
        'holders = [{ subject = "https://a.example" }]',
    ],
)
def test_a_holder_is_somebody(tmp_path, holder):
    with pytest.raises(InputFileError):
        store_of(tmp_path, holder=stores.RULE + holder + "\n")


# --- the reference -------------------------------------------------------------------------


def test_sigstore_python_agrees(tmp_path):
    reference = pytest.importorskip("sigstore", reason="ORACLE NOT RUN: sigstore")
    del reference
    from sigstore.errors import Error
    from sigstore.models import Bundle
    from sigstore.verify import Verifier, policy

    verifier = Verifier(trusted_root=_trusted_root())
    wanted = policy.Identity(identity=SUBJECT, issuer=ISSUER)
    cases = {
        "good": bundle(),
        "stamped": bundle(stamped=SIGNED + timedelta(minutes=3)),
        "other key": bundle(private=pki.key("p256", 9)),
        "other authority": bundle(identity=leaf(ca=pki.intermediate("Evil", "Evil Root"))),
        "late": bundle(time=SIGNED + timedelta(minutes=11)),
        "no SCT": bundle(identity=leaf(scts=())),
        "wrong SCT": bundle(identity=leaf(wrong_sct=True)),
        "other subject": bundle(identity=leaf(subject=SUBJECT.replace("acme", "evil"))),
        "other issuer": bundle(identity=leaf(issuer="https://login.example")),
        "root": bundle(root=b"r" * 32),
        "checkpoint": bundle(checkpoint_by="strange"),
        "recorded": bundle(recorded_signature=b"x"),
        "recorded content": bundle(recorded_content=b"x"),
        "no time": bundle(promise=False),
        "no proof": bundle(proof=False),
    }
    for name, member in cases.items():
        theirs = False
        with contextlib.suppress(Error, ValueError):
            verifier.verify_artifact(CONTENT, Bundle.from_json(member), wanted)
            theirs = True
        assert theirs is (name in ("good", "stamped")), name
        assert accepted((one(member),)) is theirs, name
    envelope = bundles.with_envelope()
    kind, payload = verifier.verify_dsse(Bundle.from_json(envelope), wanted)
    assert (kind, payload) == (dsses.KIND, dsses.statement())


def _trusted_root():
    """Return our logs and authorities as sigstore-python's TrustedRoot."""
    from sigstore.models import TrustedRoot

    def key(name: str) -> dict:
        private = bundles.log_key(name)
        return {
            "baseUrl": "https://log.example",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": bundles.b64(keys.spki(private)),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            },
            "logId": {"keyId": bundles.b64(bundles.log_id(private))},
        }

    def authority(*identities) -> dict:
        chain = [{"rawBytes": bundles.b64(each.der)} for each in identities]
        return {
            "subject": {"organization": "acme", "commonName": "acme"},
            "uri": "https://ca.example",
            "certChain": {"certificates": chain},
            "validFor": {"start": "2020-01-01T00:00:00Z"},
        }

    document = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [key("rekor")],
        "certificateAuthorities": [authority(bundles.fulcio(), pki.root("Acme Fulcio Root"))],
        "ctlogs": [key("ct")],
        "timestampAuthorities": [authority(pki.stamper(), pki.authority())],
    }
    if hasattr(TrustedRoot, "from_json"):
        return TrustedRoot.from_json(json.dumps(document))
    from sigstore_models.trustroot.v1 import TrustedRoot as Inner

    return TrustedRoot(Inner.from_json(json.dumps(document)))


def test_base64_of_the_material_is_canonical():
    spoiled = json.loads(bundle())
    raw = spoiled["verificationMaterial"]["certificate"]["rawBytes"]
    spoiled["verificationMaterial"]["certificate"]["rawBytes"] = raw + "\n"
    assert axes((one(json.dumps(spoiled).encode()),)) == [FAIL]
    assert base64.b64decode(raw)


@pytest.mark.parametrize(("name", "check"), [each for each in fuzz.FUZZ if "sigstore" in each[0]])
def test_mutants(name, check):
    check(60)
