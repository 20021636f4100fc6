"""Agreement with python-tuf where it is installed, and the corpus of aktualizr.

Where they disagree: python-tuf passes over files that lie in a target's place (it fetches
targets by itself), takes a timestamp without a ``length``, and does not read Uptane.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fwverify.verify.scheme import Neighbour, TrustedKey
from fwverify.verify.tuf import TUF
from fwverify.verify.tuf_metadata import keys_of, read, role_of, signers
from fwverify.verify.uptane import UPTANE
from tests.corpus import CORPUS, needs_corpus
from tests.verify_tuf.build import AT, PAST, Repo, material, private, update
from tests.verify_tuf.folder import run
from tests.verify_tuf.test_tuf import STRANGER, accepted, same_key_under_two_ids

FOLDER = CORPUS / "uptane_aktualizr"


def python_tuf_accepts(files) -> bool:
    tuf = pytest.importorskip("tuf", reason="NOT COMPARED: python-tuf is absent (pip: tuf)")
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata
    from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
    from tuf.ngclient.config import EnvelopeType

    assert tuf
    assert Metadata
    try:
        trusted = TrustedMetadataSet(files["metadata/root.json"], EnvelopeType.METADATA)
        trusted.reference_time = AT
        trusted.update_timestamp(files["metadata/timestamp.json"])
        trusted.update_snapshot(files["metadata/snapshot.json"])
        trusted.update_targets(files["metadata/targets.json"])
    except RepositoryError:
        return False
    return True


@pytest.mark.parametrize(
    "repo",
    [
        Repo,
        lambda: Repo(kind="rsa"),
        lambda: Repo(kind="ecdsa"),
        lambda: Repo(hashed=False),
        lambda: Repo(expires={"timestamp": PAST}),
        lambda: Repo(expires={"snapshot": PAST}),
        lambda: Repo(expires={"targets": PAST}),
        lambda: Repo(expires={"root": PAST}),
        lambda: Repo(signers={"timestamp": [STRANGER]}),
        lambda: Repo(signers={"targets": [STRANGER]}),
        lambda: Repo(threshold=2),
        lambda: Repo(threshold=2, root_keys=[private("ed25519", 0), STRANGER]),
    ],
)
def test_python_tuf_agrees(repo):
    made = repo()
    files = update(made)
    mine = run(files, material(*made.roots()), (TUF,))
    assert python_tuf_accepts(files) == accepted(mine)


def test_one_key_under_two_ids_counts_twice_for_python_tuf_and_once_here():
    """TUF 4.2: key ids are names; a threshold is of keys. python-tuf 7 counts the names."""
    files = update(same_key_under_two_ids())
    assert python_tuf_accepts(files)
    assert not accepted(run(files, material(private("ed25519", 0)), (TUF,)))


# --- corpus ------------------------------------------------------------------------------


def load(folder: str) -> dict[str, bytes]:
    root = FOLDER / folder
    return {
        str(one.relative_to(root)): one.read_bytes() for one in root.rglob("*") if one.is_file()
    }


def root_key(name: str, raw: bytes):
    document = read(Neighbour(name, "", len(raw)), raw, "root")
    listed = keys_of(document.signed["keys"], "keys")
    return signers(document, listed, role_of(document.signed["roles"]["root"], "root"))


@needs_corpus
def test_corpus_sample():
    files = load("tuf/sample1")
    (key,) = root_key("root.json", files["root.json"])
    trust = replace(material(), keys=(TrustedKey("k", key.spki, ("release",), True),))
    assert accepted(run(files, trust, (TUF,)))
    assert not accepted(run(files, material(), (TUF,)))
    late = replace(trust, at=datetime(2038, 1, 20, tzinfo=UTC))
    assert {one.fresh for one in run(files, late, (TUF,))} == {"fail"}


@needs_corpus
@pytest.mark.parametrize(
    "name",
    [
        "tuf/rsassa-pss-sha256/root.json",
        "tuf/root-with-extra-keys.json",
        "test_data/prov/metadata/repo/root.json",
        "test_data/prov/metadata/director/root.json",
    ],
)
def test_corpus_roots_hold(name):
    assert root_key(name, (FOLDER / name).read_bytes())


@needs_corpus
def test_corpus_expired_pair_is_refused():
    for year in (2018, 2026):
        trust = material(at=datetime(year, 4, 1, tzinfo=UTC))
        results = run(load("test_data/prov/metadata"), trust, (TUF, UPTANE))
        assert results
        assert not accepted(results)
        assert {one.fresh for one in results} == ({"not-applicable"} if year == 2018 else {"fail"})
