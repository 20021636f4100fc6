"""The secret file: strict, and silent about what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwverify.secrets import SecretFile, load_secrets
from fwverify.strict import InputFileError, parse_toml

HEAD = 'schema = "fwverify.secret/1"\n'
CANARY = "canary-7f3a9"
KEY = "00112233445566778899aabbccddeeff"


def written(folder: Path, body: str, head: str = HEAD) -> Path:
    file = folder / "secrets.toml"
    file.write_text(head + body)
    file.chmod(0o600)
    return file


BAD = [
    "",
    "[[secret]]\n",
    f'[[secret]]\nkind = "{CANARY}"\n',
    f'[[secret]]\nkind = "password"\npasswort = "{CANARY}"\n',
    f'[[secret]]\nkind = "password"\npassword = "x"\n{CANARY} = 1\n',
    '[[secret]]\nkind = "password"\npassword = ""\n',
    '[[secret]]\nkind = "password"\npassword = 7\n',
    f'[[secret]]\nkind = "password"\npassword = "{CANARY}\n',
    f'[[secret]]\nkind = "password"\npassword = {CANARY}\n',
    f'[[secret]]\nkind = "password"\npassword = "{CANARY}"\npassword = "{CANARY}"\n',
    f'[[secret]]\nkind = "aes-cbc"\nkey = "{KEY}"\niv = "{KEY}"\n',  # no path
    f'[[secret]]\nkind = "aes-cbc"\npath = "*"\nkey = "{CANARY}"\niv = "{KEY}"\n',
    f'[[secret]]\nkind = "aes-cbc"\npath = "*"\nkey = "{KEY}00"\niv = "{KEY}"\n',
    f'[[secret]]\nkind = "aes-cbc"\npath = "*"\nkey = "{KEY}"\niv = "00"\n',
    f'[[secret]]\nkind = "aes-cbc"\npath = "*"\nkey = "{KEY}"\n',
    f'[[secret]]\nkind = "aes-cbc"\npath = "*"\nkey = "{KEY}"\niv = "{KEY}"\niv_offset = 0\n',
    f'[[secret]]\nkind = "aes-ctr"\npath = "*"\nkey = "{KEY}"\niv = "{KEY}"\noffset = -1\n',
    f'[[secret]]\nkind = "aes-gcm"\npath = "*"\nkey = "{KEY}"\niv = "{KEY}"\ntag_length = 4\n',
    '[[secret]]\nkind = "cms"\n',
    f'[[secret]]\nkind = "cms"\nkey = "{CANARY}"\nkey_file = "x"\n',
    f'[[secret]]\nkind = "cms"\nkey_file = "{CANARY}"\n',
    '[[secret]]\nkind = "openpgp"\n',
    f'[[secret]]\nkind = "dlms"\nencryption_key = "{KEY}0011"\n',
    f'[[secret]]\nkind = "swupdate"\nkey = "{KEY}"\nivt = "{KEY}"\n',
]


@pytest.mark.parametrize("body", BAD)
def test_what_is_not_a_secret_file_is_refused_without_its_values(tmp_path, body) -> None:
    with pytest.raises(InputFileError) as caught:
        load_secrets([written(tmp_path, body)])
    said = str(caught.value)
    assert "secrets.toml" in said
    assert CANARY not in said and KEY not in said
    chain = caught.value.__cause__ or caught.value.__context__
    assert chain is None or caught.value.__suppress_context__ or CANARY not in str(chain)


def test_another_schema_and_an_absent_file_are_refused(tmp_path) -> None:
    body = '[[secret]]\nkind = "password"\npassword = "x"\n'
    for head in ("", 'schema = "fwverify.secret/2"\n'):
        with pytest.raises(InputFileError):
            load_secrets([written(tmp_path, body, head)])
    with pytest.raises(InputFileError):
        load_secrets([tmp_path / "absent.toml"])


def test_nothing_shows_a_value(tmp_path) -> None:
    file = written(tmp_path, f'[[secret]]\nkind = "password"\npassword = "{CANARY}"\n')
    loaded = load_secrets([file])
    assert CANARY not in repr(loaded) + repr(loaded.secrets) + str(loaded.secrets[0])
    assert CANARY not in repr(parse_toml(file.read_bytes(), file, SecretFile))


def test_what_others_can_read_is_warned_of(tmp_path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN")
    (tmp_path / "key.pem").chmod(0o644)
    file = written(tmp_path, '[[secret]]\nkind = "cms"\nkey_file = "key.pem"\n')
    loaded = load_secrets([file])
    assert loaded.warnings == ("key.pem can be read by others (mode 0644)",)
    assert [each.name for each in loaded.files] == ["secrets.toml", "key.pem"]
    file.chmod(0o640)
    assert len(load_secrets([file]).warnings) == 2


def test_each_kind_is_read(tmp_path) -> None:
    body = f"""
[[secret]]
kind = "password"
password = "p"
[[secret]]
kind = "aes-gcm"
path = "fw.bin"
key = "{KEY}"
iv_offset = 0
tag_offset = 12
[[secret]]
kind = "openpgp"
session_key = "{KEY}"
[[secret]]
kind = "swupdate"
key = "{KEY}"
[[secret]]
kind = "dlms"
encryption_key = "{KEY}"
authentication_key = "{KEY}"
"""
    secrets = load_secrets([written(tmp_path, body)]).secrets
    kinds = ["password", "aes-gcm", "openpgp", "swupdate", "dlms"]
    assert [each.kind for each in secrets] == kinds
    assert secrets[1].number("tag_offset") == 12
    assert secrets[1].values["key"] == bytes.fromhex(KEY)
    assert secrets[1].is_for("fw.bin") and not secrets[1].is_for("a/fw.bin")
    assert secrets[0].is_for("a.swu!/b/c.zip")
