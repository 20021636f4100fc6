"""What the tests of this folder share: material, views and bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from fwverify.model import Coverage, Identity, Node, Placed
from fwverify.verify import cms
from fwverify.verify.cms_signer import Frame, judge, refused
from fwverify.verify.scheme import Material, Signed, View
from tests.builders import pki

CONTENT = b"firmware " * 100


def material(**changes) -> Material:
    """Return material that trusts the builders' code root and time root."""
    base = Material(at=pki.AT, code_roots=(pki.root().cert,), time_roots=(pki.authority().cert,))
    return replace(base, **changes)


def view(
    content: bytes,
    *,
    name: str = "update.bin",
    kind: str | None = None,
    detached: tuple[tuple[str, bytes], ...] = (),
    files: Mapping[str, bytes] | None = None,
    attributes: tuple[tuple[str, str], ...] = (),
) -> View:
    """Return a view of one submitted file; ``files`` are the nodes below it."""
    below = dict(files or {})
    node = Node(
        path=name,
        name_raw=None,
        kind="file",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        format=kind,
        offset=None,
        mode=None,
        uid=None,
        gid=None,
        mtime=None,
        link=None,
        identity=Identity(),
        coverage=Coverage(),
    )
    placed = Placed(
        node=node,
        parent=None,
        extents=(),
        stored=False,
        regions=(),
        executable=False,
        complete=True,
        attributes=attributes,
    )
    return View(
        placed=placed,
        content=content,
        detached=detached,
        child=lambda path: hashlib.sha256(below[path]).hexdigest() if path in below else None,
        read=lambda path: below[path],
    )


def check(message: bytes, content: bytes = CONTENT, **changes) -> tuple[Signed, ...]:
    """Return what a detached ``message`` shows over ``content``."""
    frame = Frame("update.bin", "cms", covered=((0, len(content)),))
    try:
        data = cms.parse_signed_data(message)
    except cms.Malformed as error:
        return (refused(frame, str(error)),)
    return judge(frame, data, cms.Window.whole(content), material(**changes))


def one(message: bytes, content: bytes = CONTENT, **changes) -> Signed:
    """Return the only result of ``check``."""
    (result,) = check(message, content, **changes)
    return result


def axes(result: Signed) -> tuple[str, str]:
    """Return the two axes a scheme fills."""
    return result.authentic, result.trusted


def accepted(results: tuple[Signed, ...]) -> bool:
    """Return whether any result would count."""
    return any(axes(result) == ("pass", "pass") for result in results)
