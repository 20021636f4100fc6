"""What the first delivery proposes: recipe, items for a rationale, candidate keys.

Guarantees: every finding of high or critical severity, every account that opens, every
service that listens, every key and every endpoint of the inventory is in exactly one item;
equal inventories give equal items. A candidate is a key whose signature holds, or that the
operator gave; that it holds says nothing of whose key it is.

A recipe's globs are the names with their numbers left open (``fw-1.2.bin``: ``fw-*.bin``).

Not proposed: certificates above the one that signed. An authority signs for everybody it
likes; ``fwverify keys add`` takes one on purpose.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from fwverify.canonical import plain
from fwverify.case import Case
from fwverify.keyring.candidate import Candidate, examine, pem
from fwverify.ledger.model import REF_PREFIX
from fwverify.model import Profile, Report, Subject, Unpacked
from fwverify.onboarding.model import (
    KINDS,
    MAX_CANDIDATES,
    RECIPE,
    CandidateKey,
    Item,
    Kind,
    Recipe,
    RecipeFile,
    RecipeStep,
)
from fwverify.paths import SEPARATOR
from fwverify.store import Store
from fwverify.strict import InputFileError, read_bounded
from fwverify.verify import material_of
from fwverify.verify.keys import KeyFormatError, identity_of, read_anchors, read_keys
from fwverify.verify.rules import KeyEntry, RootEntry, Rule, Threshold
from fwverify.verify.scheme import Material
from fwverify.verify.trust import TrustStore, ad_hoc_rule

ROLE: Final = "release"
GRAVE: Final = ("high", "critical")
ARCHIVES: Final = ("zip", "7z", "rar")
OPEN_ACCOUNTS: Final = ("empty", "hash", "key-only", "unknown")
_NUMBER: Final = re.compile(r"\d+(?:[._-]\d+)*")
_SPECIAL: Final = re.compile(r"([\[\]?*])")
_MAX_STEPS: Final = 64


@dataclass(frozen=True)
class Proposed:
    """A candidate and the file that would go into the trust store."""

    key: CandidateKey
    file: Candidate


# --- what needs a rationale ------------------------------------------------------------


def items(profile: Profile) -> tuple[Item, ...]:
    """Return what needs a rationale, by kind, path and name; no rationale is filled in."""
    found: dict[tuple[Kind, str, str], set[str]] = {}

    def add(kind: Kind, what: str, path: str, value: str) -> None:
        found.setdefault((kind, path, plain(what)), set()).add(plain(value))

    for finding in profile.findings:
        if finding.severity in GRAVE:
            what = finding.capability or finding.rule
            add("capability", what, finding.path, f"{finding.rule}: {finding.fingerprint}")
    for account in profile.accounts:
        if account.state in OPEN_ACCOUNTS:
            uid = "" if account.uid is None else f", uid {account.uid}"
            add("account", account.name or "(no name)", account.path, f"{account.state}{uid}")
    for service in profile.services:
        for place in service.listens:
            add("listener", service.name or "(no name)", service.path, place)
    for key in profile.keys:
        add("key", key.kind, key.path, key.fingerprint)
    for endpoint in profile.endpoints:
        add("endpoint", endpoint.kind, endpoint.path, endpoint.value)
    return tuple(
        Item(kind=kind, what=what, path=path, values=tuple(sorted(values)))
        for (kind, path, what), values in sorted(
            found.items(), key=lambda row: (KINDS.index(row[0][0]), row[0][1:])
        )
    )


# --- how a delivery looks --------------------------------------------------------------


def recipe(report: Report, case: Case, ref: str, secrets: tuple[tuple[str, str], ...]) -> Recipe:
    """Return how a delivery of the product looks, as the first one did.

    ``secrets`` are the (kind, path pattern) of what was given to open it.
    """
    subject = report.subject
    named = {each.path: each for each in case.members}
    files: dict[str, RecipeFile] = {}
    for member in subject.members:
        if member.role == "secret":
            continue
        said = named.get(member.path)
        entry = RecipeFile(
            glob=opened(member.path),
            role=member.role,
            ecu=said.ecu if said else member.ecu,
            hw_id=said.hw_id if said else member.hw_id,
        )
        files.setdefault(entry.glob, entry)
    return Recipe(
        schema=RECIPE,
        vendor=case.vendor,
        product=case.product,
        class_name=case.class_name,
        baseline=REF_PREFIX + ref,
        file=tuple(files[glob] for glob in sorted(files)),
        step=_steps(report, secrets),
        hardware=hardware(report),
        context=case.context,
    )


def opened(path: str) -> str:
    """Return ``path`` as a glob in which every number may be another one."""
    return _NUMBER.sub("*", _SPECIAL.sub(r"[\1]", path))


def hardware(report: Report) -> tuple[str, ...]:
    """Return the hardware ids that the content states, sorted."""
    return tuple(
        sorted({each.identity.hardware for each in report.nodes if each.identity.hardware})
    )


def _steps(report: Report, secrets: tuple[tuple[str, str], ...]) -> tuple[RecipeStep, ...]:
    """Return the envelopes: what holds something else, down to the second level."""
    holding = {each.path.rpartition(SEPARATOR)[0] for each in report.nodes}
    found: dict[tuple[str, str], RecipeStep] = {}
    for node in report.nodes:
        if node.format is None or node.path not in holding or node.path.count(SEPARATOR) > 1:
            continue
        kinds = sorted(
            {kind for kind, glob in secrets if _may_open(kind, glob, node.path, node.format)}
        )
        step = RecipeStep(glob=opened(node.path), format=node.format, secret=", ".join(kinds))
        found.setdefault((step.glob, step.format), step)
    return tuple(found[key] for key in sorted(found))[:_MAX_STEPS]


def _may_open(kind: str, glob: str, path: str, format_: str) -> bool:
    """Return whether a secret was for this envelope; a password is for archives alone."""
    archive = kind != "password" or format_ in ARCHIVES
    return archive and fnmatch.fnmatchcase(path, glob)


# --- whose signatures are on it --------------------------------------------------------


def candidates(
    subject: Subject,
    unpacked: Unpacked,
    store: Store,
    trust: TrustStore,
    given: tuple[Path, ...],
    at: datetime,
) -> tuple[Proposed, ...]:
    """Return the keys whose signatures hold, each once, sorted by fingerprint.

    ``given`` are files of public keys and certificates: a bare signature names no key, and
    is tried with these. A publicly known key is no candidate. Raises ``InputFileError``
    for more than ``MAX_CANDIDATES`` and ``KeyFormatError`` for an unusable file.
    """
    from fwverify.verify.examine import examine as signatures
    from fwverify.verify.tree import build

    keys = tuple(_read(path, trust, at) for path in given)
    by_identity = {each.identity: each for each in keys}
    tree = build(unpacked.nodes)
    material = _material(given, trust, at)
    found: dict[str, tuple[Candidate, str, str, set[str]]] = {}
    for one in signatures(subject, unpacked, tree, store, material).found:
        signed = one.signed
        if signed.authentic != "pass":
            continue
        file = _candidate(signed.spki, signed.chain, by_identity, trust, at)
        if file is None or file.known_bad:
            continue
        known = found.setdefault(
            file.fingerprint, (file, signed.scheme, plain(signed.signer), set())
        )
        known[3].add(signed.path)
    if len(found) > MAX_CANDIDATES:
        why = f"more than {MAX_CANDIDATES} keys signed it; add them with fwverify keys add"
        raise InputFileError(subject.name, None, "", why)
    return tuple(_proposed(number, found[each]) for number, each in enumerate(sorted(found), 1))


def proposed_rule(proposed: tuple[Proposed, ...], product: str) -> Rule:
    """Return the rule that the proposal would be, were it confirmed and promoted."""
    keys, roots = [], []
    for each in proposed:
        name, content = each.key.id, each.file.content
        if each.key.table == "key":
            keys += [KeyEntry(name, key, (ROLE,)) for key in read_keys(content, name)]
        else:
            found = read_anchors(content, name).certificates
            roots += [RootEntry(name, certificate, (ROLE,)) for certificate in found]
    return Rule(
        name="the proposal",
        keys=tuple(keys),
        roots=tuple(roots),
        thresholds=(Threshold(ROLE, 1),),
        products=(product,),
        schemes=tuple(sorted({each.key.scheme for each in proposed})),
    )


def _read(path: Path, trust: TrustStore, at: datetime) -> Candidate:
    return examine(read_bounded(path), str(path), trust, at)


def _material(given: tuple[Path, ...], trust: TrustStore, at: datetime) -> Material:
    """Return what bare signatures are tried with; it anchors nothing beyond this look."""
    if not given:
        return material_of(None, trust, at)
    roots = tuple(path for path in given if _read(path, trust, at).table == "root")
    keys = tuple(path for path in given if path not in roots)
    return material_of(ad_hoc_rule(keys, roots), trust, at)


def _candidate(
    spki: bytes | None,
    chain: tuple[bytes, ...],
    given: dict[str, Candidate],
    trust: TrustStore,
    at: datetime,
) -> Candidate | None:
    """Return what would be pinned: what was given, the signer's certificate, or its bare key.

    None where nothing names the key, or it is of a kind that cannot be read.
    """
    try:
        if spki is not None and identity_of(spki) in given:
            return given[identity_of(spki)]
        for label, der in (("CERTIFICATE", chain[0] if chain else None), ("PUBLIC KEY", spki)):
            if der is not None:
                return examine(pem(label, der), "the signature", trust, at)
    except KeyFormatError:
        return None
    return None


def _proposed(number: int, found: tuple[Candidate, str, str, set[str]]) -> Proposed:
    file, scheme, signer, paths = found
    key = CandidateKey(
        id=f"candidate-{number}",
        table=file.table,
        fingerprint=file.fingerprint,
        scheme=scheme,
        signer=signer or file.subject,
        paths=tuple(sorted(paths)),
    )
    return Proposed(key, file)
