"""Accounts of a Linux file system: who can log in, and what opens the door.

Read: ``etc/passwd`` (passwd(5)), ``etc/shadow`` (shadow(5)), ``authorized_keys``
(sshd(8)), ``etc/sudoers`` and ``etc/sudoers.d`` (sudoers(5)),
``etc/doas.conf`` (doas.conf(5)). A hash itself never leaves this module: its fingerprint
stands in the evidence so that a changed password is a changed finding. A line that does
not parse is a ``Trouble``: these files decide who may enter, and login programs differ in
what they make of a broken line.

What it does not see: NIS, LDAP, PAM modules that let in without a password.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit, PathRequest, PathResult, Trouble, printable
from fwverify.model import Account, Severity

MAX_LINES: Final = 4096
_PASSWD: Final = re.compile(r"(?:^|/)etc/passwd-?$")
_SHADOW: Final = re.compile(r"(?:^|/)etc/shadow-?$")
_KEYS: Final = re.compile(r"(?:^|/)(?:\.ssh/authorized_keys2?|etc/dropbear/authorized_keys)$")
_SUDOERS: Final = re.compile(r"(?:^|/)etc/sudoers(?:$|\.d/[^/]+$)")
_DOAS: Final = re.compile(r"(?:^|/)etc/doas(?:\.d/[^/]+)?\.conf$")
_FAMILIES: Final = (
    ("passwd", _PASSWD),
    ("shadow", _SHADOW),
    ("authorized_keys", _KEYS),
    ("sudoers", _SUDOERS),
    ("doas", _DOAS),
)
_SSH_KEY: Final = re.compile(
    r"\b(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-[\w@.-]+)\s+([A-Za-z0-9+/]{16,}={0,2})"
)
_NO_LOGIN: Final = re.compile(
    r"/(?:usr/)?s?bin/(?:nologin|false|sync|true|shutdown|halt)", re.ASCII
)
"""Matched whole: a space behind the name, or another folder, is another program."""

_ID_VALUES: Final = 1 << 32
"""User and group ids have 32 bits: 4294967296 is root where the excess is cut off."""

_PASSWD_FIELDS: Final = 7
_SHADOW_FIELDS: Final = 2

State = Literal["locked", "empty", "hash", "key-only", "no-login", "unknown"]


@dataclass
class _Found:
    """What one file gave, while it is being read."""

    accounts: list[Account] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


def families(path: str) -> tuple[str, ...]:
    """Return which account file ``path`` (inside its file system) is; empty for none."""
    return tuple(name for name, pattern in _FAMILIES if pattern.search(path))


def applies(path: str) -> bool:
    """Return whether ``path`` (inside its file system) is that of an account file."""
    return bool(families(path))


def examine(content: bytes, request: PathRequest) -> PathResult:
    """Return the accounts, keys and findings of one file."""
    found = _Found()
    lines = list(_lines(content.decode("latin-1")))
    if len(lines) > MAX_LINES:
        said = f"has more than {MAX_LINES} lines; the first are read"
        found.troubles.append(Trouble(code="limit.account_lines", text=said))
    for offset, line in lines[:MAX_LINES]:
        if _PASSWD.search(request.path):
            _passwd(line, offset, request.path, found)
        elif _SHADOW.search(request.path):
            _shadow(line, offset, request.path, found)
        elif _KEYS.search(request.path):
            _authorized_key(line, offset, found)
        else:
            _sudoers(line, offset, found)
    return PathResult(
        accounts=tuple(found.accounts),
        keys=tuple(found.keys),
        hits=tuple(found.hits),
        troubles=tuple(found.troubles),
    )


def _lines(text: str) -> Iterator[tuple[int, str]]:
    offset = 0
    for line in text.split("\n"):
        bare = line.rstrip("\r")
        if bare.strip() and not bare.lstrip().startswith("#"):
            yield offset, bare
        offset += len(line) + 1


def _passwd(line: str, offset: int, path: str, found: _Found) -> None:
    """``name:password:uid:gid:gecos:home:shell`` of passwd(5)."""
    fields = line.split(":")
    if line.startswith(("+", "-")):
        found.troubles.append(_malformed(line, "asks a directory service"))
        return
    numeric = all(re.fullmatch(r"[0-9]{1,20}", text) for text in fields[2:4])
    if len(fields) != _PASSWD_FIELDS or not numeric:
        found.troubles.append(_malformed(line, "is no line of passwd"))
        return
    name, written, group = _name(fields[0]), int(fields[2]), int(fields[3]) % _ID_VALUES
    uid = written % _ID_VALUES
    if max(written, int(fields[3])) >= _ID_VALUES:
        said = "has a user or group id of more than 32 bits; C libraries differ in it"
        found.troubles.append(_malformed(line, said))
    stored, shell = fields[1], fields[6]
    state: State = "no-login" if _NO_LOGIN.fullmatch(shell) else _state(stored)
    found.accounts.append(Account(name=name, uid=uid, state=state, path=path))
    if uid == 0 and name != "root":
        found.hits.append(
            _hit(
                "cred.uid0",
                f"{name} has user id 0 beside root",
                "high",
                offset,
                line,
                f"uid0 {name}",
            )
        )
    elif group == 0 and name != "root":
        text = f"{name} is in the group of root"
        evidence = f"gid0 {name}"
        found.hits.append(_hit("cred.gid0", text, "medium", offset, line, evidence))
    if stored not in ("x", "*", "!"):
        _judge_stored(name, stored, offset, found, usable=state != "no-login")


def _shadow(line: str, offset: int, path: str, found: _Found) -> None:
    """``name:password:…`` of shadow(5)."""
    fields = line.split(":")
    if len(fields) < _SHADOW_FIELDS:
        found.troubles.append(_malformed(line, "is no line of shadow"))
        return
    name = _name(fields[0])
    found.accounts.append(Account(name=name, uid=None, state=_state(fields[1]), path=path))
    _judge_stored(name, fields[1], offset, found, usable=True)


def _state(stored: str) -> State:
    if stored == "":
        return "empty"
    if stored == "x":
        return "unknown"  # the shadow file says
    return "locked" if stored.startswith(("!", "*")) else "hash"


def _judge_stored(name: str, stored: str, offset: int, found: _Found, *, usable: bool) -> None:
    if stored == "":
        severity: Severity = "high" if usable else "low"
        text = f"{name} has no password"
        found.hits.append(_hit("cred.empty", text, severity, offset, f"{name}::", f"empty {name}"))
    elif not stored.startswith(("!", "*")) and stored != "x":
        seal = hashlib.sha256(stored.encode("latin-1")).hexdigest()[:16]
        scheme = stored.split("$")[1] if stored.count("$") > 1 else "des"
        text = f"{name} has a password that is the same in every device"
        evidence = f"hash {name} scheme {_name(scheme)} seal {seal}"
        shown = f"{name}:(hash, scheme {_name(scheme)})"
        severity = "high" if usable else "low"
        found.hits.append(_hit("cred.static", text, severity, offset, shown, evidence))


def _authorized_key(line: str, offset: int, found: _Found) -> None:
    match = _SSH_KEY.search(line)
    if not match:
        found.troubles.append(_malformed(line, "is no authorized key"))
        return
    try:
        blob = base64.b64decode(match[1], validate=True)
    except binascii.Error:
        found.troubles.append(_malformed(line, "is no authorized key"))
        return
    seal = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    fingerprint = f"SHA256:{seal}"
    found.keys.append(("ssh-authorized", fingerprint))
    text = "whoever holds this key can log in"
    found.hits.append(_hit("cred.sshkey", text, "high", offset, line, f"key {fingerprint}"))


def _sudoers(line: str, offset: int, found: _Found) -> None:
    if "NOPASSWD" in line or re.match(r"\s*permit\s.*\bnopass\b", line):
        text = "commands as another user without a password"
        evidence = f"sudoers {printable(' '.join(line.split()).encode('latin-1'))}"
        found.hits.append(_hit("cred.sudo", text, "medium", offset, line, evidence))


def _hit(rule: str, text: str, severity: Severity, offset: int, line: str, evidence: str) -> Hit:
    capability = None if rule in ("cred.sudo", "cred.gid0") else rule
    return Hit(
        rule=rule,
        text=text,
        capability=capability,
        threat="both",
        severity=severity,
        confidence="high",
        offset=offset,
        length=len(line),
        excerpt=printable(line.encode("latin-1")),
        evidence=(evidence,),
        r155=R155_BY_ID[capability] if capability else ("9.1",),
    )


def _malformed(line: str, why: str) -> Trouble:
    shown = printable(line.split(":", maxsplit=1)[0].encode("latin-1"))
    return Trouble(code="analyse.account_line", text=f"the line of {shown!r} {why}")


def _name(raw: str) -> str:
    return printable(raw.encode("latin-1"))
