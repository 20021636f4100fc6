"""Makes the facts of an update that earns ALLOW; a test changes what it is about."""

from __future__ import annotations

import msgspec

from fwverify.model import (
    Analysed,
    Axes,
    Baseline,
    Compared,
    Coverage,
    Delta,
    Identity,
    Image,
    Node,
    Placed,
    Problem,
    Region,
    SignatureCoverage,
    SignatureResult,
    Stage,
    Stages,
    Unpacked,
    Verified,
)
from fwverify.policy.facts import Facts, merged_findings
from tests.builders.profiles import member, sha, subject

SIZE = 100
AT = "2026-11-21T12:00:00Z"
COMPLETE = Stage(status="complete")
PROBLEM = Problem(code="limit.depth", path="update.swu", text="too deep")


def coverage(**changes) -> Coverage:
    rest = SIZE - sum(changes.values())
    return Coverage(**({"parsed": rest} | changes))


def placed(*regions: Region, cover: Coverage | None = None, **changes) -> Placed:
    node = Node(
        path="update.swu",
        name_raw=None,
        kind="file",
        sha256=sha("update"),
        size=SIZE,
        format="text",
        offset=None,
        mode=None,
        uid=None,
        gid=None,
        mtime=None,
        link=None,
        identity=Identity(),
        coverage=cover or coverage(),
    )
    fields = {
        "node": node,
        "parent": None,
        "extents": (),
        "stored": False,
        "regions": regions or (Region(start=0, end=SIZE, kind="parsed"),),
        "executable": True,
        "complete": True,
        "attributes": (),
    }
    return Placed(**(fields | changes))


def unpacked(*nodes: Placed, cover: Coverage | None = None, **changes) -> Unpacked:
    image = Image(nodes=1, blobs=1, bytes=SIZE, coverage=cover or coverage())
    return Unpacked(**({"image": image, "nodes": nodes or (placed(),)} | changes))


def with_unexplained(count: int, entropy_milli: int = 100) -> Unpacked:
    cover = coverage(unexplained=count)
    regions = (
        Region(start=0, end=SIZE - count, kind="parsed"),
        Region(start=SIZE - count, end=SIZE, kind="unexplained", entropy_milli=entropy_milli),
    )
    return unpacked(placed(*regions, cover=cover), cover=cover)


def signature(known_bad=None, reason="good", **axes) -> SignatureResult:
    passes = dict.fromkeys(("authentic", "trusted", "covered", "strong", "fresh"), "pass")
    return SignatureResult(
        path="update.swu",
        scheme="rauc",
        signer="vendor",
        key_sha256=sha("key"),
        axes=Axes(**(passes | axes)),
        covered=((0, SIZE),),
        vouches=(),
        known_bad=known_bad,
        reason=reason,
    )


def verified(*signatures: SignatureResult, **changes) -> Verified:
    fields = {
        "signatures": signatures or (signature(),),
        "coverage": SignatureCoverage(covered=SIZE),
        "rule": "acme/release",
        "satisfied": True,
    }
    return Verified(**(fields | changes))


def unsigned(**changes) -> Verified:
    fields = {
        "signatures": (),
        "coverage": SignatureCoverage(unsigned_data=SIZE),
        "rule": "acme/release",
        "satisfied": False,
    }
    return Verified(**(fields | changes))


def compared(*findings, known=(), **changes) -> Compared:
    fields = {
        "delta": Delta(),
        "capabilities_removed": (),
        "known": frozenset(known),
        "findings": findings,
    }
    return Compared(**(fields | changes))


def good_facts(**changes) -> Facts:
    """Return facts that give ALLOW, with ``changes`` and the findings that follow."""
    fields = {
        "subject": subject(member(size=SIZE)),
        "stages": Stages(
            intake=COMPLETE,
            unpack=COMPLETE,
            verify=COMPLETE,
            analyse=COMPLETE,
            compare=COMPLETE,
        ),
        "unpacked": unpacked(),
        "verified": verified(),
        "analysed": Analysed(),
        "compared": compared(),
        "baseline": Baseline(ref="ledger:acme/1", sha256=sha("old"), approved=True),
        "ad_hoc": (),
        "trust_is_configured": True,
        "policy_is_configured": True,
        "policy_strength_applied": True,
        "at": AT,
        "case": None,
        "approval_void": False,
        "onboarded": False,
        "superseded": None,
        "claims": (),
        "claims_declared": (),
        "supply": None,
    } | changes
    if "findings" not in fields:
        outputs = (fields[name] for name in ("unpacked", "verified", "analysed", "compared"))
        fields["findings"] = merged_findings(*outputs)
    return Facts(**fields)


def stages(**changes) -> Stages:
    return msgspec.structs.replace(good_facts().stages, **changes)
