"""Writing releases, and adding people's signatures to signed texts.

Guarantees: a release is written only for a report that a check recorded in the ledger,
under the case that it was made for, with a submitter, for at most the life that the
configuration allows for its mode, and only where nothing that stands open is unnamed; the
verdict is no older than a regular release may hold: ``--at`` of a day when a certificate
or a permit still held gives no release of today. A report of ALLOW with nothing to accept
and no condition gives a signed verdict instead.

A signature is added only by a registered approver's own key, once, and never by whoever
submitted the update.

Not checked: that the signers looked at the report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

from fwverify.canonical import digest
from fwverify.case import Case
from fwverify.gate import form, keys
from fwverify.gate.form import Malformed, Record
from fwverify.keyring.detached import Private, SigningError, spki_of
from fwverify.model import Report, Verdict
from fwverify.people import Person, UnusableText, named, one_line, owner_of, person_key
from fwverify.release.remainders import Accepted, NotReleasable, unnamed

Mode: TypeAlias = Literal["regular", "interim", "emergency"]
EMERGENCY_MAX_DAYS: Final = 7


@dataclass(frozen=True)
class Life:
    """For how many days a release of each mode may hold, at most."""

    regular: int = 730
    interim: int = 90
    emergency: int = EMERGENCY_MAX_DAYS

    def days(self, mode: Mode) -> int:
        """Return the bound of ``mode``; no configuration makes an emergency last longer."""
        days = int(getattr(self, mode))
        return min(days, EMERGENCY_MAX_DAYS) if mode == "emergency" else days


@dataclass(frozen=True)
class Wish:
    """What a release is to say: how long, under which conditions, accepting what."""

    mode: Mode
    begins: datetime
    ends: datetime
    accepted: tuple[Accepted, ...] = ()
    conditions: tuple[str, ...] = ()


def timed(at: datetime) -> str:
    """Return ``at`` as the text form has it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def require_life(begins: datetime, ends: datetime, days: int, what: str) -> None:
    """Refuse a life that is empty, or longer than ``days``."""
    if ends <= begins:
        raise NotReleasable(f"{what} would end at {timed(ends)}, before it begins")
    if ends - begins > timedelta(days=days):
        raise NotReleasable(f"{what} may hold for {days} days at most, until "
                            f"{timed(begins + timedelta(days=days))}")  # fmt: skip


_HINT: Final = "each is named with --accept, as 'reason RULE = what compensates for it'"


def release(
    report: Report, case: Case, wish: Wish, life: Life, people: tuple[Person, ...]
) -> Record:
    """Return the unsigned text. Raises ``NotReleasable`` with every reason against it.

    A submitter who is one of ``people`` stands in it as they are registered: gates hold the
    name against their pins and know only some of its spellings.
    """
    require_case(report, case)
    require_life(wish.begins, wish.ends, life.days(wish.mode), f"a release ({wish.mode})")
    if timed(wish.begins) < report.at:
        raise NotReleasable(f"it would begin before the verdict of {report.at}")
    if timed(wish.begins - timedelta(days=life.regular)) > report.at:
        raise NotReleasable(f"the verdict is of {report.at}, more than {life.regular} days before "
                            "it would begin: check again")  # fmt: skip
    against = unnamed(report, wish.accepted)
    if against:
        hint = (_HINT,) if any(" is not named" in each for each in against) else ()
        raise NotReleasable("\n".join((*against, *hint)))
    if wish.mode != "regular" and not wish.conditions:
        raise NotReleasable(f"a release ({wish.mode}) needs a --condition")
    bare = report.verdict == Verdict.ALLOW and not wish.accepted and not wish.conditions
    domain = form.VERDICT if bare and wish.mode == "regular" else form.RELEASE
    known = named(submitter(case), people)
    values = _bound(report) | {
        "verdict": str(report.verdict),
        "submitter": form.escaped(known.name if known else submitter(case)),
        "not-before": timed(wish.begins),
        "not-after": timed(wish.ends),
    }
    if domain == form.RELEASE:
        values |= {
            "mode": wish.mode,
            "accept": tuple(form.escaped(line(each.text)) for each in wish.accepted),
            "condition": tuple(form.escaped(line(each)) for each in wish.conditions),
        }
    return made(domain, values)


def made(domain: str, values: dict[str, str | tuple[str, ...]]) -> Record:
    """Return an unsigned text; raises ``NotReleasable`` where something cannot stand in it."""
    try:
        return form.make(domain, dict(values))
    except Malformed as error:
        raise NotReleasable(f"cannot be written: {error}") from error


def line(text: str) -> str:
    """Return ``text`` in one line; raises ``NotReleasable`` where it cannot stand."""
    try:
        return one_line("text", text)
    except UnusableText as error:
        raise NotReleasable(str(error)) from error


def require_case(report: Report, case: Case) -> None:
    """Refuse a report that was not made under ``case``."""
    if report.digests.case != digest(case):
        raise NotReleasable("the report was made under another case")
    if report.digests.context != case.context_sha256:
        raise NotReleasable("the report was made for another deployment")


def submitter(case: Case) -> str:
    """Return who submitted the update; refuses a case that does not say so."""
    if not case.submitter:
        raise NotReleasable("the case names no submitter; four eyes need to know who it was")
    return one_line("submitter", case.submitter)


def _bound(report: Report) -> dict[str, str | tuple[str, ...]]:
    """Return everything that a verdict, and so its release, is bound to."""
    subject, digests = report.subject, report.digests
    bound = {name: getattr(digests, name) for name in ("context", "config", "policy", "trust",
                                                       "rules")}  # fmt: skip
    lacking = sorted(name for name, value in bound.items() if value is None)
    if lacking:
        raise NotReleasable(f"the report has no digest of: {', '.join(lacking)}")
    members = tuple(
        f"{each.sha256} {each.size} {each.path}" for each in subject.members if each.sha256
    )
    return bound | {
        "subject": subject.sha256,
        "kind": subject.kind,
        "size": str(subject.size),
        "member": members if subject.kind == "set" else (),
        "baseline": report.baseline.sha256 if report.baseline else form.NONE,
        "report": report.core_sha256,
        "at": report.at,
    }


def signed(record: Record, private: Private, people: tuple[Person, ...]) -> Record:
    """Return ``record`` with one more person's signature. Raises ``SigningError``."""
    identity = keys.fingerprint(spki_of(private))
    owner = owner_of(identity, people)
    if owner is None or "approver" not in owner.roles:
        raise SigningError(f"the key {identity[:16]} is no registered approver's")
    if person_key(form.unescaped(record.one("submitter"))) == person_key(owner.name):
        raise SigningError(f"{owner.name} submitted the update and cannot sign for it")
    for line in record.signatures:
        known = owner_of(line.split(" ")[0], people)
        if known is not None and person_key(known.name) == person_key(owner.name):
            raise SigningError(f"{owner.name} has signed already; a second person signs")
    return joined(record, (keys.signature_line(private, record.body),))


def joined(record: Record, lines: tuple[str, ...]) -> Record:
    """Return ``record`` with the signature ``lines`` as well, one per key, in order."""
    by_key = {line.split(" ")[0]: line for line in (*lines, *record.signatures)}
    return replace(record, signatures=tuple(by_key[key] for key in sorted(by_key)))
