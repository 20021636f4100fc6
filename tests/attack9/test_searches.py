"""Programs made to cost memory, or to hide what they dial behind what is left out."""

from __future__ import annotations

import tracemalloc

from fwverify.analyse.code.branches import x86
from fwverify.analyse.code.image import Code
from fwverify.analyse.dialled import dialled

DIALS = frozenset(("inet_addr", "connect"))
IDENTIFIER = b"1.2.840.113549.1.1"


def addresses(*texts: bytes) -> tuple[str, ...]:
    data = b"\0" + b"\0".join((IDENTIFIER, *texts)) + b"\0"
    return tuple(one for hit in dialled(DIALS, data) for one in hit.evidence)


def test_code_of_call_bytes_alone_is_not_listed_byte_by_byte():
    code = Code(0x1000, 0, b"\xe8" * 65_536)
    tracemalloc.start()
    try:
        assert x86(code, frozenset({0x1000})) == []
        assert tracemalloc.get_traced_memory()[1] < 65_536
    finally:
        tracemalloc.stop()


def test_a_call_in_the_last_five_bytes_is_found_and_none_behind():
    for filling in range(8):
        code = Code(
            0x1000, 0, bytes(filling) + b"\xe8" + (-5 - filling).to_bytes(4, "little", signed=True)
        )
        assert x86(code, frozenset({0x1000})) == [(filling, filling + 5, 0x1000)]
        assert x86(Code(0x1000, 0, code.content[:-1]), frozenset({0x1000})) == []


def test_an_address_with_a_port_is_no_object_identifier():
    assert addresses(b"2.16.5.200:443") == ("address 2.16.5.200",)
    assert addresses(b"2.16.5.200") == ()
