"""What ``release`` and ``waiver`` have in common: people, their keys, the ledger, the file.

Guarantees: a publicly known key signs nothing; what ``sign_and_keep`` returns is what the
ledger holds, with everybody's signatures.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fwverify.cli import common

if TYPE_CHECKING:
    from datetime import datetime

    from fwverify.case import Case
    from fwverify.gate.form import Record
    from fwverify.keyring.detached import Private
    from fwverify.people import Person

LEDGER = click.option("--ledger", metavar="URL", help="Ledger (default: the configured one).")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
AT = click.option("--at", metavar="RFC3339", help="When (default: now).")
SIGNER = click.option("--signer", "signers", type=common.FILE, multiple=True, required=True,
                      metavar="KEY", help="Private key (PEM, PKCS#12) of who signs.")  # fmt: skip


def read_case(name: str) -> Case:
    """Return the case in the file ``name``, or of that id in the configured store."""
    from fwverify.case import load_case
    from fwverify.casework.store import CaseStore

    if Path(name).is_file():
        return load_case(Path(name))
    return CaseStore(common.configuration().cases).get(name).case


def people() -> tuple[Person, ...]:
    """Return the registered people; without any nothing can be released."""
    from fwverify.keyring.detached import SigningError

    registered = common.configuration().people
    if not registered:
        raise SigningError("the configuration registers no [[people]]: nobody's signature counts")
    return registered


def private_keys(files: tuple[Path, ...]) -> tuple[Private, ...]:
    """Return the keys in ``files``; refuses a publicly known one."""
    from fwverify.keyring.detached import SigningError, spki_of
    from fwverify.verify.trust import load_trust

    known_bad = load_trust(common.configuration().trust).known_bad
    keys = tuple(common.private_key(file) for file in files)
    for key, file in zip(keys, files, strict=True):
        bad = known_bad.of_key(spki_of(key))
        if bad:
            raise SigningError(f"{file}: {bad}")
    return keys


def sign_and_keep(
    opened: Any, kind: str, record: Record, private: tuple[Private, ...], when: datetime
) -> Record:
    """Return ``record`` signed by ``private``, kept in the ledger, with all its signatures.

    Somebody else may have signed the very same text there already.
    """
    from fwverify.keyring.detached import SigningError
    from fwverify.release import kept, making, standing

    registered = people()
    for key in private:
        record = making.signed(record, key, registered)
    by, fault = standing.signers(record, registered)
    if fault:
        raise SigningError(fault)
    sha256 = kept.enter(opened, kind, record, ", ".join(by), making.timed(when))
    known = kept.read(opened)
    return (known.waivers if kind == kept.WAIVER else known.releases)[sha256]


def enter_revocation(
    opened: Any, what: str, sha256: str, person: str, reason: str, when: datetime
) -> None:
    """Keep a revocation; names and reasons as everywhere in the ledger."""
    from fwverify.ledger.model import checked_name, checked_reason
    from fwverify.release import kept
    from fwverify.release.making import timed

    entry = kept.Revocation(
        what=what,
        sha256=sha256,
        person=checked_name(person),
        at=timed(when),
        reason=checked_reason(reason),
    )
    opened.enter(kept.REVOKED, entry)


def write_text(record: Record, out: Path | None) -> None:
    """Write ``record`` to ``out``, whole; nothing where it is None."""
    from fwverify.gate import form
    from fwverify.store import write_whole
    from fwverify.strict import InputFileError

    if out is None:
        return
    try:
        write_whole(out, form.write(record))
    except OSError as error:
        raise InputFileError(out, None, "", error.strerror or str(error)) from error
    number = len(record.signatures)
    click.echo(f"{out}: {number} signature{'' if number == 1 else 's'}" if number else f"{out}")
