"""Reports made by hand, one per verdict and one that is hostile throughout."""

from __future__ import annotations

import hashlib
from typing import Any

from msgspec.structs import replace

from fwverify.canonical import make_finding, seal
from fwverify.model import (
    Account,
    Axes,
    Baseline,
    ByteMap,
    Capabilities,
    Changed,
    ClaimResult,
    Coverage,
    DataFlow,
    Delta,
    Digests,
    Endpoint,
    Fact,
    Finding,
    Identity,
    Image,
    Key,
    Member,
    Moved,
    Next,
    Node,
    Part,
    Problem,
    Reason,
    Report,
    Run,
    Service,
    SignatureCoverage,
    SignatureMap,
    SignatureResult,
    Stage,
    Stages,
    Subject,
    Verdict,
    Verdicts,
    Vouch,
    VouchedPart,
    Waiver,
)

AT = "2026-11-20T09:00:00Z"
ROOT = "meter-2.1.raucb"
ROOTFS = f"{ROOT}!/rootfs.squashfs"
SIZE = 1_500_000


def sha(text: str) -> str:
    """A digest that is recognisably of ``text``."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


POLICY = sha("policy")

DONE = Stage(status="complete")
COMPLETE = Stages(intake=DONE, unpack=DONE, verify=DONE, analyse=DONE, compare=DONE, decide=DONE)


def node(path: str, size: int | None = 100, **changed: Any) -> Node:
    """A plain file of ``size`` bytes, all parsed."""
    values: dict[str, Any] = {
        "path": path,
        "name_raw": None,
        "kind": "file",
        "sha256": sha(path) if size is not None else None,
        "size": size,
        "format": None,
        "offset": None,
        "mode": 0o644,
        "uid": 0,
        "gid": 0,
        "mtime": 1_700_000_000,
        "link": None,
        "identity": Identity(),
        "coverage": Coverage(parsed=size or 0),
    }
    return Node(**{**values, **changed})


def directory(path: str) -> Node:
    return node(path, None, kind="directory", mode=0o755)


TREE = (
    node(
        ROOT,
        SIZE,
        format="rauc",
        offset=None,
        identity=Identity(vendor="Acme", product="meter-x", version="2.1"),
        coverage=Coverage(extracted=1_400_000, parsed=2_000, padding=90_000, signature=8_000),
    ),
    node(
        ROOTFS,
        1_400_000,
        format="squashfs",
        offset=4096,
        coverage=Coverage(extracted=1_300_000, parsed=100_000),
    ),
    directory(f"{ROOTFS}!/bin"),
    node(
        f"{ROOTFS}!/bin/metrologyd",
        700_000,
        format="elf",
        mode=0o755,
        identity=Identity(version="2.1.0", arch="arm"),
    ),
    node(f"{ROOTFS}!/bin/sh", None, kind="symlink", link="busybox", mode=0o777),
    directory(f"{ROOTFS}!/etc"),
    directory(f"{ROOTFS}!/etc/init.d"),
    node(f"{ROOTFS}!/etc/init.d/S50net", 420, format="script", mode=0o755),
    node(f"{ROOTFS}!/etc/passwd", 210),
)

AXES_GOOD = Axes(
    authentic="pass", trusted="pass", covered="pass", strong="pass", fresh="not-applicable"
)

SIGNATURE = SignatureResult(
    path=ROOT,
    scheme="rauc",
    signer="CN=Acme Release 2026, O=Acme",
    key_sha256=sha("key"),
    axes=AXES_GOOD,
    covered=((0, 1_492_000),),
    vouches=(Vouch(path=ROOTFS, sha256=sha(ROOTFS), via="manifest sha256"),),
    known_bad=None,
    reason="the chain ends in the anchor acme-root",
)

ALLOW = Report(
    at=AT,
    subject=Subject(
        kind="file",
        name=ROOT,
        sha256=sha(ROOT),
        size=SIZE,
        members=(Member(path=ROOT, sha256=sha(ROOT), size=SIZE),),
    ),
    verdict=Verdict.ALLOW,
    verdicts=Verdicts(type_approval_rules=Verdict.ALLOW, national_security_rules=Verdict.ALLOW),
    stages=COMPLETE,
    image=Image(
        nodes=len(TREE),
        blobs=5,
        bytes=3_600_630,
        coverage=Coverage(extracted=1_400_000, parsed=2_000, padding=90_000, signature=8_000),
        maps=(
            ByteMap(
                path="meter-2.1.raucb",
                size=1_500_000,
                cell_bytes=368_640,
                entropy_milli=(5_900, 7_950, 7_400, 4_400, 0),
                runs=(
                    Run(cells=1, kind="code", arch="arm"),
                    Run(cells=1, kind="encrypted"),
                    Run(cells=1, kind="compressed"),
                    Run(cells=1, kind="text"),
                    Run(cells=1, kind="padding"),
                ),
                parts=(
                    Part(start=0, end=2_000, kind="parsed"),
                    Part(start=2_000, end=1_402_000, kind="extracted", name="<rootfs>.squashfs"),
                    Part(start=1_402_000, end=1_492_000, kind="padding"),
                    Part(start=1_492_000, end=1_500_000, kind="signature"),
                ),
                parts_left_out=3,
            ),
        ),
    ),
    nodes=TREE,
    signatures=(SIGNATURE,),
    signature_coverage=SignatureCoverage(covered=1_492_000, container=8_000),
    signature_maps=(
        SignatureMap(
            path="meter-x-2.1.raucb",
            size=1_500_000,
            parts=(
                VouchedPart(start=0, end=1_492_000, kind="covered"),
                VouchedPart(start=1_492_000, end=1_500_000, kind="container"),
            ),
        ),
    ),
    capabilities=Capabilities(present=("meter.push",)),
    endpoints=(Endpoint(kind="host", value="hes.example", path=f"{ROOTFS}!/bin/metrologyd"),),
    baseline=Baseline(ref="ledger:acme/meter-x@2.0", sha256=sha("base"), approved=True),
    delta=Delta(
        changed=(
            Changed(
                path=f"{ROOTFS}!/bin/metrologyd",
                old_sha256=sha("old"),
                new_sha256=sha(f"{ROOTFS}!/bin/metrologyd"),
                facts=(Fact(kind="version", text="2.0.4 -> 2.1.0"),),
            ),
        ),
    ),
    policy="meter",
    digests=Digests(config=sha("config"), policy=POLICY, trust=sha("trust"), rules=sha("rules")),
    tools={"fwverify": "0.1.0", "pybinwalk": "0.0.3", "yara-python": "4.5.4"},
)


TELNET = make_finding(
    rule="remote_access.telnetd_launch",
    capability="remote.shell.telnet",
    path=f"{ROOTFS}!/etc/init.d/S50net",
    text="an init script starts a telnet server",
    threat="both",
    severity="critical",
    offset=211,
    length=24,
    excerpt="telnetd -p 2323 -l /bin/sh",
    evidence=("telnetd", "-l /bin/sh"),
    r155=("16.1", "29.1"),
)
REVERSE = make_finding(
    rule="elf.reverse_shell",
    capability="remote.shell.reverse",
    path=f"{ROOTFS}!/bin/metrologyd",
    text="imports connect, dup2 and execve, which the baseline did not",
    threat="both",
    severity="high",
    confidence="high",
    evidence=("connect", "dup2", "execve"),
    r155=("1.2",),
)
SAME = make_finding(
    rule="compare.same_version_other_bytes",
    path=f"{ROOTFS}!/bin/metrologyd",
    text="the bytes changed while the version stayed 2.1.0",
    evidence=("version:2.1.0",),
    r155=("12.1",),
)
OLD_PUSH = replace(
    make_finding(
        rule="meter.push_setup",
        capability="meter.push",
        path=f"{ROOTFS}!/bin/metrologyd",
        text="push object 0-0:25.9.0 is configured",
        threat="espionage",
        severity="low",
        confidence="medium",
        offset=90_112,
        length=6,
        excerpt="0-0:25.9.0",
        evidence=("obis",),
    ),
    in_baseline=True,
)


def reason(rule: str, verdict: Verdict, text: str, *findings: Finding, **changed: Any) -> Reason:
    """A reason over ``findings`` whose next step is the vendor's."""
    values: dict[str, Any] = {
        "rule": rule,
        "verdict": verdict,
        "text": text,
        "findings": tuple(each.fingerprint for each in findings),
        "waived_by": None,
        "next": Next(owner="vendor", action="explain or remove it"),
    }
    return Reason(**{**values, **changed})


DENY_FLOWS = (
    DataFlow(
        source="meter",
        sink="hes.example",
        declared=True,
        evidence=("source 1-0:1.8.0",),
        path=f"{ROOTFS}!/bin/metrologyd",
        category="personal: consumption",
    ),
)

DENY = replace(
    ALLOW,
    verdict=Verdict.DENY,
    verdicts=Verdicts(type_approval_rules=Verdict.REVIEW, national_security_rules=Verdict.DENY),
    reasons=(
        reason(
            "remote.new",
            Verdict.DENY,
            f"a new way to log in from outside: {TELNET.path}, {REVERSE.path}",
            TELNET,
            REVERSE,
            next=Next(owner="vendor", action="remove the telnet server and the reverse shell"),
        ),
        reason(
            "compare.same_version_other_bytes",
            Verdict.REVIEW,
            f"the bytes changed and the version did not: {SAME.path}",
            SAME,
            next=Next(owner="lab", action="ask for the release notes"),
        ),
    ),
    findings=(OLD_PUSH, REVERSE, SAME, TELNET),
    capabilities=Capabilities(
        present=("meter.push", "remote.shell.reverse", "remote.shell.telnet"),
        added=("remote.shell.reverse", "remote.shell.telnet"),
    ),
    services=(
        Service(
            name="telnetd",
            kind="init script",
            starts="boot",
            listens=("tcp/2323",),
            path=TELNET.path,
        ),
    ),
    accounts=(Account(name="root", uid=0, state="empty", path=f"{ROOTFS}!/etc/passwd"),),
    keys=(Key(kind="ssh-ed25519", fingerprint=sha("ssh"), path=f"{ROOTFS}!/etc/passwd"),),
    dataflows=DENY_FLOWS,
    delta=Delta(
        added=(f"{ROOTFS}!/bin/telnetd",),
        removed=(f"{ROOTFS}!/etc/motd",),
        changed=(
            Changed(
                path=f"{ROOTFS}!/bin/metrologyd",
                old_sha256=sha("old"),
                new_sha256=sha(f"{ROOTFS}!/bin/metrologyd"),
                facts=(
                    Fact(kind="import added", text="dup2"),
                    Fact(kind="same-version", text="version string 2.1.0 unchanged"),
                ),
            ),
        ),
        moved=(Moved(source=f"{ROOTFS}!/etc/a", target=f"{ROOTFS}!/etc/b", sha256=sha("moved")),),
        capabilities_added=("remote.shell.reverse", "remote.shell.telnet"),
        endpoints_added=(
            Endpoint(kind="ipv4", value="203.0.113.9", path=f"{ROOTFS}!/bin/metrologyd"),
        ),
        services_added=(
            Service(
                name="telnetd",
                kind="init script",
                starts="boot",
                listens=("tcp/2323",),
                path=TELNET.path,
            ),
        ),
        accounts_added=(Account(name="root", uid=0, state="empty", path=f"{ROOTFS}!/etc/passwd"),),
        keys_added=(Key(kind="ssh-ed25519", fingerprint=sha("ssh"), path=f"{ROOTFS}!/etc/passwd"),),
        dataflows_added=DENY_FLOWS,
        undeclared=(f"{ROOTFS}!/bin/telnetd",),
        not_found=("fixes the clock drift",),
    ),
    claims=(
        ClaimResult(
            claim="NO_REMOTE_OFF", verdict="not_refuted", evidence=("no disconnect",), coverage=97
        ),
    ),
    case="2026-044",
)

INCOMPLETE = replace(
    ALLOW,
    verdict=Verdict.INCOMPLETE,
    verdicts=Verdicts(
        type_approval_rules=Verdict.INCOMPLETE, national_security_rules=Verdict.INCOMPLETE
    ),
    reasons=(
        reason(
            "unpack.encrypted",
            Verdict.INCOMPLETE,
            "encrypted content without its key",
            next=Next(owner="vendor", action="send the key or the plaintext with its digest"),
        ),
    ),
    stages=replace(
        COMPLETE,
        unpack=Stage(
            status="incomplete",
            problems=(
                Problem(
                    code="unpack.encrypted",
                    path=f"{ROOT}!/payload.bin",
                    text="AES-GCM content and no key was given",
                ),
                Problem(
                    code="worker.deadline",
                    path=f"{ROOTFS}!/usr/lib/big.so",
                    text="the opener took longer than 60 seconds",
                ),
            ),
        ),
        analyse=Stage(status="incomplete"),
    ),
    image=replace(
        ALLOW.image,
        coverage=Coverage(
            extracted=1_300_000, parsed=2_000, padding=90_000, signature=8_000, unexplained=100_000
        ),
    ),
    signatures=(
        SIGNATURE,
        replace(
            SIGNATURE,
            path=f"{ROOT}!/payload.bin",
            scheme="nxp-hab",
            signer="",
            key_sha256=None,
            axes=Axes(
                authentic="unverifiable",
                trusted="unverifiable",
                covered="unverifiable",
                strong="unverifiable",
                fresh="not-applicable",
            ),
            covered=(),
            vouches=(),
            reason="HAB structures are recognised and not verified",
        ),
    ),
    signature_coverage=SignatureCoverage(
        covered=1_392_000, container=8_000, unsigned_data=60_000, unsigned_executable=40_000
    ),
    signature_maps=(
        SignatureMap(
            path="meter-x-2.1.raucb",
            size=1_500_000,
            parts=(
                VouchedPart(start=0, end=1_392_000, kind="covered"),
                VouchedPart(start=1_392_000, end=1_432_000, kind="unsigned_executable"),
                VouchedPart(start=1_432_000, end=1_492_000, kind="unsigned_data"),
                VouchedPart(start=1_492_000, end=1_500_000, kind="container"),
            ),
            parts_left_out=3,
        ),
    ),
)

REVIEW = replace(
    ALLOW,
    verdict=Verdict.REVIEW,
    verdicts=Verdicts(type_approval_rules=Verdict.REVIEW, national_security_rules=Verdict.REVIEW),
    reasons=(
        reason(
            "baseline.none",
            Verdict.REVIEW,
            "no approved baseline was given",
            next=Next(owner="approver", action="approve a baseline, or onboard the product"),
        ),
        reason(
            "meter.push",
            Verdict.REVIEW,
            f"a push object: {OLD_PUSH.path}",
            OLD_PUSH,
            waived_by="W-7",
        ),
    ),
    findings=(replace(OLD_PUSH, waived_by="W-7", in_baseline=False),),
    stages=replace(COMPLETE, compare=Stage()),
    baseline=None,
    delta=None,
    signatures=(replace(SIGNATURE, known_bad=None, axes=replace(AXES_GOOD, covered="attested")),),
    waivers=(Waiver(id="W-7", fingerprint=OLD_PUSH.fingerprint, not_after="2027-01-01T00:00:00Z"),),
    supersedes="2026-031",
)

ANSI = "\x1b[2J\x1b[1;32mALLOW\x1b[0m\r\n\x9b31m\x07"
MARKUP = "</td></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
BIDI = "\u202egpj.exe\u202c \u2066x\u2069 \u05d0\u05d1 \u0627\u0644"
ODD = "a\u0301\u200b\u2028\u3164\ud800\ufffe\x00]]>"
LONG = "n" * 10_000
NASTY = f"{ANSI}{MARKUP}{BIDI}{ODD}"
CHINESE = "\u5411\u65e5\u8475\u8fdc\u7a0b\u63a7\u5236"


def hostile(text: str = NASTY, length: int = 10_000) -> Report:
    """A DENY whose every text field holds ``text`` and many of them are very long."""
    bad = text + "n" * length
    finding = replace(TELNET, path=bad, text=bad, excerpt=bad, rule=bad, capability=bad)
    nasty = reason(bad, Verdict.DENY, bad, finding, next=Next(owner="lab", action=bad))
    signature = replace(SIGNATURE, path=bad, scheme=bad, signer=bad, reason=bad, known_bad=bad)
    odd = node(bad, 5, format=bad, link=bad, identity=Identity(vendor=bad, version=bad))
    endpoint = Endpoint(kind="host", value=bad, path=bad)
    service = Service(name=bad, kind=bad, starts=bad, listens=(bad,), path=bad)
    account = Account(name=bad, uid=None, state="unknown", path=bad)
    key = Key(kind=bad, fingerprint=bad, path=bad)
    problem = Problem(code=bad, path=bad, text=bad)
    return replace(
        DENY,
        at=bad,
        subject=replace(
            DENY.subject, name=bad, members=(Member(path=bad, sha256=None, size=0, ecu=bad),)
        ),
        reasons=(nasty,) * 30,
        stages=replace(COMPLETE, unpack=Stage(status="incomplete", problems=(problem,) * 30)),
        nodes=(odd,) * 3,
        signatures=(signature,) * 3,
        signature_maps=(SignatureMap(path=bad, size=0, parts=()),),
        findings=(finding,) * 3,
        capabilities=Capabilities(present=(bad,), added=(bad,), removed=(bad,)),
        endpoints=(endpoint,),
        services=(service,),
        accounts=(account,),
        keys=(key,),
        dataflows=(DataFlow(source=bad, sink=bad, declared=False, evidence=(bad,), path=bad),),
        baseline=Baseline(ref=bad, sha256=sha("base"), approved=False),
        delta=Delta(
            added=(bad,),
            removed=(bad,),
            changed=(
                Changed(
                    path=bad,
                    old_sha256=None,
                    new_sha256=None,
                    facts=(Fact(kind="same-version", text=bad),),
                ),
            ),
            moved=(Moved(source=bad, target=bad, sha256=sha("m")),),
            capabilities_added=(bad,),
            endpoints_added=(endpoint,),
            services_added=(service,),
            accounts_added=(account,),
            keys_added=(key,),
            undeclared=(bad,),
            not_found=(bad,),
        ),
        claims=(ClaimResult(claim=bad, verdict="refuted", evidence=(bad,), coverage=1),),
        waivers=(Waiver(id=bad, fingerprint=sha("w"), not_after=bad),),
        supersedes=bad,
        case=bad,
        policy=bad,
        tools={bad: bad},
        notice=bad,
        core_sha256=bad,
    )


def small_hostile() -> Report:
    """A hostile report whose lists are short enough for golden files to be looked at."""
    full = hostile(length=20)
    unpack = replace(full.stages.unpack, problems=full.stages.unpack.problems[:2])
    return replace(
        full,
        reasons=full.reasons[:2],
        findings=full.findings[:1],
        nodes=full.nodes[:1],
        signatures=full.signatures[:1],
        stages=replace(full.stages, unpack=unpack),
    )


EXAMPLES = {
    "allow": seal(ALLOW),
    "deny": seal(DENY),
    "incomplete": seal(INCOMPLETE),
    "review": seal(REVIEW),
    "hostile": small_hostile(),
}
