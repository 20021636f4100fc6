"""New rules over old approvals, where the ledger or the names in it are not plain."""

from __future__ import annotations

import sqlite3

import pytest

from fwverify.retro import _own_name
from tests.cli.program import inside
from tests.ledger.people import ANN_KEY, EVE_KEY, pem, private_pem
from tests.ledger.test_program import CASE, RULE

AT = ("--at", "2026-11-21T00:00:00Z")


@pytest.fixture
def place(tmp_path):
    (tmp_path / "fwverify.toml").write_text(
        'schema = "fwverify.config/1"\n[ledger]\nurl = "sqlite:///ledger.sqlite"\n'
        '[paths]\nstore = "cache"\n'
    )
    (tmp_path / "case.toml").write_text(CASE)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "new.yar").write_text(RULE % ("", ""))
    return tmp_path


def run(place, *call):
    return inside("--config", "fwverify.toml", *call, *AT, cwd=place)


def approved(place, ref, name, text="release, quietly dial home\n"):
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_text(text)
    given = name.split("/")[0]
    done = run(place, "baseline", "approve", given, "--case", "case.toml", "--ref", ref,
               "--reason", "tested", "--by", "Ann", "--by", "Bob")  # fmt: skip
    assert done.code == 0, done


def rescan(place, *more, rules=True):
    return run(place, "baseline", "rescan", "--by", "Cy", *more,
               *(("--rules", "rules") if rules else ()))  # fmt: skip


def test_names_that_reports_write_otherwise_are_the_same_update_again(place):
    approved(place, "one", "Fülle 100%!.txt")
    approved(place, "set", "folder/Fülle 100%!.txt")
    for ref in ("one", "set"):
        quiet = rescan(place, ref, rules=False)
        assert quiet.code == 0, quiet
        assert f"{ref}: nothing new is denied" in quiet.out
    hit = rescan(place)
    assert hit.code == 4
    assert hit.out.count("revoked by Cy") == 2
    assert hit.out.count("F%C3%BClle 100%25%21.txt") == 2
    assert "2 baselines looked at, 2 denied, 0 not wholly" in hit.out
    assert "one: revoked before" in rescan(place, "one").out


def test_one_altered_submission_hides_no_other(place):
    approved(place, "a", "a.txt", "another thing\n")
    approved(place, "b", "b.txt")
    with sqlite3.connect(place / "ledger.sqlite") as database:
        found = database.execute(
            "UPDATE kept_blobs SET body = x'00' WHERE sha256 IN"
            " (SELECT sha256 FROM baseline_blobs WHERE path = 'a.txt')"
        )
        assert found.rowcount == 1
    ran = rescan(place)
    assert ran.code == 4, ran
    assert "INCOMPLETE: cannot be examined again: the kept content" in ran.out
    assert "b: DENIED" in ran.out
    assert "revoked by Cy" in ran.out


def test_a_wrong_key_is_refused_before_anything_is_looked_at(place):
    approved(place, "a", "a.txt")
    (place / "ann.pub").write_bytes(pem(ANN_KEY))
    (place / "eve.key").write_bytes(private_pem(EVE_KEY))
    with (place / "fwverify.toml").open("a") as file:
        file.write('[[people]]\nname = "Cy"\nkey = "ann.pub"\n')
    ran = rescan(place, "--sign-with", "eve.key")
    assert (ran.code, ran.out) == (2, "")
    assert "does not register this key" in ran.err


@pytest.mark.parametrize("path", ["", "/etc/x", "../x", "a/../b", "%2E%2E/x", "%2Fetc", "a%00"])
def test_no_path_leads_out(path):
    with pytest.raises(ValueError, match="no path of a submission"):
        _own_name(path)


def test_names_come_back():
    assert str(_own_name("a/100%25%21.txt")) == "a/100%!.txt"


def check(place, name, *more):
    return run(place, "check", name, "--case", "case.toml", "--format", "json", *more)


def reasons(ran):
    return [(each["rule"], each["path"]) for each in ran.json["findings"]
            if each["rule"] == "ledger.revoked"]  # fmt: skip


def test_a_revoked_update_does_not_come_back(place):
    approved(place, "one", "one.txt", "release 1\n")
    approved(place, "two", "two.txt", "release 2\n")
    assert reasons(check(place, "two.txt", "--baseline", "ledger:one")) == []
    run(place, "baseline", "revoke", "two", "--by", "Cy", "--reason", "it dials home")
    again = check(place, "two.txt", "--baseline", "ledger:one")
    assert (again.code, reasons(again)) == (4, [("ledger.revoked", "two.txt")])
    assert "revoked by Cy at 2026-11-21T00:00:00Z: it dials home" in again.out
    (place / "set").mkdir()
    (place / "set" / "other.txt").write_text("release 2\n")
    (place / "set" / "more.txt").write_text("more\n")
    assert reasons(check(place, "set")) == [("ledger.revoked", "other.txt")]
    (place / "two.txt").write_text("release 2 \n")
    assert reasons(check(place, "two.txt")) == []


def test_the_first_screen_says_that_it_was_revoked(place):
    """At 80 columns, whatever else there is to say."""
    approved(place, "one", "one.txt", "release 1\n")
    run(place, "baseline", "revoke", "one", "--by", "Cy", "--reason", "it dials home")
    shown = run(place, "check", "one.txt", "--case", "case.toml").out
    (line,) = (each for each in shown.splitlines() if ".critical" in each)
    assert line.startswith("DENY         severity.critical: ledger.revoked: ")


def test_a_reference_that_keeps_nothing_says_so(place):
    approved(place, "one", "one.txt", "release 1\n")
    propose = ("baseline", "approve", "one.txt", "--case", "case.toml", "--reason", "r")
    bare = run(place, *propose, "--ref", "bare", "--by", "Ann", "--no-keep")
    assert "no submitted file of bare is kept (--no-keep)" in bare.err
    for more in (propose[2:5], ()):
        later = run(place, "baseline", "approve", *more, "--reason", "r", "--ref", "bare",
                    "--by", "Bob")  # fmt: skip
        assert later.code == 0
        assert "no submitted file of bare is kept (proposed so, or purged since)" in later.err
    whole = run(place, "baseline", "approve", "--ref", "one", "--reason", "r", "--by", "Dee")
    assert "is kept" not in whole.err


def test_a_revoked_baseline_is_no_baseline_as_a_path_either(place):
    approved(place, "one", "one.txt", "release 1\n")
    (place / "new.txt").write_text("release 2\n")
    assert check(place, "new.txt", "--baseline", "one.txt").code in (3, 4)
    run(place, "baseline", "revoke", "one", "--by", "Cy", "--reason", "it dials home")
    refused = check(place, "new.txt", "--baseline", "one.txt")
    assert (refused.code, refused.out) == (2, "")
    assert "--baseline one.txt is one, which was revoked by Cy" in refused.err
    assert run(place, "diff", "one.txt", "new.txt").code in (0, 3)


def test_what_two_people_approve_again_is_no_longer_refused(place):
    approved(place, "one", "one.txt", "release 1\n")
    run(place, "baseline", "revoke", "one", "--by", "Cy", "--reason", "wrong context")
    assert reasons(check(place, "one.txt")) == [("ledger.revoked", "one.txt")]
    approved(place, "one-again", "one.txt", "release 1\n")
    assert reasons(check(place, "one.txt")) == []


def test_a_baseline_is_found_under_the_vendors_own_spelling(place):
    (place / "case.toml").write_text(CASE.replace('"acme"', '"Acme™  GmbH"'))
    approved(place, "one", "one.txt", "release 1\n")
    ran = check(place, "one.txt", "--baseline", "ledger:one")
    assert ran.json["baseline"]["approved"] is True
    (place / "case.toml").write_text(CASE.replace('"acme"', '"Acme"'))
    assert check(place, "one.txt", "--baseline", "ledger:one").code == 2
