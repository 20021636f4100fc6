"""A case that gives roles: the verdict stays one of the file that was handed in."""

from __future__ import annotations

import pytest

from fwverify.case import Case, CaseMember
from fwverify.intake import IntakeError, take_in
from fwverify.store import Store
from tests.cli import signed


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
