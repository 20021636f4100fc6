"""Does the update stay away from other vendors' equipment in the same room.

Guarantees: where the policy or the site profile has a table of neighbours, each place that
the update names (an endpoint, or an address or network inside) is one of four: outside,
which other rules judge; the own vendor's by the table; another vendor's, which is DENY;
or inside and in nobody's row, which is REVIEW. A network that overlaps a neighbour's
counts as the neighbour's. Without a table nothing is said. One more place and one more
neighbour never make the verdict milder.

Not checked: names that are resolved elsewhere, broadcasts, and what lies outside the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fwverify.model import Verdict
from fwverify.people import UnusableText, person_key
from fwverify.places import INSIDE, fit, host_of, is_outside, is_self, overlaps
from fwverify.policy.facts import Facts
from fwverify.policy.judged import Judged, judged, listed
from fwverify.policy.model import Neighbour, Policy

_NO_PLACES = ("email", "phone", "apn")


def neighbours_left_alone(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """DENY an update that names a place of another vendor in the same room."""
    others = _others(facts, policy)
    found = [
        f"{place} of {each.vendor} in {path}"
        for place, path in _places(facts, policy)
        for each in others
        if _meets(place, each)
    ]
    if found:
        yield judged(
            "neighbour.addressed",
            Verdict.DENY,
            f"addresses another vendor's equipment: {listed(found)}",
            "vendor",
            "remove it; equipment of several vendors in one room stays apart",
        )


def places_are_known(facts: Facts, policy: Policy) -> Iterable[Judged]:
    """REVIEW places inside that are nobody's, and vendors in the room without a row."""
    found = [
        f"{place} in {path}"
        for place, path in _places(facts, policy)
        if not any(_meets(place, each) for each in policy.neighbours) and not _leads_out(place)
    ]
    if found:
        yield judged(
            "neighbour.unknown_place",
            Verdict.REVIEW,
            f"places inside that the table of neighbours does not know: {listed(found)}",
            "policy",
            "enter whose they are, or ask the vendor",
        )
    context = facts.case.context if facts.case else None
    rows = {_name(each.vendor) for each in policy.neighbours}
    missing = [each for each in (context.colocated if context else ()) if _name(each) not in rows]
    if missing and policy.neighbours:
        yield judged(
            "neighbour.no_row",
            Verdict.REVIEW,
            f"the table of neighbours has no row for {listed(missing)}, in the same room",
            "policy",
            "enter the hosts and networks of that vendor",
        )


def _others(facts: Facts, policy: Policy) -> tuple[Neighbour, ...]:
    """Return the rows of other vendors; without a case every row is another's."""
    own = _name(facts.case.vendor) if facts.case else None
    return tuple(each for each in policy.neighbours if _name(each.vendor) != own)


def _name(vendor: str) -> str:
    try:
        return person_key(vendor)
    except UnusableText:
        return vendor


def _places(facts: Facts, policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield host, address or network, and path, of what the update names beyond itself."""
    if not policy.neighbours or facts.analysed is None:
        return
    for each in facts.analysed.endpoints:
        host = host_of(each.value)
        if each.kind not in _NO_PLACES and not is_self(host):
            yield host, each.path
    for file in facts.analysed.facts:
        for fact in file.facts:
            if fact.kind == INSIDE:
                yield fact.text, file.path


def _meets(place: str, neighbour: Neighbour) -> bool:
    """Return whether ``place`` is in a row, or is a network that overlaps one of it."""
    if fit(place, neighbour.hosts, neighbour.networks) >= 0:
        return True
    return "/" in place and overlaps(place, neighbour.networks)


def _leads_out(place: str) -> bool:
    """Return whether ``place`` is outside, and so for the rules over endpoints."""
    return "/" not in place and is_outside(place)
