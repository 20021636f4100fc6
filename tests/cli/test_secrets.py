"""``--secret`` and ``--plaintext`` of the real program: exit codes, and no trace of a secret."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders.archives import CpioItem, TarItem, cpio_archive, tar_archive
from tests.cli.program import ROOT, Ran, fwverify, process
from tests.unpack.helpers import noise
from tests.unpack_envelopes.helpers import IV, KEY, TEXT
from tests.unpack_envelopes.test_aes import cbc, ctr, gcm
from tests.unpack_envelopes.zips import encrypted_zip

PASSWORD = "canary-3f9c-passwort"
HEAD = 'schema = "fwverify.secret/1"\n'


def secrets(folder: Path, *tables: str) -> Path:
    file = folder / "keys" / "secrets.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(HEAD + "".join(f"[[secret]]\n{table}\n" for table in tables))
    file.chmod(0o600)
    return file


def password(text: str = PASSWORD) -> str:
    return f'kind = "password"\npassword = "{text}"'


def aes(path: str, mode: str = "aes-ctr", iv: bytes = IV, key: bytes = KEY) -> str:
    return f'kind = "{mode}"\npath = "{path}"\nkey = "{key.hex()}"\niv = "{iv.hex()}"'


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_DATA_HOME": str(tmp_path / "data")}


def unpacked(update: Path, tmp_path: Path, home: dict[str, str], *options: str | Path) -> Ran:
    out = tmp_path / f"out-{time.monotonic_ns()}"
    return fwverify("unpack", update, "--out", out, "--format", "json", *options, **home)


def formats(ran: Ran) -> dict[str, str]:
    return {node["path"]: node["format"] for node in ran.json["nodes"]}


def no_trace(folder: Path, ran: Ran, *more: bytes) -> None:
    """No file and no output holds the password or the keys in any usual form."""
    forms = {PASSWORD.encode(), KEY, KEY.hex().encode(), KEY.hex().upper().encode(), *more}
    for file in folder.rglob("*"):
        if file.is_file() and "keys" not in file.relative_to(folder).parts[:1]:
            body = file.read_bytes()
            assert not [form for form in forms if form in body], file
    for text in (ran.out.encode(), ran.err.encode()):
        assert not [form for form in forms if form in text]


# --- nothing is told -------------------------------------------------------------------


def test_the_whole_gate_leaves_no_trace_of_a_secret(tmp_path, home) -> None:
    update = tmp_path / "update.zip"
    update.write_bytes(encrypted_zip(TEXT, PASSWORD.encode(), strength=3))
    for file in (
        secrets(tmp_path, password(), aes("*.nothing")),
        secrets(tmp_path, password("wrong"), aes("update.zip")),
    ):
        ran = process(
            *("check", update, "--secret", file, "--format", "json"),
            *("--out", tmp_path / "out", "--at", "2026-01-01T00:00:00Z"),
            FWVERIFY_TRACE="1",
            **home,
        )
        assert ran.code in (4, 5)
        no_trace(tmp_path, ran)
        (member,) = [each for each in ran.json["subject"]["members"] if each["role"] == "secret"]
        assert member["sha256"] is None


@pytest.mark.parametrize("value", [PASSWORD, KEY.hex()])
@pytest.mark.parametrize(
    "table",
    [
        'kind = "{0}"',
        'kind = "password"\npassword = {0}',
        'kind = "aes-cbc"\npath = "*"\nkey = "{0}"\niv = "{0}"',
        'kind = "cms"\nkey_file = "{0}"',
    ],
)
def test_a_bad_secret_file_is_one_line_without_its_values(tmp_path, home, table, value) -> None:
    update = tmp_path / "update.txt"
    update.write_text("text\n")
    file = secrets(tmp_path, table.format(value))
    ran = unpacked(update, tmp_path, home | {"FWVERIFY_TRACE": "1"}, "--secret", file)
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 1 and "secrets.toml" in ran.err
    no_trace(tmp_path, ran)


@pytest.mark.skipif(shutil.which("7zz") is None, reason="7zz is absent")
def test_no_process_shows_the_password(tmp_path, home) -> None:
    """Every command line and environment is read while 7-Zip works."""
    (tmp_path / "fw.bin").write_bytes(noise(300_000))
    subprocess.run(
        ["7zz", "a", "-mhe=on", f"-p{PASSWORD}", "u.7z", "fw.bin"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    file = secrets(tmp_path, password("first-" + PASSWORD[::-1]), password())
    running = subprocess.Popen(
        [
            *(sys.executable, "-m", "fwverify", "unpack", str(tmp_path / "u.7z")),
            *("--secret", str(file), "--out", str(tmp_path / "out")),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    seen = set()
    while running.poll() is None:
        for each in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    body = (each / name).read_bytes()
                except OSError:
                    continue
                if name == "cmdline" and b"7zz" in body:
                    seen.add(body)
                assert PASSWORD.encode() not in body or int(each.name) == os.getpid(), each
    out, err = (stream.decode() for stream in running.communicate())
    assert running.returncode == 5, out  # noise is never clean
    assert "encrypted" not in out
    assert seen, "7-Zip was never seen at work"
    no_trace(tmp_path / "cache", Ran(0, out, err))
    assert (tmp_path / "out" / "files" / "u.7z!" / "fw.bin").read_bytes() == noise(300_000)


def test_what_was_opened_with_a_secret_is_never_kept(tmp_path, home) -> None:
    update = tmp_path / "update.zip"
    update.write_bytes(encrypted_zip(TEXT, PASSWORD.encode(), strength=3))
    opens = ("--secret", secrets(tmp_path, password()))
    assert unpacked(update, tmp_path, home).code == 5
    assert unpacked(update, tmp_path, home, *opens).code == 0
    assert unpacked(update, tmp_path, home).code == 5
    wrong = ("--secret", secrets(tmp_path, password("wrong")))
    assert unpacked(update, tmp_path, home, *wrong).code == 5


def test_raw_content_is_opened_though_its_result_was_kept(tmp_path, home) -> None:
    update = tmp_path / "fw.bin"
    update.write_bytes(ctr(TEXT))
    unpacked(update, tmp_path, home)
    ran = unpacked(update, tmp_path, home, "--secret", secrets(tmp_path, aes("fw.bin")))
    assert ran.code == 0 and formats(ran) == {"fw.bin": "aes-ctr", "fw.bin!/data": "text"}
    assert formats(unpacked(update, tmp_path, home)) == {"fw.bin": "unknown"}


# --- which node ------------------------------------------------------------------------


def test_a_secret_reaches_the_nodes_it_names_and_no_other(tmp_path, home) -> None:
    update = tmp_path / "u.tar"
    nested = gcm(TEXT)
    update.write_bytes(
        tar_archive(TarItem(b"a/fw.enc", nested), TarItem(b"b/fw.enc", gcm(TEXT + b"2")))
    )
    for pattern, opened in (("u.tar!/a/*", {"a"}), ("*/fw.enc", {"a", "b"}), ("fw.enc", set())):
        file = secrets(tmp_path, aes(pattern, "aes-gcm", IV[:12]))
        named = formats(unpacked(update, tmp_path, home, "--secret", file))
        assert {path[7] for path in named if path.endswith("!/data")} == opened


def test_an_swupdate_archive_opens_to_its_files(tmp_path, home) -> None:
    ivt = bytes(range(1, 17))
    text = f'software={{images:({{filename="r.bin";encrypted=true;ivt="{ivt.hex()}";}});}}'
    items = (CpioItem(b"sw-description", text.encode()), CpioItem(b"r.bin", cbc(TEXT, KEY, ivt)))
    update = tmp_path / "u.swu"
    update.write_bytes(cpio_archive(*items))
    assert unpacked(update, tmp_path, home).code == 5
    file = secrets(tmp_path, f'kind = "swupdate"\nkey = "{KEY.hex()}"')
    ran = unpacked(update, tmp_path, home, "--secret", file)
    assert formats(ran)["u.swu!/r.bin!/data"] == "text"
    wrong = secrets(tmp_path, f'kind = "swupdate"\nkey = "{bytes(32).hex()}"')
    ran = unpacked(update, tmp_path, home, "--secret", wrong)
    assert ran.code == 5 and "u.swu!/r.bin!/data" not in formats(ran)


@pytest.mark.parametrize("command", ["check", "verify", "scan"])
def test_every_stage_takes_secrets(command, tmp_path, home) -> None:
    update = tmp_path / "update.zip"
    update.write_bytes(encrypted_zip(TEXT, PASSWORD.encode(), strength=3))
    file = secrets(tmp_path, password())
    ran = fwverify(command, update, "--secret", file, "--format", "json", **home)
    assert "update.zip!/fw.bin" in formats(ran)
    assert ran.json["stages"]["unpack"]["status"] == "complete"


def test_both_sides_of_a_difference_are_opened(tmp_path, home) -> None:
    for name, text in (("old.zip", TEXT), ("new.zip", TEXT + b"more\n")):
        (tmp_path / name).write_bytes(encrypted_zip(text, PASSWORD.encode(), strength=3))
    file = secrets(tmp_path, password())
    ran = fwverify(
        *("diff", tmp_path / "old.zip", tmp_path / "new.zip", "--secret", file),
        *("--format", "json"),
        **home,
    )
    assert ran.json["stages"]["compare"]["status"] == "complete"
    assert "new.zip!/fw.bin" in [each["path"] for each in ran.json["delta"]["changed"]]


# --- plain texts -----------------------------------------------------------------------


def verdicts(ran: Ran) -> dict[str, str]:
    return {each["rule"]: each["verdict"] for each in ran.json["reasons"]}


def test_a_plain_text_without_proof_is_said_and_examined(tmp_path, home) -> None:
    update, plain = tmp_path / "fw.bin.enc", tmp_path / "fw.bin"
    update.write_bytes(ctr(noise(9000)))
    plain.write_bytes(TEXT)
    ran = fwverify("check", update, "--plaintext", plain, "--format", "json", **home)
    assert ran.code in (4, 5)
    assert verdicts(ran)["plaintext.unproven"] == "REVIEW"
    assert formats(ran)["fw.bin.enc!/@plaintext"] == "text"
    assert "unpack.high_entropy" in verdicts(ran)


def test_a_plain_text_that_encrypts_to_the_cipher_text_counts(tmp_path, home) -> None:
    content = noise(9000)
    update, plain = tmp_path / "fw.bin.enc", tmp_path / "fw.bin"
    update.write_bytes(ctr(content))
    plain.write_bytes(content)
    file = secrets(tmp_path, aes("fw.bin.enc"))
    ran = fwverify(
        "check", update, "--plaintext", plain, "--secret", file, "--format", "json", **home
    )
    assert "plaintext.unproven" not in verdicts(ran)
    assert ran.json["image"]["coverage"]["extracted"] == 9000


def test_misuse_is_exit_2(tmp_path, home) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("a.bin", "b.bin"):
        (folder / name).write_text(name * 9)
    inside = folder / "secrets.toml"
    inside.write_text(HEAD + "[[secret]]\n" + password())
    stray = tmp_path / "stray.bin"
    stray.write_text("x")
    for options, says in (
        (["--secret", tmp_path / "absent"], "absent"),
        (["--secret", inside], "must not be a part of the update"),
        (["--plaintext", stray], "no single member"),
        (["--plaintext", tmp_path / "absent"], "absent"),
    ):
        ran = unpacked(folder, tmp_path, home, *options)
        assert (ran.code, ran.out) == (2, ""), options
        assert says in ran.err


def test_a_readable_secret_file_is_warned_of(tmp_path, home) -> None:
    update, file = tmp_path / "u.txt", secrets(tmp_path, password())
    update.write_text("text\n")
    file.chmod(0o644)
    assert "can be read by others" in unpacked(update, tmp_path, home, "--secret", file).err


# --- sets ------------------------------------------------------------------------------


def test_a_set_of_thirty_has_one_verdict_and_thirty_rows(tmp_path, home) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(30):
        (folder / f"ecu{number:02d}.txt").write_text(f"content of ecu {number}\n" * 5)
    files = sorted(folder.iterdir())
    cores = set()
    for order in (files, files[::-1]):
        ran = fwverify(
            *("check", *order, "--format", "json", "--at", "2026-01-01T00:00:00Z"),
            *("--out", tmp_path / "out"),
            **home,
        )
        assert len(ran.json["subject"]["members"]) == 30
        cores.add(ran.json["core_sha256"])
    assert len(cores) == 1
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(f"<td><code>{file.name}</code></td>" in page for file in files)
    text = fwverify("unpack", folder, "--out", tmp_path / "tree", **home).out
    rows = text.partition("Members")[2].partition("Nodes")[0]
    assert all(file.name in rows for file in files)


@pytest.mark.parametrize("fault", ["missing", "swapped"])
def test_a_missing_or_exchanged_member_is_incomplete_at_best(tmp_path, home, fault) -> None:
    import hashlib

    folder = tmp_path / "set"
    folder.mkdir()
    files = {name: (name * 9).encode() for name in ("a.txt", "b.txt", "c.txt")}
    sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    (folder / "SHA256SUMS").write_text("".join(sums))
    if fault == "missing":
        del files["b.txt"]
    else:
        files["a.txt"], files["b.txt"] = files["b.txt"], files["a.txt"]
    for name, data in files.items():
        (folder / name).write_bytes(data)
    ran = fwverify("check", folder, "--format", "json", **home)
    assert ran.code in (4, 5)
    problems = ran.json["stages"]["intake"]["problems"]
    assert {each["code"] for each in problems} == {f"set.{fault}"}
    assert "b.txt" in {each["path"] for each in problems}
    assert "stage.incomplete.intake" in verdicts(ran)
