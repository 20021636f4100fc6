"""Both gates over one matrix: the Python one, and the script under dash and busybox."""

from __future__ import annotations

import hashlib
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from fwverify.gate import form
from tests.gate_release.papers import (
    ANN,
    AT,
    BOB,
    BOB_OLD,
    CONTENT,
    CONTEXT,
    CY,
    EVE,
    LIST,
    Trial,
    base64_of,
    pin,
    pins,
    python,
    release,
    revocations,
    script,
    signed,
)

SHELLS = [each for each in (("dash",), ("busybox", "sh")) if shutil.which(each[0])]
FLIPS = 200
GOOD = Trial()
SUBJECT = hashlib.sha256(CONTENT).hexdigest()
FILES = {b"boot.bin": b"boot", b"a/app.bin": b"app", "a/na\u00efve %!\\\n.txt".encode(): b"odd"}


def member(name: str, content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()} {len(content)} {name}"


MEMBERS = (
    member("boot.bin", b"boot"),
    member("a/app.bin", b"app"),
    member("a/na%C3%AFve %25%21%5C%0A.txt", b"odd"),
)
SET = Trial(update=FILES).with_(release=release(members=MEMBERS))
BAD_POINT = " ".join((*base64_of(BOB)[:2], base64_of(CY)[2], "Bob"))


def r(**changed):
    return GOOD.with_(release=release(**changed))


def v(**changed):
    return GOOD.with_(revocations=revocations(**changed))


def text(name, old, new, count=1):
    data = getattr(GOOD.papers, name)
    assert old in data
    return GOOD.with_(**{name: data.replace(old, new, count)})


def lines(change):
    """Return the release with its lines changed and signed anew, form or no form."""
    record = form.read(GOOD.papers.release, form.RELEASE)
    made = change(list(record.lines))
    return GOOD.with_(release=signed(replace(record, lines=tuple(made), signatures=()), ANN, BOB))


def respelled(data: bytes, behind: bytes) -> bytes:
    """Return ``data`` with a bit set in base64 that no decoded byte has (RFC 4648, 3.5)."""
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = data.index(behind) - 1
    return data[:at] + bytes([letters[letters.index(data[at]) ^ 1]]) + data[at + 1 :]


def doubled(found):
    return [found[0], *found]


def swapped(found):
    return [found[1], found[0], *found[2:]]


CASES = {
    "valid": (GOOD, "released"),
    "valid verdict": (r(domain=form.VERDICT), "released"),
    "valid set": (SET, "released"),
    "three signers": (r(signers=(ANN, BOB, CY)), "released"),
    "a foreign signature beside two": (r(signers=(ANN, BOB, EVE)), "released"),
    "to the second": (replace(GOOD, at="2026-11-22T00:00:00Z"), "released"),
    "stale list": (replace(GOOD, at="2026-11-22T00:00:01Z"), "revocations.stale"),
    "list of tomorrow": (v(**{"this-update": "2026-11-21T12:00:01Z"}), "revocations.future"),
    "list by nobody": (v(signers=()), "revocations.signers"),
    "list by a stranger": (v(signers=(EVE,)), "revocations.signers"),
    "list by a releaser": (v(signers=(ANN,)), "revocations.signers"),
    "list by two": (v(signers=(LIST, EVE)), "released"),
    "other site": (GOOD.with_(context=CONTEXT.replace(b"Rott", b"Amst")), "context.other"),
    "networked": (GOOD.with_(context=CONTEXT.replace(b"stand-alone", b"networked")),
                  "context.other"),
    "context with a line end": (GOOD.with_(context=CONTEXT + b"\n"), "context.other"),
    "empty context": (GOOD.with_(context=b""), "context.other"),
    "foreign signer": (r(signers=(ANN, EVE)), "release.signers"),
    "only strangers": (r(signers=(EVE, LIST)), "release.signers"),
    "no signature": (r(signers=()), "release.signers"),
    "one signer": (r(signers=(BOB,)), "release.signers"),
    "one person, two keys": (r(signers=(BOB, BOB_OLD)), "release.signers"),
    "the submitter signs": (r(submitter="Ann"), "release.submitter"),
    "the submitter signs, too": (r(submitter="Cy \\n", signers=(ANN, BOB, CY)),
                                 "release.submitter"),
    "expired": (r(not_after="2026-11-21T11:59:59Z"), "release.expired"),
    "to its last second": (r(not_after=AT), "released"),
    "not yet valid": (r(not_before="2026-11-21T12:00:01Z"), "release.early"),
    "from its first second": (r(not_before=AT), "released"),
    "revoked update": (v(subject=(SUBJECT,)), "revoked.subject"),
    "revoked release": (
        v(release=(hashlib.sha256(form.read(GOOD.papers.release, form.RELEASE).body).hexdigest(),)),
        "revoked.release",
    ),
    "revoked key": (v(key=(base64_of(BOB)[0],)), "revoked.key"),
    "another key revoked": (v(key=(base64_of(CY)[0],)), "released"),
    "pins of others": (GOOD.with_(pins=pins((pin(EVE, "Eve"), pin(CY, "Cy")))),
                       "release.signers"),
    "no pins": (GOOD.with_(pins=pins((), ())), "release.signers"),
    "no pin to revoke": (GOOD.with_(pins=pins(None, ())), "revocations.signers"),
    "pin of another key": (GOOD.with_(pins=pins((pin(ANN, "Ann"), BAD_POINT))), "pins.key"),
    "key pinned twice": (GOOD.with_(pins=pins((pin(ANN, "Ann"), pin(ANN, "Bob"), pin(BOB, "B")))),
                         "pins.key"),
    "pins signed": (GOOD.with_(pins=GOOD.papers.pins + GOOD.papers.release.splitlines()[-1]
                               + b"\n"), "pins.form"),
    "another update": (replace(GOOD, update=CONTENT + b"\0"), "update.other"),
    "an empty update": (replace(GOOD, update=b""), "update.other"),
    "no update": (replace(GOOD, update=None), "missing"),
    "a folder for a file": (replace(GOOD, update={b"update": CONTENT}), "update.other"),
    "a file for a folder": (replace(SET, update=CONTENT), "update.other"),
    "a file more": (replace(SET, update=FILES | {b"c": b""}), "update.other"),
    "a file less": (replace(SET, update=dict(list(FILES.items())[:2])), "update.other"),
    "two files swapped": (replace(SET, update=FILES | {b"boot.bin": b"app", b"a/app.bin": b"boot"}),
                          "update.other"),
    "a file elsewhere": (replace(SET, update={b"x" + name: data for name, data in FILES.items()}),
                         "update.other"),
    "a set of nothing": (GOOD.with_(release=release(members=())), "update.other"),
    "an empty set": (replace(GOOD, update={}).with_(release=release(members=())), "missing"),
    "empty release": (GOOD.with_(release=b""), "release.form"),
    "empty list": (GOOD.with_(revocations=b""), "revocations.form"),
    "empty pins": (GOOD.with_(pins=b""), "pins.form"),
    "truncated release": (GOOD.with_(release=GOOD.papers.release[:-1]), "release.form"),
    "truncated in a line": (GOOD.with_(release=GOOD.papers.release[:300]), "release.form"),
    "CRLF": (GOOD.with_(release=GOOD.papers.release.replace(b"\n", b"\r\n")), "release.form"),
    "CRLF in the list": (GOOD.with_(revocations=GOOD.papers.revocations.replace(b"\n", b"\r\n")),
                         "revocations.form"),
    "NUL at the end": (GOOD.with_(release=GOOD.papers.release + b"\0"), "release.form"),
    "NUL in the domain": (text("release", b"fwverify", b"fw\0verify"), "release.form"),
    "NUL in a line": (text("revocations", b"next", b"ne\0xt"), "revocations.form"),
    "a line more": (GOOD.with_(release=GOOD.papers.release + b"\n"), "release.form"),
    "below a signature": (GOOD.with_(release=GOOD.papers.release + b"condition: none\n"),
                          "release.form"),
    "a byte order mark": (GOOD.with_(release=b"\xef\xbb\xbf" + GOOD.papers.release),
                          "release.form"),
    "a tab": (text("release", b"kind: file", b"kind:\tfile"), "release.form"),
    "two spaces": (text("release", b"kind: file", b"kind:  file"), "release.form"),
    "a space at the end": (text("release", b"kind: file", b"kind: file "), "release.form"),
    "same signer twice": (
        GOOD.with_(release=GOOD.papers.release + GOOD.papers.release.splitlines()[-1] + b"\n"),
        "release.form",
    ),
    "signatures the other way": (
        GOOD.with_(release=b"".join(
            [*(each := GOOD.papers.release.splitlines(keepends=True))[:-2], each[-1], each[-2]])),
        "release.form",
    ),
    "duplicate key, signed": (lines(doubled), "release.form"),
    "another order, signed": (lines(swapped), "release.form"),
    "a key missing, signed": (lines(lambda found: found[1:]), "release.form"),
    "an unknown key, signed": (lines(lambda found: [*found, ("note", "x")]), "release.form"),
    "mode left out, signed": (lines(lambda found: [x for x in found if x[0] != "mode"]),
                              "release.form"),
    "conditions unsorted, signed": (lines(lambda found: [*found, ("condition", "%25")]),
                                    "release.form"),
    "no such day, signed": (
        lines(lambda found: [(k, "2026-02-30T00:00:00Z" if k == "not-after" else x)
                             for k, x in found]),
        "release.form",
    ),
    "a leap day, signed": (r(not_after="2028-02-29T00:00:00Z"), "released"),
    "no leap year, signed": (
        lines(lambda found: [(k, "2100-02-29T00:00:00Z" if k == "not-after" else x)
                             for k, x in found]),
        "release.form",
    ),
    "upper case digest, signed": (
        lines(lambda found: [(k, x.upper() if k == "context" else x) for k, x in found]),
        "release.form",
    ),
    "a verdict of DENY, signed": (
        GOOD.with_(release=signed(replace(
            form.read(release(domain=form.VERDICT), form.VERDICT),
            lines=tuple((k, "DENY" if k == "verdict" else x) for k, x in
                        form.read(release(domain=form.VERDICT), form.VERDICT).lines),
            signatures=()), ANN, BOB)),
        "release.form",
    ),
    "a lone percent, signed": (
        lines(lambda found: [(k, "50%" if k == "submitter" else x) for k, x in found]),
        "release.form",
    ),
    "a waiver for a release": (text("release", b"fwverify-release", b"fwverify-waiver"),
                               "release.form"),
    "a release as a verdict": (text("release", b"fwverify-release", b"fwverify-verdict"),
                               "release.form"),
    "a list for a release": (GOOD.with_(release=GOOD.papers.revocations), "release.form"),
    "climbing out, signed": (
        GOOD.with_(release=signed(replace(
            form.read(release(members=MEMBERS), form.RELEASE),
            lines=tuple((k, f"{'e' * 64} 1 ../x" if k == "member" and "boot" in x else x) for k, x
                        in form.read(release(members=MEMBERS), form.RELEASE).lines),
            signatures=()), ANN, BOB)),
        "release.form",
    ),
    "another algorithm named": (text("release", b" ed25519 ", b" ecdsa-p256-sha256 "),
                                "release.signature"),
    "base64 with another tail": (text("revocations", b"==\n", b"=A\n"), "revocations.form"),
    "another spelling of a signature": (
        GOOD.with_(revocations=respelled(GOOD.papers.revocations, b"==\n")),
        "revocations.signature",
    ),
    "another spelling of a key": (
        GOOD.with_(pins=respelled(GOOD.papers.pins, b"= Ann")),
        "pins.key",
    ),
    "a huge line": (r(condition=("x" * 4000,)), "released"),
    "too huge a line, signed": (
        lines(lambda found: [(k, "x" * 5000 if k == "submitter" else x) for k, x in found]),
        "release.form",
    ),
    "too huge a release": (GOOD.with_(release=GOOD.papers.release + b"condition: x\n" * 100_000),
                           "release.form"),
}  # fmt: skip


def test_the_shells_are_there():
    if len(SHELLS) < 2 or not shutil.which("openssl"):
        pytest.skip("LOUD: dash, busybox and openssl are the other side of this matrix")


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_case(name, tmp_path):
    trial, expected = CASES[name]
    assert python(trial, tmp_path) == expected
    for shell in SHELLS:
        assert script(trial, tmp_path, shell) == expected, shell


def test_a_link_and_a_fifo_in_a_folder(tmp_path):
    import os

    SET.write(tmp_path)
    (tmp_path / "update" / "link").symlink_to("boot.bin")
    for shell in SHELLS:
        assert script(SET, tmp_path, shell) == "update.strange"
    assert python(SET, tmp_path) == "update.strange"
    (tmp_path / "update" / "link").unlink()
    os.mkfifo(tmp_path / "update" / "pipe")
    assert python(SET, tmp_path) == "update.strange"
    for shell in SHELLS:
        assert script(SET, tmp_path, shell) == "update.strange"


def test_a_link_in_place_of_a_file(tmp_path):
    SET.write(tmp_path)
    (tmp_path / "update" / "boot.bin").unlink()
    (tmp_path / "boot").write_bytes(b"boot")
    (tmp_path / "update" / "boot.bin").symlink_to(tmp_path / "boot")
    assert {script(SET, tmp_path, shell) for shell in SHELLS} <= {"update.strange"}
    folder = tmp_path / "again"
    assert python(SET, folder) == "released"


@pytest.mark.parametrize("name", ["release", "context", "pins", "revocations"])
def test_a_file_that_is_not_there(name, tmp_path):
    GOOD.write(tmp_path)
    (tmp_path / name).unlink()
    for shell in SHELLS:
        assert script(GOOD, tmp_path, shell) == "missing"


def flipped(seed: int) -> Trial:
    """Return ``GOOD`` with one bit of one of its five files flipped."""
    chosen = random.Random(seed)
    name = ("release", "context", "pins", "revocations", "update")[seed % 5]
    data = bytearray(GOOD.update if name == "update" else getattr(GOOD.papers, name))
    data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
    return GOOD.with_(**{name: bytes(data)})


def test_one_flipped_bit_in_any_file(tmp_path):
    """A pin that does not sign here may change its person's name; nothing else may pass.

    Each shell takes a quarter of them; ``bench/gate.py`` gives all of them to both.
    """

    def both(seed: int) -> tuple[int, set[str]]:
        trial, folder = flipped(seed), tmp_path / str(seed)
        shells = [SHELLS[seed // 5 % 4]] if seed // 5 % 4 < len(SHELLS) else []
        told = {python(trial, folder), *(script(trial, folder, each) for each in shells)}
        shutil.rmtree(folder)
        return seed, told

    with ThreadPoolExecutor(3) as pool:
        for seed, told in pool.map(both, range(FLIPS)):
            assert len(told) == 1, (seed, told)
            renamed = seed % 5 == 2
            assert renamed or "released" not in told, seed


@pytest.mark.parametrize("kept", range(0, len(GOOD.papers.release), 97))
def test_a_truncated_release(kept, tmp_path):
    assert python(GOOD.with_(release=GOOD.papers.release[:kept]), tmp_path) != "released"
