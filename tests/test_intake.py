"""Intake: the subject's identity, roles, and what is refused."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from fwverify.case import Case, CaseMember
from fwverify.intake import IntakeError, submitted, take_in
from fwverify.model import Member
from fwverify.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "campaign"
    (root / "ecu").mkdir(parents=True)
    (root / "b.bin").write_bytes(b"bbb")
    (root / "a.bin").write_bytes(b"aa")
    (root / "ecu" / "c.hex").write_bytes(b"c")
    (root / "a.bin.sig").write_bytes(b"signature")
    return root


def case(**member: str) -> Case:
    return Case(
        schema="fwverify.case/1",
        vendor="v",
        product="p",
        class_name="generic",
        members=(CaseMember(**member),),
    )


def test_a_file_is_named_by_its_own_digest(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "up date!.bin"
    file.write_bytes(b"content")
    subject = take_in((file,), store).subject
    assert subject.kind == "file"
    assert subject.name == "up date%21.bin"
    assert subject.sha256 == hashlib.sha256(b"content").hexdigest()
    assert subject.size == 7
    assert store.read(subject.sha256) == b"content"


def test_a_set_does_not_depend_on_order_or_on_the_folder_name(folder: Path, store: Store) -> None:
    files = (folder / "a.bin", folder / "b.bin")
    forward, backward = take_in(files, store).subject, take_in(files[::-1], store).subject
    assert forward == backward
    assert (forward.kind, forward.size) == ("set", 5)
    before = take_in((folder,), store).subject
    folder.rename(folder.with_name("renamed"))
    after = take_in((folder.with_name("renamed"),), store).subject
    assert before.sha256 == after.sha256


def test_a_set_depends_on_content_and_names(folder: Path, store: Store) -> None:
    first = take_in((folder,), store).subject
    (folder / "a.bin").write_bytes(b"AA")
    second = take_in((folder,), store).subject
    (folder / "a.bin").rename(folder / "A.bin")
    third = take_in((folder,), store).subject
    assert len({first.sha256, second.sha256, third.sha256}) == 3


def test_a_folder_lists_its_files_with_roles(folder: Path, store: Store) -> None:
    subject = take_in((folder,), store).subject
    assert [(member.path, member.role) for member in subject.members] == [
        ("a.bin", "part"),
        ("a.bin.sig", "signature"),
        ("b.bin", "part"),
        ("ecu/c.hex", "part"),
    ]
    assert sum(member.size for member in submitted(subject)) == subject.size == 15


def test_equal_names_from_two_places_are_kept_apart(tmp_path: Path, store: Store) -> None:
    files = []
    for name, content in (("x", b"1"), ("y", b"2")):
        (tmp_path / name).mkdir()
        files.append(tmp_path / name / "same.bin")
        files[-1].write_bytes(content)
    forward = take_in(tuple(files), store).subject
    assert [member.path for member in forward.members] == ["same.bin", "same.bin%232"]
    assert forward == take_in(tuple(files[::-1]), store).subject


def test_a_signature_beside_a_file_is_listed_but_not_submitted(
    tmp_path: Path, store: Store
) -> None:
    file = tmp_path / "update.hex"
    file.write_bytes(b"content")
    alone = take_in((file,), store).subject
    (tmp_path / "update.hex.sig").write_bytes(b"signature")
    subject = take_in((file,), store).subject
    assert subject.sha256 == alone.sha256
    assert subject.size == 7
    assert [(member.path, member.role) for member in subject.members] == [
        ("update.hex", "update"),
        ("update.hex.sig", "signature"),
    ]
    assert [member.path for member in submitted(subject)] == ["update.hex"]


def test_a_signature_given_and_found_counts_once(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "update.hex"
    file.write_bytes(b"content")
    beside = tmp_path / "update.hex.sig"
    beside.write_bytes(b"signature")
    subject = take_in((file,), store, signatures=(beside,)).subject
    assert len(subject.members) == 2


def test_a_secret_is_listed_without_digest_and_never_stored(tmp_path: Path, store: Store) -> None:
    file, secret = tmp_path / "update.bin", tmp_path / "keys.toml"
    file.write_bytes(b"content")
    secret.write_bytes(b"top secret")
    subject = take_in((file,), store, secrets=(secret,)).subject
    assert Member(path="keys.toml", sha256=None, size=10, role="secret") in subject.members
    assert hashlib.sha256(b"top secret").hexdigest() not in store
    assert subject.size == 7


def test_links_in_a_folder_are_not_followed(folder: Path, store: Store) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "dirlink").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    intake = take_in((folder,), store)
    assert [problem.path for problem in intake.problems] == ["dirlink", "link", "pipe"]
    assert {problem.code for problem in intake.problems} == {"intake.not_regular"}
    assert len(intake.subject.members) == 4


def test_an_empty_file_is_a_problem_with_a_report(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "empty.bin"
    file.touch()
    intake = take_in((file,), store)
    assert [problem.code for problem in intake.problems] == ["intake.empty"]


def test_an_empty_folder_is_a_problem(tmp_path: Path, store: Store) -> None:
    (tmp_path / "none").mkdir()
    intake = take_in((tmp_path / "none",), store)
    assert [problem.code for problem in intake.problems] == ["intake.empty"]


def test_what_cannot_be_opened_is_misuse(tmp_path: Path, store: Store) -> None:
    with pytest.raises(IntakeError, match="No such file"):
        take_in((tmp_path / "absent",), store)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IntakeError, match="neither a file nor a folder"):
        take_in((tmp_path / "pipe",), store)
    with pytest.raises(IntakeError, match="No such file"):
        take_in((tmp_path,), store, signatures=(tmp_path / "absent.sig",))


def test_the_case_names_roles_and_hardware(folder: Path, store: Store) -> None:
    named = case(path="b.bin", role="manifest", hw_id="H7")
    subject = take_in((folder,), store, case=named).subject
    (member,) = [member for member in subject.members if member.path == "b.bin"]
    assert (member.role, member.hw_id) == ("manifest", "H7")
    assert subject.sha256 != take_in((folder,), store).subject.sha256


def test_a_role_alone_does_not_change_the_digest(folder: Path, store: Store) -> None:
    subject = take_in((folder,), store, case=case(path="b.bin", role="manifest")).subject
    assert subject.sha256 == take_in((folder,), store).subject.sha256


def test_a_case_that_names_an_absent_member_of_a_set_makes_it_incomplete(
    folder: Path, store: Store
) -> None:
    intake = take_in((folder,), store, case=case(path="absent.bin", role="part"))
    assert [(each.code, each.path) for each in intake.problems] == [("set.missing", "absent.bin")]
    assert [each.rule for each in intake.findings] == ["set.missing"]


def test_a_case_of_a_single_file_that_names_another_one_is_misuse(
    folder: Path, store: Store
) -> None:
    with pytest.raises(IntakeError, match=r"absent\.bin"):
        take_in((folder / "a.bin",), store, case=case(path="absent.bin", role="part"))


def test_a_case_cannot_make_the_only_file_a_signature(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "update.bin"
    file.write_bytes(b"content")
    with pytest.raises(IntakeError, match="role of the update"):
        take_in((file,), store, case=case(path="update.bin", role="signature"))


def test_the_copy_is_judged_not_the_file(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "update.bin"
    file.write_bytes(b"content")
    subject = take_in((file,), store).subject
    file.write_bytes(b"changed")
    assert store.read(subject.sha256) == b"content"
