from __future__ import annotations

import pytest

from fwverify.analyse.dialled import MAX_ADDRESSES, dialled
from fwverify.analyse.elf import elf
from tests.builders.linuxfs import elf_program

DIALS = frozenset(("inet_addr", "connect"))


def addresses(*texts: str, imports: frozenset[str] = DIALS) -> tuple[str, ...]:
    data = b"\0" + b"\0".join(text.encode() for text in texts) + b"\0"
    return tuple(one for hit in dialled(imports, data) for one in hit.evidence)


def test_a_fixed_public_address_is_found_in_a_program() -> None:
    program = elf_program(("inet_addr", "connect"), strings=(b"", b"47.88.8.200", b"x"))
    (hit,) = [hit for hit in elf(program)[1] if hit.rule == "elf.fixed_address"]
    assert (hit.capability, hit.severity, hit.confidence) == (
        "net.hardcoded_ip",
        "medium",
        "medium",
    )
    assert hit.evidence == ("address 47.88.8.200",)


def test_addresses_are_sorted_and_said_once() -> None:
    found = addresses("47.88.8.200", "8.222.78.102:443", "47.88.8.200")
    assert found == ("address 47.88.8.200", "address 8.222.78.102")


def test_small_numbers_are_an_address_where_a_port_stands_behind() -> None:
    assert addresses("5.9.8.7:443") == ("address 5.9.8.7",)
    assert addresses("5.9.8.7", "5.9.8.7:", "5.9.8.7:4") == ()


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.8",
        "127.0.0.1",
        "192.168.1.1",
        "172.20.4.4",
        "100.64.0.1",
        "169.254.1.1",
        "203.0.113.9",
        "198.51.100.7",
        "192.0.2.200",
        "239.255.255.250",
        "255.255.255.255",
        "8.8.8.8",
        "114.114.114.114",
        "4.1.12.0",
        "999.1.1.1",
        "47.88.8",
        "47.88.8.200.1",
        "v47.88.8.200",
        "0.47.88.200",
        "47.88.8.256",
    ],
)
def test_what_is_no_public_address_alone_is_left(text: str) -> None:
    assert addresses(text) == ()


@pytest.mark.parametrize("imports", [(), ("connect",), ("inet_addr",), ("inet_pton", "listen")])
def test_a_program_that_does_not_dial_by_number_is_left(imports: tuple[str, ...]) -> None:
    assert addresses("47.88.8.200", imports=frozenset(imports)) == ()


def test_object_identifiers_are_left_beside_longer_ones() -> None:
    assert addresses("2.5.4.41", "1.3.101.110", "1.2.840.113549.1.1.11") == ()
    assert addresses("2.5.4.41", "1.3.101.110") != ()
    assert addresses("47.88.8.200", "1.2.840.113549.1.1.11") == ("address 47.88.8.200",)


def test_a_list_is_bounded() -> None:
    assert len(addresses(*(f"47.88.8.{last}" for last in range(100)))) == MAX_ADDRESSES
