"""What the commands share: options, means, errors, output."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from fwverify import exit_codes

if TYPE_CHECKING:
    from fwverify.analyse.values import Engine
    from fwverify.case import Case
    from fwverify.config import Config
    from fwverify.model import Report, StageName
    from fwverify.pipeline import Known, Means
    from fwverify.policy.model import LoadedPolicy
    from fwverify.secrets import Secrets
    from fwverify.store import Store
    from fwverify.trust_listing import NamedTrust
    from fwverify.verify.trust import TrustStore

Command = TypeVar("Command", bound=Callable[..., Any])

_PRELOAD = ("fwverify.unpack.opening:prepare",)
"""What every worker needs, whatever is asked."""

LEDGER_PREFIX = "ledger:"

FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class Options:
    """The per-run options of CONTRACT that steer a result; all but case facts are ad hoc."""

    case: Path | None = None
    class_name: str | None = None
    vendor: str | None = None
    product: str | None = None
    trust: Path | None = None
    anchors: tuple[Path, ...] = ()
    keys: tuple[Path, ...] = ()
    rules: tuple[Path, ...] = ()
    engine: Engine | None = None
    policy: Path | None = None
    ledger: str | None = None
    jobs: int | None = None
    no_cache: bool = False
    secrets: tuple[Path, ...] = ()
    plaintexts: tuple[Path, ...] = ()
    used: tuple[str, ...] = field(default=())

    def ad_hoc(self, engine: str = "both") -> tuple[str, ...]:
        """Return the names of the ad hoc options given, sorted.

        ``engine`` is the configured one: asking for another is ad hoc, asking for both is
        only stricter.
        """
        given = {
            "--anchor": self.anchors,
            "--engine": self.engine not in (None, engine, "both"),
            "--key": self.keys,
            "--ledger": self.ledger,
            "--policy": self.policy,
            "--rules": self.rules,
            "--trust": self.trust,
        }
        return tuple(sorted(name for name, value in given.items() if value))


def trust_options(command: Command) -> Command:
    """Add the options that choose keys and trust."""
    for option in (
        click.option("--trust", type=FILE, metavar="DIR", help="Trust store (ad hoc)."),
        click.option(
            "--anchor",
            "anchors",
            type=FILE,
            multiple=True,
            metavar="FILE",
            help="Certificates and CRLs to anchor trust in (ad hoc).",
        ),
        click.option(
            "--key",
            "keys",
            type=FILE,
            multiple=True,
            metavar="FILE",
            help="Public key: PEM, OpenSSH, minisign, raw, OpenPGP (ad hoc).",
        ),
        click.option(
            "--signature",
            "signatures",
            type=FILE,
            multiple=True,
            metavar="FILE",
            help="Detached signature of the update.",
        ),
        click.option("--at", metavar="RFC3339", help="Judge as of this time (default: now)."),
    ):
        command = option(command)
    return command


def subject_options(command: Command) -> Command:
    """Add the options that say what the update is for."""
    for option in (
        click.option("--case", type=FILE, metavar="FILE", help="Case file (TOML)."),
        click.option("--class", "class_name", metavar="CLASS", help="Product class."),
        click.option("--vendor", metavar="NAME", help="Vendor, as in the trust store."),
        click.option("--product", metavar="NAME", help="Product, as in the trust store."),
    ):
        command = option(command)
    return command


def rules_options(command: Command) -> Command:
    """Add the options that say which rules are looked for, and by what."""
    for option in (
        click.option(
            "--rules", type=FILE, multiple=True, metavar="DIR", help="More rules (ad hoc)."
        ),
        click.option(
            "--engine",
            type=click.Choice(["yara-python", "yara-x", "both"]),
            help="What matches the rules (default: as configured).",
        ),
    ):
        command = option(command)
    return command


def second_option(command: Command) -> Command:
    """Add the option that asks another engine, too."""
    return click.option(
        "--second-opinion",
        "second",
        type=click.Choice(["unblob"]),
        help="Unpack with this engine, too, and say what only one of them found.",
    )(command)


def secret_options(command: Command) -> Command:
    """Add the options that open what is encrypted; they steer no verdict."""
    for option in (
        click.option(
            "--secret",
            "secrets",
            type=FILE,
            multiple=True,
            metavar="FILE",
            help="Passwords and keys of encrypted content (TOML).",
        ),
        click.option(
            "--plaintext",
            "plaintexts",
            type=FILE,
            multiple=True,
            metavar="FILE",
            help="What an encrypted member is said to hold.",
        ),
    ):
        command = option(command)
    return command


def run_options(command: Command) -> Command:
    """Add the options of every command that prints a report."""
    for option in (
        click.option(
            "--format",
            "output",
            type=click.Choice(["text", "json"]),
            default="text",
            help="What to print on standard output.",
        ),
        click.option("--exit-zero", is_flag=True, help="Exit 0 instead of 3, 4 or 5."),
    ):
        command = option(command)
    return work_options(command)


def work_options(command: Command) -> Command:
    """Add the options that say how the work is done."""
    for option in (
        click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="Worker processes."),
        click.option("--no-cache", is_flag=True, help="Read and keep no cached results."),
    ):
        command = option(command)
    return command


def at_option(command: Command) -> Command:
    """Add ``--at`` to a command that has no trust options."""
    return click.option("--at", metavar="RFC3339", help="The time that the report states.")(command)


def moment(text: str | None) -> datetime:
    """Return the time of ``--at``, or now, in whole seconds.

    This is the only clock that reaches a result, and it is recorded there.
    """
    from datetime import UTC

    from fwverify.pipeline import parse_time

    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return parse_time(text)
    except ValueError as error:
        raise click.BadParameter(f"{text}: not an RFC 3339 time", param_hint="--at") from error


def configuration() -> Config:
    """Return the configuration that the group's ``--config`` names."""
    from fwverify.config import load_config

    return load_config(click.get_current_context().find_root().obj)


def read_case(options: Options) -> Case | None:
    """Return the case, checked against the options; None where neither is given.

    Raises ``click.UsageError`` where an option contradicts the case file.
    """
    from fwverify.case import Case, load_case

    if options.case is None:
        if options.vendor is None and options.product is None and options.class_name is None:
            return None
        return Case(
            schema="fwverify.case/1",
            vendor=options.vendor or "",
            product=options.product or "",
            class_name=options.class_name or "generic",
        )
    case = load_case(options.case)
    for name, said, given in (
        ("--vendor", case.vendor, options.vendor),
        ("--product", case.product, options.product),
        ("--class", case.class_name, options.class_name),
    ):
        if given is not None and given != said:
            raise click.UsageError(f"{name} {given} contradicts the case, which says {said}")
    return case


@contextlib.contextmanager
def means(
    options: Options, case: Case | None, wanted: frozenset[StageName] | None = None
) -> Iterator[Means]:
    """Yield everything the pipeline works with, and end the workers afterwards.

    ``wanted`` are the stages that will run, all where it is None: rules, trust and policy
    that none of them needs are not read, or only as far as the report names them.
    """
    import tempfile

    from fwverify.forked import Forker

    with contextlib.ExitStack() as stack:
        forker = Forker(_PRELOAD)  # it loads the parsers while the rest is loaded here
        stack.callback(forker.close)
        from fwverify.workers import Pool

        config = configuration()
        secrets = _secrets(options)
        jobs = options.jobs or len(os.sched_getaffinity(0))
        folder = config.store
        if options.no_cache:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fwverify-")))
        twice = wanted is None or "compare" in wanted  # the baseline has much of the update
        store = _store(folder, keep_results=twice or not options.no_cache)
        pool = stack.enter_context(
            Pool(jobs, config.limits.memory_bytes, (str(store.root),), _PRELOAD, forker)
        )
        from fwverify.analyse.rules import load_rules
        from fwverify.pipeline import EVERY_STAGE, Means
        from fwverify.unpack.given import Given

        stages = EVERY_STAGE if wanted is None else wanted
        policy = _policy(options, case, config, stages)
        trust = _trust(options, config, policy, stages)
        yield Means(
            store=store,
            pool=pool,
            limits=config.limits,
            rules=load_rules(
                (*config.rules, *options.rules),
                options.engine or config.engine,
                compiled="analyse" in stages,
            ),
            trust=trust,
            rule=(rule := _rule(options, case, trust) if "verify" in stages else None),
            accepted=_accepted(options, case, rule),
            policy=policy,
            config_sha256=config.sha256,
            ad_hoc=options.ad_hoc(config.engine),
            given=Given(secrets=secrets.secrets),
            announce=announce,
            trace=trace,
        )


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
    )


def _trust(
    options: Options, config: Config, policy: LoadedPolicy | None, stages: frozenset[StageName]
) -> TrustStore | NamedTrust:
    """Return the trust store with the policy's floors, or by its digest alone."""
    folder = options.trust or config.trust
    if policy is None or "verify" not in stages:
        from fwverify.trust_listing import name_trust

        return name_trust(folder)
    from fwverify.keyring.signing import require
    from fwverify.verify.trust import load_trust, with_floors

    floors = policy.policy.strength
    in_force = load_trust(folder)
    if options.trust is None:
        needed = config.signatures_required
        require(config.trust, in_force, config.signers, needed, moment(None))
    return with_floors(
        in_force,
        min_rsa_bits=floors.min_rsa_bits,
        min_ec_bits=floors.min_ec_bits,
        digests=floors.digests,
    )


def _secrets(options: Options) -> Secrets:
    """Return what the secret files hold, and warn where others can read them."""
    from fwverify.secrets import load_secrets

    loaded = load_secrets(options.secrets)
    for warning in loaded.warnings:
        click.echo(f"fwverify: warning: {warning}", err=True)
    return loaded


def _store(folder: Path, *, keep_results: bool) -> Store:
    """Return the store in ``folder``; raises ``InputFileError`` where it cannot be written."""
    from fwverify.store import Store
    from fwverify.strict import InputFileError

    try:
        return Store(folder, keep_results=keep_results)
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
    from fwverify.ledger.schema import is_absent

    if rule is None or rule.rollback_field is None or case is None:
        return ()
    url = options.ledger or configuration().ledger_url
    if is_absent(url):
        return ()
    with open_ledger(url) as ledger:
        return ledger.highest(case.vendor, case.product)


def with_baseline(
    current: Means, reference: str | None, options: Options, case: Case | None, at: datetime
) -> Means:
    """Return ``current`` with the baseline that ``reference`` names, analysed or looked up."""
    from dataclasses import replace

    if reference is None:
        return current
    if reference.startswith(LEDGER_PREFIX):
        known = _approved(reference.removeprefix(LEDGER_PREFIX), options.ledger, case)
    else:
        known = _analysed(Path(reference), current, at)
    return replace(current, known=known)


def _analysed(path: Path, current: Means, at: datetime) -> Known:
    from fwverify.model import Baseline
    from fwverify.pipeline import Known, Question, profile

    if not path.exists():
        raise click.UsageError(f"--baseline {path}: no such file or folder")
    kept = profile(Question(updates=(path,), at=at), current)
    return Known(Baseline(ref=path.name, sha256=kept.subject.sha256, approved=False), kept)


def _approved(ref: str, url: str | None, case: Case | None) -> Known:
    """Return the ledger's baseline ``ref`` for the product and context of ``case``.

    An approval is bound to its deployment context: in another one it is void, and the
    baseline counts as not approved. Another product's baseline is misuse.
    """
    import msgspec

    from fwverify.pipeline import Known

    with open_ledger(url) as ledger:
        stored = ledger.get(ref)
    entry = stored.entry
    asked = (case.vendor, case.product) if case else ("", "")
    if asked != (entry.vendor, entry.product):
        raise click.UsageError(
            f"--baseline {LEDGER_PREFIX}{ref} is of {entry.vendor} {entry.product}, "
            f"the update is of {' '.join(asked).strip() or 'no vendor and product'}"
        )
    context = case.context_sha256 if case else None
    approved = stored.baseline.approved and entry.context_sha256 == context
    return Known(msgspec.structs.replace(stored.baseline, approved=approved), stored.profile)


def open_ledger(url: str | None, *, create: bool = False) -> Any:
    """Return the ledger of ``--ledger`` or of the configuration."""
    from fwverify.ledger import Ledger

    return Ledger(url or configuration().ledger_url, create=create)


def record(report: Report, reference: str | None, url: str | None) -> None:
    """Append the verdict to the run log of the ledger that the baseline came from.

    A log that cannot be written is said aloud and changes no verdict: a gate may hold
    a ledger that it can only read.
    """
    from fwverify.ledger import LedgerError
    from fwverify.ledger.model import VerdictEntry

    if reference is None or not reference.startswith(LEDGER_PREFIX) or report.verdict is None:
        return
    entry = VerdictEntry(
        at=report.at,
        subject_sha256=report.subject.sha256,
        verdict=report.verdict,
        core_sha256=report.core_sha256,
        baseline=reference,
        digests=report.digests,
    )
    try:
        with open_ledger(url) as ledger:
            ledger.log_verdict(entry)
    except LedgerError as error:
        click.echo(f"fwverify: the verdict was not recorded in the ledger: {error}", err=True)


def announce(stage: str) -> None:
    """Name the stage that begins, on standard error where that is a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{stage} …", err=True, nl=False)
        if stage == "decide":
            click.echo("\r\x1b[K", err=True, nl=False)


def trace(text: str) -> None:
    """Show a failed stage's traceback where the operator asked for it."""
    if os.environ.get("FWVERIFY_TRACE"):
        click.echo(text, err=True)


def finish(code: int, exit_zero: bool) -> None:
    """Exit with ``code``, softened where asked for."""
    softened = exit_zero and code in exit_codes.SOFTENED
    click.get_current_context().exit(exit_codes.OK if softened else code)


class Render(Protocol):
    """What lays a report out for a screen of a given size."""

    def __call__(self, report: Report, /, *, width: int, height: int) -> str:
        """Return the text."""
        ...


def print_report(report: Report, output: str, render: Render) -> None:
    """Print ``report`` as JSON or as ``render`` shows it on this terminal.

    ``COLUMNS`` and ``LINES`` say otherwise; without a terminal it is one of 80 by 24.
    """
    from fwverify.canonical import canonical_json

    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    if output == "json":
        sys.stdout.buffer.write(canonical_json(report) + b"\n")
        sys.stdout.buffer.flush()
    else:
        from fwverify.report.text import for_encoding

        size = shutil.get_terminal_size((80, 24))
        text = render(report, width=size.columns, height=size.lines)
        click.echo(for_encoding(text, sys.stdout.encoding), nl=False)


def report_error(error: Exception) -> int:
    """Print one line for ``error`` and return the exit code."""
    if isinstance(error, click.ClickException):
        click.echo(f"fwverify: {error.format_message()}", err=True)
        return exit_codes.USAGE
    if _is_misuse(error):
        click.echo(f"fwverify: {error}", err=True)
        return exit_codes.USAGE
    if os.environ.get("FWVERIFY_TRACE"):
        import traceback

        traceback.print_exception(error)
    click.echo(
        f"fwverify: internal error: {type(error).__name__}: {error} (FWVERIFY_TRACE=1 shows where)",
        err=True,
    )
    return exit_codes.INTERNAL


def _is_misuse(error: Exception) -> bool:
    from fwverify.analyse.rules import RuleError
    from fwverify.intake import IntakeError
    from fwverify.keyring.signing import SigningError
    from fwverify.ledger import LedgerError
    from fwverify.strict import InputFileError
    from fwverify.verify.keys import KeyFormatError

    misuse = (IntakeError, InputFileError, KeyFormatError, LedgerError, RuleError, SigningError)
    return isinstance(error, misuse)
