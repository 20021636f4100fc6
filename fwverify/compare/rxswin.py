"""The software under an RXSWIN before and after an update, unit by unit.

Guarantees (UN R156, 7.1.1.3, 7.1.1.4 and 7.1.2.3): every submitted file but a secret one
stands on the side ``after`` with its SHA-256 as integrity validation data; the side
``before`` is the newest entry of the ledger's register under the number that the case calls
the one before, no newer than the time of the report, else the baseline that the update was
compared with, else unknown, and which of them is said. A unit is the same where device part
and hardware are; without either, where the path is. Nothing is left out on either side.

Not evidenced: what the vehicle itself answers when it is asked for its RXSWIN, and whether
the numbers that the case states are those that were granted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from fwverify.case import Rxswin
from fwverify.model import SoftwareChange, SoftwareRow, SoftwareSide, Subject

if TYPE_CHECKING:
    from fwverify.ledger.rxswin import RxswinEntry
    from fwverify.pipeline import Known


class Part(Protocol):
    """A member of an update, or a component of the ledger."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str | None: ...  # noqa: D102
    @property
    def ecu(self) -> str | None: ...  # noqa: D102
    @property
    def hw_id(self) -> str | None: ...  # noqa: D102
    @property
    def sw_id(self) -> str | None: ...  # noqa: D102


Unit: TypeAlias = tuple[str, str, str]
Source: TypeAlias = Literal["register", "baseline", "none"]


def change(
    numbers: Rxswin,
    subject: Subject,
    register: Iterable[RxswinEntry],
    known: Known | None,
    at: str,
) -> SoftwareChange:
    """Return what stands under the numbers of the case; ``at`` is RFC 3339 in UTC."""
    after = tuple(each for each in subject.members if each.role != "secret")
    entered = [each for each in register if each.rxswin == numbers.before and each.at <= at]
    if entered:
        return _change(numbers, "register", entered[-1].ref, paired(entered[-1].after, after))
    if known is not None:
        before = (one for one in known.profile.subject.members if one.role != "secret")
        return _change(numbers, "baseline", known.baseline.ref, paired(before, after))
    return _change(numbers, "none", None, paired((), after))


def _change(
    numbers: Rxswin, source: Source, ref: str | None, rows: tuple[SoftwareRow, ...]
) -> SoftwareChange:
    return SoftwareChange(
        before=numbers.before, after=numbers.after, source=source, ref=ref, rows=rows
    )


def paired(before: Iterable[Part], after: Iterable[Part]) -> tuple[SoftwareRow, ...]:
    """Return one row per unit and file, sorted by unit, then by path.

    Within a unit files of one path belong together, and one file that remains on each side;
    where more remain nobody says which replaces which, and each stands alone.
    """
    old, new = _by_unit(before), _by_unit(after)
    rows: list[SoftwareRow] = []
    for unit in sorted({*old, *new}):
        was, now = old.get(unit, {}), new.get(unit, {})
        same = sorted(set(was) & set(now))
        gone, come = sorted(set(was) - set(now)), sorted(set(now) - set(was))
        rows += [_row(was[path], now[path]) for path in same]
        if len(gone) == len(come) == 1:
            rows.append(_row(was[gone[0]], now[come[0]]))
            continue
        rows += [_row(was[path], None) for path in gone]
        rows += [_row(None, now[path]) for path in come]
    return tuple(rows)


def _by_unit(parts: Iterable[Part]) -> dict[Unit, dict[str, Part]]:
    found: dict[Unit, dict[str, Part]] = {}
    for each in parts:
        named = each.ecu is not None or each.hw_id is not None
        unit = (each.ecu or "", each.hw_id or "", "" if named else each.path)
        found.setdefault(unit, {})[each.path] = each
    return found


def _row(before: Part | None, after: Part | None) -> SoftwareRow:
    of = after or before
    return SoftwareRow(
        ecu=of.ecu if of else None,
        hw_id=of.hw_id if of else None,
        before=_side(before),
        after=_side(after),
    )


def _side(part: Part | None) -> SoftwareSide | None:
    if part is None:
        return None
    return SoftwareSide(path=part.path, sw_id=part.sw_id, sha256=part.sha256)
