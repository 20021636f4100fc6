"""The vendor's view: where to look in his own file, how to see it himself, what to answer.

Guarantees: it is made of paths, digests, offsets and bytes of the submitted file, and of
this module's own words. No rule, text, evidence or severity of a finding, no verdict,
reason, overlay, policy, waiver, baseline, case, trust or tool enters it: it would show
what is looked for, whom else it was found at, or what concerns national security. What a
finding is about is told by a topic that the first word of its ability chooses.

Commands hold digits alone: no name out of an update enters a shell command.
"""

from __future__ import annotations

from typing import Final

from fwverify.model import Finding, Report
from fwverify.report import summary
from fwverify.report.views import parts
from fwverify.report.views.document import NOTICE, ROWS, Document, Section, document, section, table

_STAGES: Final = ("intake", "unpack")
_SHOWN_BYTES: Final = 256
_ELSE: Final = "content that needs an explanation"
_TOPICS: Final = {
    "can": "messages on the vehicle bus",
    "cred": "a login or secret that is built in",
    "diag": "diagnostic access",
    "evade": "content that is hidden or removes traces",
    "exfil": "data that leaves the device",
    "key": "a key or certificate",
    "lateral": "access to other devices",
    "logic": "behaviour that depends on a date",
    "meter": "a function of a meter",
    "modem": "use of a modem",
    "net": "network access",
    "persist": "something that starts by itself",
    "power": "control of power",
    "remote": "a way to reach the device from afar",
    "surv": "observation of people or surroundings",
    "tunnel": "a connection that leads out of the device",
    "update": "software that is fetched or installed",
    "veh": "control of vehicle functions",
    "win": "administration of Windows",
}
_TOPICS_BY_RULE: Final = {
    "bytes": "the form of the file",
    "compare": "a change",
    "coverage": "a signature, or what it covers",
    "dataflow": "data that leaves the device",
    "format": "the form of the file",
    "identity": "a change",
    "signature": "a signature, or what it covers",
    "trust": "a signature, or what it covers",
    "unpack": "the form of the file",
    "version": "a change",
}
"""For findings without an ability: by the first word of the rules of the stages."""

_QUESTIONS: Final = (
    "What is it for, and which function needs it?",
    "Who can use it, from where, and with which credentials?",
    "Is it in every delivery, and since which version?",
    "How is it switched off, or in which version will it be gone?",
)


def vendor(report: Report) -> Document:
    """Return the vendor's view of ``report``."""
    shown = _shown(report)
    notice = f"Questions about one update; no judgement of it. {NOTICE}"
    return document(
        report,
        "vendor",
        "Questions to the vendor",
        notice,
        (
            parts.members(report),
            _unexamined(report),
            section("Signatures that were found", tables=[parts.signatures(report, signer=False)]),
            _findings(report, shown),
            _reproduce(shown),
            _sheet(shown),
        ),
    )


def _shown(report: Report) -> tuple[Finding, ...]:
    """Return one finding per fingerprint and offset, by place; ``info`` asks nothing."""
    found = {
        (each.fingerprint, each.offset): each for each in report.findings if each.severity != "info"
    }
    return tuple(
        sorted(
            found.values(), key=lambda each: (each.path, each.offset or 0, parts.finding_id(each))
        )
    )


def topic(finding: Finding) -> str:
    """Return what a finding is about in words that tell no rule."""
    if finding.capability is not None:
        return _TOPICS.get(finding.capability.split(".")[0], _ELSE)
    return _TOPICS_BY_RULE.get(finding.rule.split(".")[0], _ELSE)


def _unexamined(report: Report) -> Section:
    """Return what the vendor can help to open; ``code`` is this program's own word."""
    gaps = [gap for gap in summary.gaps(report) if gap.stage in _STAGES]
    rows = ((gap.path or "the update", gap.code) for gap in gaps)
    return section(
        "What could not be examined",
        "Send keys, plaintexts with their digests, or a description of the form."
        if gaps
        else "None.",
        tables=[table(("where", "why"), (5, 2), rows)],
    )


def _findings(report: Report, shown: tuple[Finding, ...]) -> Section:
    hashes = {node.path: node.sha256 for node in report.nodes}
    rows = (
        (
            parts.finding_id(each),
            topic(each),
            each.path,
            hashes.get(each.path) or "",
            "" if each.offset is None else str(each.offset),
            "" if each.length is None else str(each.length),
            "" if each.offset is None else each.excerpt,
        )
        for each in shown
    )
    head = ("id", "about", "file", "SHA-256 of the file", "offset", "length", "excerpt")
    return section("Findings", tables=[table(head, (4, 4, 6, 6, 2, 2, 5), rows)])


def _reproduce(shown: tuple[Finding, ...]) -> Section:
    """Return how to see each place with dd, sha256sum and openssl."""
    commands: list[str] = []
    for each in shown[:ROWS]:
        if each.offset is None:
            continue
        size = min(each.length or _SHOWN_BYTES, _SHOWN_BYTES)
        commands += [
            f"# {parts.finding_id(each)}",
            'sha256sum "$FILE"',
            f'dd if="$FILE" bs=1 skip={each.offset} count={size} status=none | od -A d -t x1z',
        ]
        if each.rule.startswith("key."):
            commands.append(
                f'dd if="$FILE" bs=1 skip={each.offset} count={each.length or size} status=none'
                " | openssl pkey -pubout -outform DER | openssl dgst -sha256"
            )
    return section(
        "How to reproduce",
        "FILE is the file at the stated path after unpacking: each part of a path that stands "
        'after "!/" lies inside the part before it. Its digest must be the one in the table. '
        "A private key in DER needs -inform DER.",
        commands=commands,
    )


def _sheet(shown: tuple[Finding, ...]) -> Section:
    abouts: dict[str, list[str]] = {}
    for each in shown:
        ids = abouts.setdefault(topic(each), [])
        if parts.finding_id(each) not in ids:
            ids.append(parts.finding_id(each))
    rows = [
        (str(number), f"{about}: {', '.join(ids[:6])}{_more(ids)}", question, "")
        for number, (about, ids, question) in enumerate(
            ((about, ids, question) for about, ids in abouts.items() for question in _QUESTIONS), 1
        )
    ]
    signed = [("answered by", ""), ("function", ""), ("date and signature", "")]
    return section(
        "Question sheet",
        "Answer every line, or say why it cannot be answered." if rows else "No question.",
        tables=[
            table(("no.", "about", "question", "answer"), (1, 5, 5, 6), rows),
            *([table(("", ""), (1, 2), signed)] if rows else []),
        ],
    )


def _more(ids: list[str]) -> str:
    return f" and {len(ids) - 6} more" if len(ids) > 6 else ""
