from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.accounts import applies, examine
from fwverify.analyse.values import PathRequest, PathResult

ZERO = "0" * 64
HASH = "$6$saltsalt$" + "a" * 40


def read(path: str, text: str) -> PathResult:
    return examine(text.encode("latin-1"), PathRequest(store="", sha256=ZERO, path=path))


def found(result: PathResult) -> list[tuple[str, str]]:
    return [(hit.rule, hit.severity) for hit in result.hits]


@pytest.mark.parametrize(
    ("line", "state", "rules"),
    [
        ("root:x:0:0:root:/root:/bin/sh", "unknown", []),
        ("root:x:0:0:root:/root:/usr/sbin/nologin", "no-login", []),
        ("svc:x:0:0::/:/bin/sh", "unknown", [("cred.uid0", "high")]),
        ("toor::0:0::/:/bin/sh", "empty", [("cred.uid0", "high"), ("cred.empty", "high")]),
        ("guest::100:100::/:/bin/sh", "empty", [("cred.empty", "high")]),
        ("guest::100:100::/:/bin/false", "no-login", [("cred.empty", "low")]),
        (f"svc:{HASH}:100:100::/:/bin/sh", "hash", [("cred.static", "high")]),
        ("svc:*:100:100::/:/bin/sh", "locked", []),
        ("svc:!:100:100::/:/bin/sh", "locked", []),
        ("svc:x:00:0::/:/bin/sh", "unknown", [("cred.uid0", "high")]),
        ("svc:x:100:0::/:/bin/sh", "unknown", [("cred.gid0", "medium")]),
        ("svc:x:100:000::/:/usr/sbin/nologin", "no-login", [("cred.gid0", "medium")]),
        ("svc:x:100:100::/:/usr/sbin/nologin ", "unknown", []),
        ("svc:x:100:100::/:/tmp/nologin", "unknown", []),
        ("svc::100:100::/:/tmp/false", "empty", [("cred.empty", "high")]),
        ("svc::100:100::/:/usr/sbin/nologin\t", "empty", [("cred.empty", "high")]),
        ("svc::100:100::/:", "empty", [("cred.empty", "high")]),
    ],
)
def test_passwd(line: str, state: str, rules: list[tuple[str, str]]) -> None:
    result = read("etc/passwd", f"# comment\n{line}\n")
    assert [account.state for account in result.accounts] == [state]
    assert found(result) == rules
    assert result.troubles == ()


@pytest.mark.parametrize(
    ("line", "state", "rules"),
    [
        ("root:!:20454:0:99999:7:::", "locked", []),
        ("root:*:20454:0:99999:7:::", "locked", []),
        ("root::20454:0:99999:7:::", "empty", [("cred.empty", "high")]),
        (f"root:{HASH}:20454:0:99999:7:::", "hash", [("cred.static", "high")]),
        ("root:aaDES3ncrypted:20454:0:99999:7:::", "hash", [("cred.static", "high")]),
        (f"root:!{HASH}:20454:0:99999:7:::", "locked", []),
    ],
)
def test_shadow(line: str, state: str, rules: list[tuple[str, str]]) -> None:
    result = read("etc/shadow", line + "\n")
    assert [account.state for account in result.accounts] == [state]
    assert found(result) == rules


@pytest.mark.parametrize(
    "ids", ["4294967296:1", "100:4294967296", "18446744073709551616:100", "8589934592:0"]
)
def test_an_id_beyond_32_bits_is_said_and_taken_as_the_device_may(ids: str) -> None:
    result = read("etc/passwd", f"svc:x:{ids}::/:/bin/sh\n")
    assert [trouble.code for trouble in result.troubles] == ["analyse.account_line"]
    (hit,) = result.hits
    assert hit.rule == ("cred.gid0" if ids.startswith("100:") else "cred.uid0")


def test_a_hash_is_never_shown_and_a_new_one_is_a_new_finding() -> None:
    first = read("etc/shadow", f"root:{HASH}:1::::::\n")
    second = read("etc/shadow", f"root:{HASH}b:1::::::\n")
    assert "saltsalt" not in str(first)
    assert first.hits[0].evidence != second.hits[0].evidence


def test_authorized_keys_are_listed_by_fingerprint() -> None:
    blob = b"\0\0\0\x0bssh-ed25519" + bytes(range(36))
    line = f'from="*" ssh-ed25519 {base64.b64encode(blob).decode()} someone@somewhere\n'
    result = read("root/.ssh/authorized_keys", line)
    seal = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    assert result.keys == (("ssh-authorized", f"SHA256:{seal}"),)
    assert found(result) == [("cred.sshkey", "high")]


def test_sudo_without_a_password() -> None:
    result = read("etc/sudoers.d/svc", "svc ALL=(ALL) NOPASSWD: ALL\n#svc NOPASSWD\nDefaults x\n")
    assert found(result) == [("cred.sudo", "medium")]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("etc/passwd", "root:x:0:0:root:/root\n"),
        ("etc/passwd", "svc:x:0x0:0::/:/bin/sh\n"),
        ("etc/passwd", "svc:x: 0:0::/:/bin/sh\n"),
        ("etc/passwd", "svc:x:+0:0::/:/bin/sh\n"),
        ("etc/passwd", "svc:x:1:::/:/bin/sh\n"),
        ("etc/passwd", "svc:x:1:-0::/:/bin/sh\n"),
        ("etc/passwd", "root:x:zero:0:root:/root:/bin/sh\n"),
        ("etc/passwd", "+::::::\n"),
        ("etc/shadow", "root\n"),
        ("root/.ssh/authorized_keys", "ssh-ed25519\n"),
        ("root/.ssh/authorized_keys", "\xff\xfe\n"),
    ],
)
def test_a_line_that_does_not_parse_is_said(path: str, text: str) -> None:
    assert [trouble.code for trouble in read(path, text).troubles] == ["analyse.account_line"]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("etc/passwd", True),
        ("rootfs/etc/shadow", True),
        ("home/a/.ssh/authorized_keys", True),
        ("usr/share/passwd", False),
        ("etc/passwd.txt", False),
        ("xetc/passwd", False),
    ],
)
def test_which_paths_are_accounts(path: str, wanted: bool) -> None:
    assert applies(path) is wanted


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.sampled_from(["etc/passwd", "etc/shadow", ".ssh/authorized_keys", "etc/sudoers"]),
    st.binary(max_size=200),
)
def test_any_bytes_are_read_or_said(path: str, content: bytes) -> None:
    result = examine(content, PathRequest(store="", sha256=ZERO, path=path))
    lines = [
        line for line in content.split(b"\n") if line.strip() and not line.lstrip().startswith(b"#")
    ]
    if "sudoers" not in path and lines:
        assert result.accounts or result.keys or result.troubles
