"""A case that gives roles: the verdict stays one of the file that was handed in."""

from __future__ import annotations

import hashlib

import pytest

from fwverify.case import Case, CaseMember
from fwverify.intake import IntakeError, take_in
from fwverify.store import Store
from tests.cli import signed
from tests.cli.program import fwverify


def case(**roles: str) -> Case:
    names = {"update": "fw.bin", "beside": "fw.bin.sig"}
    members = tuple(CaseMember(path=names[each], role=role) for each, role in roles.items())
    return Case(schema="fwverify.case/1", vendor="a", product="p", class_name="generic",
                members=members)  # fmt: skip


@pytest.fixture
def files(tmp_path):
    (tmp_path / "fw.bin").write_bytes(b"evil = 1\n")
    (tmp_path / "fw.bin.sig").write_bytes(b"good = 1\n")
    return tmp_path


@pytest.mark.parametrize(
    "roles",
    [{"update": "signature", "beside": "update"}, {"update": "signature"}, {"beside": "update"},
     {"update": "signature", "beside": "part"}, {"beside": "other"}],
)  # fmt: skip
def test_the_update_and_its_signature_never_change_places(files, roles):
    with pytest.raises(IntakeError, match="it makes"):
        take_in((files / "fw.bin",), Store(files / "store"), case=case(**roles))


@pytest.mark.parametrize("role", ["update", "part", "other", "manifest"])
def test_any_other_role_leaves_the_subject(files, role):
    taken = take_in((files / "fw.bin",), Store(files / "store"),
                    case=case(update=role, beside="signature"))  # fmt: skip
    assert (taken.subject.name, taken.subject.size) == ("fw.bin", 9)


def test_the_program_refuses_it(tmp_path):
    gate = signed.make(tmp_path, "minisign")
    gate.put("evil.bin", b"calibration = 666\n" * 9)
    gate.put("evil.bin.sig", signed.CONTENT)
    gate.put("evil.minisig", signed.keys.minisign(signed.VENDOR, signed.CONTENT))
    text = '[[members]]\npath = "evil.bin"\nrole = "signature"\n'
    text += '[[members]]\npath = "evil.bin.sig"\nrole = "update"\n'
    (tmp_path / "case.toml").write_text(signed.CASE + text)
    ran = gate.check(update=tmp_path / "in" / "evil.bin")
    assert (ran.code, ran.out) == (2, "")
    assert "it makes evil.bin a signature" in ran.err


def listed(folder, *names):
    lines = (
        f"{hashlib.sha256((folder / each).read_bytes()).hexdigest()}  {each}" for each in names
    )
    return "".join(f"{each}\n" for each in lines)


@pytest.mark.parametrize(
    ("name", "role", "found"),
    [
        ("extra.dat", None, True),
        ("extra.dat", "release-notes", True),
        ("extra.dat", "part", True),
        ("README.dat", "other", True),
        ("README.dat", None, False),
    ],
)
def test_release_notes_by_the_case_alone_are_on_no_list(tmp_path, name, role, found):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "fw.bin").write_bytes(b"good = 1\n")
    (folder / "SHA256SUMS").write_text(listed(folder, "fw.bin"))
    (folder / name).write_bytes(b"torque = 9999\n")
    members = (CaseMember(path=name, role=role),) if role else ()
    taken = take_in((folder,), Store(tmp_path / "store"),
                    case=Case(schema="fwverify.case/1", vendor="a", product="p",
                              class_name="generic", members=members))  # fmt: skip
    assert [each.path for each in taken.findings if each.rule == "set.extra"] == [name] * found


def test_no_role_makes_a_new_member_an_allow(tmp_path):
    """An unsigned file that neither manifest nor baseline has, called release notes."""
    signed.make(tmp_path, "raw")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "fw.txt").write_bytes(signed.CONTENT)
    (folder / "fw.txt.sig").write_bytes(signed.VENDOR.sign(signed.CONTENT))
    (folder / "SHA256SUMS").write_text(listed(folder, "fw.txt", "fw.txt.sig"))
    program = ("--config", tmp_path / "fwverify.toml")
    case = ("--case", tmp_path / "case.toml", "--at", signed.AT)
    approve = ("--ref", "acme/set", "--reason", "tested", "--by", "A", "--by", "B")
    assert fwverify(*program, "baseline", "approve", folder, *case, *approve).code == 0
    check = (*program, "check", folder, *case, "--baseline", "ledger:acme/set")
    assert fwverify(*check).code == 0
    (folder / "extra.dat").write_bytes(b"torque = 9999\n")
    text = '[[members]]\npath = "extra.dat"\nrole = "release-notes"\n'
    (tmp_path / "case.toml").write_text(signed.CASE + text)
    assert fwverify(*check).code == 3
    (folder / "extra.dat").rename(folder / "README.dat")
    (tmp_path / "case.toml").write_text(signed.CASE)
    assert fwverify(*check).code == 3
