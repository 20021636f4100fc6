"""What the tests of openers share: a source over bytes, and what must always hold."""

import hashlib
from pathlib import Path

import msgspec

from fwverify.limits import Limits
from fwverify.model import Opened
from fwverify.store import Store
from fwverify.unpack.source import Budget, Source

KINDS = ("extracted", "parsed", "padding", "signature", "unexplained")


def source(data, store, name="update.bin", limits=None):
    """Return ``data`` as an opener sees it."""
    limits = limits or Limits()
    budget = Budget(limits.blob_bytes(len(data)), limits.files)
    return Source(buffer=data, store=store, limits=limits, name=name, budget=budget)


def new_store(folder):
    return Store(Path(folder) / "store")


def by_name(opened):
    """Return the entries by raw name; a name must stand once."""
    names = [entry.name for entry in opened.entries]
    assert len(set(names)) == len(names)
    return {entry.name: entry for entry in opened.entries}


def count(opened, kind):
    """Return how many bytes ended in class ``kind``."""
    return sum(region.end - region.start for region in opened.regions if region.kind == kind)


def check(opened, data, store):
    """Assert what holds for every result of every opener."""
    assert opened.size == len(data)
    position = 0
    for region in opened.regions:
        assert region.start == position < region.end
        assert region.kind in KINDS
        position = region.end
    assert position == len(data)
    for entry in opened.entries:
        if entry.sha256 is not None:
            content = store.read(entry.sha256)
            assert hashlib.sha256(content).hexdigest() == entry.sha256
            assert len(content) == entry.size
            if entry.stored:
                assert b"".join(bytes(data[a:b]) for a, b in entry.extents) == content
        for start, end in entry.extents:
            assert 0 <= start < end <= len(data)
    if opened.problems:
        assert not opened.complete
    encoded = msgspec.msgpack.encode(opened)
    assert msgspec.msgpack.decode(encoded, type=Opened) == opened
    return opened
