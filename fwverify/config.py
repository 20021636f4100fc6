"""The operator's configuration: where trust, rules, policies, ledger and cache lie.

Search order (CONTRACT): ``--config FILE``, else ``$FWVERIFY_CONFIG``, else
``fwverify.toml`` in the working folder, else the user's configuration folder, else
built in. Nothing inside an update or a case can change it; its digest is in the report.
Relative paths in the file are relative to the file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from dataclasses import field as field_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, field

from fwverify.analyse.values import Engine
from fwverify.canonical import digest
from fwverify.data import data_folder
from fwverify.limits import Limits
from fwverify.model import _Value as Value
from fwverify.register import PartnerEntry, PersonEntry, Register, read_register
from fwverify.strict import InputFileError, load_toml, read_bounded

if TYPE_CHECKING:
    from fwverify.people import Person
    from fwverify.verify.keys import PublicKey

CONFIG_NAME = "fwverify.toml"
_SQLITE = "sqlite:///"


class Paths(Value, frozen=True, kw_only=True):
    """Folders; those left out are the shipped ones."""

    trust: str | None = None
    rules: tuple[str, ...] = ()
    policies: str | None = None
    store: str | None = None
    cases: str | None = None
    suppliers: str | None = None
    onboarding: str | None = None


class LedgerSettings(Value, frozen=True, kw_only=True):
    """Where approved baselines are kept, as an SQLAlchemy URL."""

    url: str | None = None


class TrustSettings(Value, frozen=True, kw_only=True):
    """Whose signatures the trust store must carry: files of public keys, and how many."""

    signers: tuple[str, ...] = ()
    signatures_required: Annotated[int, Meta(ge=1, le=64)] = 2


class ReleaseSettings(Value, frozen=True, kw_only=True):
    """For how many days a release of each mode, and a waiver, may hold at most."""

    regular_max_days: Annotated[int, Meta(ge=1, le=3_650)] = 730
    interim_max_days: Annotated[int, Meta(ge=1, le=365)] = 90
    emergency_max_days: Annotated[int, Meta(ge=1, le=7)] = 7
    waiver_max_days: Annotated[int, Meta(ge=1, le=730)] = 365


class AnalyseSettings(Value, frozen=True, kw_only=True):
    """Which engine matches the rules; ``both`` also says where they disagree."""

    engine: Engine = "yara-python"


class EvidenceSettings(Value, frozen=True, kw_only=True):
    """Who signs evidence packages, and the time-stamp authority; files relative to this one.

    ``certificate`` is left out where ``key`` is a PKCS#12 file; a ``key`` may be on a token
    (``pkcs11:`` URI). Steers no verdict: this
    section is no part of the configuration's digest.
    """

    key: str | None = None
    certificate: str | None = None
    approver_key: str | None = None
    approver_certificate: str | None = None
    timestamp_url: Annotated[str, Meta(pattern="^https?://")] | None = None
    timestamp_anchor: str | None = None


class ConfigFile(Value, frozen=True, kw_only=True):
    """``fwverify.toml``."""

    schema: Literal["fwverify.config/1"]
    paths: Paths = Paths()
    ledger: LedgerSettings = LedgerSettings()
    analyse: AnalyseSettings = AnalyseSettings()
    limits: Limits = field(default_factory=Limits)
    trust: TrustSettings = TrustSettings()
    release: ReleaseSettings = ReleaseSettings()
    people: Annotated[tuple[PersonEntry, ...], Meta(max_length=1_000)] = ()
    partners: Annotated[tuple[PartnerEntry, ...], Meta(max_length=1_000)] = ()
    evidence: EvidenceSettings = EvidenceSettings()


@dataclass(frozen=True)
class Config:
    """The configuration in force, with absolute paths.

    ``policies`` is None where only the built-in policies are used, ``suppliers`` where no
    supplier register is kept. ``sha256`` is over
    the content of the configuration and the signers' keys, not over where it lies.
    """

    source: str
    sha256: str
    trust: Path
    rules: tuple[Path, ...]
    policies: Path | None
    ledger_url: str
    store: Path
    cases: Path
    onboarding: Path
    limits: Limits
    signers: tuple[PublicKey, ...] = ()
    signatures_required: int = 0
    engine: Engine = "yara-python"
    register: Register = field_of(default_factory=Register)
    release: ReleaseSettings = field_of(default_factory=ReleaseSettings)
    evidence: EvidenceSettings = field_of(default_factory=EvidenceSettings)

    @property
    def people(self) -> tuple[Person, ...]:
        """The registered people; with any, approvals count only when signed by them."""
        return self.register.people

    suppliers: Path | None = None


def load_config(path: Path | None) -> Config:
    """Return the configuration found by the search order.

    Raises ``InputFileError`` where the file named or found is unusable.
    """
    found = path or _find()
    if found is None:
        return _resolve(ConfigFile(schema="fwverify.config/1"), None)
    return _resolve(load_toml(found, ConfigFile), found.resolve())


def _find() -> Path | None:
    if named := os.environ.get("FWVERIFY_CONFIG"):
        return Path(named)
    for candidate in (Path(CONFIG_NAME), _user("XDG_CONFIG_HOME", ".config") / CONFIG_NAME):
        if candidate.is_file():
            return candidate
    return None


def _user(variable: str, fallback: str) -> Path:
    named = os.environ.get(variable)
    return (Path(named) if named else Path.home() / fallback) / "fwverify"


def _resolve(content: ConfigFile, file: Path | None) -> Config:
    folder = file.parent if file else Path.cwd()

    def absolute(name: str, key: str) -> Path:
        place = (folder / name).resolve()
        if not place.is_dir():
            raise InputFileError(
                file or CONFIG_NAME,
                None,
                key,
                f"{place} is no folder: make it, or correct the path",
            )
        return place

    paths = content.paths
    register = Register()
    if content.people or content.partners:
        register = read_register(content.people, content.partners, folder, file or CONFIG_NAME)
    signers = _signers(content.trust, register, folder, file)
    return Config(
        source=str(file) if file else "built in",
        sha256=_digest(content, signers, register),
        trust=absolute(paths.trust, "paths.trust") if paths.trust else data_folder("signatures"),
        rules=tuple(absolute(name, "paths.rules") for name in paths.rules)
        or (data_folder("yara_rules"),),
        policies=absolute(paths.policies, "paths.policies") if paths.policies else None,
        ledger_url=_ledger_url(content.ledger.url, folder),
        store=(folder / paths.store).resolve()
        if paths.store
        else _user("XDG_CACHE_HOME", ".cache"),
        cases=(folder / paths.cases).resolve()
        if paths.cases
        else _user("XDG_DATA_HOME", ".local/share") / "cases",
        onboarding=(folder / paths.onboarding).resolve()
        if paths.onboarding
        else _user("XDG_DATA_HOME", ".local/share") / "onboarding",
        limits=content.limits,
        signers=signers,
        signatures_required=content.trust.signatures_required if signers else 0,
        engine=content.analyse.engine,
        register=register,
        suppliers=absolute(paths.suppliers, "paths.suppliers") if paths.suppliers else None,
        release=content.release,
        evidence=_evidence(content.evidence, folder),
    )


def _evidence(settings: EvidenceSettings, folder: Path) -> EvidenceSettings:
    """Return ``settings`` with absolute paths; the files are read when something is signed."""

    def place(name: str, value: str | None) -> str | None:
        if value is None or name == "timestamp_url" or value.startswith("pkcs11:"):
            return value
        return str((folder / value).resolve())

    given = msgspec.structs.asdict(settings)
    return EvidenceSettings(**{name: place(name, value) for name, value in given.items()})


def _signers(
    settings: TrustSettings, register: Register, folder: Path, file: Path | None
) -> tuple[PublicKey, ...]:
    """Return the distinct public keys of the trust store's signers.

    They are those of ``trust.signers`` and of registered people with the role ``signer``.
    """
    known = [key for one in register.people if "signer" in one.roles for key in one.keys]
    if not settings.signers and not known:
        if settings != TrustSettings():
            why = "stands with trust.signers, and only with them"
            raise InputFileError(file or CONFIG_NAME, None, "trust.signatures_required", why)
        return ()
    from fwverify.verify.keys import KeyFormatError, read_keys

    found = {key.identity: key for key in known}
    for name in settings.signers:
        try:
            keys = read_keys(read_bounded((folder / name).resolve()), name)
        except KeyFormatError as error:
            raise InputFileError(file or CONFIG_NAME, None, "trust.signers", str(error)) from error
        found |= {key.identity: key for key in keys}
    if len(found) < settings.signatures_required:
        why = f"{len(found)} distinct keys cannot give {settings.signatures_required} signatures"
        raise InputFileError(file or CONFIG_NAME, None, "trust.signatures_required", why)
    return tuple(found[identity] for identity in sorted(found))


def _digest(content: ConfigFile, signers: tuple[PublicKey, ...], register: Register) -> str:
    """Return the digest of the configuration.

    A section that says nothing is left out: one that is added to the form leaves the
    digest of a configuration without it as it was.
    """
    plain = msgspec.to_builtins(content)
    del plain["evidence"]
    for name in ("cases", "suppliers", "onboarding"):
        if plain["paths"][name] is None:
            del plain["paths"][name]
    if content.analyse == AnalyseSettings():
        del plain["analyse"]
    if content.release == ReleaseSettings():
        del plain["release"]
    for name in ("people", "partners"):
        if not plain[name]:
            del plain[name]
    if not signers:
        del plain["trust"]
    keys = [[key.identity for key in signers], register.keys] if register.keys else None
    if keys is None and not signers:
        return digest(plain)
    return digest([plain, *(keys or [[key.identity for key in signers]])])


def _ledger_url(url: str | None, folder: Path) -> str:
    if url is None:
        return f"{_SQLITE}{_user('XDG_DATA_HOME', '.local/share') / 'ledger.sqlite'}"
    if url.startswith(_SQLITE):
        return f"{_SQLITE}{(folder / url.removeprefix(_SQLITE)).resolve()}"
    return url
