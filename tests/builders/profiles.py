"""Makes model values for tests of compare, ledger and policy; only what a test names differs."""

from __future__ import annotations

import hashlib

from fwverify.canonical import make_finding
from fwverify.model import (
    Coverage,
    Fact,
    FileFacts,
    Finding,
    Identity,
    Member,
    Node,
    Profile,
    Subject,
)

RULES = hashlib.sha256(b"rules").hexdigest()


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def member(path="update.swu", content="update", role="update", size=100) -> Member:
    return Member(path=path, sha256=sha(content), size=size, role=role)


def subject(*members: Member) -> Subject:
    chosen = members or (member(),)
    return Subject(
        kind="file" if len(chosen) == 1 else "set",
        name=chosen[0].path,
        sha256=sha("|".join(f"{each.path}={each.sha256}" for each in chosen)),
        size=sum(each.size for each in chosen),
        members=chosen,
    )


def node(path, content=None, *, version=None, **changes) -> Node:
    fields = {
        "path": path,
        "name_raw": None,
        "kind": "file",
        "sha256": None if content is None else sha(content),
        "size": None if content is None else len(content),
        "format": "text",
        "offset": None,
        "mode": 0o644,
        "uid": 0,
        "gid": 0,
        "mtime": 0,
        "link": None,
        "identity": Identity(version=version),
        "coverage": Coverage(parsed=0 if content is None else len(content)),
    }
    return Node(**(fields | changes))


def finding(
    path="update.swu!/etc/init.d/S50",
    rule="remote.telnetd",
    capability="remote.shell.telnet",
    severity="high",
    confidence="high",
    evidence=("telnetd -l /bin/sh",),
    **changes,
) -> Finding:
    return make_finding(
        rule=rule,
        path=path,
        text=f"{rule} at {path}",
        capability=capability,
        severity=severity,
        confidence=confidence,
        evidence=evidence,
        **changes,
    )


def facts(path, *pairs) -> FileFacts:
    return FileFacts(path=path, facts=tuple(Fact(kind=kind, text=text) for kind, text in pairs))


def profile(*nodes: Node, of: Subject | None = None, **changes) -> Profile:
    fields = {
        "subject": of or subject(),
        "nodes": tuple(sorted(nodes, key=lambda each: each.path)),
        "findings": (),
        "endpoints": (),
        "services": (),
        "accounts": (),
        "keys": (),
        "facts": (),
        "rules_sha256": RULES,
        "complete": True,
    }
    return Profile(**(fields | changes))
