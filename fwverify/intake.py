"""Intake: from files on a disk to a subject whose bytes are fixed.

Guarantees: every submitted file is opened once and copied into the content-addressed
store; what later stages read is that copy, so a file that changes between hashing and
unpacking changes nothing (UNPACKING, rule 7). The digest of a set does not depend on
the order of arguments, on the folder's own name or on roles. Links and devices in a
submitted folder are not followed; they make intake incomplete.

One file is a ``file``; its digest is the subject's, and detached signatures given with
``--signature`` or found beside it (and the TUF metadata folder beside it) are listed as
members but are not submitted bytes.
Several arguments or a folder are a ``set``.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from fwverify.canonical import digest
from fwverify.case import Case
from fwverify.manifests import hold_against_manifests
from fwverify.model import Finding, Member, Problem, Role, Subject
from fwverify.paths import encode_name, number_duplicates
from fwverify.store import Store

SIGNATURE_SUFFIXES: Final = (
    *(".sig", ".p7s", ".asc", ".minisig", ".jcat", ".cat"),
    *(".sigstore", ".sigstore.json", ".intoto.jsonl", ".dsse.json", ".att"),
    *(".jws", ".cose", ".suit", ".lms", ".attested.toml"),
)
METADATA_FOLDER: Final = "metadata"
MAX_METADATA_FILES: Final = 1024
_METADATA_STARTS: Final = ("timestamp.json", "root.json", "1.root.json")
_MANIFEST_NAMES: Final = (
    "sha256sums",
    "sha512sums",
    "sha256sums.txt",
    "sha512sums.txt",
    "manifest",
    "manifest.txt",
    "manifest.json",
)
_MANIFEST_SUFFIXES: Final = (".sha256", ".sha512", ".sha256sum", ".sha512sum", ".manifest")
_NOTES_PREFIXES: Final = ("release-notes", "release_notes", "releasenotes", "changelog", "readme")


class IntakeError(Exception):
    """An argument cannot be opened; misuse, exit code 2."""


@dataclass(frozen=True)
class Intake:
    """The output of the intake stage.

    ``plaintexts`` are contents given for encrypted members, in the store, under the path
    of the member that each is for.
    """

    subject: Subject
    case: Case | None
    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...] = ()
    plaintexts: tuple[Member, ...] = ()


@dataclass(frozen=True)
class _Found:
    name: bytes
    file: Path
    role: Role


def take_in(
    arguments: tuple[Path, ...],
    store: Store,
    *,
    case: Case | None = None,
    signatures: tuple[Path, ...] = (),
    secrets: tuple[Path, ...] = (),
    plaintexts: tuple[Path, ...] = (),
) -> Intake:
    """Return the subject that ``arguments`` name, its bytes copied into ``store``.

    Raises ``IntakeError`` where an argument is absent, unreadable or no file or folder.
    """
    single = len(arguments) == 1 and not _is_folder(arguments[0])
    problems: list[Problem] = []
    found = [item for argument in arguments for item in _expand(argument, arguments, problems)]
    attached = [*map(_signature, signatures), *(_beside(arguments[0]) if single else ())]
    known = {os.path.realpath(item.file) for item in found}
    _refuse_submitted(secrets, known)
    extra = [item for item in _distinct(attached) if os.path.realpath(item.file) not in known]
    members = _members([*found, *extra], store)
    members += [_secret(file) for file in secrets]
    by_name = {member.path for member in members if member.role == "release-notes"}
    members, missing = _with_case(members, case, single=single)
    notes = frozenset(
        member.path
        for member in members
        if member.role == "release-notes" and member.path not in by_name
    )
    if not found:
        problems.append(Problem(code="intake.empty", path="", text="the folder holds no file"))
    problems += [
        Problem(code="intake.empty", path=member.path, text="the file is empty")
        for member in members
        if member.size == 0 and member.role != "secret"
    ]
    subject = _file_subject(members) if single else _set_subject(arguments, members)
    held = hold_against_manifests(subject, missing, store, notes)
    problems += held.problems
    return Intake(
        subject=subject,
        case=case,
        problems=tuple(problems),
        findings=held.findings,
        plaintexts=tuple(_plaintext(file, subject, store) for file in plaintexts),
    )


def names_of(arguments: tuple[Path, ...]) -> tuple[str, ...]:
    """Return the member paths that ``arguments`` get, before anything is read of them."""
    problems: list[Problem] = []
    found = [item for argument in arguments for item in _expand(argument, arguments, problems)]
    return tuple(number_duplicates(sorted(encode_name(item.name) for item in found)))


def _refuse_submitted(secrets: tuple[Path, ...], known: set[str]) -> None:
    """Raise ``IntakeError`` where a secret lies in the update: it would be unpacked and kept."""
    for file in secrets:
        if os.path.realpath(file) in known:
            raise IntakeError(f"{file}: a secret file must not be a part of the update")


def _plaintext(file: Path, subject: Subject, store: Store) -> Member:
    """Return the plain text ``file`` and the member that it is given for.

    That is the only one, or the one that has its name with a suffix behind it.
    """
    candidates = [each.path for each in submitted(subject) if each.sha256 is not None]
    name = encode_name(os.fsencode(file.name))
    named = [
        path
        for path in candidates
        if path.rpartition("/")[2] == name or path.rpartition("/")[2].startswith(f"{name}.")
    ]
    chosen = candidates if len(candidates) == 1 else named
    if len(chosen) != 1:
        raise IntakeError(f"{file}: no single member is called {name} with a suffix behind it")
    sha256, size = _copy(file, store)
    return Member(path=chosen[0], sha256=sha256, size=size, role="other")


def submitted(subject: Subject) -> tuple[Member, ...]:
    """Return the members whose bytes are the subject's: their sizes sum to its size.

    A secret is never among them; for a single file neither is a signature beside it.
    """
    return tuple(
        member
        for member in subject.members
        if member.role != "secret" and (subject.kind == "set" or member.role != "signature")
    )


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError as error:
        raise IntakeError(f"{path}: {error.strerror}") from error


def _expand(
    argument: Path, all_arguments: tuple[Path, ...], problems: list[Problem]
) -> list[_Found]:
    if not _is_folder(argument):
        name = os.fsencode(argument.name)
        alone = len(all_arguments) == 1
        return [_Found(name, argument, "update" if alone else _role_by_name(argument.name))]
    prefix = b"" if len(all_arguments) == 1 else os.fsencode(argument.resolve().name) + b"/"
    found = []
    for file in _walk(argument):
        name = prefix + os.fsencode(str(file.relative_to(argument)))
        if not stat.S_ISREG(os.lstat(file).st_mode):
            text = "neither a file nor a folder; links are not followed"
            problems.append(Problem(code="intake.not_regular", path=encode_name(name), text=text))
            continue
        found.append(_Found(name, file, _role_by_name(file.name)))
    return found


def _walk(folder: Path) -> list[Path]:
    files: list[Path] = []

    def refuse(error: OSError) -> None:
        raise IntakeError(f"{error.filename}: {error.strerror}") from error

    for root, folders, names in os.walk(folder, onerror=refuse):
        linked = [name for name in folders if os.path.islink(os.path.join(root, name))]
        files.extend(Path(root, name) for name in (*names, *linked))
    return sorted(files, key=os.fsencode)


def _role_by_name(name: str) -> Role:
    lower = name.lower()
    if lower.endswith(SIGNATURE_SUFFIXES):
        return "signature"
    if lower in _MANIFEST_NAMES or lower.endswith(_MANIFEST_SUFFIXES):
        return "manifest"
    if lower.startswith(_NOTES_PREFIXES):
        return "release-notes"
    return "part"


def _beside(update: Path) -> list[_Found]:
    """Return what lies beside ``update`` by convention: detached signatures, TUF metadata.

    An attestation's own signature lies beside the attestation.
    """
    names = dict.fromkeys((update.name, update.stem))
    candidates = [
        update.with_name(name + suffix) for name in names for suffix in SIGNATURE_SUFFIXES
    ]
    found = [file for file in candidates if file != update and file.is_file()]
    found += [
        file.with_name(file.name + suffix)
        for file in found
        if file.name.endswith(".attested.toml")
        for suffix in (".sig", ".p7s")
        if file.with_name(file.name + suffix).is_file()
    ]
    return [*map(_signature, found), *_metadata_beside(update)]


def _signature(file: Path) -> _Found:
    return _Found(os.fsencode(file.name), file, "signature")


def _metadata_beside(update: Path) -> list[_Found]:
    """Return the files of a TUF metadata folder beside ``update``, or beside its ``targets``.

    Raises ``IntakeError`` for a folder with absurdly many.
    """
    folders = [update.parent / METADATA_FOLDER]
    if update.resolve().parent.name == "targets":
        folders.append(update.resolve().parent.parent / METADATA_FOLDER)
    for folder in folders:
        try:
            files = _metadata_files(folder)
        except OSError as error:
            raise IntakeError(f"{folder}: {error.strerror}") from error
        if files:
            prefix = METADATA_FOLDER.encode() + b"/"
            return [_Found(prefix + os.fsencode(file.name), file, "signature") for file in files]
    return []


def _metadata_files(folder: Path) -> list[Path]:
    """Return the metadata in ``folder``, nothing where it holds no beginning of a chain."""
    if not any((folder / name).is_file() for name in _METADATA_STARTS):
        return []
    files = sorted(one for one in folder.iterdir() if one.suffix == ".json" and one.is_file())
    if len(files) > MAX_METADATA_FILES:
        raise IntakeError(f"{folder}: more than {MAX_METADATA_FILES} files of metadata")
    return files


def signature_stem(name: str) -> str:
    """Return the path of what the signature ``name`` lies beside: without its longest suffix."""
    lower = name.lower()
    fitting = [suffix for suffix in SIGNATURE_SUFFIXES if lower.endswith(suffix)]
    longest = max(fitting, key=len, default=PurePosixPath(name).suffix)
    return name[: len(name) - len(longest)]


def _distinct(files: list[_Found]) -> list[_Found]:
    return list({os.path.realpath(item.file): item for item in files}.values())


def _members(found: list[_Found], store: Store) -> list[Member]:
    taken = []
    for item in found:
        sha256, size = _copy(item.file, store)
        taken.append((encode_name(item.name), sha256, size, item.role))
    taken.sort()
    names = number_duplicates(name for name, *_ in taken)
    return [
        Member(path=path, sha256=sha256, size=size, role=role)
        for path, (_, sha256, size, role) in zip(names, taken, strict=True)
    ]


def _copy(file: Path, store: Store) -> tuple[str, int]:
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise IntakeError(f"{file}: {error.strerror}") from error
    with os.fdopen(handle, "rb") as source:
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            raise IntakeError(f"{file}: neither a file nor a folder")
        try:
            return store.put_file(source)
        except OSError as error:
            raise IntakeError(
                f"{file}: {error.strerror or errno.errorcode.get(error.errno or 0)}"
            ) from error


def _secret(file: Path) -> Member:
    """Return the listing of a secret: its name and size, never its digest."""
    try:
        size = file.stat().st_size
    except OSError as error:
        raise IntakeError(f"{file}: {error.strerror}") from error
    return Member(path=encode_name(os.fsencode(file.name)), sha256=None, size=size, role="secret")


def _with_case(
    members: list[Member], case: Case | None, *, single: bool
) -> tuple[list[Member], tuple[str, ...]]:
    """Return the members with what the case says of them, and those it names in vain.

    Raises ``IntakeError`` where the case of a single file names another one, or would make
    what lies beside it the update, and the update a signature: then the verdict would be
    of another file than the one that was handed in.
    """
    if case is None or not case.members:
        return members, ()
    named = {item.path: item for item in case.members}
    result = []
    for member in members:
        said = named.pop(member.path, None)
        if said is None or member.role == "secret":
            result.append(member)
            continue
        if single and (said.role == "signature") is not (member.role == "signature"):
            why = "leaves no file in the role of the update"
            raise IntakeError(f"the case {why}: it makes {member.path} a {said.role}")
        result.append(
            msgspec.structs.replace(
                member, role=said.role, ecu=said.ecu, hw_id=said.hw_id, sw_id=said.sw_id
            )
        )
    if named and single:
        raise IntakeError(f"the case names {min(named)}, which was not submitted")
    return result, tuple(sorted(named))


def _file_subject(members: list[Member]) -> Subject:
    judged = [member for member in members if member.role not in ("signature", "secret")]
    if len(judged) != 1:
        raise IntakeError("the case leaves no file in the role of the update")
    update = judged[0]
    return Subject(
        kind="file",
        name=update.path,
        sha256=update.sha256 or "",
        size=update.size,
        members=tuple(members),
    )


def _set_subject(arguments: tuple[Path, ...], members: list[Member]) -> Subject:
    bare = [
        {name: value for name, value in msgspec.to_builtins(member).items() if name != "role"}
        for member in members
    ]
    name = encode_name(os.fsencode(arguments[0].resolve().name)) if len(arguments) == 1 else "set"
    return Subject(
        kind="set",
        name=name,
        sha256=digest(bare),
        size=sum(member.size for member in members if member.role != "secret"),
        members=tuple(members),
    )
