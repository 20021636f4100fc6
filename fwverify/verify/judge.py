"""One signature against the rule: the five axes, and the reasons in words.

Guarantees: no axis is better than the one before it allows (what is not authentic is
not trusted); without a rule nothing is trusted; a signature carries the rule only where
it is authentic, trusted, strong, of an allowed scheme, by a key with a role, and not by
a publicly known key.

``covered`` asks whether the signature reaches every byte of *its own node* that may run;
the whole update's coverage is ``fwverify.verify.coverage``. ``fresh`` is
what the scheme found (metadata that states its end), else ``not-applicable``; where the
rule names a rollback field ``fwverify.verify.rollback`` judges it against the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import x509 as asn1_x509

from fwverify.canonical import sha256_hex
from fwverify.model import Axes, Axis, SignatureResult
from fwverify.verify import strength
from fwverify.verify.coverage import Marks, of_node
from fwverify.verify.examine import Examined
from fwverify.verify.keys import identity_of, secret_of
from fwverify.verify.known_bad import KnownBad
from fwverify.verify.ranges import normal, without
from fwverify.verify.rules import Rule
from fwverify.verify.scheme import Signed
from fwverify.verify.strength import Floors
from fwverify.verify.tree import Claim, Tree, covered

_LIBRARY_ERRORS = (ValueError, TypeError, KeyError)
_SHORT = "bytes of its file that may run lie outside it"


@dataclass(frozen=True)
class Judged:
    """A signature with its axes. ``counts`` and ``carries`` are explained in the module.

    ``identity`` makes two signatures by one key the same signer; ``state`` is the key's
    or certificate's (``usable``, ``expired``, …); ``member`` is the detached signature.
    """

    signed: Signed
    result: SignatureResult
    member: str | None
    identity: str | None
    roles: tuple[str, ...]
    state: str

    @property
    def authentic(self) -> bool:
        """Whether the mathematics holds."""
        return self.result.axes.authentic == "pass"

    @property
    def counts(self) -> bool:
        """Whether it counts for coverage: authentic and trusted."""
        return self.authentic and self.result.axes.trusted == "pass"

    @property
    def carries(self) -> bool:
        """Whether it may satisfy the rule."""
        strong = self.result.axes.strong == "pass"
        fresh = self.result.axes.fresh != "fail"
        return self.counts and strong and fresh and self.result.known_bad is None

    @property
    def attests(self) -> bool:
        """Whether it is an attestation that holds: it may turn a refusal into REVIEW."""
        axes = self.result.axes
        holds = (axes.authentic, axes.trusted, axes.strong) == ("attested", "attested", "pass")
        return holds and self.result.known_bad is None

    def claim(self) -> Claim:
        """Return the bytes it vouches for."""
        contents = tuple(vouch.sha256 for vouch in self.signed.vouches)
        return Claim(self.signed.path, normal(self.signed.covered), contents)


def judge(
    examined: Examined,
    tree: Tree,
    rule: Rule | None,
    floors: Floors,
    known_bad: KnownBad,
    at: datetime,
) -> Judged:
    """Return the signature with its axes under ``rule`` at ``at``."""
    signed = examined.signed
    state = _state(signed, rule, at)
    roles = rule.roles_of(signed.key_id, signed.chain) if rule else ()
    trusted, why = _trusted(signed, tree, rule, roles)
    strong = _strong(signed, floors, at)
    bad = known_bad.look_up(signed.spki, signed.chain)
    bad = bad or next(filter(None, map(known_bad.of_key, signed.leans_on)), None)
    reach = _covered(signed, tree)
    short = _SHORT if reach == "fail" else ""
    # what speaks against it first: a screen that cuts the text must not cut the refusal
    reasons = (bad, why, short, *strong.reasons, signed.reason)
    axes = Axes(
        authentic=signed.authentic,
        trusted=trusted,
        covered=reach,
        strong=strong.axis,
        fresh=signed.fresh,
    )
    identity = identity_of(signed.spki) if signed.spki is not None else None
    result = SignatureResult(
        path=signed.path,
        scheme=signed.scheme,
        signer=signed.signer,
        key_sha256=identity,
        axes=axes,
        covered=normal(signed.covered),
        vouches=tuple(sorted(signed.vouches, key=lambda one: (one.path, one.sha256, one.via))),
        known_bad=bad,
        reason="; ".join(dict.fromkeys(reason for reason in reasons if reason)),
    )
    signer = secret_of(signed.spki) if signed.spki is not None else None
    if signed.holder:  # its key was made for this signature: the holder is who signs
        signer = sha256_hex(signed.holder.encode())
    return Judged(signed, result, examined.member, signer, roles, state)


def _trusted(
    signed: Signed, tree: Tree, rule: Rule | None, roles: tuple[str, ...]
) -> tuple[Axis, str]:
    if signed.authentic == "attested":
        return _attested(signed, rule)
    if signed.authentic != "pass":
        return ("unverifiable" if signed.authentic == "unverifiable" else "fail"), ""
    if rule is None:
        return "fail", "no trust rule applies"
    if signed.trusted != "pass":
        return signed.trusted, "; ".join(rule.notes)
    barred = _barred(signed, rule)
    if barred:
        return "fail", barred
    index = tree.by_path.get(signed.path)
    format_name = tree.nodes[index].node.format if index is not None else None
    if not rule.allows(signed.scheme, format_name):
        return "fail", f"the rule does not allow {signed.scheme} on {format_name or 'this'}"
    if not roles:
        return "fail", "its key or anchor has no role in the rule"
    if rule.timestamp_required and signed.stamped_at is None:
        return "fail", "the rule demands a trusted time stamp"
    return "pass", ""


def _barred(signed: Signed, rule: Rule) -> str:
    """Return which revoked key the signature leans on, empty where none.

    A trusted time stamp before the revocation clears a chain, never a bare key's
    signature, which proves no time (SIGNATURES, "Rules of trust").
    """
    if not rule.barred:
        return ""
    own = (signed.spki,) if signed.spki is not None else ()
    used = {secret_of(spki) for spki in (*own, *signed.leans_on, *_spkis(signed.chain))}
    for one in rule.barred:
        early = signed.stamped_at is not None and signed.stamped_at < one.revoked_at
        if one.secret in used and not (signed.chain and early):
            return f"the key {one.id} was revoked on {one.revoked_at:%Y-%m-%d}"
    return ""


def _spkis(chain: tuple[bytes, ...]) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for encoded in chain:
        try:
            certificate = asn1_x509.Certificate.load(encoded)
            found.append(certificate["tbs_certificate"]["subject_public_key_info"].dump())
        except _LIBRARY_ERRORS:
            continue  # such a chain is not trusted: the path could not be built
    return tuple(found)


def _attested(signed: Signed, rule: Rule | None) -> tuple[Axis, str]:
    """Return whether the rule takes attestations. None is better than ``attested``."""
    if rule is None or signed.trusted != "attested":
        return "fail", "no trust rule applies" if rule is None else ""
    if rule.ad_hoc or signed.scheme not in rule.schemes:
        return "fail", f"the rule does not allow {signed.scheme}"
    barred = _barred(signed, rule)
    return ("fail", barred) if barred else ("attested", "")


def _strong(signed: Signed, floors: Floors, at: datetime) -> strength.Strength:
    if signed.authentic in ("pass", "attested"):
        return strength.judge(signed, floors, at)
    axis: Axis = "unverifiable" if signed.authentic == "unverifiable" else "not-applicable"
    return strength.Strength(axis, ())


def _covered(signed: Signed, tree: Tree) -> Axis:
    """Return whether the signature reaches every byte of its node that may run."""
    if signed.authentic != "pass":
        return "unverifiable" if signed.authentic == "unverifiable" else "not-applicable"
    index = tree.by_path.get(signed.path)
    if index is None:
        return "fail"
    reached = (*signed.covered, *signed.container, *signed.steering)
    if not without(tree.whole(index), reached):
        return "pass"
    contents = tuple(vouch.sha256 for vouch in signed.vouches)
    marks = Marks(
        covered=covered(tree, (Claim(signed.path, normal(signed.covered), contents),)),
        containers={index: normal(signed.container)},
        steering={index: normal(signed.steering)},
        signature_members={},
    )
    segments = of_node(tree, marks, index)
    return "fail" if any(one.kind == "unsigned_executable" for one in segments) else "pass"


def _state(signed: Signed, rule: Rule | None, at: datetime) -> str:
    """Return the state of the key, or of the first certificate of the chain that is not valid."""
    entry = rule.key(signed.key_id) if rule else None
    if entry is not None:
        return entry.state(at)
    for encoded in signed.chain:
        state = _certificate_state(encoded, at)
        if state != "usable":
            return state
    return "usable"


def _certificate_state(encoded: bytes, at: datetime) -> str:
    try:
        certificate = asn1_x509.Certificate.load(encoded)
        start, end = certificate.not_valid_before, certificate.not_valid_after
    except _LIBRARY_ERRORS:
        return "usable"  # the chain's own verdict stands
    if at > end.astimezone(UTC):
        return "expired"
    return "not yet valid" if at < start.astimezone(UTC) else "usable"
