"""``fwverify keys``: care of the trust store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fwverify import exit_codes
from fwverify.cli import common

if TYPE_CHECKING:
    from datetime import datetime

    from fwverify.keyring.candidate import Candidate
    from fwverify.keyring.entries import Change

_TRUST = click.option(
    "--trust", type=common.FILE, metavar="DIR", help="Trust store (default: the configured one)."
)
_BY = click.option("--by", "person", required=True, metavar="PERSON", help="Who does this.")
_AT = click.option("--at", metavar="RFC3339", help="When (default: now).")
_FORMAT = click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", help="What to print."
)


@click.group()
def keys() -> None:
    """Add, approve, list, retire, revoke, check and sign keys of the trust store."""


def _store(trust: Path | None) -> Path:
    return trust or common.configuration().trust


@keys.command()
@click.argument("vendor")
@click.argument("file", required=False, type=common.FILE)
@click.option("--id", "id_", metavar="ID", help="Name of the entry (default: the file's).")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="What it may sign as.")
@click.option("--product", "products", multiple=True, metavar="GLOB", help="For which products.")
@click.option(
    "--scheme", "schemes", multiple=True, metavar="NAME", help="For a new rule: which schemes."
)
@click.option(
    "--use",
    type=click.Choice(["code", "time"]),
    default="code",
    help="A certificate's use: code, or time stamps alone.",
)
@click.option("--title", default="", metavar="TEXT", help="A new vendor's name for people.")
@click.option("--activate", metavar="ID", help="Activate this pending entry; needs no FILE.")
@click.option("--fingerprint", metavar="HEX", help="With --activate: the SHA-256 as confirmed.")
@click.option("--channel", metavar="TEXT", help="With --activate: how it was confirmed.")
@_BY
@_AT
@_TRUST
def add(
    vendor: str,
    file: Path | None,
    id_: str | None,
    roles: tuple[str, ...],
    products: tuple[str, ...],
    schemes: tuple[str, ...],
    use: str,
    title: str,
    activate: str | None,
    fingerprint: str | None,
    channel: str | None,
    person: str,
    at: str | None,
    trust: Path | None,
) -> None:
    """Add the public key or certificate in FILE; a second person activates it.

    What is added is pending and counts for nothing. The second person gets the
    fingerprint from the vendor over another channel and gives it with --activate.
    """
    from fwverify.keyring import entries
    from fwverify.strict import read_bounded

    when = common.moment(at)
    if activate is not None:
        if file is not None or not fingerprint or not channel:
            raise click.UsageError(
                "--activate wants --fingerprint (the SHA-256 as the vendor said it) and --channel "
                "(over what), and no FILE"
            )
        change, candidate = entries.activate(
            _store(trust), vendor, activate, by=person, fingerprint=fingerprint, channel=channel,
            at=when,
        )  # fmt: skip
        _print_candidate(candidate)
        _print_change(change)
        return
    if file is None or fingerprint or channel:
        raise click.UsageError(
            "name the FILE with the key, or the pending entry to confirm: --activate ID "
            "--fingerprint SHA256 --channel TEXT"
        )
    if use == "code" and not roles:
        raise click.UsageError("say what it may sign as: --role ROLE (for example release)")
    if use != "code" and roles:
        raise click.UsageError("a certificate for time stamps signs as nothing: leave out --role")
    wish = entries.Wish(
        vendor=vendor, id=id_ or file.stem, roles=roles, by=person, at=when, products=products,
        schemes=schemes, use=use, title=title,
    )  # fmt: skip
    change, candidate = entries.add(_store(trust), read_bounded(file), str(file), wish)
    _print_candidate(candidate)
    _print_change(change)


def _print_candidate(found: Candidate) -> None:
    rows = [
        ("holds", f"{'public key' if found.table == 'key' else 'certificate'}, {found.kind}"
                  + (f" of {found.bits} bits" if found.bits else "")),
        ("subject", found.subject),
        ("sha256", found.fingerprint),
        ("openpgp", found.openpgp),
        ("valid", f"{found.not_before:%Y-%m-%d} to {found.not_after:%Y-%m-%d}"
                  if found.not_before and found.not_after else ""),
        ("strength", "; ".join(found.weak) or "above the floors"),
        ("known bad", "no: not on the lists"),
    ]  # fmt: skip
    for name, value in rows:
        if value:
            click.echo(f"{name:<10} {value}")


def _print_change(change: Change) -> None:
    from fwverify.keyring.listing import of_rule

    entry = change.entry
    click.echo(f"{change.vendor}/{entry.id}: {entry.status}")
    for rule in change.rules:
        click.echo(f"{change.vendor}/{rule.id}: rule {entry.status}")
        for line in of_rule(rule):
            click.echo(f"  {line}")
    if entry.status == "pending":
        click.echo("It counts for nothing yet. Another person confirms the SHA-256 and runs:")
        click.echo(f"  fwverify keys add {change.vendor} --activate {entry.id} \\")
        click.echo("      --fingerprint SHA256 --channel TEXT --by PERSON")


@keys.command("list")
@click.option("--anchors", is_flag=True, help="The shipped anchors, too (json has them always).")
@_FORMAT
@_TRUST
def list_(anchors: bool, output: str, trust: Path | None) -> None:
    """List every key, certificate and rule of the trust store, and the shipped anchors."""
    from fwverify.canonical import canonical_json
    from fwverify.keyring.listing import listing, render

    found = listing(_store(trust))
    if output == "json":
        click.echo(canonical_json(found).decode())
    else:
        click.echo(render(found, _store(trust), anchors=anchors), nl=False)


@keys.command()
@click.argument("vendor")
@click.argument("id_", metavar="ID")
@_BY
@_AT
@_TRUST
def retire(vendor: str, id_: str, person: str, at: str | None, trust: Path | None) -> None:
    """Take a key out of use; what it signed is named, and satisfies no rule."""
    from fwverify.keyring import entries

    change = entries.retire(_store(trust), vendor, id_, by=person, at=common.moment(at))
    _print_change(change)


@keys.command()
@click.argument("vendor")
@click.argument("id_", metavar="ID")
@_BY
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@click.option("--at", metavar="RFC3339", help="Since when it is compromised (default: now).")
@_TRUST
def revoke(
    vendor: str, id_: str, person: str, reason: str, at: str | None, trust: Path | None
) -> None:
    """Revoke a key for good; one person is enough, and nobody can undo it."""
    from fwverify.keyring import entries

    since = common.moment(at)
    change = entries.revoke(_store(trust), vendor, id_, by=person, since=since, reason=reason)
    _print_change(change)


@keys.command()
@_FORMAT
@_AT
@_TRUST
def check(output: str, at: str | None, trust: Path | None) -> None:
    """Check the whole trust store; exit 4 where something must change."""
    from fwverify.canonical import canonical_json
    from fwverify.keyring.lint import lint
    from fwverify.report.text import count

    config = common.configuration()
    signers = config.signers if trust is None else ()
    needed = config.signatures_required
    remarks = lint(_store(trust), signers, needed, common.moment(at), config.people)
    faults = sum(one.level == "fault" for one in remarks)
    if output == "json":
        click.echo(canonical_json(remarks).decode())
    else:
        for one in remarks:
            place = f"{one.file}: {one.entry}" if one.entry else one.file
            click.echo(f"{one.level}: {place}: {one.text}")
        click.echo(f"{count(faults, 'fault')}, {count(len(remarks) - faults, 'note')}")
    common.finish(exit_codes.DENY if faults else exit_codes.OK, exit_zero=False)


@keys.command()
@click.option("--key", "file", required=True, type=common.FILE, metavar="FILE",
              help="The approver's private key (PEM); it is read and not kept.")  # fmt: skip
@_BY
@_AT
@_TRUST
def sign(file: Path, person: str, at: str | None, trust: Path | None) -> None:
    """Sign the trust store as it is, as one of its approvers."""
    from fwverify.keyring import signing

    store = _store(trust)
    private = common.private_key(file)
    digest, count = signing.sign(store, private, person, common.moment(at))
    click.echo(f"sha256 {digest}")
    click.echo(f"signed by {count} distinct {'key' if count == 1 else 'keys'}")
    _print_standing(store, trust is None, common.moment(at))


def _print_standing(store: Path, configured: bool, at: datetime) -> None:
    """Say how many of the signatures that the configuration asks for there are now.

    A key that is no signer of the configuration signs, too, and counts for nothing.
    """
    from fwverify.keyring import signing
    from fwverify.verify.trust import load_trust

    config = common.configuration()
    if not configured or not config.signers:
        click.echo("the configuration asks for no signatures of this store")
        return
    trust = load_trust(store)
    found = signing.standing(store, trust, config.signers, at, config.people)
    for why in found.faults:
        click.echo(f"counts for nothing: {why}")
    click.echo(f"{len(found.keys)} of {config.signatures_required} signatures hold over it")


@keys.group()
def profile() -> None:
    """Test a proprietary trailer profile before it is trusted."""


@profile.command("test")
@click.argument("file", type=common.FILE)
@click.argument("samples", nargs=-1, required=True, type=common.FILE, metavar="GOOD...")
@click.option("--key", "key_files", multiple=True, required=True, type=common.FILE,
              metavar="FILE", help="Public key that signed the samples.")  # fmt: skip
def test_profile(file: Path, samples: tuple[Path, ...], key_files: tuple[Path, ...]) -> None:
    """Run the profile FILE on GOOD samples and on mutants of them; exit 4 if any is accepted.

    The signature of a HEX or S-record file stands beside it (GOOD.sig).
    """
    from fwverify.keyring.profile_trial import try_sample
    from fwverify.strict import read_bounded
    from fwverify.verify.keys import read_keys
    from fwverify.verify.profiles import load_profile

    found = load_profile(file)
    public = tuple(key for path in key_files for key in read_keys(read_bounded(path), str(path)))
    results = [
        try_sample(found, path.name, read_bounded(path, _MAX_SAMPLE_BYTES), public, _beside(path))
        for path in samples
    ]
    for result in results:
        for fault in result.faults:
            click.echo(f"{result.sample}: {fault}")
        held = "FAILED" if result.faults else "good, and"
        click.echo(
            f"{result.sample}: {held} {result.mutants} mutants "
            f"{'tried' if result.faults else 'refused'}; {result.steering_bytes} steering bytes"
        )
    failed = any(result.faults for result in results)
    common.finish(exit_codes.DENY if failed else exit_codes.OK, exit_zero=False)


def _beside(sample: Path) -> bytes | None:
    from fwverify.strict import read_bounded

    path = sample.with_name(f"{sample.name}.sig")
    return read_bounded(path) if path.is_file() else None


_MAX_SAMPLE_BYTES = 64 * 1024 * 1024
