from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.reader import Malformed
from fwverify.verify import dmverity
from tests.verify_cms.bundles import SALT, blocks, tree_of


@pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 200, 128 * 128, 128 * 128 + 1])
def test_trees_of_one_to_three_levels(count):
    data = blocks(count) if count < 1000 else b"\5" * 4096 * count
    tree, root = tree_of(data)
    assert sum(dmverity.level_blocks(count)) * 4096 == len(tree)
    dmverity.check_tree(data + tree, len(data), len(tree), SALT, root)
    with pytest.raises(Malformed, match=r"verity\.root"):
        dmverity.check_tree(data + tree, len(data), len(tree), SALT, bytes(32))
    with pytest.raises(Malformed):
        dmverity.check_tree(data + tree, len(data), len(tree), SALT[::-1], root)


DATA = blocks(200)
TREE, ROOT = tree_of(DATA)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.integers(0, len(DATA + TREE) - 1), st.integers(0, 7))
def test_no_bit_of_data_or_tree_may_flip(position, bit):
    content = bytearray(DATA + TREE)
    content[position] ^= 1 << bit
    with pytest.raises(Malformed):
        dmverity.check_tree(bytes(content), len(DATA), len(TREE), SALT, ROOT)


def test_the_unused_room_of_the_tree_is_zero():
    content = bytearray(DATA + TREE)
    content[-1] = 1  # 72 digests in the last block: its end is unused
    with pytest.raises(Malformed, match=r"verity\.tree"):
        dmverity.check_tree(bytes(content), len(DATA), len(TREE), SALT, ROOT)
    content = bytearray(DATA + TREE)
    content[len(DATA) + 4095] = 1  # the top block's end
    with pytest.raises(Malformed, match=r"verity\.tree"):
        dmverity.check_tree(bytes(content), len(DATA), len(TREE), SALT, ROOT)


@pytest.mark.parametrize(
    ("data", "tree"),
    [
        (0, len(TREE)),
        (-4096, len(TREE)),
        (len(DATA) - 1, len(TREE)),
        (len(DATA), 0),
        (len(DATA), len(TREE) - 4096),
        (len(DATA), len(TREE) + 4096),
        (len(DATA) + 4096, len(TREE)),
        (1 << 50, len(TREE)),
    ],
)
def test_sizes_that_do_not_fit(data, tree):
    with pytest.raises(Malformed):
        dmverity.check_tree(DATA + TREE, data, tree, SALT, ROOT)


def test_a_tree_outside_the_content():
    with pytest.raises(Malformed, match="outside"):
        dmverity.check_tree((DATA + TREE)[:-4096], len(DATA), len(TREE), SALT, ROOT)
