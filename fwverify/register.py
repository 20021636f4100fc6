"""The operator's register: the people who sign here, and organisations whose baselines count.

Guarantees: each name stands for one person in every spelling (``people.person_key``) and
each key belongs to one entry of the whole register, so that nobody is two people and no
organisation is one of our own people; keys are of a kind whose signatures are checked
(``keyring.detached.KINDS``), an RSA key has at least 3072 bits.

Not checked: whether the key really is the person's. Whoever writes the configuration says
so, and its digest stands in every report.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from fwverify import people
from fwverify.model import _Value as Value
from fwverify.people import Person
from fwverify.strict import InputFileError, read_bounded

if TYPE_CHECKING:
    from fwverify.verify.keys import PublicKey

MAX_ENTRIES: Final = 1_000
MIN_RSA_BITS: Final = 3072
_Text = Annotated[str, Meta(min_length=1, max_length=people.MAX_CHARACTERS)]


class PersonEntry(Value, frozen=True, kw_only=True):
    """``[[people]]``: a name, a file of public keys (the present one, former ones), roles."""

    name: _Text
    key: _Text
    roles: tuple[Literal["approver", "signer"], ...] = ("approver",)


class PartnerEntry(Value, frozen=True, kw_only=True):
    """``[[partners]]``: an organisation that exports baselines, and its signers' keys.

    ``signatures_required`` of distinct keys have to stand under each export.
    """

    name: _Text
    key: _Text
    signatures_required: Annotated[int, Meta(ge=1, le=64)] = 1


@dataclass(frozen=True)
class Partner:
    """An organisation whose signed baselines may be imported."""

    name: str
    keys: tuple[PublicKey, ...]
    signatures_required: int


@dataclass(frozen=True)
class Register:
    """Everybody whose signature counts for something."""

    people: tuple[Person, ...] = ()
    partners: tuple[Partner, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The identities of all keys, sorted: what the configuration's digest is over."""
        entries: tuple[Person | Partner, ...] = (*self.people, *self.partners)
        return tuple(sorted(key.identity for each in entries for key in each.keys))


def read_register(
    persons: Iterable[PersonEntry], partners: Iterable[PartnerEntry], folder: Path, file: Path | str
) -> Register:
    """Return the register; key files are relative to ``folder``. Raises ``InputFileError``."""
    taken: dict[str, str] = {}
    names: dict[str, str] = {}
    found = tuple(
        Person(
            name=_name(each.name, names, f"people.{number}", file),
            keys=_keys(each, folder, taken, f"people.{number}", file),
            roles=tuple(sorted(set(each.roles))),
        )
        for number, each in enumerate(persons)
    )
    organisations = tuple(
        Partner(
            name=_name(each.name, names, f"partners.{number}", file),
            keys=_keys(each, folder, taken, f"partners.{number}", file),
            signatures_required=each.signatures_required,
        )
        for number, each in enumerate(partners)
    )
    for number, each in enumerate(organisations):
        if len(each.keys) < each.signatures_required:
            why = f"{len(each.keys)} keys cannot give {each.signatures_required} signatures"
            raise InputFileError(file, None, f"partners.{number}.signatures_required", why)
    return Register(found, organisations)


def _name(name: str, names: dict[str, str], place: str, file: Path | str) -> str:
    try:
        line = people.one_line("name", name)
    except people.UnusableText as error:
        raise InputFileError(file, None, f"{place}.name", str(error)) from error
    known = names.setdefault(people.person_key(line), place)
    if known != place:
        raise InputFileError(file, None, f"{place}.name", f"{line} stands in {known} already")
    if len(names) > MAX_ENTRIES:
        raise InputFileError(file, None, place, f"more than {MAX_ENTRIES} entries")
    return line


def _keys(
    entry: PersonEntry | PartnerEntry,
    folder: Path,
    taken: dict[str, str],
    place: str,
    file: Path | str,
) -> tuple[PublicKey, ...]:
    from fwverify.verify.keys import KeyFormatError, read_keys

    try:
        keys = read_keys(read_bounded((folder / entry.key).resolve()), entry.key)
    except KeyFormatError as error:
        raise InputFileError(file, None, f"{place}.key", str(error)) from error
    for key in keys:
        why = _unfit(key)
        if taken.setdefault(key.identity, place) != place:
            why = f"is the key of {taken[key.identity]}, too; a key belongs to one of them"
        if why:
            raise InputFileError(file, None, f"{place}.key", f"{key.name} {why}")
    return keys


def _unfit(key: PublicKey) -> str:
    from fwverify.keyring.detached import KINDS

    if key.kind not in KINDS or key.openpgp:
        return f"is {key.kind}, whose signatures are not checked here; Ed25519 is meant"
    if key.kind == "rsa" and key.bits < MIN_RSA_BITS:
        return f"has {key.bits} bits, the floor is {MIN_RSA_BITS}"
    return ""
