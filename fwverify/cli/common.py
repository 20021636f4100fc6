"""What the commands share: options, errors, output."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
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
    from fwverify.keyring.detached import Private
    from fwverify.model import Report

Command = TypeVar("Command", bound=Callable[..., Any])

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


def text_or_json(command: Command) -> Command:
    """Add ``--format`` to a command that prints a list or a record."""
    return click.option(
        "--format",
        "output",
        type=click.Choice(["text", "json"]),
        default="text",
        help="What to print on standard output.",
    )(command)


def at_option(command: Command) -> Command:
    """Add ``--at`` to a command that has no trust options."""
    return click.option("--at", metavar="RFC3339", help="The time that the report states.")(command)


def moment(text: str | None, option: str = "--at") -> datetime:
    """Return the time of ``option``, or now, in whole seconds.

    This is the only clock that reaches a result, and it is recorded there.
    """
    from datetime import UTC

    from fwverify.pipeline import parse_time

    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return parse_time(text)
    except ValueError as error:
        why = f"{text}: not an RFC 3339 time, such as 2026-01-31T23:59:59Z"
        raise click.BadParameter(why, param_hint=option) from error


def configuration() -> Config:
    """Return the configuration that the group's ``--config`` names."""
    from fwverify.config import load_config

    return load_config(click.get_current_context().find_root().obj)


def private_key(file: Path) -> Private:
    """Return the private key in ``file``, or on the token of a ``pkcs11:`` URI.

    Asks for its passphrase or PIN where it has one.
    """
    from fwverify.keyring.detached import load_private
    from fwverify.keyring.token import SCHEME
    from fwverify.strict import read_bounded

    data = b"" if str(file).startswith(SCHEME) else read_bounded(file)
    try:
        return load_private(data, str(file))
    except TypeError:
        passphrase = click.prompt("Passphrase", hide_input=True, err=True)
        return load_private(data, str(file), passphrase.encode())


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
    from fwverify.evidence.package import PackageError
    from fwverify.intake import IntakeError
    from fwverify.keyring.detached import SigningError
    from fwverify.ledger import LedgerError
    from fwverify.release.remainders import NotReleasable
    from fwverify.strict import InputFileError
    from fwverify.verify.keys import KeyFormatError

    misuse = (IntakeError, InputFileError, KeyFormatError, LedgerError, NotReleasable, RuleError)
    return isinstance(error, (*misuse, PackageError, SigningError))
