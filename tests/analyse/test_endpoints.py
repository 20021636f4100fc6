from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse import endpoints as module
from fwverify.analyse.endpoints import endpoints
from fwverify.analyse.windows import Extracted, windows


def found(content: bytes, *extracted: tuple[int, int]) -> set[tuple[str, str]]:
    listed, troubles = endpoints(content, Extracted(extracted))
    assert troubles == ()
    return set(listed)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "GET https://Relay.Vendor.invalid:8443/a/b?token=1 x",
            "https://relay.vendor.invalid:8443/a/b",
        ),
        ("mqtt://10.1.2.3:1883", "mqtt://10.1.2.3:1883"),
        ("http://user:secret@feed.vendor.cn/x", "http://feed.vendor.cn/x"),
        ("http://www.w3.org@evil.vendor.cn/x", "http://evil.vendor.cn/x"),
    ],
)
def test_urls_are_normalised_and_never_carry_a_password(text: str, wanted: str) -> None:
    values = found(text.encode())
    assert ("url", wanted) in values
    assert not any("secret" in value or "token" in value for _, value in values)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("connect to telemetry.vendor.cn now", "host", "telemetry.vendor.cn"),
        ("198.51.100.23", "ipv4", "198.51.100.23"),
        ("server=47.92.10.8;", "ipv4", "47.92.10.8"),
        ("mail root@vendor.com", "email", "root@vendor.com"),
        ("a" * 56 + ".onion", "onion", "a" * 56 + ".onion"),
        ("2a02:898:0:20::1f", "ipv6", "2a02:898:0:20::1f"),
    ],
)
@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
def test_each_kind_is_found_in_both_encodings(
    text: str, kind: str, value: str, encoding: str
) -> None:
    content = b"\0\1\0\0" + text.encode(encoding) + b"\0\0\1"
    assert (kind, value) in found(content)


@pytest.mark.parametrize(
    "text",
    [
        "version 47.92.10.8",
        "v47.92.10.8",
        "1.2.3.4",
        "127.0.0.1",
        "0.0.0.0",
        "192.168.1.1",
        "224.0.0.251",
        "47.92.10.8.1",
        "047.92.10.8",
        "300.1.1.1",
        "libfoo.so.1",
        "main.rs and run.sh and x.py",
        "java.net",
        "a.com(",
        "http://www.w3.org/2000/svg",
        "file:///etc/passwd",
        "user@localhost",
        "12:34:56",
        "::1",
    ],
)
def test_what_is_no_endpoint_is_left_out(text: str) -> None:
    assert found(text.encode()) == set()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8.8.4.4", "8.8.4.4"),
        ("nameserver 4.2.2.1", "4.2.2.1"),
        ("ping 5.9.8.7", "5.9.8.7"),
        ("server=5.9.8.7", "5.9.8.7"),
        ("5.9.8.7:53", "5.9.8.7"),
        ('s.connect(("5.9.8.7", 4444))', "5.9.8.7"),
        ("ip route add default via 5.9.8.7", "5.9.8.7"),
    ],
)
def test_four_single_digits_are_an_address_where_something_says_so(text: str, address: str) -> None:
    assert found(text.encode()) == {("ipv4", address)}


@pytest.mark.parametrize(
    "text",
    [
        "5.9.8.7",
        "libfoo 5.9.8.7",
        "version 8.8.4.4",
        "v8.8.8.8",
        "5.9.8.7:",
        "5.9.8.7:1:2",
        "1.0.0.1",
    ],
)
def test_four_single_digits_are_a_version_otherwise(text: str) -> None:
    assert found(text.encode()) == set()


def test_what_lies_in_a_child_is_the_child_s() -> None:
    content = b"\0" * 64 + b"https://inside.vendor.cn/" + b"\0" * 64 + b"https://outside.vendor.cn/"
    values = {value for kind, value in found(content, (32, 120)) if kind == "host"}
    assert values == {"outside.vendor.cn"}


def test_too_many_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENDPOINTS", 10)
    content = b"\n".join(b"h%d.vendor.com" % number for number in range(50))
    listed, (trouble,) = endpoints(content, Extracted(()))
    assert len(listed) == 10
    assert trouble.code == "limit.endpoints"


@pytest.mark.parametrize("lead", [0, 500, 1020, 5000, 70_000])
def test_a_long_line_hides_nothing(lead: int) -> None:
    content = b"x" * lead + b" https://far.vendor.cn/ " + b"y" * 3000 + b" near.vendor.com "
    hosts = {value for kind, value in found(content) if kind == "host"}
    assert hosts == {"far.vendor.cn", "near.vendor.com"}


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_and_a_planted_host_is_found(noise: bytes) -> None:
    content = noise + b"\n\0 plant.vendor.cn \0\n" + noise
    assert ("host", "plant.vendor.cn") in found(content)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(
    st.integers(1, 400_000),
    st.lists(st.tuples(st.integers(0, 400_000), st.integers(1, 50_000)), max_size=6),
)
def test_windows_miss_no_byte_outside_the_extracted(
    size: int, spans: list[tuple[int, int]]
) -> None:
    ranges: list[tuple[int, int]] = []
    for start, length in sorted(spans):
        low = max(start, ranges[-1][1] if ranges else 0)
        if low < min(start + length, size):
            ranges.append((low, min(start + length, size)))
    seen = bytearray(size)
    for base, data in windows(bytes(size), Extracted(tuple(ranges))):
        seen[base : base + len(data)] = b"\1" * len(data)
    for start, end in ranges:
        seen[start:end] = b"\1" * (end - start)
    assert seen.count(0) == 0
