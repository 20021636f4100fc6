"""CONTRACT's "Verdicts" as rows, and what the tests of a decision share."""

from __future__ import annotations

import msgspec

from fwverify.canonical import make_finding
from fwverify.model import (
    OVERLAYS,
    Analysed,
    Baseline,
    Next,
    SignatureCoverage,
    Stage,
    Subject,
    Verdict,
)
from fwverify.policy.load import load_class
from fwverify.policy.model import (
    BaselineRule,
    Condition,
    Otherwise,
    Rule,
    Signatures,
    Strength,
)
from tests.builders.facts import (
    PROBLEM,
    SIZE,
    compared,
    coverage,
    good_facts,
    placed,
    signature,
    stages,
    unpacked,
    unsigned,
    verified,
    with_unexplained,
)
from tests.builders.profiles import finding, member, sha, subject

ALLOW, REVIEW, INCOMPLETE, DENY = Verdict.ALLOW, Verdict.REVIEW, Verdict.INCOMPLETE, Verdict.DENY
GENERIC = load_class("generic").policy
NEXT = Next(owner="lab", action="look")


def altered(**changes):
    return msgspec.structs.replace(GENERIC, **changes)


NO_BASELINE_NEEDED = altered(baseline=BaselineRule(approved_required=False, reason="a trial"))
NO_SIGNATURE_NEEDED = altered(signatures=Signatures(required=False, reason="never signed"))
SKIPPED = Stage()
INCOMPLETE_STAGE = Stage(status="incomplete", problems=(PROBLEM,))
PATH_BASELINE = Baseline(ref="old.swu", sha256=sha("old"), approved=False)
PROVISIONAL = Baseline(ref="ledger:acme/1", sha256=sha("old"), approved=False)
NO_BASELINE = {"baseline": None, "compared": None, "stages": stages(compare=SKIPPED)}
UNSIGNED_CODE = SignatureCoverage(covered=SIZE - 1, unsigned_executable=1)


def structural(rule):
    return make_finding(rule=rule, path="update.swu", text="said by a stage", severity="info")


def only(rule, **where):
    """Return facts in which a finding is the single sign of ``rule``."""
    return good_facts(verified=verified(findings=(structural(rule),)), **where)


ROWS = [
    # name, facts, policy, verdict, rules of the reasons
    ("all holds", good_facts(), GENERIC, ALLOW, ["allow"]),
    ("no baseline", good_facts(**NO_BASELINE), GENERIC, REVIEW, ["baseline.none"]),
    (
        "no baseline, though none need be approved",
        good_facts(**NO_BASELINE),
        NO_BASELINE_NEEDED,
        REVIEW,
        ["baseline.none"],
    ),
    ("a path", good_facts(baseline=PATH_BASELINE), GENERIC, REVIEW, ["baseline.path"]),
    (
        "a path that says it is approved",
        good_facts(baseline=msgspec.structs.replace(PATH_BASELINE, approved=True)),
        GENERIC,
        REVIEW,
        ["baseline.path"],
    ),
    ("provisional", good_facts(baseline=PROVISIONAL), GENERIC, REVIEW, ["baseline.provisional"]),
    ("a path, accepted", good_facts(baseline=PATH_BASELINE), NO_BASELINE_NEEDED, ALLOW, ["allow"]),
    (
        "provisional, accepted",
        good_facts(baseline=PROVISIONAL),
        NO_BASELINE_NEEDED,
        ALLOW,
        ["allow"],
    ),
    ("unsigned", good_facts(verified=unsigned()), GENERIC, DENY, ["trust.unsigned"]),
    (
        "unsigned, though said to be satisfied",
        good_facts(verified=unsigned(satisfied=True)),
        GENERIC,
        DENY,
        ["trust.unsigned"],
    ),
    (
        "unsigned, accepted with a reason",
        good_facts(verified=unsigned()),
        NO_SIGNATURE_NEEDED,
        REVIEW,
        ["trust.unsigned"],
    ),
    (
        "no rule",
        good_facts(verified=verified(rule=None, satisfied=False)),
        GENERIC,
        DENY,
        ["trust.no_rule"],
    ),
    (
        "no rule, though said to be satisfied",
        good_facts(verified=verified(rule=None)),
        GENERIC,
        DENY,
        ["trust.no_rule"],
    ),
    (
        "no rule, accepted with a reason",
        good_facts(verified=verified(rule=None, satisfied=False)),
        NO_SIGNATURE_NEEDED,
        REVIEW,
        ["trust.no_rule"],
    ),
    (
        "neither signed nor ruled, accepted, code uncovered",
        good_facts(
            verified=unsigned(rule=None, coverage=SignatureCoverage(unsigned_executable=SIZE))
        ),
        NO_SIGNATURE_NEEDED,
        REVIEW,
        ["trust.no_rule", "coverage.unsigned_executable", "trust.unsigned"],
    ),
    (
        "rule not satisfied",
        good_facts(verified=verified(signature(trusted="fail"), satisfied=False)),
        GENERIC,
        DENY,
        ["trust.unsatisfied"],
    ),
    (
        "rule not satisfied helps no one",
        good_facts(verified=verified(signature(trusted="fail"), satisfied=False)),
        NO_SIGNATURE_NEEDED,
        DENY,
        ["trust.unsatisfied"],
    ),
    (
        "rule not satisfied and nothing failed",
        good_facts(verified=verified(satisfied=False)),
        GENERIC,
        DENY,
        ["trust.unsatisfied"],
    ),
    (
        "only unverifiable",
        good_facts(verified=verified(signature(trusted="unverifiable"), satisfied=False)),
        GENERIC,
        INCOMPLETE,
        ["signature.unverifiable", "trust.unsatisfied"],
    ),
    (
        "unverifiable, and the stage says that the rule is not satisfied",
        good_facts(
            verified=verified(
                signature(trusted="unverifiable"),
                satisfied=False,
                findings=(structural("trust.unsatisfied"),),
            )
        ),
        GENERIC,
        DENY,
        ["trust.unsatisfied", "signature.unverifiable"],
    ),
    (
        "unverifiable and failed",
        good_facts(
            verified=verified(
                signature(trusted="unverifiable"), signature(trusted="fail"), satisfied=False
            )
        ),
        GENERIC,
        DENY,
        ["trust.unsatisfied", "signature.unverifiable"],
    ),
    (
        "one unverifiable beside a good one",
        good_facts(verified=verified(signature(), signature(fresh="unverifiable"))),
        GENERIC,
        INCOMPLETE,
        ["signature.unverifiable"],
    ),
    (
        "known bad key",
        good_facts(verified=verified(signature(known_bad="AOSP testkey"))),
        GENERIC,
        DENY,
        ["signature.known_bad"],
    ),
    (
        "known bad key, signing not required",
        good_facts(verified=verified(signature(known_bad="AOSP testkey"))),
        NO_SIGNATURE_NEEDED,
        DENY,
        ["signature.known_bad"],
    ),
    (
        "weak",
        good_facts(verified=verified(signature(strong="fail"), satisfied=False)),
        GENERIC,
        DENY,
        ["signature.weak", "trust.unsatisfied"],
    ),
    (
        "weak beside a strong one",
        good_facts(verified=verified(signature(), signature(strong="fail"))),
        GENERIC,
        REVIEW,
        ["signature.weak"],
    ),
    (
        "invalid beside a good one",
        good_facts(verified=verified(signature(), signature(authentic="fail"))),
        GENERIC,
        DENY,
        ["signature.invalid"],
    ),
    (
        "rolled back",
        good_facts(verified=verified(signature(fresh="fail"))),
        GENERIC,
        DENY,
        ["signature.not_fresh"],
    ),
    (
        "attested",
        good_facts(verified=verified(signature(authentic="attested"))),
        GENERIC,
        REVIEW,
        ["signature.attested"],
    ),
    (
        "not applicable is no fault",
        good_facts(verified=verified(signature(fresh="not-applicable"))),
        GENERIC,
        ALLOW,
        ["allow"],
    ),
    (
        "uncovered code",
        good_facts(verified=verified(coverage=UNSIGNED_CODE)),
        GENERIC,
        DENY,
        ["coverage.unsigned_executable"],
    ),
    (
        "uncovered code below a satisfied rule is not excused",
        good_facts(verified=verified(coverage=UNSIGNED_CODE)),
        NO_SIGNATURE_NEEDED,
        DENY,
        ["coverage.unsigned_executable"],
    ),
    (
        "unsigned steering bytes",
        good_facts(verified=verified(coverage=SignatureCoverage(covered=SIZE - 4, steering=4))),
        GENERIC,
        REVIEW,
        ["coverage.steering"],
    ),
    (
        "signature coverage loses a byte",
        good_facts(verified=verified(coverage=SignatureCoverage(covered=SIZE - 1))),
        GENERIC,
        INCOMPLETE,
        ["coverage.unaccounted"],
    ),
    ("ad hoc key", good_facts(ad_hoc=("--key",)), GENERIC, REVIEW, ["ad_hoc.option"]),
    ("ad hoc rule", good_facts(verified=verified(ad_hoc=True)), GENERIC, REVIEW, ["ad_hoc.option"]),
    (
        "trust store not configured",
        good_facts(trust_is_configured=False),
        GENERIC,
        REVIEW,
        ["trust.not_configured"],
    ),
    (
        "policy not configured",
        good_facts(policy_is_configured=False),
        GENERIC,
        REVIEW,
        ["policy.not_configured"],
    ),
    (
        "floors that nothing was held to",
        good_facts(policy_strength_applied=False),
        altered(strength=Strength(digests=("sha512",))),
        INCOMPLETE,
        ["policy.strength_ignored"],
    ),
    (
        "no floors of its own",
        good_facts(policy_strength_applied=False),
        GENERIC,
        ALLOW,
        ["allow"],
    ),
    (
        "a node left open",
        good_facts(unpacked=unpacked(placed(complete=False))),
        GENERIC,
        INCOMPLETE,
        ["unpack.incomplete"],
    ),
    (
        "high entropy",
        good_facts(unpacked=with_unexplained(50, 7200)),
        GENERIC,
        INCOMPLETE,
        ["unpack.high_entropy", "unpack.unexplained"],
    ),
    (
        "just below high entropy",
        good_facts(unpacked=with_unexplained(50, 7199)),
        GENERIC,
        REVIEW,
        ["unpack.unexplained"],
    ),
    (
        "just above the policy's bound",
        good_facts(unpacked=with_unexplained(50)),
        altered(unexplained_max_bytes=49),
        INCOMPLETE,
        ["unpack.unexplained"],
    ),
    (
        "at the policy's bound",
        good_facts(unpacked=with_unexplained(50)),
        altered(unexplained_max_bytes=50),
        REVIEW,
        ["unpack.unexplained"],
    ),
    (
        "a lowered entropy bound",
        good_facts(unpacked=with_unexplained(1, 300)),
        altered(unexplained_max_bytes=1000, unexplained_entropy_milli=300),
        INCOMPLETE,
        ["unpack.high_entropy", "unpack.unexplained"],
    ),
    (
        "node bytes in no class",
        good_facts(unpacked=unpacked(placed(cover=coverage(parsed=SIZE - 1)))),
        GENERIC,
        INCOMPLETE,
        ["unpack.unaccounted"],
    ),
    (
        "submitted bytes in no class",
        good_facts(unpacked=unpacked(cover=coverage(parsed=SIZE + 1))),
        GENERIC,
        INCOMPLETE,
        ["unpack.unaccounted"],
    ),
    (
        "unexplained only in the total",
        good_facts(unpacked=unpacked(cover=coverage(unexplained=3))),
        GENERIC,
        REVIEW,
        ["unpack.unexplained"],
    ),
    (
        "an empty update",
        good_facts(
            subject=subject(member(size=0)),
            unpacked=unpacked(cover=coverage(parsed=0)),
            verified=verified(coverage=SignatureCoverage()),
        ),
        GENERIC,
        INCOMPLETE,
        ["unpack.empty"],
    ),
    (
        "no members",
        good_facts(
            subject=Subject(kind="set", name="s", sha256=sha(""), size=SIZE, members=()),
        ),
        GENERIC,
        INCOMPLETE,
        ["unpack.empty"],
    ),
    (
        "no nodes",
        good_facts(unpacked=msgspec.structs.replace(unpacked(), nodes=())),
        GENERIC,
        INCOMPLETE,
        ["unpack.empty"],
    ),
    (
        "incomplete never masks DENY",
        good_facts(unpacked=unpacked(placed(complete=False)), verified=unsigned()),
        GENERIC,
        DENY,
        ["trust.unsigned", "unpack.incomplete"],
    ),
    (
        "review never masks incomplete",
        good_facts(unpacked=unpacked(placed(complete=False)), ad_hoc=("--policy",)),
        GENERIC,
        INCOMPLETE,
        ["unpack.incomplete", "ad_hoc.option"],
    ),
    (
        "a finding that was not handed over",
        good_facts(analysed=Analysed(findings=(finding(),)), findings=()),
        GENERIC,
        INCOMPLETE,
        ["decide.findings_lost"],
    ),
]
STAGE_NAMES = ("intake", "unpack", "verify", "analyse", "compare")
for _name in STAGE_NAMES:
    ROWS += [
        (
            f"{_name} incomplete",
            good_facts(stages=stages(**{_name: INCOMPLETE_STAGE})),
            GENERIC,
            INCOMPLETE,
            [f"stage.incomplete.{_name}"],
        ),
        (
            f"{_name} incomplete without saying why",
            good_facts(stages=stages(**{_name: Stage(status="incomplete")})),
            GENERIC,
            INCOMPLETE,
            [f"stage.incomplete.{_name}"],
        ),
        (
            f"{_name} complete with a problem",
            good_facts(stages=stages(**{_name: Stage(status="complete", problems=(PROBLEM,))})),
            GENERIC,
            INCOMPLETE,
            [f"stage.incomplete.{_name}"],
        ),
        (
            f"{_name} skipped",
            good_facts(stages=stages(**{_name: SKIPPED})),
            GENERIC,
            INCOMPLETE,
            [f"stage.skipped.{_name}"],
        ),
    ]


def with_findings(*found, known=(), case=None):
    return good_facts(
        case=case,
        analysed=Analysed(findings=tuple(found)),
        compared=compared(known=[each.fingerprint for each in known]),
    )


TELNET = finding()


def rule(rule_id="r", verdict="DENY", overlays=OVERLAYS, over="finding", **condition):
    fields = {"field": "rule", "op": "equals", "value": TELNET.rule}
    return Rule(
        id=rule_id,
        overlays=overlays,
        when=(Condition(**(fields | condition)),),
        verdict=verdict,
        text="a test rule",
        next=NEXT,
        over=over,
    )


LAX = Otherwise(at_least="medium", verdict="REVIEW", next=NEXT)
