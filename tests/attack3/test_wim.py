"""Attacks on WIM files: the reserved header, and content that calls itself metadata."""

import struct

from tests.attack3.helpers import SHORT, seen
from tests.unpack.helpers import Bench
from tests.unpack_installers.test_wim import capture, needs_tools

HIDDEN = SHORT[:60]


@needs_tools
def test_a_script_in_the_reserved_header_is_seen(tmp_path):
    data = bytearray(capture(tmp_path, "--compress=none"))
    assert Bench().open(bytes(data)).complete
    data[148:208] = HIDDEN
    assert seen(bytes(data), HIDDEN)


@needs_tools
def test_content_that_calls_itself_metadata_is_not_passed_over(tmp_path):
    data = capture(tmp_path, "--compress=none")
    size, table = struct.unpack_from("<2Q", data, 48)
    rows = range(table, table + (size & (1 << 56) - 1), 50)
    for row in rows:
        if not data[row + 7] & 2:
            changed = data[: row + 7] + bytes((data[row + 7] | 2,)) + data[row + 8 :]
            assert not Bench().open(changed).complete
