"""The Debian chain: the corpus, our own archive, and everything that must break it."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fwverify.reader import Malformed
from fwverify.verify.debian import DEBIAN_RELEASE, parse_release
from fwverify.verify.keys import read_keys
from fwverify.verify.openpgp_schemes import OPENPGP_CLEARTEXT
from fwverify.verify.scheme import Material, Neighbour, TrustedKey
from tests.corpus import CORPUS, needs_corpus
from tests.verify_cms.helpers import accepted, axes, view
from tests.verify_openpgp import pgp
from tests.verify_openpgp.fuzz import check_release

FOLDER = CORPUS / "scanner_linux_debian_openssh"
SIGNER = pgp.key()
CERT = pgp.certificate(SIGNER)
DEB = b"!<arch>\n package"
OTHER_DEB = b"!<arch>\n another"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stanza(deb: bytes, *, size: int | None = None, name: str = "pool/a_1_all.deb") -> str:
    size = len(deb) if size is None else size
    head = f"Package: a\nVersion: 1\nFilename: {name}\nSize: {size}\n"
    return f"{head}MD5sum: {'0' * 32}\nSHA256: {sha(deb)}\nDescription: a\n SHA256: no\n\n"


INDEX = (stanza(OTHER_DEB, name="pool/b_1_all.deb") + stanza(DEB)).encode()


def release(
    index: bytes = INDEX, *, extra: str = "", date: str = "2026", size=None, more=""
) -> bytes:
    size = len(index) if size is None else size
    return (
        f"Origin: Test\nSuite: stable\nDate: Thu, 01 Jan {date} 00:00:00 UTC\n{extra}"
        f"MD5Sum:\n {'1' * 32} 5 main/Packages\n"
        f"SHA256:\n {sha(index)} {size} main/binary-all/Packages\n{more}".rstrip("\n").encode()
    )


def archive(content: bytes, files: dict[str, bytes], name: str = "InRelease"):
    """Return a view of ``content`` in a folder with ``files``."""
    beside = {path: Neighbour(path, sha(data), len(data)) for path, data in files.items()}
    held: dict[str, tuple[Neighbour, ...]] = {}
    for path in sorted(files):
        held[beside[path].sha256] = (*held.get(beside[path].sha256, ()), beside[path])
    by_digest = {sha(data): data for data in files.values()}
    return replace(
        view(content, name=name, kind="text"),
        beside=beside.get,
        holders=lambda digest: held.get(digest, ()),
        open=lambda digest: contextlib.nullcontext(by_digest[digest]),
    )


FILES = {"Packages": INDEX, "a_1_all.deb": DEB}


def one(content: bytes, files=None, **options):
    seen = archive(content, FILES if files is None else files)
    assert DEBIAN_RELEASE.applies(seen)
    assert not OPENPGP_CLEARTEXT.applies(seen)
    (result,) = DEBIAN_RELEASE.verify(seen, pgp.material(CERT, **options))
    return result


def vouched(result) -> set[str]:
    return {vouch.path for vouch in result.vouches}


def test_release_index_package():
    result = one(pgp.cleartext(SIGNER, release()))
    assert axes(result) == ("pass", "pass"), result.reason
    assert vouched(result) == {"Packages", "a_1_all.deb"}
    assert {vouch.via for vouch in result.vouches} == {
        "Release: main/binary-all/Packages",
        "Packages: pool/a_1_all.deb",
    }
    assert "no end of validity" in result.reason


def test_release_beside_its_signature():
    content = release()
    for member in (pgp.detached(SIGNER, content), pgp.armored(pgp.detached(SIGNER, content))):
        seen = archive(content, {**FILES, "Release.gpg": member}, name="Release")
        assert DEBIAN_RELEASE.applies(seen)
        (result,) = DEBIAN_RELEASE.verify(seen, pgp.material(CERT))
        assert axes(result) == ("pass", "pass"), result.reason
        assert vouched(result) == {"Packages", "a_1_all.deb"}
        altered = archive(content + b"\n", {**FILES, "Release.gpg": member}, name="Release")
        assert not accepted(DEBIAN_RELEASE.verify(altered, pgp.material(CERT)))
    assert not DEBIAN_RELEASE.applies(archive(content, FILES, name="Release"))


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"Packages": INDEX, "a_1_all.deb": DEB + b"x"}, {"Packages"}),
        ({"Packages": INDEX + b"\n", "a_1_all.deb": DEB}, set()),
        ({"a_1_all.deb": DEB}, set()),
        ({}, set()),
        ({**FILES, "evil.deb": b"evil"}, {"Packages", "a_1_all.deb"}),
        ({**FILES, "renamed.deb": DEB}, {"Packages", "a_1_all.deb", "renamed.deb"}),
    ],
)
def test_only_what_is_listed_is_vouched_for(files, names):
    assert vouched(one(pgp.cleartext(SIGNER, release()), files)) == names


def test_weak_lists_vouch_for_nothing():
    index = INDEX.replace(b"SHA256: ", b"SHA1: ")
    assert vouched(one(pgp.cleartext(SIGNER, release(index)), {**FILES, "Packages": index})) == {
        "Packages"
    }


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (release(size=len(INDEX) + 1), "is listed with"),
        (release().replace(b"SHA256:", b"SHA512:"), "no SHA256"),
        (release().replace(b"Suite: stable", b"Suite: stable\nSuite: x"), "stands twice"),
        (release().replace(b"Suite: stable", b"Suite: stable\nno field"), "is no field"),
        (release().replace(b"Thu, 01 Jan", b"Someday"), "is no date"),
        (release(extra="Valid-Until: never\n"), "is no date"),
        (release(more=f" {'0' * 64} 3 main/binary-all/Packages\n"), "listed twice"),
        (release(more=" zz 3 x\n"), "not digest, size and name"),
        (release(more=f" {'0' * 64} -3 x\n"), "not digest, size and name"),
        (release().replace(b"SHA256:\n", b"SHA256: x\n"), "text on its first"),
    ],
)
def test_a_release_that_must_not_count(content, why):
    result = one(pgp.cleartext(SIGNER, content))
    assert (axes(result), result.vouches) == (("fail", "fail"), ())
    assert why in result.reason


@pytest.mark.parametrize(
    "index",
    [
        stanza(DEB, size=3).encode(),
        stanza(DEB).replace("Size: ", "Weight: ").encode(),
        stanza(DEB).replace("Size: ", "Size: 1\nSize: ").encode(),
        stanza(DEB).replace("Filename: ", "Name: ").encode(),
        (stanza(DEB)[:-1] + f"SHA256: {'0' * 64}\n").encode(),
    ],
)
def test_an_index_that_must_not_count(index):
    result = one(pgp.cleartext(SIGNER, release(index)), {**FILES, "Packages": index})
    assert axes(result) == ("fail", "fail")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"date": "2027"}, "after the verification time"),
        ({"extra": "Valid-Until: Fri, 02 Jan 2026 00:00:00 UTC\n"}, "was valid until 2026-01-02"),
    ],
)
def test_a_release_out_of_its_time_is_authentic_and_not_trusted(options, why):
    result = one(pgp.cleartext(SIGNER, release(**options)))
    assert axes(result) == ("pass", "fail")
    assert why in result.reason


def test_text_around_an_in_release_refuses_it():
    message = pgp.cleartext(SIGNER, release())
    for content in (b"Origin: Evil\n" + message, message + b"SHA256:\n"):
        assert axes(one(content)) == ("fail", "fail")
    assert accepted((one(message + b"\n\n"),))


def test_parse_release_refuses_what_is_none():
    for text in (b"", b"\xff", b" x", b"Date: x", b"a\0b: c"):
        with pytest.raises(Malformed):
            parse_release(text)


def test_mutants():
    check_release(200)


# --- the corpus ----------------------------------------------------------------------


def archive_keys() -> tuple[TrustedKey, ...]:
    data = (FOLDER / "keys" / "debian-archive-keyring.gpg").read_bytes()
    return tuple(
        TrustedKey(one.name, one.spki, ("archive",), True, "", one.openpgp)
        for one in read_keys(data, "keyring")
    )


@needs_corpus
@pytest.mark.parametrize(
    ("suite", "deb", "at", "trusted"),
    [
        ("bookworm-security", "deb12u9", datetime(2026, 11, 20, tzinfo=UTC), "pass"),
        ("bookworm-updates", "deb12u7", datetime(2026, 11, 20, tzinfo=UTC), "pass"),
        ("bookworm-security", "deb12u9", datetime(2026, 11, 26, tzinfo=UTC), "fail"),
        ("bookworm-security", "deb12u9", datetime(2026, 11, 1, tzinfo=UTC), "fail"),
        ("bookworm-updates", "deb12u7", datetime(2036, 1, 1, tzinfo=UTC), "fail"),
    ],
)
def test_corpus(suite, deb, at, trusted):
    package = FOLDER / f"openssh-server_1_9.2p1-2+{deb}_amd64.deb"
    index = FOLDER / "apt" / f"{suite}.Packages"
    files = {package.name: package.read_bytes(), index.name: index.read_bytes()}
    content = (FOLDER / "apt" / f"{suite}.InRelease").read_bytes()
    material = Material(at=at, keys=archive_keys())
    results = DEBIAN_RELEASE.verify(archive(content, files), material)
    assert [axes(one) for one in results] == [("pass", trusted)] * 2
    assert all(vouched(one) == set(files) for one in results)
    reached = sorted((*results[0].covered, *results[0].container))
    assert (reached[0][0], reached[-1][1]) == (0, len(content))
