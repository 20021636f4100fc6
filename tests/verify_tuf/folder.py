"""Views of files in a folder set, as the verify stage shows them to a scheme."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Mapping

from fwverify import paths
from fwverify.verify.scheme import Neighbour, View
from tests.verify_cms.helpers import view


def seen(files: Mapping[str, bytes], name: str) -> View:
    """Return the view of ``name`` among ``files`` (paths of one submitted set)."""
    nodes = {
        path: Neighbour(path, hashlib.sha256(data).hexdigest(), len(data))
        for path, data in files.items()
    }
    contents = {nodes[path].sha256: data for path, data in files.items()}

    def beside(relative: str) -> Neighbour | None:
        path = paths.beside(name, relative)
        return None if path is None else nodes.get(path)

    return dataclasses.replace(
        view(files[name], name=name),
        beside=beside,
        holders=lambda digest: tuple(n for n in nodes.values() if n.sha256 == digest),
        open=lambda digest: contextlib.nullcontext(contents[digest]),
    )


def run(files: Mapping[str, bytes], material, schemes):
    """Return what the schemes say of all files: (results, paths that a scheme applied to)."""
    results = []
    for name in files:
        each = seen(files, name)
        for scheme in schemes:
            if scheme.applies(each):
                results += scheme.verify(each, material)
    return tuple(results)
