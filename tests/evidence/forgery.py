"""Packages as somebody would forge them: each with the rule that refuses it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fwverify.canonical import sha256_hex
from fwverify.evidence import asic, package, signers
from tests.builders import pki
from tests.evidence import lab

Files = dict[str, bytes]


@dataclass(frozen=True)
class Made:
    """Genuine packages: of one update, of another, of one by strangers, without a stamp."""

    own: bytes
    other: bytes
    foreign: bytes
    foreign_time: bytes
    plain: bytes
    renewed: bytes

    @property
    def files(self) -> Files:
        return package.read(self.own)


def _edit(change: Callable[[Files, Made], None]) -> Callable[[Made], bytes]:
    def made(genuine: Made) -> bytes:
        files = genuine.files
        change(files, genuine)
        return package.write(files)

    return made


def _set(name: str, data: bytes | Callable[[bytes], bytes]) -> Callable[[Made], bytes]:
    def change(files: Files, _: Made) -> None:
        files[name] = data(files[name]) if callable(data) else data

    return _edit(change)


def _drop(*names: str) -> Callable[[Made], bytes]:
    def change(files: Files, _: Made) -> None:
        for name in names:
            del files[name]

    return _edit(change)


def _swap(*names: str) -> Callable[[Made], bytes]:
    def change(files: Files, genuine: Made) -> None:
        other = package.read(genuine.other)
        for name in names:
            files[name] = other[name]

    return _edit(change)


def _swap_core(files: Files, genuine: Made) -> None:
    other = package.read(genuine.other)
    files |= {name: data for name, data in other.items() if asic.is_core(name)}
    files[asic.SUMS] = other[asic.SUMS]


def _other_update(files: Files, _: Made) -> None:
    _name_core(files, update="0" * 64)


FORGED = b"#!/bin/sh\necho VERIFIED\nexit 0\n"
DECISION = "decision.json"
LAB_SIGNATURE = f"{asic.META}signature001.p7s"


def forged_script(depth: int) -> Callable[[Made], bytes]:
    """A forged inner script, with sums, SIGNERS and manifests made to fit, as far as possible."""

    def change(files: Files, _: Made) -> None:
        files["verify.sh"] = FORGED
        if depth > 0:
            files[asic.SUMS] = asic.sums(files)
        if depth > 1:
            _name_core(files)
        if depth > 2:
            who = asic.read_signers(files[asic.SIGNERS])
            for one in asic.plan(files, who):
                files[one.name] = one.written(files)

    return _edit(change)


def _name_core(files: Files, **changed) -> asic.Signers:
    who = asic.read_signers(files[asic.SIGNERS])
    values = {name: getattr(who, name) for name in who.__dataclass_fields__}
    made = asic.Signers(**values | {"core": sha256_hex(files[asic.SUMS])} | changed)
    files[asic.SIGNERS] = made.text()
    return made


def resealed(
    files: Mapping[str, bytes],
    by: pki.Identity,
    approver: pki.Identity | None = None,
    sign: Callable[[bytes], bytes] | None = None,
    over: Callable[[asic.Sealed, Files], bytes] | None = None,
) -> bytes:
    """Sign ``files`` without asking whether that is allowed."""
    made = {name: data for name, data in files.items() if not name.startswith(asic.META)}
    made = {name: data for name, data in made.items() if not name.startswith("attestations/")}
    made[asic.SUMS] = asic.sums(made)
    who = _name_core(
        made,
        lab=sha256_hex(by.der),
        approver=sha256_hex(approver.der) if approver else None,
        stamped=False,
    )
    for one in asic.plan(made, who):
        identity = by if one.use == "lab" else approver
        assert identity is not None
        made[one.name] = over(one, made) if over else one.written(made)
        if sign is None:
            made[one.by] = signers.sign(lab.signatory(identity), made[one.name], datetime.now(UTC))
        else:
            made[one.by] = sign(made[one.name])
    return package.write(made)


def _incomplete(one: asic.Sealed, files: Files) -> bytes:
    kept = {name: files[name] for name in one.over if name != DECISION}
    return asic.manifest(one.by, asic.CADES, kept)


def _by(name: str, **options) -> Callable[[Made], bytes]:
    """A package signed by somebody of the right authority whose certificate is not fit."""

    def made(genuine: Made) -> bytes:
        key = pki.key("p256", pki.hash_number(name))
        stranger = pki.issue(name, key, lab.authority("Lab CA"), **(lab.VALID | options))
        return resealed(genuine.files, stranger)

    return made


def _one_key(genuine: Made) -> bytes:
    key = pki.key("p256", pki.hash_number("One"))
    ca = lab.authority("Lab CA")
    two = [pki.issue(n, key, ca, extensions=lab.SIGNING, **lab.VALID) for n in ("One", "Uno")]
    return resealed(genuine.files, two[0], two[1])


def _not_cades(genuine: Made) -> bytes:
    by = lab.person("Lab")
    return resealed(genuine.files, by, sign=lambda data: pki.message(data, by, certificates=(by,)))


def _two_signers(genuine: Made) -> bytes:
    by, also = lab.person("Lab"), lab.person("Approver")

    def sign(data: bytes) -> bytes:
        infos = tuple(pki.signer_info(one, data) for one in (by, also))
        return pki.signed_data(infos, (by, also))

    return resealed(genuine.files, by, sign=sign)


def _entry(data: bytes, number: int) -> tuple[int, int]:
    """Return start and end of the local entry ``number``."""
    at = 0
    for _ in range(number + 1):
        size, length = struct.unpack_from("<I", data, at + 22)[0], data[at + 26]
        start, at = at, at + 30 + length + size
    return start, at


def _second_directory(genuine: Made) -> bytes:
    data = genuine.own
    directory = data.index(b"PK\x01\x02")
    files = genuine.files
    files[DECISION] = files[DECISION].replace(b"DENY", b"ALLO")
    return data[:directory] + data[directory:] + data[directory:]


def _duplicate(genuine: Made) -> bytes:
    """The first entry after mimetype stands twice, in headers and directory."""
    return _rebuilt(genuine, lambda names: [names[0], names[1], *names[1:]])


def _rebuilt(genuine: Made, order: Callable[[list[str]], list[str]]) -> bytes:
    """Write the ZIP by hand with the entries in another order."""
    files = {**genuine.files, package.MIMETYPE: package.ASIC_E}
    names = order(sorted(files, key=package.order))
    pieces, directory, at = [], [], 0
    for name in names:
        data = files[name]
        entry = package.Entry(name, zlib.crc32(data), len(data), at, 0)
        local = package._local(entry)
        pieces += [local, data]
        directory.append(package._central(entry))
        at += len(local) + len(data)
    listed = b"".join(directory)
    end = package._END.pack(b"PK\5\6", 0, 0, len(names), len(names), len(listed), at, 0)
    return b"".join((*pieces, listed, end))


def _patched(find: bytes, put: bytes) -> Callable[[Made], bytes]:
    def made(genuine: Made) -> bytes:
        assert find in genuine.own and len(find) == len(put)
        return genuine.own.replace(find, put)

    return made


def _deflated(genuine: Made) -> bytes:
    data = bytearray(genuine.own)
    start, _ = _entry(genuine.own, 1)
    data[start + 8] = 8
    return bytes(data)


def _content(genuine: Made) -> bytes:
    """One byte of a file's content, with the CRC left as it was."""
    data = bytearray(genuine.own)
    data[data.index(b'"verdict"') + 3] ^= 1
    return bytes(data)


def _renewed_swapped(genuine: Made) -> bytes:
    files = package.read(genuine.renewed)
    files[f"{asic.META}timestamp002.tst"] = files[f"{asic.META}timestamp001.tst"]
    return package.write(files)


def _extra(name: str) -> Callable[[Made], bytes]:
    return _set_new(name, b"a file more\n")


def _set_new(name: str, data: bytes) -> Callable[[Made], bytes]:
    def change(files: Files, _: Made) -> None:
        files[name] = data

    return _edit(change)


def _anew(change: Callable[[Files, Made], None]) -> Callable[[Made], bytes]:
    """What the laboratory itself signs after ``change``: what no signature shows."""

    def made(genuine: Made) -> bytes:
        files = genuine.files
        change(files, genuine)
        return resealed(files, lab.person("Lab"))

    return made


def _theirs(*names: str) -> Callable[[Files, Made], None]:
    """Take these files from the other package; those that it lacks are left out."""

    def change(files: Files, genuine: Made) -> None:
        other = package.read(genuine.other)
        for name in names or [n for n in (*files, *other) if n.startswith("inputs/")]:
            files.pop(name, None)
            if name in other:
                files[name] = other[name]

    return change


def _put(name: str, data: bytes) -> Callable[[Files, Made], None]:
    def change(files: Files, _: Made) -> None:
        files[name] = data

    return change


def _less(*begins: str) -> Callable[[Files, Made], None]:
    def change(files: Files, _: Made) -> None:
        for name in [name for name in files if name.startswith(begins)]:
            del files[name]

    return change


def _longer(name: str) -> Callable[[Files, Made], None]:
    def change(files: Files, _: Made) -> None:
        files[name] += b" "

    return change


STEERING: tuple[tuple[str, Callable[[Made], bytes], str], ...] = (
    ("software table edited", _set("rxswin-register.json", b'{"rxswin":{}}'), "SHA256SUMS"),
    ("software table of another", _swap("rxswin-register.json", "case.json"), "SHA256SUMS"),
    ("inputs of another package", _edit(_theirs()), "SHA256SUMS"),
    ("policy file added", _extra("policy/09.toml"), "SHA256SUMS"),
    ("policy edited", _set("policy/01.toml", lambda data: data + b"#"), "SHA256SUMS"),
    ("case file removed", _drop("inputs/case.json"), "SHA256SUMS"),
    ("inputs of another, signed anew", _anew(_theirs()), "inputs"),
    ("index of another, signed anew", _anew(_theirs("inputs/inputs.json")), "inputs"),
    ("case of another, signed anew", _anew(_theirs("inputs/case.json")), "inputs"),
    ("trust of another, signed anew", _anew(_theirs("inputs/vendor.toml")), "inputs"),
    ("policy of another, signed anew", _anew(_theirs("policy/policy.json")), "inputs"),
    ("policy text of another, signed anew", _anew(_theirs("policy/02.toml")), "inputs"),
    ("policy file added, signed anew", _anew(_put("policy/09.toml", b"#")), "inputs"),
    ("policy note added, signed anew", _anew(_put("policy/note.txt", b"x")), "inputs"),
    ("input added, signed anew", _anew(_put("inputs/secret.toml", b"x")), "inputs"),
    ("policy edited, signed anew", _anew(_longer("policy/01.toml")), "inputs"),
    ("case edited, signed anew", _anew(_longer("inputs/case.json")), "inputs"),
    ("trust edited, signed anew", _anew(_longer("inputs/vendor.toml")), "inputs"),
    ("case left out, signed anew", _anew(_less("inputs/case.json")), "inputs"),
    ("policy left out, signed anew", _anew(_less("policy/")), "inputs|layout"),
    ("inputs left out, signed anew", _anew(_less("inputs/")), "layout"),
    ("an annex that nobody asked for", _anew(_put("reports/report.pdf", b"%PDF")), "inputs"),
)
"""What is done to policy, inputs and the software table, by strangers and by the laboratory."""

PAST = datetime.now(UTC) - timedelta(days=20)
TLS = (pki.key_usage(0), pki.extended_key_usage(pki.TLS_SERVER))

MATRIX: tuple[tuple[str, Callable[[Made], bytes], str], ...] = (
    *STEERING,
    ("case changed", _set("case.json", lambda data: data.replace(b"{", b"{ ", 1)), "SHA256SUMS"),
    ("page changed", _set("reports/report.html", lambda data: data + b" "), "SHA256SUMS"),
    ("decision changed", _set(DECISION, lambda data: data + b"\n"), "SHA256SUMS"),
    ("sums changed", _set(asic.SUMS, lambda data: data.replace(b"a", b"b", 1)), "SHA256SUMS"),
    ("clock changed", _set("run-metadata.json", b"{}"), "manifest"),
    ("statement changed", _set("attestations/svr.dsse.json", b"{}"), "manifest"),
    ("forged script", forged_script(0), "SHA256SUMS"),
    ("forged script, own sums", forged_script(1), "SIGNERS"),
    ("forged script, own core", forged_script(2), "manifest"),
    ("forged script, own manifests", forged_script(3), "timestamp"),
    ("file added", _extra("note.txt"), "SHA256SUMS"),
    ("statement added", _extra("attestations/more.dsse.json"), "manifest"),
    ("signature added", _extra("META-INF/signature003.p7s"), "manifest"),
    ("decision removed", _drop(DECISION), "layout"),
    ("page removed", _drop("reports/report.html"), "SHA256SUMS"),
    ("clock removed", _drop("run-metadata.json"), "layout"),
    ("sums removed", _drop(asic.SUMS), "layout"),
    ("signers removed", _drop(asic.SIGNERS), "layout"),
    ("statement removed", _drop("attestations/scai.dsse.json"), "manifest"),
    ("decision of another package", _swap(DECISION), "SHA256SUMS"),
    ("core of another package", _edit(_swap_core), "SIGNERS"),
    ("signature of another package", _swap(LAB_SIGNATURE), "manifest"),
    ("time stamp of another package", _swap("META-INF/timestamp001.tst"), "timestamp"),
    ("signature stripped", _drop(LAB_SIGNATURE), "manifest"),
    (
        "approver stripped",
        _drop("META-INF/signature002.p7s", "META-INF/ASiCManifest002.xml"),
        "manifest",
    ),
    (
        "time stamp stripped",
        _drop("META-INF/timestamp001.tst", "META-INF/ASiCManifest003.xml"),
        "manifest",
    ),
    (
        "approver never asked for",
        _set(asic.SIGNERS, lambda data: data[: data.index(b"approver")] + b"timestamp\n"),
        "manifest",
    ),
    ("another update named", _edit(_other_update), "SIGNERS|manifest"),
    ("signers misspelt", _set(asic.SIGNERS, lambda d: d.replace(b"lab", b"Lab")), "SIGNERS"),
    ("signature of nobody", _set(LAB_SIGNATURE, b"0\x00"), "manifest"),
    ("wrong authority", lambda genuine: genuine.foreign, "signature"),
    ("wrong time authority", lambda genuine: genuine.foreign_time, "timestamp"),
    (
        "incomplete manifest",
        lambda genuine: resealed(genuine.files, lab.person("Lab"), over=_incomplete),
        "manifest",
    ),
    ("expired certificate", _by("Old", extensions=lab.SIGNING, until=PAST), "signature"),
    ("certificate for servers", _by("Web", extensions=TLS), "signature"),
    ("certificate for encipherment", _by("Box", extensions=(pki.key_usage(2),)), "signature"),
    ("laboratory approves itself", _one_key, "signature"),
    ("no signing certificate attribute", _not_cades, "signature"),
    ("two signers in one", _two_signers, "signature"),
    ("two central directories", _second_directory, "zip"),
    ("a name twice", _duplicate, "zip"),
    ("entries out of order", lambda g: _rebuilt(g, lambda n: [n[0], n[2], n[1], *n[3:]]), "zip"),
    ("mimetype not first", lambda g: _rebuilt(g, lambda n: [*n[1:], n[0]]), "zip"),
    ("bytes before", lambda genuine: b"#!/bin/sh\n" + genuine.own, "zip"),
    ("bytes after", lambda genuine: genuine.own + b"\0", "zip"),
    ("a comment", lambda genuine: genuine.own[:-2] + b"\1\0!", "zip"),
    ("cut short", lambda genuine: genuine.own[:-30], "zip"),
    ("a name that leaves", _patched(b"stages/keys.json", b"../ages/keys.json"[:16]), "zip"),
    ("a compressed entry", _deflated, "zip"),
    ("content under an old CRC", _content, "zip|SHA256SUMS"),
    ("another type", _patched(package.ASIC_E, b"application/vnd.etsi.asic-s+zip"), "zip|mimetype"),
    ("no entry at all", lambda _: b"PK\5\6" + bytes(18), "zip"),
    ("archive time stamp replaced", _renewed_swapped, "timestamp"),
)
