"""``fwverify gate``: whether these bytes may be installed here and now, without analysis."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import starmap
from pathlib import Path

import click

from fwverify import exit_codes

_FILE = click.Path(path_type=Path)


def _print_checker(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        script = Path(__file__).parents[1] / "gate" / "gate.sh"
        click.echo(script.read_text("ascii"), nl=False)
        context.exit(exit_codes.OK)


@click.command()
@click.argument("update", type=_FILE)
@click.option("--release", type=_FILE, required=True, metavar="FILE", help="Release or verdict.")
@click.option("--context", type=_FILE, required=True, metavar="FILE",
              help="Deployment here (release context).")  # fmt: skip
@click.option("--pins", type=_FILE, required=True, metavar="FILE",
              help="Whose signatures count here (release pins).")  # fmt: skip
@click.option("--revocations", type=_FILE, required=True, metavar="FILE",
              help="The newest signed revocation list.")  # fmt: skip
@click.option("--at", metavar="RFC3339", help="When (default: now).")
@click.option("--print-checker", is_flag=True, is_eager=True, expose_value=False,
              callback=_print_checker, help="Print the same as a POSIX sh script.")  # fmt: skip
def gate(
    update: Path, release: Path, context: Path, pins: Path, revocations: Path, at: str | None
) -> None:
    """Exit 0 only where a valid release lets UPDATE be installed here and now.

    Exit 4 where it is refused, 5 where something is missing to judge by.
    """
    from fwverify.gate.judge import Papers, Refused, judge, same_update
    from fwverify.gate.update import Unreadable, hashed

    when = _moment(at)
    try:
        if not (update.is_file() or update.is_dir()):
            raise Unreadable(f"update: {update} is neither a file nor a folder")
        named = {"release": release, "context": context, "pins": pins}
        papers = Papers(*starmap(_read, (named | {"revocations": revocations}).items()))
        passed = judge(papers, when)
        same_update(passed, hashed(update))
    except Refused as error:
        click.echo(f"refused {error}")
        click.get_current_context().exit(exit_codes.DENY)
    except (OSError, Unreadable) as error:
        click.echo(f"missing {error}")
        click.get_current_context().exit(exit_codes.INCOMPLETE)
    else:
        from fwverify.gate.form import unescaped

        people = ", ".join(unescaped(each) for each in passed.people)
        click.echo(f"released until {passed.record.one('not-after')} by {people}")
        for condition in passed.record.all("condition"):
            click.echo(f"  condition: {unescaped(condition)}")


def _read(what: str, path: Path) -> bytes:
    """Return the bytes of ``path``, which is ``what``; no more than a form may have and one."""
    from fwverify.gate.form import MAX_BYTES

    if not path.is_file():
        raise OSError(f"{what}: {path} is no file that can be read")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _moment(text: str | None) -> str:
    """Return the time asked for in UTC; nothing here loads what ``common.moment`` does."""
    from fwverify.gate.form import is_time

    try:
        at = datetime.now(UTC) if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text}: not an RFC 3339 time", param_hint="--at") from error
    if at.tzinfo is None:
        raise click.BadParameter(f"{text}: names no offset from UTC", param_hint="--at")
    try:
        told = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError as error:
        raise click.BadParameter(f"{text}: no time in UTC", param_hint="--at") from error
    if not is_time(told):  # a year before 1000 is not as long as times are compared
        raise click.BadParameter(f"{text}: not a usable time", param_hint="--at")
    return told
