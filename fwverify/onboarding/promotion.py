"""What stands in the way of promoting an onboarding, and whether it was promoted.

Guarantees: nothing is promoted while the first delivery was denied, today's policy denies
something in it absolutely, a rationale is empty or is for something else than what the
ledger's inventory holds, or a key has no confirmation over another channel. What counts is
the inventory in the ledger, not what the files say of it.

Not judged: whether a confirmation or a rationale is true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from fwverify.case import Case, time_of
from fwverify.model import Profile
from fwverify.onboarding.found import items
from fwverify.onboarding.model import (
    MAX_CANDIDATES,
    CandidateKey,
    Confirmation,
    Confirmed,
)
from fwverify.onboarding.place import Onboarding
from fwverify.people import UnusableText, one_line, person_key
from fwverify.pipeline import format_time
from fwverify.policy.checks_onboarded import absolutely
from fwverify.policy.facts import of_stored
from fwverify.policy.model import Policy
from fwverify.strict import InputFileError

_SHA256_DIGITS: Final = 64


def obstacles(
    found: Onboarding, profile: Profile, policy: Policy, case: Case, at: datetime
) -> Iterator[str]:
    """Yield, one line each, why ``found`` is not promoted; ``profile`` is the ledger's."""
    if profile.subject.sha256 != found.record.sha256:
        yield "the baseline in the ledger is of another update"
    yield from _denials(found, profile, policy, case, at)
    yield from _unexplained(found, profile)
    yield from _unconfirmed(found)


def _denials(
    found: Onboarding, profile: Profile, policy: Policy, case: Case, at: datetime
) -> Iterator[str]:
    then = {f"{each.rule}: {each.text}" for each in found.record.refused}
    now = {
        f"{each.reason.rule}: {each.reason.text}"
        for each in absolutely(of_stored(profile, None, case, format_time(at)), policy)
    }
    for each in sorted(then | now):
        yield f"denied: {each}"


def _unexplained(found: Onboarding, profile: Profile) -> Iterator[str]:
    written: dict[object, str] = {}
    for each in found.rationale.item:
        written[replace(each, rationale="")] = each.rationale
    wanted = items(profile)
    for item in wanted:
        name = f"{item.kind} {item.what} in {item.path}"
        if item not in written:
            yield f"rationale.toml lacks, or says otherwise, what was found: {name}"
        elif not _is_line(written[item]):
            yield f"no rationale: {name} (rationale.toml)"
    if len(found.rationale.item) != len(wanted):
        yield (
            f"rationale.toml has {len(found.rationale.item)} items, "
            f"{len(wanted)} things need a rationale"
        )


def _is_line(text: str) -> bool:
    try:
        return bool(one_line("rationale", text))
    except UnusableText:
        return False


def _unconfirmed(found: Onboarding) -> Iterator[str]:
    """Yield what of the proposed ``vendor.toml`` nobody confirmed, or may not stand there."""
    proposal = found.vendor
    if proposal is None:
        if not found.record.trusted:
            yield "no key of the vendor is known: onboard it with --key"
        return
    candidates = {each.fingerprint for each in found.record.candidates}
    known = {each.fingerprint for each in found.confirmed.confirmation}
    pins = [(each.id, each.spki_sha256) for each in proposal.key]
    pins += [(each.id, each.sha256) for each in proposal.root]
    if not pins:
        yield "vendor.toml proposes no key"
    for name, pin in sorted(pins):
        if pin not in candidates:
            yield f"vendor.toml: {name} signed nothing of the delivery; add it with fwverify keys"
        elif pin not in known:
            yield f"not confirmed: {name}, SHA-256 {pin}"
    for rule in proposal.rule:
        if rule.products != (found.record.product,) or rule.anchors or rule.holders:
            yield f"vendor.toml: {rule.id} is for more than the product and these keys"
    if proposal.log or proposal.crl:
        yield "vendor.toml: logs and revocation lists are added with the trust store"


def confirmed(
    found: Onboarding, *, fingerprint: str, who: str, when: str, channel: str, how: str
) -> tuple[Confirmed, CandidateKey]:
    """Return the confirmations with this one, and the key that it is of.

    ``fingerprint`` is the whole SHA-256 as the vendor says it; colons, spaces and capitals
    do not count. A key that is confirmed stays as it was. Raises ``InputFileError`` where no
    candidate has it, ``who`` submitted the delivery, or a text cannot stand in a record.
    """
    digits = re.sub(r"[\s:]", "", fingerprint).lower().removeprefix("sha256")
    if len(digits) != _SHA256_DIGITS:
        why = f"the whole SHA-256 ({_SHA256_DIGITS} digits) is needed, {len(digits)} were given"
        raise InputFileError("--fingerprint", None, "", why)
    key = next((each for each in found.record.candidates if each.fingerprint == digits), None)
    if key is None:
        why = "is that of no key that signed the delivery: do not trust it, ask again"
        raise InputFileError("--fingerprint", None, "", why)
    texts = {"who": who, "channel": channel, "how": how}
    for name, text in texts.items():
        try:
            texts[name] = one_line(name, text)
        except UnusableText as error:
            raise InputFileError(f"--{name}", None, "", str(error)) from error
    if person_key(texts["who"]) == person_key(found.record.submitted_by):
        why = "submitted the delivery: another person confirms the key"
        raise InputFileError("--who", None, who, why)
    at = time_of(when)
    if at is None:
        raise InputFileError("--when", None, "", f"{when[:80]} is no RFC 3339 time with an offset")
    if any(each.fingerprint == digits for each in found.confirmed.confirmation):
        return found.confirmed, key
    new = Confirmation(fingerprint=digits, when=format_time(at), **texts)
    rows = sorted((*found.confirmed.confirmation, new), key=lambda each: each.fingerprint)
    return replace(found.confirmed, confirmation=tuple(rows[:MAX_CANDIDATES])), key
