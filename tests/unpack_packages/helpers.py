"""What must hold of every opener of these families, whatever it is given."""

import random

from fwverify.reader import Malformed
from fwverify.unpack.source import Budget, Source
from tests.unpack.helpers import Bench, check


def source(bench, data, name="blob"):
    budget = Budget(bench.limits.blob_bytes(len(data)), bench.limits.files)
    return Source(data, bench.store, bench.limits, name, budget)


def opened_by(fmt, data, name="blob", bench=None):
    """What ``fmt`` itself makes of ``data``; None where it cannot read it."""
    bench = bench or Bench()
    if not fmt.recognise(data, name):
        return None
    try:
        opened = fmt.open(source(bench, data, name))
    except Malformed as error:
        assert error.field  # noqa: PT017
        return None
    check(opened, data, bench.store)
    return opened


def never_complete_when_cut(fmt, data, step=1, last=None):
    """Each prefix is unreadable or incomplete, or leaves what it lacks unexplained."""
    bench = Bench()
    for size in range(0, len(data) if last is None else last, step):
        opened = opened_by(fmt, data[:size], bench=bench)
        assert opened is None or not opened.complete, size


def never_raises_when_flipped(fmt, data, rounds=150, good=None):
    """Flipped bytes raise nothing; with ``good``, complete means the content is the same."""
    chance, bench = random.Random(5), Bench()
    for _ in range(rounds):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 3))):
            changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        opened = opened_by(fmt, bytes(changed), bench=bench)
        if opened is not None and opened.complete and good is not None:
            assert good(opened), bytes(changed).hex()
