"""With what a command answers: store, workers, rules, trust, policy, baseline, ledger.

Guarantees: only what the wanted stages need is read; a store without the signatures that
the configuration asks for decides nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify.cli.common import Options, announce, configuration, moment, trace

if TYPE_CHECKING:
    from datetime import datetime

    from fwverify.analyse.rules import RuleSet
    from fwverify.case import Case
    from fwverify.compare.revoked import Revoked
    from fwverify.config import Config
    from fwverify.ledger.model import Entry
    from fwverify.ledger.rxswin import RxswinEntry
    from fwverify.model import Report, StageName, Waiver
    from fwverify.pipeline import Known, Means
    from fwverify.policy.model import LoadedPolicy
    from fwverify.secrets import Secrets
    from fwverify.store import Store
    from fwverify.suppliers.register import Register
    from fwverify.trust_listing import NamedTrust
    from fwverify.verify.trust import TrustStore

LEDGER_PREFIX = "ledger:"


@contextlib.contextmanager
def means(
    options: Options,
    case: Case | None,
    wanted: frozenset[StageName] | None = None,
    at: datetime | None = None,
) -> Iterator[Means]:
    """Yield everything the pipeline works with, and end the workers afterwards.

    ``wanted`` are the stages that will run, all where it is None: rules, trust and policy
    that none of them needs are not read, or only as far as the report names them. ``at`` is
    the moment for which the policy's dated floors and the waivers count, now where None.
    """
    import tempfile

    from fwverify import early

    with contextlib.ExitStack() as stack:
        forker = early.forker()  # it loads the parsers while the rest is loaded here
        stack.callback(forker.close)
        from fwverify.workers import Pool

        config = configuration()
        secrets = _secrets(options)
        jobs = options.jobs or len(os.sched_getaffinity(0))
        folder = config.store
        if options.no_cache:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fwverify-")))
        twice = wanted is None or "compare" in wanted  # the baseline has much of the update
        store = _store(folder, keep_results=twice or not options.no_cache, passing=options.no_cache)
        pool = stack.enter_context(
            Pool(jobs, config.limits.memory_bytes, (str(store.root),), early.PRELOAD, forker)
        )
        from fwverify.pipeline import EVERY_STAGE, Means
        from fwverify.unpack.given import Given

        stages, when = EVERY_STAGE if wanted is None else wanted, at or moment(None)
        policy = _policy(options, case, config, stages)
        trust = _trust(options, config, policy, stages, when)
        yield Means(
            store=store,
            pool=pool,
            limits=config.limits,
            rules=_rules(options, config, stages),
            trust=trust,
            rule=(rule := _rule(options, case, trust) if "verify" in stages else None),
            accepted=_accepted(options, case, rule),
            revoked=_revoked(options, config, stages, when),
            register=_register(options, case, config, stages),
            waivers=_waivers(options, case, config, stages, when),
            policy=policy,
            config_sha256=config.sha256,
            ad_hoc=options.ad_hoc(config.engine),
            suppliers=_suppliers(config, stages),
            given=Given(secrets=secrets.secrets),
            announce=announce,
            trace=trace,
        )


def _rules(options: Options, config: Config, stages: frozenset[StageName]) -> RuleSet:
    """Return the rules, compiled where something is analysed."""
    from fwverify.analyse.rules import load_rules

    engine = options.engine or config.engine
    return load_rules((*config.rules, *options.rules), engine, compiled="analyse" in stages)


def _policy(
    options: Options, case: Case | None, config: Config, stages: frozenset[StageName]
) -> LoadedPolicy | None:
    """Return the policy in force; None where nothing is verified or decided under it."""
    if not stages & {"verify", "decide"}:
        return None
    from fwverify.analyse.taxonomy import CAPABILITIES
    from fwverify.policy.load import select_policy

    return select_policy(
        case.class_name if case else "generic",
        config.policies,
        options.policy,
        tuple(capability.id for capability in CAPABILITIES),
        case.context.profile if case and case.context else None,
    )


def _trust(
    options: Options,
    config: Config,
    policy: LoadedPolicy | None,
    stages: frozenset[StageName],
    at: datetime,
) -> TrustStore | NamedTrust:
    """Return the trust store with the policy's floors at ``at``, or by its digest alone."""
    folder = options.trust or config.trust
    if policy is None or "verify" not in stages:
        from fwverify.trust_listing import name_trust

        return name_trust(folder)
    from fwverify.keyring.signing import require
    from fwverify.policy.situation import strength_on
    from fwverify.verify.trust import load_trust, with_floors

    floors = strength_on(policy.policy, at.astimezone(UTC).date().isoformat())
    in_force = load_trust(folder)
    if options.trust is None:
        needed = config.signatures_required
        require(config.trust, in_force, config.signers, needed, moment(None), config.people)
    return with_floors(
        in_force,
        min_rsa_bits=floors.min_rsa_bits,
        min_ec_bits=floors.min_ec_bits,
        digests=floors.digests,
    )


def _suppliers(config: Config, stages: frozenset[StageName]) -> Register | None:
    """Return the supplier register where one is configured and something is decided."""
    if config.suppliers is None or "decide" not in stages:
        return None
    from fwverify.suppliers.register import load_register

    return load_register(config.suppliers)


def _secrets(options: Options) -> Secrets:
    """Return what the secret files hold, and warn where others can read them."""
    from fwverify.secrets import load_secrets

    loaded = load_secrets(options.secrets)
    for warning in loaded.warnings:
        click.echo(f"fwverify: warning: {warning}", err=True)
    return loaded


def _store(folder: Path, *, keep_results: bool, passing: bool) -> Store:
    """Return the store in ``folder``; raises ``InputFileError`` where it cannot be written."""
    from fwverify.store import Store
    from fwverify.strict import InputFileError

    try:
        return Store(folder, keep_results=keep_results, passing=passing)
    except OSError as error:
        why = f"{error.strerror} (the cache; set paths.store, or use --no-cache)"
        raise InputFileError(folder, None, "", why) from error


def _rule(options: Options, case: Case | None, trust: Any) -> Any:
    from fwverify.verify.trust import ad_hoc_rule, select_rule

    if options.keys or options.anchors:
        return ad_hoc_rule(options.keys, options.anchors)
    if case is None:
        return None
    return select_rule(trust, case.vendor, case.product)


def _accepted(options: Options, case: Case | None, rule: Any) -> Any:
    """Return the ledger's highest accepted values where the rule asks; none without a ledger."""
    if rule is None or rule.rollback_field is None or case is None:
        return ()
    from fwverify.ledger.schema import is_absent

    url = options.ledger or configuration().ledger_url
    if is_absent(url):
        return ()
    with open_ledger(url) as ledger:
        return ledger.highest(case.vendor, case.product)


def _register(
    options: Options, case: Case | None, config: Config, stages: frozenset[StageName]
) -> tuple[RxswinEntry, ...]:
    """Return the RXSWIN register of the product; none without a number in the case."""
    if "decide" not in stages or case is None or case.rxswin is None:
        return ()
    from fwverify.ledger.schema import is_absent

    url = options.ledger or config.ledger_url
    if is_absent(url):
        return ()
    with open_ledger(url) as ledger:
        found: tuple[RxswinEntry, ...] = ledger.rxswin(case.vendor, case.product)
    return found


def _revoked(
    options: Options, config: Config, stages: frozenset[StageName], at: datetime
) -> tuple[Revoked, ...]:
    """Return what is revoked at ``at``; nothing without a ledger, or where nothing is decided."""
    url = options.ledger or config.ledger_url
    file = url.removeprefix("sqlite:///")
    absent = file != url and "?" not in file and not Path(file).exists()
    if "decide" not in stages or absent:  # told without loading what reads databases
        return ()
    from fwverify.ledger.schema import is_absent

    if is_absent(url):
        return ()
    from fwverify.release.kept import revoked_updates

    with open_ledger(url) as ledger:
        return revoked_updates(ledger, at)


def _waivers(
    options: Options, case: Case | None, config: Config, stages: frozenset[StageName], at: datetime
) -> Callable[[str], tuple[Waiver, ...]]:
    """Return what gives the waivers in force; none without people whose signatures count."""
    url = options.ledger or config.ledger_url
    if "decide" not in stages or case is None or not config.people:
        return lambda _: ()
    from fwverify.ledger.schema import is_absent

    if is_absent(url):
        return lambda _: ()
    from fwverify.pipeline import format_time
    from fwverify.release import kept
    from fwverify.release.waivers import in_force

    with open_ledger(url) as ledger:
        known = kept.read(ledger)
    if not known.waivers:
        return lambda _: ()
    return lambda sha256: in_force(known, config.people, format_time(at), sha256, case)


def with_baseline(
    current: Means,
    reference: str | None,
    options: Options,
    case: Case | None,
    at: datetime,
    *,
    onboarded: bool,
) -> Means:
    """Return ``current`` with the baseline that ``reference`` names, analysed or looked up.

    ``onboarded`` says that the product was onboarded.
    """
    from dataclasses import replace

    if reference is None:
        return current
    if reference.startswith(LEDGER_PREFIX):
        known = _approved(reference.removeprefix(LEDGER_PREFIX), options.ledger, case, at)
    else:
        known = _analysed(Path(reference), current, at)
    return replace(current, known=replace(known, onboarded=onboarded))


def _analysed(path: Path, current: Means, at: datetime) -> Known:
    from fwverify.model import Baseline
    from fwverify.pipeline import Known, Question, profile

    if not path.exists():
        raise click.UsageError(f"--baseline {path}: no such file or folder")
    kept = profile(Question(updates=(path,), at=at), current)
    for each in current.revoked:
        if each.sha256 == kept.subject.sha256:
            what = f"is {each.ref}, which was" if each.ref else "was"
            raise click.UsageError(f"--baseline {path} {what} revoked {each.why}")
    baseline = Baseline(ref=path.name, sha256=kept.subject.sha256, approved=False)
    return Known(baseline, kept, approval_void=False)


def _approved(ref: str, url: str | None, case: Case | None, at: datetime) -> Known:
    """Return the ledger's baseline ``ref`` for the product and context of ``case``.

    An approval is bound to its deployment context: in another one it is void, and the
    baseline counts as not approved. Another product's baseline is misuse.
    """
    import msgspec

    from fwverify.ledger.model import checked_labels
    from fwverify.pipeline import Known

    with open_ledger(url) as ledger:
        stored = ledger.get(ref, at)
    entry = stored.entry
    asked = (case.vendor, case.product) if case else ("", "")
    recorded = checked_labels(*asked) if case else asked
    if recorded != (entry.vendor, entry.product):
        raise click.UsageError(
            f"--baseline {LEDGER_PREFIX}{ref} is of {entry.vendor} {entry.product}, "
            f"the update is of {' '.join(asked).strip() or 'no vendor and product (see --case)'}"
        )
    context = case.context_sha256 if case else None
    same = entry.context_sha256 == context
    whole = stored.baseline.approved and _promoted(entry, at)
    baseline = msgspec.structs.replace(stored.baseline, approved=whole and same)
    return Known(baseline, stored.profile, approval_void=whole and not same)


def stands(ledger: Any, entry: Entry, at: datetime) -> bool:
    """Return whether ``entry`` is approved at ``at``, and promoted where it was onboarded."""
    approved: bool = ledger.standing(entry, at).state == "approved"
    return approved and _promoted(entry, at)


def _promoted(entry: Entry, at: datetime) -> bool:
    """Return whether a baseline that comes from an onboarding was promoted as it is now."""
    from fwverify.ledger.approvals import promoted
    from fwverify.onboarding import place
    from fwverify.pipeline import format_time

    if not place.is_onboarded(entry.ref):
        return True
    config = configuration()
    found = place.load(place.folder_of(config.onboarding, entry.vendor, entry.product))
    sealed = found.sealed if found is not None and found.record.ref == entry.ref else None
    return promoted(entry, config.people, format_time(at), sealed)


def open_ledger(url: str | None, *, create: bool = False, upgrading: bool = False) -> Any:
    """Return the ledger of ``--ledger`` or of the configuration, with its registered people."""
    from fwverify.ledger import Ledger

    config = configuration()
    return Ledger(
        url or config.ledger_url, create=create, people=config.people, upgrading=upgrading
    )


def record(report: Report, reference: str | None, url: str | None, *, always: bool = False) -> None:
    """Append the verdict to the run log of the ledger that the baseline came from.

    ``always`` records one without such a baseline, too: a release rests on recorded ones.

    A log that cannot be written is said aloud and changes no verdict: a gate may hold
    a ledger that it can only read.
    """
    from fwverify.ledger import Ledger, LedgerError
    from fwverify.ledger.model import VerdictEntry

    from_ledger = reference is not None and reference.startswith(LEDGER_PREFIX)
    if report.verdict is None or not (from_ledger or always):
        return
    entry = VerdictEntry(
        at=report.at,
        subject_sha256=report.subject.sha256,
        verdict=report.verdict,
        core_sha256=report.core_sha256,
        baseline=reference,
        digests=report.digests,
        case=report.case,
    )
    try:
        with Ledger(url or configuration().ledger_url, create=always) as ledger:
            ledger.log_verdict(entry)
    except LedgerError as error:
        click.echo(f"fwverify: the verdict was not recorded in the ledger: {error}", err=True)
