"""Whether an evidence package is what the laboratory signed, and when.

Guarantees: a package is ``verified`` only when every one of these holds, in this order;
the first that does not is the reason it is ``refused`` for.

1. ``zip``: the bytes are those that ``package.write`` gives for the files.
2. ``layout``: no file of the core is missing or unknown (a redacted package says which);
   ``report``: its parts together have the digest that it states; ``inputs``: what is said
   to have steered the decision is what the report names.
3. ``SHA256SUMS``: exactly the core, with its digests; ``SIGNERS`` names its digest.
4. ``manifest``: the manifests are those that ``SIGNERS`` asks for, written again from the
   files, and ``META-INF`` holds nothing else.
5. ``timestamp``: the newest token holds now, each older one at the time of the next, under
   the time anchors.
6. ``signature``: laboratory and approver are the certificates that ``SIGNERS`` names, two
   keys, trusted under the anchors at the time of the oldest token (without tokens: now).
7. ``statement``: each in-toto statement is by the laboratory on this update and core, and
   the decision of the package speaks of the same update.

Without anchors the state is ``untrusted``, without signatures ``unsigned``; neither is ever
``verified``. ``verify.sh`` holds the same rules 1 to 6 with openssl.

Not checked: whether the decision is right (``replay``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from asn1crypto import x509 as asn1_x509

from fwverify import der
from fwverify.canonical import seal, sha256_hex
from fwverify.evidence import asic, inputs, layout, package, signers, statements
from fwverify.reader import Malformed
from fwverify.verify.chain import Anchors, check_chain
from fwverify.verify.revocation import Times
from fwverify.verify.timestamp import check_token

State = Literal["verified", "refused", "unsigned", "untrusted"]
REDACTED: Final = "redacted.json"
METADATA: Final = "run-metadata.json"
_NEEDED: Final = (
    *(asic.SIGNERS, asic.SUMS, layout.README, layout.SCRIPT, METADATA),
    *("case.json", "decision.json"),
)
_STRONG: Final = ("sha256", "sha384", "sha512")


@dataclass(frozen=True)
class Checked:
    """What a package shows. ``stamped`` is the proven time; ``signed_by`` are subjects' names."""

    state: State
    reason: str = ""
    signers: asic.Signers | None = None
    signed_by: tuple[str, ...] = ()
    stamped: datetime | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


class Refused(Exception):
    """The package is not to be believed: which rule, and why."""


@dataclass(frozen=True)
class Trust:
    """What the verifier brings; ``at`` is now."""

    at: datetime
    anchors: Anchors | None = None
    time_anchors: Anchors | None = None


def check(data: bytes, trust: Trust) -> Checked:
    """Return what the package ``data`` shows under ``trust``."""
    try:
        files = package.read(data)
    except Malformed as error:
        return Checked("refused", f"zip: {error}")
    try:
        return _check(files, trust)
    except Refused as error:
        return Checked("refused", str(error))
    except (Malformed, RecursionError, *der.LIBRARY_ERRORS) as error:
        return Checked("refused", f"layout: {error}")


def _check(files: Mapping[str, bytes], trust: Trust) -> Checked:
    who = _core(files)
    planned = _manifests(files, who)
    if who.lab is None:
        return Checked("unsigned", "nobody signed it", who, files=files)
    moment, stamped, note = _stamps(files, planned, trust)
    signed_by = tuple(
        _signature(files, one, who, trust, moment)
        for one in planned
        if one.use in ("lab", "approver")
    )
    _statements(files, who)
    if trust.anchors is None:
        why = "without an anchor nobody says whose signatures these are"
        return Checked("untrusted", why, who, signed_by, stamped, files)
    if note:
        return Checked("untrusted", note, who, signed_by, stamped, files)
    return Checked("verified", "", who, signed_by, stamped, files)


# --- layout and core -------------------------------------------------------------------


def _core(files: Mapping[str, bytes]) -> asic.Signers:
    for name in _NEEDED:
        if name not in files:
            raise Refused(f"layout: {name} is absent")
    if files[asic.SUMS] != asic.sums(files):
        raise Refused(f"SHA256SUMS: is not that of the files in the package: {_changed(files)}")
    try:
        who = asic.read_signers(files[asic.SIGNERS])
    except Malformed as error:
        raise Refused(f"SIGNERS: {error.why}") from error
    if who.core != sha256_hex(files[asic.SUMS]):
        raise Refused("SIGNERS: names another core")
    if (who.kind == "redacted") != (REDACTED in files):
        raise Refused("SIGNERS: the kind of the package is another")
    _check_layout(files, who)
    return who


def _changed(files: Mapping[str, bytes]) -> str:
    """Return the first files that ``SHA256SUMS`` does not describe."""
    stated = set(files[asic.SUMS].splitlines())
    present = set(asic.sums(files).splitlines())
    names = {line[66:].decode("latin-1") for line in stated ^ present}
    return ", ".join(sorted(names)[:3]) or "its order"


def _check_layout(files: Mapping[str, bytes], who: asic.Signers) -> None:
    """Raise ``Refused`` for a file of the core that is unknown, or absent and not redacted.

    ``policy/`` and ``inputs/`` have to be those of this very report.
    """
    known = {name for name, _ in (*layout.PARTS, *layout.VIEWS)}
    known |= {layout.README, layout.SCRIPT}
    present = {name for name in files if asic.is_core(name)} - {REDACTED}
    if who.kind != "redacted":
        known |= {name for name in present if inputs.is_steering(name)}  # judged by ``fault``
    if unknown := sorted(present - known):
        raise Refused(f"layout: {unknown[0]} is no file of a package")
    absent = known - present
    if who.kind == "redacted":
        from fwverify.evidence.redact import withheld

        absent -= set(withheld(files))
    if absent:
        raise Refused(f"layout: {min(absent)} is absent")
    if who.kind != "redacted":
        report = layout.report_of(files)
        if report.subject.sha256 != who.update:
            raise Refused("SIGNERS: names another update than case.json")
        if seal(report).core_sha256 != report.core_sha256:
            raise Refused("report: its parts do not have the digest that decision.json states")
        if why := inputs.fault(files, report):
            raise Refused(f"inputs: {why}")


# --- manifests and time stamps -----------------------------------------------------------


def _manifests(files: Mapping[str, bytes], who: asic.Signers) -> tuple[asic.Sealed, ...]:
    renewals = asic.renewals_in(files)
    if renewals and not who.stamped:
        raise Refused("manifest: an archive time stamp without a first one")
    if renewals > asic.MAX_RENEWALS:
        raise Refused(f"manifest: {renewals} renewals, the bound is {asic.MAX_RENEWALS}")
    planned = asic.plan(files, who, renewals)
    for one in planned:
        for name in (one.name, one.by):
            if name not in files:
                raise Refused(f"manifest: {name} is absent, and SIGNERS asks for it")
    for one in planned:
        if files[one.name] != one.written(files):
            raise Refused(f"manifest: {one.name} is not that of the files in the package")
    expected = {name for one in planned for name in (one.name, one.by)}
    extra = sorted(name for name in files if name.startswith(asic.META) and name not in expected)
    if extra:
        raise Refused(f"manifest: {extra[0]} is a file that no manifest is about")
    return planned


def _stamps(
    files: Mapping[str, bytes], planned: tuple[asic.Sealed, ...], trust: Trust
) -> tuple[datetime, datetime | None, str]:
    """Return when signatures are judged, the proven time, and why none is proven.

    The newest token is judged now, each older one at the time that the next one shows.
    """
    moment, note = trust.at, ""
    stamped: datetime | None = None
    for one in reversed(planned):
        if one.use not in ("timestamp", "archive"):
            continue
        anchors = trust.time_anchors or Anchors(())
        found = check_token(files[one.by], files[one.name], anchors, moment)
        if found.authentic != "pass" or found.time is None:
            raise Refused(f"timestamp: {one.by}: {found.reason}")
        if found.weak:
            raise Refused(f"timestamp: {one.by}: {', '.join(found.weak)}")
        if found.time > moment:
            raise Refused(f"timestamp: {one.by} states a time after the one it is judged at")
        if trust.time_anchors is None:
            note = "without a time anchor the time stamp proves no time"
        elif found.axis != "pass":
            raise Refused(f"timestamp: {one.by}: {found.reason}")
        else:
            moment = stamped = found.time
    return moment, stamped, note


# --- signatures and statements -------------------------------------------------------------


def _signature(
    files: Mapping[str, bytes],
    one: asic.Sealed,
    who: asic.Signers,
    trust: Trust,
    moment: datetime,
) -> str:
    """Return the subject of who signed; raises ``Refused``."""
    wanted = who.lab if one.use == "lab" else who.approver
    try:
        data, certificate = signers.parsed(files[one.by])
    except (Malformed, *der.LIBRARY_ERRORS) as error:
        raise Refused(f"signature: the {one.use}'s: {error}") from error
    if why := signers.fault(files[one.by], files[one.name], certificate):
        raise Refused(f"signature: the {one.use}'s does not hold over {one.name}: {why}")
    if data.signers[0].digest not in _STRONG:
        raise Refused(f"signature: the {one.use}'s is over {data.signers[0].digest}")
    if sha256_hex(certificate.dump()) != wanted:
        raise Refused(f"signature: the {one.use}'s is by another certificate than SIGNERS names")
    if (
        who.approver is not None
        and _lab_key(files) == certificate.public_key.dump()
        and one.use == "approver"
    ):
        raise Refused("signature: lab and approver are one key")
    if trust.anchors is not None:
        _trusted(one.use, certificate, data.certificates, trust.anchors, Times(trust.at, moment))
    subject: str = certificate.subject.human_friendly
    return subject


def _trusted(
    use: str,
    certificate: asn1_x509.Certificate,
    others: tuple[asn1_x509.Certificate, ...],
    anchors: Anchors,
    times: Times,
) -> None:
    if why := signers.unfit(certificate):
        raise Refused(f"signature: the {use}'s certificate: {why}")
    chain = check_chain(certificate, others, anchors, times, signers.PURPOSE)
    if chain.axis != "pass":
        raise Refused(f"signature: the {use}'s certificate is not trusted: {chain.reason}")
    if chain.weak:
        raise Refused(f"signature: the {use}'s certificate is weak: {'; '.join(chain.weak)}")


def _lab_key(files: Mapping[str, bytes]) -> bytes:
    _, certificate = signers.parsed(files[f"{asic.META}signature001.p7s"])
    spki: bytes = certificate.public_key.dump()
    return spki


def _statements(files: Mapping[str, bytes], who: asic.Signers) -> None:
    spki = _lab_key(files)
    for name in sorted(files):
        if name.startswith(statements.FOLDER):
            try:
                statements.check(name, files[name], spki, who.update, who.core)
            except Malformed as error:
                raise Refused(f"statement: {error}") from error
