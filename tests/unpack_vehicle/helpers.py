"""What the tests of this family share: truncation and flips that no opener may pass."""

from tests.unpack.helpers import Bench, codes, kinds, rules, sha

__all__ = ["Bench", "codes", "contents", "flips", "kinds", "never_whole", "rules", "sha"]


def contents(bench, opened):
    """The content of every entry, by name."""
    return {each.name: bench.store.read(each.sha256) for each in opened.entries}


def never_whole(data, step=1, start=1, name="blob"):
    """Every prefix in steps: no exception, and never a clean result."""
    bench = Bench()
    for size in range(start, len(data), step):
        opened = bench.open(data[:size], name)
        clean = opened.complete and "unexplained" not in kinds(opened)
        assert not clean, f"{size} of {len(data)}: {opened.format}"


def flips(data, good, places, name="blob"):
    """Flip bytes: no exception; content that changed is never silent."""
    bench = Bench()
    for at in places:
        broken = bytearray(data)
        broken[at] ^= 0x41
        opened = bench.open(bytes(broken), name)
        changed = [each.sha256 for each in opened.entries] != [each.sha256 for each in good.entries]
        silent = opened.complete and not opened.observations and opened.format == good.format
        assert not (changed and silent), at
