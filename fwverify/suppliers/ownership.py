"""Ownership through chains of holdings, in exact fractions.

Guarantees: the share of a holder is the sum over all chains of the products of their
shares, exactly (0.21 of 0.76 is 0.1596); a cycle, a share of nothing and more than the
whole of one company are refused with the names. The work is linear in the holdings: each
company's share is worked out once, however many chains lead to it.

What it is not: control. A holder of 16 % may decide everything, and criterion 1 is never
derived from a figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

from fwverify.suppliers.model import Holding

MAX_CHAINS: Final = 64
"""Chains that are shown; the figure is over all of them."""

_DECIMALS: Final = 12


class OwnershipError(ValueError):
    """Holdings that cannot be: which and why, in one line."""


def share_of(text: str) -> Fraction:
    """Return the fraction that ``text`` (``0.21`` or ``21%``) states, exactly."""
    if text.endswith("%"):
        return Fraction(text[:-1]) / 100
    return Fraction(text)


def check(holdings: Iterable[Holding]) -> None:
    """Raise ``OwnershipError`` where the holdings contradict themselves."""
    rows = tuple(holdings)
    seen: set[tuple[str, str]] = set()
    total: dict[str, Fraction] = {}
    for each in rows:
        share = share_of(each.share)
        if each.holder == each.held:
            raise OwnershipError(f"{each.holder} holds itself")
        if (each.holder, each.held) in seen:
            raise OwnershipError(f"{each.holder} holds {each.held} twice: add the shares up")
        if share == 0:
            raise OwnershipError(f"{each.holder} holds nothing of {each.held}")
        seen.add((each.holder, each.held))
        total[each.held] = total.get(each.held, Fraction()) + share
        if total[each.held] > 1:
            raise OwnershipError(f"more than the whole of {each.held} is held")
    _order(_below(rows))


def share(holdings: Iterable[Holding], holder: str, held: str) -> Fraction:
    """Return what ``holder`` holds of ``held``, directly and through others.

    0 where no chain leads there. Raises ``OwnershipError`` for a cycle.
    """
    below = _below(holdings)
    reached: dict[str, Fraction] = {holder: Fraction(1)}
    for name in _order(below):
        own = reached.get(name)
        for next_held, part in below.get(name, ()):
            if own is not None:
                reached[next_held] = reached.get(next_held, Fraction()) + own * part
    return reached.get(held, Fraction()) if holder != held else Fraction(1)


def holders(holdings: Iterable[Holding], held: str) -> tuple[tuple[str, Fraction], ...]:
    """Return everyone who holds something of ``held``, the largest share first."""
    rows = tuple(holdings)
    names = sorted({each.holder for each in rows} - {held})
    found = ((name, share(rows, name, held)) for name in names)
    return tuple(
        sorted(((n, part) for n, part in found if part), key=lambda row: (-row[1], row[0]))
    )


def chains(
    holdings: Iterable[Holding], holder: str, held: str
) -> Iterator[tuple[tuple[str, ...], Fraction]]:
    """Yield the first ``MAX_CHAINS`` chains from ``holder`` to ``held`` with their products."""
    below = _below(holdings)
    order = _order(below)
    leads = {held}
    for name in reversed(order):
        if any(next_held in leads for next_held, _ in below.get(name, ())):
            leads.add(name)
    waiting: list[tuple[tuple[str, ...], Fraction]] = [((holder,), Fraction(1))]
    number = 0
    while waiting and number < MAX_CHAINS:
        names, product = waiting.pop()
        if names[-1] == held and len(names) > 1:
            number += 1
            yield names, product
            continue
        steps = [(n, part) for n, part in below.get(names[-1], ()) if n in leads]
        waiting.extend(((*names, n), product * part) for n, part in reversed(steps))


def shown(part: Fraction) -> str:
    """Return ``part`` as an exact decimal where there is one of 12 places, else as a fraction."""
    scaled = part * 10**_DECIMALS
    if scaled.denominator != 1:
        return f"{part.numerator}/{part.denominator}"
    whole, rest = divmod(scaled.numerator, 10**_DECIMALS)
    digits = f"{rest:0{_DECIMALS}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _below(holdings: Iterable[Holding]) -> dict[str, tuple[tuple[str, Fraction], ...]]:
    found: dict[str, list[tuple[str, Fraction]]] = {}
    for each in holdings:
        found.setdefault(each.holder, []).append((each.held, share_of(each.share)))
    return {name: tuple(sorted(rows)) for name, rows in found.items()}


def _order(below: dict[str, tuple[tuple[str, Fraction], ...]]) -> tuple[str, ...]:
    """Return every company after all that hold it; raises ``OwnershipError`` for a cycle."""
    above: dict[str, int] = dict.fromkeys(below, 0)
    for rows in below.values():
        for held, _ in rows:
            above[held] = above.get(held, 0) + 1
    ready = sorted((name for name, number in above.items() if number == 0), reverse=True)
    done: list[str] = []
    while ready:
        name = ready.pop()
        done.append(name)
        for held, _ in below.get(name, ()):
            above[held] -= 1
            if above[held] == 0:
                ready.append(held)
    if len(done) < len(above):
        stuck = sorted(name for name, number in above.items() if number > 0)
        raise OwnershipError(f"a cycle of holdings: {', '.join(stuck[:6])}")
    return tuple(done)
