"""The real program: packages out of a check, the same core everywhere, exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from datetime import UTC, datetime, timedelta

import click
import pytest

from fwverify.evidence import asic, package
from tests.builders import pki
from tests.cli.program import ROOT, fwverify
from tests.evidence import lab

AT = "2026-06-01T00:00:00Z"
CASE = """\
schema = "fwverify.case/1"
id = "case-7"
vendor = "acme"
product = "M-1"
class = "generic"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an update, a case, keys and a configuration."""
    folder = tmp_path_factory.mktemp("desk")
    update = folder / "fw.tar"
    update.write_bytes(plain_tar())
    (folder / "case.toml").write_text(CASE)
    for name in ("Lab", "Approver"):
        identity = lab.person(name)
        (folder / f"{name}.key").write_bytes(lab.key_pem(identity))
        (folder / f"{name}.crt").write_bytes(identity.pem)
    (folder / "ca.pem").write_bytes(lab.authority("Lab CA").pem)
    (folder / "tsa.pem").write_bytes(lab.authority("Time CA").pem)
    write_config(folder)
    return folder


def plain_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in (
            ("etc/init.d/S50net", b"#!/bin/sh\ntelnetd -l /bin/sh &\n"),
            ("etc/passwd", b"root::0:0:root:/root:/bin/sh\n"),
        ):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def write_config(folder, *lines, name="fwverify.toml"):
    head = 'schema = "fwverify.config/1"\n[paths]\nstore = "store"\n[evidence]\n'
    (folder / name).write_text(head + "\n".join(lines))
    return folder / name


def signing(folder, *more, name="signing.toml"):
    return write_config(folder, 'key = "Lab.key"', 'certificate = "Lab.crt"', *more, name=name)


def run(folder, *arguments, config="fwverify.toml", **environment):
    return fwverify("--config", folder / config, *arguments, **environment)


def check(folder, out, *more, config="fwverify.toml", **environment):
    update, case = folder / "fw.tar", folder / "case.toml"
    arguments = ("check", update, "--case", case, "--at", AT, "--out", out, *more)
    return run(folder, *arguments, config=config, **environment)


@pytest.fixture(scope="module")
def unsigned(place):
    """The folder of one check without a signing key."""
    check(place, place / "unsigned", "--no-cache")
    return place / "unsigned"


@pytest.fixture(scope="module")
def signed(place):
    """The folder of one check with the laboratory's key."""
    signing(place)
    check(place, place / "signed", config="signing.toml")
    return place / "signed"


def core_of(data):
    return asic.read_signers(package.read(data)[asic.SIGNERS]).core


def test_without_a_key_it_says_unsigned(place, unsigned):
    found = unsigned / "case-7.asice"
    assert b"\nunsigned\n" in package.read(found.read_bytes())[asic.SIGNERS]
    seen = run(place, "evidence", "verify", found, "--anchor", place / "ca.pem")
    assert (seen.code, seen.out[:8]) == (5, "UNSIGNED")


def test_signed_verified_and_replayed(place, signed, tmp_path):
    found = signed / "case-7.asice"
    seen = run(place, "evidence", "verify", found, "--anchor", place / "ca.pem", "--format", "json")
    assert (seen.code, seen.json["state"]) == (0, "verified")
    assert run(place, "evidence", "verify", found).code == 5
    assert run(place, "evidence", "verify", found, "--anchor", place / "tsa.pem").code == 4
    again = ("evidence", "replay", found, "--case", place / "case.toml", "--update")
    same = run(place, *again, place / "fw.tar")
    assert (same.code, same.out.split()[:2]) == (0, ["SAME", "core"])
    assert seen.json["core_sha256"] in same.out
    (tmp_path / "fw.tar").write_bytes((place / "fw.tar").read_bytes() + bytes(512))
    other = run(place, *again[:3], "--class", "generic", "--update", tmp_path / "fw.tar")
    assert other.code == 4
    assert "because the update is another one" in other.out
    assert "because the case is another" in other.out


def variants(folder):
    """Where the core must come out the same as that of the check without a cache."""
    there = folder / "elsewhere"
    there.mkdir()
    turkish = {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}
    return (
        ("time zone, locale, umask", turkish, (), 0o077, ROOT),
        ("hash seed, one job, folder", {"PYTHONHASHSEED": "4711"}, ("--jobs", "1"), 0o022, there),
        ("warm cache, three jobs", {"PYTHONHASHSEED": "0"}, ("--jobs", "3"), 0o022, ROOT),
    )


def reproducible(data):
    files = package.read(data)
    return {name: each for name, each in files.items() if asic.is_core(name) or name == asic.SUMS}


def test_the_core_is_the_same_everywhere(place, unsigned, tmp_path):
    first = reproducible((unsigned / "case-7.asice").read_bytes())
    for name, environment, more, mask, cwd in variants(tmp_path):
        out = tmp_path / name
        before = os.umask(mask)
        try:
            fwverify(
                *("--config", place / "fwverify.toml", "check", place / "fw.tar"),
                *("--case", place / "case.toml", "--at", AT, "--out", out, *more),
                cwd=cwd,
                **environment,
            )
        finally:
            os.umask(before)
        assert reproducible((out / "case-7.asice").read_bytes()) == first, name


def test_stamped_and_renewed(place, unsigned, tmp_path):
    with lab.stamping(tmp_path / "tsa") as url:
        signing(place, f'timestamp_url = "{url}"', 'timestamp_anchor = "tsa.pem"', name="t.toml")
        run(place, "evidence", "build", unsigned, "--out", tmp_path, config="t.toml")
        found = tmp_path / "case-7.asice"
        renewed = tmp_path / "renewed.asice"
        assert run(place, "evidence", "renew", found, "--out", renewed, config="t.toml").code == 0
    for one in (found, renewed):
        trusted = ("--anchor", place / "ca.pem", "--time-anchor", place / "tsa.pem")
        later = (datetime.now(UTC) + timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
        seen = run(place, "evidence", "verify", one, *trusted, "--at", later)
        assert seen.code == 0, seen.out
    gone = run(place, "evidence", "renew", found, "--out", tmp_path / "x", config="t.toml")
    assert gone.code == 5
    assert not (tmp_path / "x").exists()


def expired(folder):
    key = pki.key("p256", 99)
    valid = lab.VALID | {"until": lab.NOW - timedelta(days=1)}
    old = pki.issue("Old", key, lab.authority("Lab CA"), extensions=lab.SIGNING, **valid)
    (folder / "Old.key").write_bytes(lab.key_pem(old))
    (folder / "Old.crt").write_bytes(old.pem)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (('key = "Old.key"', 'certificate = "Old.crt"'), "expired"),
        (('key = "absent.key"', 'certificate = "Lab.crt"'), "absent.key"),
        (('key = "Lab.key"', 'certificate = "Approver.crt"'), "certificates are of this key"),
        (('key = "case.toml"', 'certificate = "Lab.crt"'), "no private key"),
        (
            (
                *('key = "Lab.key"', 'certificate = "Lab.crt"'),
                *('approver_key = "Lab.key"', 'approver_certificate = "Lab.crt"'),
            ),
            "one key",
        ),
        (
            (
                *('key = "Lab.key"', 'certificate = "Lab.crt"'),
                'timestamp_url = "http://127.0.0.1:9/"',
            ),
            "cannot be reached",
        ),
    ],
    ids=["expired", "absent", "foreign certificate", "no key", "approves itself", "no authority"],
)
def test_what_cannot_be_signed_is_not_called_signed(place, unsigned, tmp_path, lines, why):
    expired(place)
    write_config(place, *lines, name="bad.toml")
    done = run(place, "evidence", "build", unsigned, "--out", tmp_path, config="bad.toml")
    assert "NOT signed" in done.err
    assert why in done.err
    assert done.code == 5
    assert "UNSIGNED" in done.out
    files = package.read((tmp_path / "case-7.asice").read_bytes())
    assert b"\nunsigned\n" in files[asic.SIGNERS]
    assert not any(name.startswith(asic.META) for name in files)


def test_the_analysis_is_not_lost_with_the_key(place, tmp_path):
    expired(place)
    write_config(place, 'key = "Old.key"', 'certificate = "Old.crt"', name="old.toml")
    done = check(place, tmp_path, config="old.toml")
    assert "expired" in done.err
    assert done.code in (4, 5)
    assert (tmp_path / "report.json").is_file()
    assert b"\nunsigned\n" in (tmp_path / "case-7.asice").read_bytes()


@pytest.mark.parametrize(("code", "expected"), [(0, 5), (3, 5), (4, 4), (5, 5)])
def test_an_unsigned_package_is_at_least_incomplete(code, expected):
    from fwverify.exit_codes import at_least_incomplete

    assert at_least_incomplete(code) == expected


def test_build_from_a_report_gives_the_same_core(place, unsigned, tmp_path):
    options = ("--key", place / "Lab.key", "--certificate", place / "Lab.crt")
    both = (
        *options,
        *("--approver-key", place / "Approver.key"),
        *("--approver-certificate", place / "Approver.crt"),
    )
    done = run(place, "evidence", "build", unsigned, "--out", tmp_path / "b", *both)
    assert (done.code, done.out.split()[-1]) == (0, "signed")
    first, second = ((each / "case-7.asice").read_bytes() for each in (unsigned, tmp_path / "b"))
    assert core_of(first) == core_of(second)
    (tmp_path / "report.json").write_text("{}")
    assert run(place, "evidence", "build", tmp_path, "--out", tmp_path / "b").code == 2


def test_redacted_by_command(place, signed, tmp_path):
    (tmp_path / "strings").write_text("S50net\n")
    (tmp_path / "secret").write_text("0123456789abcdef\n")
    found, published = signed / "case-7.asice", tmp_path / "public.asice"
    given = ("--strings", tmp_path / "strings", "--secret", tmp_path / "secret")
    made = run(
        *(place, "evidence", "redact", found, "--out", published, *given), config="signing.toml"
    )
    assert made.code == 0, made.err
    assert b"S50net" in found.read_bytes()
    assert b"S50net" not in published.read_bytes()
    trusted = ("evidence", "verify", published, "--anchor", place / "ca.pem")
    held = ("--original", found, "--secret", tmp_path / "secret")
    agreed = run(place, *trusted, *held)
    assert agreed.code == 0
    assert f"  original       {found}: differs by what is listed alone" in agreed.out
    assert "evidence replay" not in agreed.out  # a redacted one cannot be
    assert "differs by" not in run(place, *trusted).out
    assert run(place, *trusted, *held, "--format", "json").json["original"] == str(found)
    wrong = ("--original", found, "--secret", tmp_path / "strings")
    refused = run(place, *trusted, *wrong)
    assert refused.code == 4
    assert "differs by" not in refused.out
    assert run(place, "evidence", "replay", published, "--update", place / "fw.tar").code == 2


def test_show_and_script(place, unsigned):
    shown = run(place, "evidence", "show", unsigned / "case-7.asice")
    assert shown.code == 0
    assert "NOT VERIFIED" in shown.out
    script = run(place, "evidence", "script")
    digest = run(place, "evidence", "script", "--digest").out
    assert script.err == digest
    assert lab.sha256_hex(script.out.encode()) == digest.split()[0]
    for command in ("show", "verify", "renew --out x --timestamp-url http://127.0.0.1:9/"):
        name, *more = command.split()
        seen = run(place, "evidence", name, place / "fw.tar", *more)
        assert seen.code == (4 if name == "verify" else 2), seen


def test_the_script_is_plain_posix():
    if shutil.which("dash") is None:
        pytest.skip("dash is not here")
    script = ROOT / "fwverify" / "evidence" / "verify.sh"
    assert subprocess.run(["dash", "-n", script]).returncode == 0
    text = script.read_text()
    assert "python" not in text
    assert not re.search(r"^\s*(local|function|declare) |\[\[ |<<<|=~", text, re.MULTILINE)


# --- what steered it, the annex, and replays of what was asked beside ---------------------------


def test_the_package_of_a_check_holds_what_steered_it(place, unsigned, tmp_path):
    files = package.read((unsigned / "case-7.asice").read_bytes())
    told = json.loads(files["inputs/inputs.json"])
    assert json.loads(files["inputs/case.json"])["product"] == "M-1"
    assert json.loads(files["policy/policy.json"])["effective"]["name"] == "builtin-generic"
    assert [one for one in told["absent"] if "report.pdf" in one]
    assert str(place).encode() not in b"".join(files[name] for name in files if name[:2] != "ru")
    shutil.copy(unsigned / "report.json", tmp_path / "report.json")
    done = run(place, "evidence", "build", tmp_path, "--out", tmp_path / "b")
    assert "policy and inputs are not in the package" in done.err
    bare = package.read((tmp_path / "b" / "case-7.asice").read_bytes())
    assert "policy/policy.json" not in bare
    assert run(place, "evidence", "verify", tmp_path / "b" / "case-7.asice").code == 5
    again = ("evidence", "replay", tmp_path / "b" / "case-7.asice", "--update", place / "fw.tar")
    assert run(place, *again, "--case", place / "case.toml").code == 0
    kept = (unsigned / "evidence-inputs.json").read_bytes()
    for data in (kept.replace(b'"report":"', b'"report":"0', 1), b"{}"):
        (tmp_path / "evidence-inputs.json").write_bytes(data)
        assert run(place, "evidence", "build", tmp_path, "--out", tmp_path / "b").code == 2


def test_a_secret_that_was_given_is_in_no_file(place, tmp_path):
    secret = tmp_path / "secret.toml"
    secret.write_text(
        'schema = "fwverify.secret/1"\n[[secret]]\nkind = "password"\npassword = "SecretPlanted"\n'
    )
    secret.chmod(0o600)
    done = check(place, tmp_path / "out", "--secret", secret)
    assert done.code in (4, 5), done.err
    for file in (tmp_path / "out").iterdir():
        assert b"SecretPlanted" not in file.read_bytes(), file.name


def test_the_annex_by_command(place, tmp_path):
    pytest.importorskip("typst", reason="typst (fwverify[pdf]) is not installed: no annex")
    assert check(place, tmp_path / "out", "--pdf").code in (4, 5)
    found = tmp_path / "out" / "case-7.asice"
    assert package.read(found.read_bytes())["reports/report.pdf"].startswith(b"%PDF")
    same = run(place, "evidence", "replay", found, "--update", place / "fw.tar")
    assert (same.code, same.out[:4]) == (0, "SAME"), same.out
    update = place / "fw.tar"
    assert "--pdf needs --out" in run(place, "check", update, "--pdf").err
    (tmp_path / "typst").mkdir()
    built = ("evidence", "build", tmp_path / "out", "--out", tmp_path / "b", "--pdf")
    assert run(place, *built).code == 5
    again = package.read((tmp_path / "b" / "case-7.asice").read_bytes())
    assert core_of(found.read_bytes()) == asic.read_signers(again[asic.SIGNERS]).core


def test_a_replay_of_what_superseded_a_refused_case(place, unsigned, tmp_path):
    config = place / "fwverify.toml"
    given = ("--config", config, "check", place / "fw.tar", "--class", "generic")
    who = ("--vendor", "acme", "--product", "M-1", "--at", AT)
    fwverify(*given, *who, "--supersedes", unsigned, "--out", tmp_path / "out")
    (found,) = (tmp_path / "out").glob("*.asice")
    again = ("evidence", "replay", found, "--update", place / "fw.tar")
    bare = run(place, *again)
    assert bare.code == 2
    assert "cannot be replayed" in bare.err and "--supersedes" in bare.err
    for wrong in (tmp_path / "out", tmp_path / "absent"):
        refused = run(place, *again, "--supersedes", wrong)
        assert refused.code == 2, refused.out
    same = run(place, *again, "--supersedes", unsigned)
    assert (same.code, same.out[:4]) == (0, "SAME"), same.out + same.err


@pytest.mark.parametrize("installed", [True, False])
def test_a_replay_of_a_second_opinion(place, unsigned, tmp_path, monkeypatch, installed):
    """The package says that it was asked for; without the engine nothing is run."""
    from fwverify.cli import common, replaying

    files = package.read((unsigned / "case-7.asice").read_bytes())
    told = json.loads(files["inputs/inputs.json"])
    told["asked"]["second"] = "unblob"
    files["inputs/inputs.json"] = json.dumps(told).encode()
    monkeypatch.setattr("fwverify.unpack.second.program", lambda: "x" if installed else None)
    arguments = (files, (place / "fw.tar",), None, (), None, None, common.Options())
    if not installed:
        with pytest.raises(click.UsageError, match="unblob, which is not installed"):
            replaying.question(*arguments)
        return
    asked = replaying.question(*arguments)
    assert (asked.second, asked.supersedes) == ("unblob", None)
    assert asked.case is not None and asked.case.product == "M-1"
