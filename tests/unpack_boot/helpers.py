"""What the tests of boot images share: opening one format, and what hostile bytes may do."""

import random
import shutil
import tempfile
import weakref
from pathlib import Path

import msgspec

from fwverify.limits import Limits
from fwverify.reader import Malformed
from fwverify.store import Store
from fwverify.unpack.source import Budget, Source, gap_region
from tests.unpack.helpers import check

LIMITS = Limits()


class Format:
    """One format's opener over bytes, with the checks that hold for anything."""

    def __init__(self, record):
        self.record = record
        folder = tempfile.mkdtemp(prefix="fwverify-test-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.store = Store(Path(folder))

    def open(self, data, name="blob"):
        """Return what the opener makes of ``data``; None where it refuses the header."""
        if not self.record.recognise(data, name):
            return None
        budget = Budget(LIMITS.blob_bytes(len(data)), LIMITS.files)
        try:
            opened = self.record.open(Source(data, self.store, LIMITS, name, budget))
        except Malformed:
            return None
        settled = (
            gap_region(data, each.start, each.end) if each.kind == "unexplained" else each
            for each in opened.regions
        )
        opened = msgspec.structs.replace(opened, regions=tuple(settled))
        check(opened, data, self.store)
        return opened

    def contents(self, opened):
        """The entries' contents by name."""
        return {each.name: self.store.read(each.sha256) for each in opened.entries if each.sha256}


def truncations_are_said(form, data, name="blob", steps=40):
    """No prefix of ``data`` raises or is complete."""
    for size in {len(data) * at // steps for at in range(steps)} | {len(data) - 1}:
        opened = form.open(data[:size], name)
        assert opened is None or not opened.complete, size


def flips_are_said(form, data, name="blob", count=120, seed=7, checked=((0, None),)):
    """No flipped byte raises; inside ``checked`` no changed content is complete."""
    source = random.Random(seed)
    good = form.contents(form.open(data, name))
    for low, high in checked:
        for _ in range(count):
            at = source.randrange(low, len(data) if high is None else high)
            broken = bytearray(data)
            broken[at] ^= 1 << source.randrange(8)
            opened = form.open(bytes(broken), name)
            if opened is None or not opened.complete:
                continue
            changed = {
                key: value for key, value in form.contents(opened).items() if good.get(key) != value
            }
            assert not changed, at


def noise_never_raises(form, data, name="blob", count=150, seed=11):
    """Headers of random words behind the magic are refused or said, never an exception."""
    source = random.Random(seed)
    for _ in range(count):
        broken = bytearray(data)
        for _ in range(source.randrange(1, 12)):
            at = source.randrange(4, len(data))
            width = source.choice((1, 2, 4, 8))
            value = source.choice((0, 0xFF, 0x7F, 0x80, source.randrange(256)))
            broken[at : at + width] = bytes((value,)) * min(width, len(data) - at)
        form.open(bytes(broken), name)


def rules(opened):
    return {each.rule for each in opened.observations}


def codes(opened):
    return {each.code for each in opened.problems}


def left(opened):
    """Bytes that nothing explained, padding apart."""
    return sum(each.end - each.start for each in opened.regions if each.kind == "unexplained")
