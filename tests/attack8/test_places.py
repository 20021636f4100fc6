"""Places that are written so that the list of endpoints, or a table of networks, misses them."""

from __future__ import annotations

import time

import pytest

from fwverify.analyse.endpoints import endpoints_and_inside
from fwverify.analyse.windows import Extracted

NOTHING = Extracted(())


def named(text):
    found, inside, _ = endpoints_and_inside(text.encode(), NOTHING)
    return {value for _, value in found}, set(inside)


URLS = {
    "http://134744072/x": "8.8.8.8",
    "http://0x08080808/x": "8.8.8.8",
    "http://010.0x8.2056/": "8.8.8.8",
    "http://[::ffff:808:808]/": "8.8.8.8",
    "tftp://3232237317/": "192.168.7.5",
    "http://u:p@x@evil-host.com/a": "evil-host.com",
    "http://u:p@x@y@evil-host.com/a": "evil-host.com",
    f"http://{'A' * 300}@evil-host.com/a": "evil-host.com",
    r"http://evil-host.com\@other-host.com/": "evil-host.com",
    r"https://evil-host.com:80\@other-host.com/": "other-host.com",
    "http://@evil-host.com/": "evil-host.com",
    "http:///evil-host.com/a": "evil-host.com",
    "https:/evil-host.com/a": "evil-host.com",
    "https://evil-host.com:99999/x": "evil-host.com",
    "server=evil-host.com": "evil-host.com",
}


@pytest.mark.parametrize("text", URLS)
def test_a_host_is_named_however_its_url_is_written(text):
    assert URLS[text] in named(text)[0]


INSIDE = {
    "route 10.2.0.0/255.255.0.0": "10.2.0.0/16",
    "ip route 10.2.0.0 255.255.0.0 10.1.0.1": "10.2.0.0/16",
    "route add -net 10.2.0.0 netmask 255.255.0.0": "10.2.0.0/16",
    "access-list 1 permit 10.2.0.0 0.0.255.255": "10.2.0.0/16",
    "range 10.2.0.1-10.2.3.254": "10.2.0.0/22",
    "range 10.2.0.1 - 10.2.3.254": "10.2.0.0/22",
    r"nameserver\n10.2.0.1": "10.2.0.1",
    "mysql -h10.2.0.1": "10.2.0.1",
    "route 192.168/16": "192.168.0.0/16",
    "nmap 172.16/12": "172.16.0.0/12",
}


@pytest.mark.parametrize("text", INSIDE)
def test_a_network_inside_is_as_wide_as_it_is_written(text):
    assert INSIDE[text] in named(text)[1]


NO_PLACE = (
    "http://1/", "http://0x/", "file:///etc/passwd", "sqlite:///evil-host.db", "x://localhost/",
    "version 10.2.0.1", "lib-v10.2.0.1", "a10.2.0.1", "10.2.0.1.5",
)  # fmt: skip


@pytest.mark.parametrize("text", NO_PLACE)
def test_what_is_no_place_is_not_named(text):
    assert named(text) == (set(), set())


SAME = {
    "10.2.0.1 10.3.0.1": {"10.2.0.1", "10.3.0.1"},
    "inet 10.2.3.4 netmask 255.255.255.0": {"10.2.3.4"},
    "10.2.0.1/path": {"10.2.0.1"},
    "10.2.0.0 0.0.0.0": {"10.2.0.0"},
    "10.2.0.0/255.0.255.0": {"10.2.0.0"},
    "10.2.0.1-254": {"10.2.0.0/24"},
    "10.2.0.5-10.2.0.5": {"10.2.0.5"},
}


@pytest.mark.parametrize("text", SAME)
def test_an_address_is_not_widened_by_what_stands_beside_it(text):
    assert named(text)[1] == SAME[text]


@pytest.mark.parametrize(
    "piece", ["http://a@", "http://", "http:/", "10.2.0.1-", "10.2.0.0/255.", "a@", "http:\\@"]
)
def test_texts_that_nearly_are_places_take_linear_time(piece):
    text = (piece * (400_000 // len(piece))).encode()
    began = time.process_time()
    endpoints_and_inside(text, NOTHING)
    assert time.process_time() - began < 8
