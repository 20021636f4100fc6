"""The values that pass between stages and end in the report.

Every persisted type of the project stands here, once: the same Struct is used in
memory, in the ledger, in the cache and in ``report.json`` (CONTRACT, "The report").
All are frozen; sequences are tuples; numbers are integers; nothing here reads a
clock, a file or the environment.

Offsets are bytes from the start of the blob they speak of, and ranges are half-open
``[start, end)``. Digests are lower-case hexadecimal SHA-256 unless the name says
otherwise.

What is not here: how a value is found (the stage modules) and how it is shown
(``fwverify.report``).
"""

from __future__ import annotations

import enum
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

REPORT_SCHEMA: Final = "fwverify.report/1"

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
"""A SHA-256 digest, 64 lower-case hexadecimal digits."""

Count = Annotated[int, Meta(ge=0)]
"""A size in bytes, an offset in bytes or a number of things."""


class Verdict(enum.StrEnum):
    """A machine's result, in CONTRACT's order: the worst of several wins."""

    ALLOW = "ALLOW"
    REVIEW = "REVIEW"
    INCOMPLETE = "INCOMPLETE"
    DENY = "DENY"

    @property
    def rank(self) -> int:
        """Position in ALLOW < REVIEW < INCOMPLETE < DENY."""
        return _VERDICT_ORDER.index(self)


_VERDICT_ORDER: Final = (Verdict.ALLOW, Verdict.REVIEW, Verdict.INCOMPLETE, Verdict.DENY)


def worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    """Return the worst of ``verdicts``.

    Raises ``ValueError`` when there is none: deciding over nothing must never give ALLOW.
    """
    if not verdicts:
        raise ValueError("no verdict to choose from")
    return max(verdicts, key=lambda verdict: verdict.rank)


Overlay: TypeAlias = Literal["type_approval_rules", "national_security_rules"]
OVERLAYS: Final[tuple[Overlay, Overlay]] = ("type_approval_rules", "national_security_rules")

Axis: TypeAlias = Literal["pass", "fail", "attested", "not-applicable", "unverifiable"]
StageName: TypeAlias = Literal["intake", "unpack", "verify", "analyse", "compare", "decide"]
STAGES: Final[tuple[StageName, ...]] = (
    "intake",
    "unpack",
    "verify",
    "analyse",
    "compare",
    "decide",
)
StageStatus: TypeAlias = Literal["complete", "incomplete", "skipped"]
Owner: TypeAlias = Literal["vendor", "lab", "approver", "policy"]
Role: TypeAlias = Literal[
    "update", "part", "signature", "manifest", "release-notes", "secret", "other"
]
NodeKind: TypeAlias = Literal[
    "file", "directory", "symlink", "hardlink", "device", "fifo", "socket", "stream"
]
ByteClass: TypeAlias = Literal["extracted", "parsed", "padding", "signature", "unexplained"]
BlockKind: TypeAlias = Literal["padding", "text", "code", "compressed", "encrypted", "data"]
Threat: TypeAlias = Literal["espionage", "sabotage", "both", "none"]
Severity: TypeAlias = Literal["info", "low", "medium", "high", "critical"]
Confidence: TypeAlias = Literal["low", "medium", "high"]


class _Value(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value: immutable, keyword-only, rejecting keys it does not know."""


# --- intake ------------------------------------------------------------------------


class Member(_Value, frozen=True, kw_only=True):
    """One submitted file. ``path`` follows the path grammar (``fwverify.paths``)."""

    path: str
    sha256: Sha256 | None
    size: Count
    role: Role = "update"
    ecu: str | None = None
    hw_id: str | None = None
    sw_id: str | None = None


class Subject(_Value, frozen=True, kw_only=True):
    """What is judged: one file, or a set whose digest is that of its members."""

    kind: Literal["file", "set"]
    name: str
    sha256: Sha256
    size: Count
    members: tuple[Member, ...]


class Problem(_Value, frozen=True, kw_only=True):
    """Why a stage could not finish. ``code`` is stable, ``text`` is for people."""

    code: str
    path: str
    text: str


# --- unpack ------------------------------------------------------------------------


class Region(_Value, frozen=True, kw_only=True):
    """A run of bytes of one blob and the class it ends in.

    ``entropy_milli`` is the highest Shannon entropy of any 4 KiB block of the run in
    thousandths of a bit per byte (0 to 8000), or that of the first block at 7900 or more;
    it is measured for ``unexplained`` only.
    """

    start: Count
    end: Count
    kind: ByteClass
    note: str = ""
    entropy_milli: Count = 0
    executable: bool = False


class Identity(_Value, frozen=True, kw_only=True):
    """What a node says of itself; empty where it says nothing.

    ``hardware`` is the id of the hardware it is made for, as its header writes it.
    """

    vendor: str | None = None
    product: str | None = None
    version: str | None = None
    build: str | None = None
    arch: str | None = None
    hardware: str | None = None


class Entry(_Value, frozen=True, kw_only=True):
    """One thing a container lists, as its header records it (never as a disk shows it).

    ``extents`` are the ranges of the container that hold its content, in order;
    ``stored`` says that those bytes are the content verbatim. ``name`` is raw.
    ``generated`` marks a name this project made (``data``, ``@0x1a40.squashfs``).
    ``address`` is the load address of a HEX or S-record segment.
    """

    name: bytes
    kind: NodeKind = "file"
    sha256: Sha256 | None = None
    size: Count | None = None
    extents: tuple[tuple[int, int], ...] = ()
    stored: bool = False
    generated: bool = False
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    mtime: int | None = None
    link: bytes | None = None
    device: tuple[int, int] | None = None
    address: int | None = None


class Opened(_Value, frozen=True, kw_only=True):
    """What opening one blob gave. ``regions`` partition ``[0, size)`` in order.

    ``complete`` is false when anything in the blob was left unexamined; ``problems``
    then say what (their ``path`` is relative: empty, or an entry's name).
    ``attributes`` carry facts that a signature scheme needs (for example the offset of
    the CMS structure of a RAUC bundle) as sorted pairs. ``given`` says that a secret or
    the approved baseline was used to open it: such a result is never kept.
    """

    format: str
    size: Count
    regions: tuple[Region, ...]
    entries: tuple[Entry, ...] = ()
    identity: Identity = Identity()
    complete: bool = True
    executable: bool = False
    given: bool = False
    problems: tuple[Problem, ...] = ()
    observations: tuple[Observation, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


class Observation(_Value, frozen=True, kw_only=True):
    """A suspicious fact found while opening a blob; becomes a Finding at its path."""

    rule: str
    text: str
    severity: Severity = "medium"
    confidence: Confidence = "high"
    threat: Threat = "none"
    capability: str | None = None
    offset: Count = 0
    length: Count = 0
    evidence: tuple[str, ...] = ()


class Coverage(_Value, frozen=True, kw_only=True):
    """Bytes per class; the sum is the size of what it speaks of."""

    extracted: Count = 0
    parsed: Count = 0
    padding: Count = 0
    signature: Count = 0
    unexplained: Count = 0


class Node(_Value, frozen=True, kw_only=True):
    """One file, directory, link or device of the update, as the report shows it."""

    path: str
    name_raw: str | None
    kind: NodeKind
    sha256: Sha256 | None
    size: Count | None
    format: str | None
    offset: Count | None
    mode: int | None
    uid: int | None
    gid: int | None
    mtime: int | None
    link: str | None
    identity: Identity
    coverage: Coverage


class Placed(_Value, frozen=True, kw_only=True):
    """A node with what later stages need and the report does not show.

    ``parent`` is the index of the containing node in ``Unpacked.nodes`` (None for a
    submitted member); ``extents`` and ``stored`` are as in ``Entry``, in the parent's
    coordinates; ``regions`` partition the node's own bytes.
    """

    node: Node
    parent: int | None
    extents: tuple[tuple[int, int], ...]
    stored: bool
    regions: tuple[Region, ...]
    executable: bool
    complete: bool
    attributes: tuple[tuple[str, str], ...]

    def attribute(self, name: str) -> str | None:
        """Return the attribute ``name`` that the opener recorded, or None."""
        return dict(self.attributes).get(name)


class Part(_Value, frozen=True, kw_only=True):
    """A run of a blob in its map; ``name`` is the entry whose content it holds."""

    start: Count
    end: Count
    kind: ByteClass
    name: str | None = None


class Run(_Value, frozen=True, kw_only=True):
    """Neighbouring cells of a map whose blocks look alike. ``arch`` is set for code."""

    cells: Count
    kind: BlockKind
    arch: str | None = None


class ByteMap(_Value, frozen=True, kw_only=True):
    """How one blob looks from its first to its last byte, for a reader's eye.

    ``parts`` are its classes in order, ``parts_left_out`` how many small ones are not
    listed. Each cell stands for ``cell_bytes`` (the last for what is left) and is
    measured on one 4 KiB block of it: ``entropy_milli`` per cell, ``runs`` over them.
    """

    path: str
    size: Count
    cell_bytes: Count
    entropy_milli: tuple[Count, ...]
    runs: tuple[Run, ...]
    parts: tuple[Part, ...]
    parts_left_out: Count = 0


class Image(_Value, frozen=True, kw_only=True):
    """Totals over the tree. ``coverage`` partitions the submitted bytes."""

    nodes: Count = 0
    blobs: Count = 0
    bytes: Count = 0
    coverage: Coverage = Coverage()
    maps: tuple[ByteMap, ...] = ()


class Unpacked(_Value, frozen=True, kw_only=True):
    """The output of the unpack stage: nodes in report order (sorted by path)."""

    image: Image
    nodes: tuple[Placed, ...]
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()


# --- verify ------------------------------------------------------------------------


class Axes(_Value, frozen=True, kw_only=True):
    """The five questions that one boolean would hide (SIGNATURES, "five axes")."""

    authentic: Axis
    trusted: Axis
    covered: Axis
    strong: Axis
    fresh: Axis


class Vouch(_Value, frozen=True, kw_only=True):
    """Content that a signature vouches for beyond its own ranges, and by what means."""

    path: str
    sha256: Sha256
    via: str


class SignatureResult(_Value, frozen=True, kw_only=True):
    """One signature. It has no truth value: read the axes.

    ``covered`` are ranges of the node at ``path``.
    """

    path: str
    scheme: str
    signer: str
    key_sha256: Sha256 | None
    axes: Axes
    covered: tuple[tuple[int, int], ...]
    vouches: tuple[Vouch, ...]
    known_bad: str | None
    reason: str

    def __bool__(self) -> bool:
        raise TypeError("a signature result has five axes and no truth value")


class SignatureCoverage(_Value, frozen=True, kw_only=True):
    """The submitted bytes by who vouches for them; sums to the subject's size."""

    covered: Count = 0
    padding: Count = 0
    container: Count = 0
    steering: Count = 0
    unsigned_data: Count = 0
    unsigned_executable: Count = 0


class VouchedPart(_Value, frozen=True, kw_only=True):
    """The bytes ``[start, end)`` of a member, and who vouches for them."""

    start: Count
    end: Count
    kind: Literal[
        "covered", "padding", "container", "steering", "unsigned_data", "unsigned_executable"
    ]


class SignatureMap(_Value, frozen=True, kw_only=True):
    """Who vouches for which bytes of one submitted member, from the first to the last.

    ``parts`` are in order; ``parts_left_out`` says how many are not listed: the mildest
    and smallest.
    """

    path: str
    size: Count
    parts: tuple[VouchedPart, ...]
    parts_left_out: Count = 0


class Counter(_Value, frozen=True, kw_only=True):
    """What an update says of its age, in bytes that a trusted signature vouches for.

    ``component`` tells images of one update apart, ``part`` locations and roles; ``field``
    is one of ``fwverify.verify.rollback.FIELDS``.
    """

    component: str
    field: str
    part: str
    value: str


class Verified(_Value, frozen=True, kw_only=True):
    """The output of the verify stage.

    ``containers`` are ranges, per path, that an authentic signature itself occupies:
    the pipeline gives them the byte class ``signature``. ``rule`` is the trust rule
    that applied, as ``vendor/rule``, or None; ``ad_hoc`` says that it came from the
    command line. ``counters`` are what trusted signatures say of the update's age.
    ``coverage_map`` draws the submitted bytes: (member path, start, end, class), in order,
    a partition. ``attested`` says that attestations stand for what signatures lack of the
    rule; it never makes ``satisfied`` true. ``signers`` is who signed what by the signatures'
    own words (``fwverify.verify.named``).
    """

    signatures: tuple[SignatureResult, ...] = ()
    coverage: SignatureCoverage = SignatureCoverage()
    coverage_map: tuple[tuple[str, int, int, str], ...] = ()
    containers: tuple[tuple[str, int, int], ...] = ()
    rule: str | None = None
    ad_hoc: bool = False
    satisfied: bool = False
    attested: bool = False
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    counters: tuple[Counter, ...] = ()
    signers: tuple[FileFacts, ...] = ()


# --- analyse -----------------------------------------------------------------------


class Finding(_Value, frozen=True, kw_only=True):
    """A fact that matters, at a path, with its evidence."""

    rule: str
    capability: str | None
    threat: Threat
    severity: Severity
    confidence: Confidence
    path: str
    offset: Count | None
    length: Count | None
    excerpt: str
    text: str
    evidence: tuple[str, ...]
    r155: tuple[str, ...]
    fingerprint: Sha256
    in_baseline: bool = False
    waived_by: str | None = None


class Endpoint(_Value, frozen=True, kw_only=True):
    """A place outside the device that a file names."""

    kind: Literal["url", "host", "ipv4", "ipv6", "email", "onion", "phone", "apn"]
    value: str
    path: str


class Service(_Value, frozen=True, kw_only=True):
    """Something that runs, how it comes alive, and what it listens on."""

    name: str
    kind: str
    starts: str
    listens: tuple[str, ...]
    path: str


class Account(_Value, frozen=True, kw_only=True):
    """A login. ``state`` says whether and how it opens; the hash itself never stands here."""

    name: str
    uid: int | None
    state: Literal["locked", "empty", "hash", "key-only", "no-login", "unknown"]
    path: str


class Key(_Value, frozen=True, kw_only=True):
    """A key or certificate found in the content, by fingerprint; never the key."""

    kind: str
    fingerprint: str
    path: str


class Fact(_Value, frozen=True, kw_only=True):
    """One property of a file that comparison follows (``import``, ``needed``, …)."""

    kind: str
    text: str


class FileFacts(_Value, frozen=True, kw_only=True):
    """The facts of one path, sorted."""

    path: str
    facts: tuple[Fact, ...]


class DataFlow(_Value, frozen=True, kw_only=True):
    """A source of personal or operational data found together with a sink.

    ``category`` says whose data it is; ``declared`` whether the case declares the flow,
    and ``purpose`` what for, as it is stated there: empty where nobody stated one.
    """

    source: str
    sink: str
    declared: bool
    evidence: tuple[str, ...]
    path: str
    category: str = ""
    purpose: str = ""


class Component(_Value, frozen=True, kw_only=True):
    """Software that the content names: by a package database, metadata or a version text.

    ``path`` is where it is named; ``source`` the source package. Empty means not stated.
    """

    kind: Literal["dpkg", "opkg", "apk", "rpm", "pypi", "npm", "stated"]
    name: str
    version: str
    path: str
    arch: str = ""
    supplier: str = ""
    licence: str = ""
    source: str = ""


class Analysed(_Value, frozen=True, kw_only=True):
    """The output of the analyse stage; every tuple sorted and without duplicates."""

    findings: tuple[Finding, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    services: tuple[Service, ...] = ()
    accounts: tuple[Account, ...] = ()
    keys: tuple[Key, ...] = ()
    facts: tuple[FileFacts, ...] = ()
    dataflows: tuple[DataFlow, ...] = ()
    problems: tuple[Problem, ...] = ()
    components: tuple[Component, ...] = ()


# --- compare -----------------------------------------------------------------------


class Profile(_Value, frozen=True, kw_only=True):
    """What is kept of a baseline, and compared with: inventory, abilities, facts.

    ``complete`` is false when the analysis behind it was not; a comparison with such a
    baseline is itself incomplete.
    """

    subject: Subject
    nodes: tuple[Node, ...]
    findings: tuple[Finding, ...]
    endpoints: tuple[Endpoint, ...]
    services: tuple[Service, ...]
    accounts: tuple[Account, ...]
    keys: tuple[Key, ...]
    facts: tuple[FileFacts, ...]
    rules_sha256: Sha256
    complete: bool
    dataflows: tuple[DataFlow, ...] = ()


class Changed(_Value, frozen=True, kw_only=True):
    """One path whose content or metadata differs, and in what."""

    path: str
    old_sha256: Sha256 | None
    new_sha256: Sha256 | None
    facts: tuple[Fact, ...]


class Moved(_Value, frozen=True, kw_only=True, rename={"source": "from", "target": "to"}):
    """The same content at another path."""

    source: str
    target: str
    sha256: Sha256


class Delta(_Value, frozen=True, kw_only=True):
    """What the update has that the baseline had not, and the reverse."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[Changed, ...] = ()
    moved: tuple[Moved, ...] = ()
    capabilities_added: tuple[str, ...] = ()
    endpoints_added: tuple[Endpoint, ...] = ()
    services_added: tuple[Service, ...] = ()
    accounts_added: tuple[Account, ...] = ()
    keys_added: tuple[Key, ...] = ()
    dataflows_added: tuple[DataFlow, ...] = ()
    undeclared: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()


class Baseline(_Value, frozen=True, kw_only=True):
    """Which baseline was used. ``approved`` is false for a path or a provisional one."""

    ref: str
    sha256: Sha256
    approved: bool


class Compared(_Value, frozen=True, kw_only=True):
    """The output of the compare stage.

    ``capabilities_removed`` is kept beside the delta because the report shows it among
    the capabilities. ``known`` are the fingerprints of the baseline's findings.
    """

    delta: Delta
    capabilities_removed: tuple[str, ...]
    known: frozenset[str]
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()


class Left(_Value, frozen=True, kw_only=True):
    """One thing of a superseded case or of its successor: the rule, what, and where."""

    rule: str
    text: str
    path: str


class Superseded(_Value, frozen=True, kw_only=True):
    """What became of the case that an update replaces.

    ``core_sha256`` is that of the refused report, None where it was not at hand and
    nothing was held against it. ``still_open`` also holds what could not be shown to be
    resolved; ``outside`` are the paths that differ from the refused version although no
    resolved finding stands there and no declaration names them.
    """

    ref: str
    core_sha256: str | None
    verdict: Verdict | None
    resolved: tuple[Left, ...] = ()
    still_open: tuple[Left, ...] = ()
    new: tuple[Left, ...] = ()
    outside: tuple[str, ...] = ()


class SoftwareSide(_Value, frozen=True, kw_only=True):
    """One submitted file as the register of R156 asks for it: version and integrity data."""

    path: str
    sw_id: str | None
    sha256: Sha256 | None


class SoftwareRow(_Value, frozen=True, kw_only=True):
    """The software of one unit before and after an update; None on the side that has none."""

    ecu: str | None
    hw_id: str | None
    before: SoftwareSide | None
    after: SoftwareSide | None


class SoftwareChange(_Value, frozen=True, kw_only=True):
    """What stands under the RXSWIN before and after an update (UN R156, 7.1.2.3).

    ``before`` and ``after`` are the numbers that the case states. ``source`` says where the
    side before is from: the ``register`` of the ledger, the ``baseline`` that the update was
    compared with, or ``none`` where it is not known. ``ref`` names that baseline.
    """

    before: str
    after: str
    source: Literal["register", "baseline", "none"]
    ref: str | None
    rows: tuple[SoftwareRow, ...]


# --- decide and report -------------------------------------------------------------


class Next(_Value, frozen=True, kw_only=True):
    """Who has to do what now."""

    owner: Owner
    action: str


class Reason(_Value, frozen=True, kw_only=True):
    """Why the verdict is what it is. ``findings`` are fingerprints.

    ``knock_out``: no waiver and no release can accept what this reason names.
    ``overlays`` are those whose verdict it bears on.
    """

    rule: str
    verdict: Verdict
    text: str
    findings: tuple[str, ...]
    waived_by: str | None
    next: Next
    knock_out: bool = False
    overlays: tuple[Overlay, ...] = OVERLAYS


class Verdicts(_Value, frozen=True, kw_only=True):
    """The result of each overlay over the same findings."""

    type_approval_rules: Verdict
    national_security_rules: Verdict


class Decision(_Value, frozen=True, kw_only=True):
    """The output of the decide stage; reasons are worst first, then by rule and text."""

    verdict: Verdict
    verdicts: Verdicts
    reasons: tuple[Reason, ...]


class Stage(_Value, frozen=True, kw_only=True):
    """How far a stage came."""

    status: StageStatus = "skipped"
    problems: tuple[Problem, ...] = ()


class Stages(_Value, frozen=True, kw_only=True):
    """The six stages of every report."""

    intake: Stage = Stage()
    unpack: Stage = Stage()
    verify: Stage = Stage()
    analyse: Stage = Stage()
    compare: Stage = Stage()
    decide: Stage = Stage()


class Capabilities(_Value, frozen=True, kw_only=True):
    """Taxonomy ids (DETECTION, "Capability taxonomy")."""

    present: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class ClaimResult(_Value, frozen=True, kw_only=True):
    """A declared claim held against the content; never more than "not refuted".

    ``coverage`` is the share of the executable bytes that were examined, in thousandths
    and rounded down. ``values`` are the claim's parameters, ``stated_by`` and ``source``
    who states it and where; ``findings`` are the fingerprints behind the evidence.
    """

    claim: str
    verdict: Literal["refuted", "indicated", "not_refuted", "not_examined"]
    evidence: tuple[str, ...]
    coverage: Annotated[int, Meta(ge=0, le=1000)]
    values: tuple[str, ...] = ()
    stated_by: Literal["vendor", "operator", "minister"] = "vendor"
    source: str | None = None
    findings: tuple[str, ...] = ()


class Waiver(_Value, frozen=True, kw_only=True):
    """A waiver that was applied: its id, the finding it names, and until when."""

    id: str
    fingerprint: Sha256
    not_after: str


class Digests(_Value, frozen=True, kw_only=True):
    """Digests of everything that steered the result; None where there was none."""

    config: Sha256 | None = None
    policy: Sha256 | None = None
    trust: Sha256 | None = None
    rules: Sha256 | None = None
    context: Sha256 | None = None
    case: Sha256 | None = None
    suppliers: Sha256 | None = None


class Report(_Value, frozen=True, kw_only=True):
    """``fwverify.report/1``: every ``--format json`` prints this one document."""

    schema: Literal["fwverify.report/1"] = REPORT_SCHEMA
    at: str
    subject: Subject
    verdict: Verdict | None = None
    verdicts: Verdicts | None = None
    reasons: tuple[Reason, ...] = ()
    stages: Stages = Stages()
    image: Image = Image()
    nodes: tuple[Node, ...] = ()
    signatures: tuple[SignatureResult, ...] = ()
    signature_coverage: SignatureCoverage = SignatureCoverage()
    signature_maps: tuple[SignatureMap, ...] = ()
    findings: tuple[Finding, ...] = ()
    capabilities: Capabilities = Capabilities()
    endpoints: tuple[Endpoint, ...] = ()
    services: tuple[Service, ...] = ()
    accounts: tuple[Account, ...] = ()
    keys: tuple[Key, ...] = ()
    dataflows: tuple[DataFlow, ...] = ()
    components: tuple[Component, ...] = ()
    baseline: Baseline | None = None
    delta: Delta | None = None
    claims: tuple[ClaimResult, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    supersedes: str | None = None
    superseded: Superseded | None = None
    rxswin: SoftwareChange | None = None
    case: str | None = None
    policy: str | None = None
    digests: Digests = Digests()
    tools: dict[str, str] = msgspec.field(default_factory=dict)
    notice: str = ""
    core_sha256: str = ""
