"""Several vendors in one room: whose place is it that an update names."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse.endpoints import endpoints_and_inside
from fwverify.analyse.windows import Extracted
from fwverify.model import Analysed, Endpoint, Fact, FileFacts, Verdict
from fwverify.places import INSIDE
from fwverify.policy.checks_neighbours import neighbours_left_alone, places_are_known
from fwverify.policy.load import load_class, parse_tightening
from fwverify.policy.model import Neighbour
from fwverify.strict import InputFileError
from tests.builders.cases import full_case, full_context
from tests.builders.facts import good_facts

GENERIC = load_class("generic").policy
BORIS = Neighbour(vendor="Boris", networks=("10.20.0.0/16", "fd00:20::/48"), hosts=("boris.lan",))
OWN = Neighbour(vendor="Acme", networks=("10.10.0.0/16",))
ROOM = msgspec.structs.replace(GENERIC, neighbours=(BORIS, OWN))
CASE = full_case(vendor="acme")


def named(*places, inside=()):
    shown = tuple(Endpoint(kind="host", value=each, path="u!/a") for each in places)
    facts = tuple(Fact(kind=INSIDE, text=each) for each in inside)
    return Analysed(endpoints=shown, facts=(FileFacts(path="u!/b", facts=facts),))


def said(analysed, policy=ROOM, case=CASE):
    facts = good_facts(analysed=analysed, case=case)
    found = [*neighbours_left_alone(facts, policy), *places_are_known(facts, policy)]
    return {each.reason.rule: each.reason for each in found}


@pytest.mark.parametrize(
    "place",
    [
        "http://10.20.3.4:8080/x",
        "10.20.255.255",
        "::ffff:10.20.0.1",
        "0x0a140001",
        "fd00:20::7",
        "ssh://nas.boris.lan",
        "BORIS.LAN.",
    ],
)
def test_a_place_of_another_vendor_is_refused_in_every_spelling(place):
    (reason,) = said(named(place)).values()
    assert (reason.rule, reason.verdict) == ("neighbour.addressed", Verdict.DENY)
    assert "of Boris in u!/a" in reason.text


@pytest.mark.parametrize(
    "text", ["10.20.0.0/24", "10.0.0.0/8", "10.20.7.7", "0.0.0.0/0", "fd00:20::9"]
)
def test_a_network_that_overlaps_is_the_neighbours(text):
    assert "neighbour.addressed" in said(named(inside=(text,)))


@pytest.mark.parametrize("place", ["10.10.0.1", "https://example.com", "8.8.8.8", "127.0.0.1"])
def test_own_and_outside_places_are_not_the_neighbours(place):
    assert said(named(place)) == {}


@pytest.mark.parametrize("place", ["10.30.0.1", "db.internal", "notboris.lan", "fd00:21::1"])
def test_a_place_inside_that_is_nobodys_needs_a_person(place):
    (reason,) = said(named(place)).values()
    assert (reason.rule, reason.verdict) == ("neighbour.unknown_place", Verdict.REVIEW)
    assert "u!/a" in reason.text


def test_an_unknown_network_inside_needs_a_person():
    assert set(said(named(inside=("10.30.0.0/24",)))) == {"neighbour.unknown_place"}


def test_a_vendor_in_the_room_without_a_row_is_told():
    case = full_case(vendor="acme", context=full_context(colocated=("BORIS", "Carol")))
    (reason,) = said(named(), case=case).values()
    assert reason.rule == "neighbour.no_row"
    assert "Carol" in reason.text
    assert "BORIS" not in reason.text


def test_without_a_table_nothing_is_said_and_without_a_case_every_row_is_anothers():
    bare = full_case(vendor="acme", context=full_context(colocated=("Carol",)))
    assert said(named("10.20.0.1"), GENERIC, bare) == {}
    assert set(said(named("10.10.0.1"), case=None)) == {"neighbour.addressed"}


PLACES = st.sampled_from(["10.20.0.1", "10.10.0.1", "10.30.0.1", "example.com", "x.boris.lan"])


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(PLACES, max_size=4), PLACES, st.booleans())
def test_one_more_place_or_neighbour_is_never_milder(places, more, row):
    def worst(found):
        return max((each.verdict.rank for each in found.values()), default=0)

    policy = msgspec.structs.replace(ROOM, neighbours=(OWN,)) if row else ROOM
    before = worst(said(named(*places), policy))
    assert worst(said(named(*places, more), ROOM)) >= min(before, worst(said(named(*places), ROOM)))
    assert worst(said(named(*places, more), policy)) >= before


TIGHTENING = """schema = "fwverify.tightening/1"
name = "hall"
version = "1"
text = "t"
[[neighbours]]
vendor = "Boris"
"""


@pytest.mark.parametrize(
    ("more", "key", "why"),
    [
        ("", "neighbours.0", "neither hosts nor networks"),
        ('networks = ["10.20.0.1/16"]\n', "neighbours.0.networks", "no network"),
        ('networks = ["ten"]\n', "neighbours.0.networks", "no network"),
        ('hosts = ["*.boris.lan"]\n', "neighbours.0.hosts", "no host suffix"),
        ('hosts = ["."]\n', "neighbours.0.hosts", "no host suffix"),
        ('subnets = ["10.20.0.0/16"]\n', "", "subnets"),
    ],
)
def test_a_faulty_row_is_refused(more, key, why):
    with pytest.raises(InputFileError) as caught:
        parse_tightening((TIGHTENING + more).encode(), "hall.toml")
    assert key in str(caught.value)
    assert why in str(caught.value)


INSIDE_OF = {
    "nmap -sS 10.20.0.0/24": ("10.20.0.0/24",),
    "nmap 10.20.0.1-254": ("10.20.0.0/24",),
    "nmap 192.168.7.*": ("192.168.7.0/24",),
    "for i in $(seq 1 254); do ping 172.16.4.$i; done": ("172.16.4.0/24",),
    "ping 10.20.$a.$b": ("10.20.0.0/16",),
    'base = "10.20.3."': ("10.20.3.0/24",),
    "server=192.168.7.9\n": ("192.168.7.9",),
    "http://10.20.0.%d/": ("10.20.0.0/24",),
    "[fd00:20::7]:80": ("fd00:20::7",),
    "cat 100.64.1.2,": ("100.64.1.2",),
    "version 10.20.0.4": (),
    "v10.20.0.4": (),
    "10.0.19041.1": (),
    "1.10.20.0.4": (),
    "172.32.0.1 192.169.0.1 100.128.0.1": (),
    "8.8.8.8": (),
    "10.20.0.4.5": (),
    "10.20.0.400": (),
}


@pytest.mark.parametrize("text", INSIDE_OF)
@pytest.mark.parametrize("wide", [False, True])
def test_what_is_inside(text, wide):
    data = text.encode("utf-16-le" if wide else "ascii")
    _, inside, troubles = endpoints_and_inside(b"\0\0" + data + b"\0\0", Extracted(()))
    assert troubles == ()
    assert inside == INSIDE_OF[text]
