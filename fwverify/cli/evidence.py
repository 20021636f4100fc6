"""``fwverify evidence``: packages that others verify without us."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fwverify import exit_codes
from fwverify.cli import common

if TYPE_CHECKING:
    from datetime import datetime

    from fwverify.config import EvidenceSettings
    from fwverify.evidence.check import Checked, Trust
    from fwverify.evidence.sealing import Seal
    from fwverify.evidence.stamps import Authority
    from fwverify.evidence.steering import Steering
    from fwverify.model import Report
    from fwverify.verify.chain import Anchors

Command = TypeVar("Command", bound=Callable[..., Any])
MAX_BYTES = 2**32
_CODES = {
    "verified": exit_codes.OK,
    "refused": exit_codes.DENY,
    "unsigned": exit_codes.INCOMPLETE,
    "untrusted": exit_codes.INCOMPLETE,
}


@click.group()
def evidence() -> None:
    """Build, verify, replay, redact and show evidence packages (ASiC-E)."""


def signing_options(command: Command) -> Command:
    """Add the options that say who signs and stamps; without them the configuration does."""
    for option in (
        click.option("--key", type=common.FILE, metavar="FILE", help="The laboratory's key."),
        click.option("--certificate", type=common.FILE, metavar="FILE", help="And certificate."),
        click.option(
            "--approver-key", type=common.FILE, metavar="FILE", help="The approver's key."
        ),
        click.option(
            "--approver-certificate", type=common.FILE, metavar="FILE", help="And certificate."
        ),
        click.option("--timestamp-url", metavar="URL", help="Time-stamp authority (RFC 3161)."),
        click.option(
            "--timestamp-anchor", type=common.FILE, metavar="FILE", help="What its tokens chain to."
        ),
    ):
        command = option(command)
    return command


def _settings(given: dict[str, Any]) -> EvidenceSettings:
    """Return the configured settings with what the options say instead."""
    from fwverify.config import EvidenceSettings

    said = {name: str(value) for name, value in given.items() if value is not None}
    configured = common.configuration().evidence
    if "key" in said:
        return EvidenceSettings(**said)
    import msgspec

    return msgspec.structs.replace(configured, **said)


def _seal(settings: EvidenceSettings, at: datetime) -> Seal:
    """Return who signs at ``at``. Raises ``SigningError`` and ``InputFileError``."""
    from fwverify.evidence.sealing import Seal
    from fwverify.evidence.signers import Signatory, signatory
    from fwverify.keyring.token import SCHEME
    from fwverify.strict import read_bounded

    def read(key: str | None, certificate: str | None) -> Signatory | None:
        if key is None:
            return None
        data = b"" if key.startswith(SCHEME) else read_bounded(Path(key))
        chain = read_bounded(Path(certificate)) if certificate else None
        try:
            return signatory(data, chain, key, at)
        except TypeError:
            asked = click.prompt(f"Passphrase or PIN of {key}", hide_input=True, err=True)
            return signatory(data, chain, key, at, asked.encode())

    lab = read(settings.key, settings.certificate)
    return Seal(
        at=at,
        lab=lab,
        approver=read(settings.approver_key, settings.approver_certificate),
        authority=_authority(settings) if lab else None,
    )


def _authority(settings: EvidenceSettings) -> Authority | None:
    from fwverify.evidence.stamps import Authority

    if settings.timestamp_url is None:
        return None
    anchor = settings.timestamp_anchor
    return Authority(settings.timestamp_url, _anchors((Path(anchor),)) if anchor else None)


def _anchors(paths: tuple[Path, ...]) -> Anchors | None:
    """Return the certificates and CRLs in the files; None without any file."""
    from fwverify.strict import read_bounded
    from fwverify.verify.chain import Anchors
    from fwverify.verify.keys import read_anchors

    if not paths:
        return None
    held = [read_anchors(read_bounded(path), str(path)) for path in paths]
    return Anchors(
        roots=tuple(one for each in held for one in each.certificates),
        crls=tuple(one for each in held for one in each.crls),
    )


@dataclass(frozen=True)
class Built:
    """Packages by name; ``trouble`` says why they are not as was asked."""

    files: dict[str, bytes]
    trouble: str = ""
    signed: bool = False


def built(
    report: Report,
    steering: Steering | None = None,
    given: dict[str, Any] | None = None,
    *,
    pdf: bool = False,
) -> Built:
    """Return the packages of ``report``, unsigned where they cannot be signed as asked.

    Why is said on standard error: the analysis is not lost with a key or an authority.
    """
    from fwverify.evidence import building
    from fwverify.evidence.sealing import Seal
    from fwverify.evidence.stamps import StampError
    from fwverify.keyring.detached import SigningError
    from fwverify.strict import InputFileError
    from fwverify.verify.keys import KeyFormatError

    at = common.moment(None)
    annex = building.annex(report) if pdf else None
    lacks = "" if annex is None else annex[0].why
    if lacks:
        click.echo(f"fwverify: the evidence package has no PDF: {lacks}", err=True)
    try:
        by = _seal(_settings(given or {}), at)
        return Built(building.packages(report, by, steering, annex), lacks, by.lab is not None)
    except (SigningError, StampError, InputFileError, KeyFormatError, click.Abort) as error:
        why = str(error) or "no passphrase"
        click.echo(f"fwverify: the evidence package is NOT signed: {why}", err=True)
        return Built(building.packages(report, Seal(at=at), steering, annex), why)


def withdraw(report: Report, made: Built, out: Path) -> None:
    """Remove the packages of the same case in ``out`` that are of an earlier report.

    A package for national security that stayed beside a report that needs none would be
    handed over as if it belonged to it.
    """
    from fwverify.evidence import building
    from fwverify.report.folder import take_away

    for name in take_away(out, building.names_of(report) - made.files.keys()):
        click.echo(f"fwverify: {out / name}: was of an earlier report, removed", err=True)


def kept(steering: Steering | None) -> dict[str, bytes]:
    """Return the file beside the report from which ``evidence build`` knows what steered it."""
    from fwverify.canonical import canonical_json
    from fwverify.evidence.steering import FILE

    return {} if steering is None else {FILE: canonical_json(steering) + b"\n"}


@evidence.command()
@click.argument("report", type=common.FILE, metavar="REPORT")
@click.option("--out", type=common.FILE, required=True, metavar="DIR", help="Where they go.")
@click.option("--pdf", is_flag=True, help="The annex as PDF/A-3b in the package, too.")
@signing_options
def build(report: Path, out: Path, pdf: bool, **given: Any) -> None:
    """Build the packages of REPORT, a report.json or its folder.

    Exit 5 where they are not signed as asked, or nobody is configured to sign.
    """
    from fwverify.cli.check import require_pdf
    from fwverify.compare.superseded import load_refused
    from fwverify.report.folder import write_files

    if pdf:
        require_pdf(out)
    read = load_refused(str(report))
    if read is None:
        raise click.UsageError(f"{report}: no report there")
    made = built(read, _steering(report, read), given, pdf=pdf)
    write_files(made.files, out)
    withdraw(read, made, out)
    for name in sorted(made.files):
        click.echo(f"{out / name}: {'signed' if made.signed else 'UNSIGNED'}")
    whole = made.signed and not made.trouble
    common.finish(exit_codes.OK if whole else exit_codes.INCOMPLETE, exit_zero=False)


def _steering(report: Path, read: Report) -> Steering | None:
    """Return what steered the report, kept beside it; None, said aloud, where nothing was."""
    from fwverify.evidence.steering import FILE, MAX_BYTES, read_steering
    from fwverify.reader import Malformed
    from fwverify.strict import InputFileError, read_bounded

    file = (report if report.is_dir() else report.parent) / FILE
    if not file.is_file():
        why = "policy and inputs are not in the package, which says so"
        click.echo(f"fwverify: {file}: no such file: {why}", err=True)
        return None
    try:
        return read_steering(read_bounded(file, MAX_BYTES), read)
    except Malformed as error:
        raise InputFileError(file, None, "", error.why) from error


@evidence.command()
@click.argument("package", type=common.FILE, metavar="PACKAGE")
@click.option(
    "--anchor",
    "anchors",
    type=common.FILE,
    multiple=True,
    metavar="FILE",
    help="Whom signatures have to chain to: certificates and CRLs.",
)
@click.option(
    "--time-anchor",
    "times",
    type=common.FILE,
    multiple=True,
    metavar="FILE",
    help="Whom time stamps have to chain to.",
)
@click.option("--original", type=common.FILE, metavar="FILE", help="What a redacted one was.")
@click.option("--secret", type=common.FILE, metavar="FILE", help="The case's secret.")
@click.option("--at", metavar="RFC3339", help="Judge as of this time (default: now).")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def verify(
    package: Path,
    anchors: tuple[Path, ...],
    times: tuple[Path, ...],
    original: Path | None,
    secret: Path | None,
    at: str | None,
    output: str,
) -> None:
    """Verify PACKAGE against the authorities that you trust.

    Exit 0 verified, 4 refused, 5 unsigned or without an anchor.
    """
    from fwverify.evidence.check import Trust, check

    if (original is None) != (secret is None):
        raise click.UsageError("--original and --secret go together")
    trust = Trust(common.moment(at), _anchors(anchors), _anchors(times))
    found = check(_read(package), trust)
    if found.state != "refused" and original is not None and secret is not None:
        found = _against(found, _read(original), trust, secret)
    _say(found, output, original if found.state != "refused" else None)
    common.finish(_CODES[found.state], exit_zero=False)


def _read(package: Path) -> bytes:
    from fwverify.strict import read_bounded

    return read_bounded(package, MAX_BYTES)


def _against(found: Checked, original: bytes, trust: Trust, secret: Path) -> Checked:
    """Return ``found``, refused where it is not the original less what it lists."""
    from fwverify.evidence.check import check
    from fwverify.evidence.redact import faults
    from fwverify.strict import read_bounded

    whole = check(original, trust)
    if found.signers is None or found.signers.kind != "redacted":
        return replace(found, state="refused", reason="layout: this is no redacted package")
    if whole.state == "refused" or whole.signers is None or whole.signers.kind == "redacted":
        return replace(found, state="refused", reason=f"original: {whole.reason or 'is redacted'}")
    if differing := faults(found.files, whole.files, read_bounded(secret).strip()):
        return replace(found, state="refused", reason=f"redacted: {'; '.join(differing[:3])}")
    return found


def _say(found: Checked, output: str, original: Path | None = None) -> None:
    """Print ``found``; ``original`` is the package that it was held against and agrees with."""
    who = found.signers
    said = {
        "state": found.state,
        "reason": found.reason,
        "package": who.kind if who else None,
        "update_sha256": who.update if who else None,
        "core_sha256": who.core if who else None,
        "signed_by": list(found.signed_by),
        "original": str(original) if original else None,
        "stamped": found.stamped.strftime("%Y-%m-%dT%H:%M:%SZ") if found.stamped else None,
    }
    if output == "json":
        from fwverify.canonical import canonical_json

        click.echo(canonical_json(said).decode())
        return
    from fwverify.report.text import visible

    click.echo(found.state.upper() + (f": {visible(found.reason)}" if found.reason else ""))
    for name in ("package", "update_sha256", "core_sha256", "stamped"):
        if said[name]:
            click.echo(f"  {name:<14} {said[name]}")
    for one in found.signed_by:
        click.echo(f"  signed by      {visible(one)}")
    if original is not None:
        click.echo(f"  original       {visible(str(original))}: differs by what is listed alone")
    if found.state == "verified":
        told = "This shows who signed and that nothing was altered, not that it is right"
        whole = who is not None and who.kind != "redacted"  # only a whole one can be replayed
        click.echo(
            f"{told}:\nfwverify evidence replay PACKAGE --update FILE" if whole else f"{told}."
        )


@evidence.command()
@click.argument("package", type=common.FILE, metavar="PACKAGE")
@click.option("--update", "updates", type=common.FILE, multiple=True, required=True)
@common.subject_options
@click.option("--baseline", metavar="ledger:REF|PATH", help="What it was compared with.")
@click.option("--signature", "signatures", type=common.FILE, multiple=True, metavar="FILE")
@click.option("--trust", type=common.FILE, metavar="DIR", help="Trust store.")
@click.option("--anchor", "anchors", type=common.FILE, multiple=True, metavar="FILE")
@click.option("--key", "keys", type=common.FILE, multiple=True, metavar="FILE")
@click.option("--policy", type=common.FILE, metavar="FILE", help="Policy.")
@click.option("--ledger", metavar="URL", help="Ledger of approved baselines.")
@click.option("--supersedes", metavar="CASE", help="The case that the update replaces.")
@common.second_option
@common.rules_options
@common.secret_options
@common.work_options
def replay(
    package: Path,
    updates: tuple[Path, ...],
    baseline: str | None,
    signatures: tuple[Path, ...],
    supersedes: str | None,
    second: str | None,
    **rest: Any,
) -> None:
    """Decide anew, from the update itself and as of the same time, and compare the cores.

    Give the options of the original ``check``; case and second opinion are those of the
    package where none are given. Exit 0 for the same core, 4 for another; 2 where something
    of then is not here.
    """
    from fwverify.cli import replaying  # it loads what no other command needs
    from fwverify.cli.asking import answered
    from fwverify.evidence import package as zipped
    from fwverify.evidence.replay import compare
    from fwverify.reader import Malformed

    try:
        files = zipped.read(_read(package))
        options = common.Options(**rest)
        asked = replaying.question(
            files, updates, baseline, signatures, supersedes, second, options
        )
        done = answered(asked, options, steered=True)
        found = compare(files, done.report, done.steering)
    except Malformed as error:
        raise zipped.PackageError(f"{package}: {error}") from error
    click.echo(f"{'SAME' if found.same else 'ANOTHER'} core {found.core}")
    if not found.same:
        click.echo(f"the package has {found.wanted}")
        for line in found.causes:
            click.echo(f"  because {line}")
        for name in found.files:
            click.echo(f"  differs {name}")
    common.finish(exit_codes.OK if found.same else exit_codes.DENY, exit_zero=False)


@evidence.command()
@click.argument("package", type=common.FILE, metavar="PACKAGE")
@click.option("--out", type=common.FILE, required=True, metavar="FILE", help="The new package.")
@click.option("--strings", type=common.FILE, required=True, metavar="FILE", help="One a line.")
@click.option("--secret", type=common.FILE, required=True, metavar="FILE", help="The case's.")
@signing_options
def redact(package: Path, out: Path, strings: Path, secret: Path, **given: Any) -> None:
    """Make the variant of PACKAGE without STRINGS that may be published, newly signed.

    Strings and secret are read from files: a command line is seen by others.
    """
    from fwverify.evidence import package as zipped
    from fwverify.evidence import redact as redaction
    from fwverify.evidence import sealing
    from fwverify.reader import Malformed
    from fwverify.report.folder import write_files
    from fwverify.strict import read_bounded

    lines = read_bounded(strings).decode("utf-8", "replace").splitlines()
    wanted = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    by = _seal(_settings(given), common.moment(None))
    try:
        files = zipped.read(_read(package))
        core, update = redaction.redact(files, wanted, read_bounded(secret).strip())
    except Malformed as error:
        raise zipped.PackageError(f"{package}: {error}") from error
    data = sealing.seal(core, "redacted", update, by, None)
    redaction.guard(zipped.read(data), wanted)
    write_files({out.name: data}, out.parent)
    count = len(redaction.listed(core).removed)
    click.echo(f"{out}: {count} values removed, {'signed' if by.lab else 'UNSIGNED'}")
    common.finish(exit_codes.OK if by.lab else exit_codes.INCOMPLETE, exit_zero=False)


@evidence.command()
@click.argument("package", type=common.FILE, metavar="PACKAGE")
@click.option("--out", type=common.FILE, required=True, metavar="FILE", help="The new package.")
@click.option("--timestamp-url", metavar="URL", help="Time-stamp authority (RFC 3161).")
@click.option("--timestamp-anchor", type=common.FILE, metavar="FILE")
def renew(package: Path, out: Path, **given: Any) -> None:
    """Put one more archive time stamp over all of PACKAGE, before the last one ages."""
    from fwverify.evidence import sealing
    from fwverify.evidence.package import PackageError
    from fwverify.evidence.stamps import StampError
    from fwverify.reader import Malformed
    from fwverify.report.folder import write_files

    authority = _authority(_settings(given))
    if authority is None:
        raise click.UsageError("no time-stamp authority: --timestamp-url or evidence.timestamp_url")
    try:
        data = sealing.renew(_read(package), authority, common.moment(None))
    except Malformed as error:
        raise PackageError(f"{package}: {error}") from error
    except StampError as error:
        click.echo(f"fwverify: not renewed: {error}", err=True)
        common.finish(exit_codes.INCOMPLETE, exit_zero=False)
        return
    write_files({out.name: data}, out.parent)
    click.echo(f"{out}: renewed")


@evidence.command()
@click.argument("package", type=common.FILE, metavar="PACKAGE")
def show(package: Path) -> None:
    """Show what PACKAGE says of itself. Nothing is verified by this."""
    from fwverify.evidence import asic
    from fwverify.evidence import package as zipped
    from fwverify.reader import Malformed
    from fwverify.report.text import visible

    try:
        files = zipped.read(_read(package))
        who = asic.read_signers(files.get(asic.SIGNERS, b""))
    except Malformed as error:
        raise zipped.PackageError(f"{package}: {error}") from error
    click.echo("NOT VERIFIED BY THIS COMMAND: fwverify evidence verify")
    click.echo(who.text().decode().rstrip())
    if who.kind != "redacted":
        from fwverify.evidence.layout import report_of

        report = report_of(files)
        click.echo(f"case {visible(report.case or 'none')}")
        click.echo(f"verdict {report.verdict or 'none'} as of {report.at}")
    for name in sorted(files):
        click.echo(f"{len(files[name]):>12}  {name}")


@evidence.command()
@click.option("--digest", is_flag=True, help="Print its SHA-256 alone.")
def script(digest: bool) -> None:
    """Print verify.sh as it is published; its SHA-256 goes to standard error."""
    from fwverify.canonical import sha256_hex
    from fwverify.evidence.layout import script as shipped

    data = shipped()
    if digest:
        click.echo(f"{sha256_hex(data)}  verify.sh")
        return
    click.echo(f"{sha256_hex(data)}  verify.sh", err=True)
    sys.stdout.buffer.write(data)
