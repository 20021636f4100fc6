"""The trust store: a folder of TOML, keys, certificates and CRLs, read strictly.

Guarantees (SIGNATURES, "The trust store"):

- Every file of the folder but ``SIGNED.toml`` enters the store's digest; links are
  refused, sizes bounded; a folder that changes while it is read is refused.
- Unknown, duplicate and mistyped keys are errors that name file, line and key.
- A key file must have the pinned digest; one key stands once; added and approved by two
  different names; a revoked key says since when.
- A rule names its schemes, its roles and how many distinct keys of each; a rule that
  asks for nothing is an error, and so is one that asks for a role nobody has.
- Nothing else is trusted: not an embedded key, not the system's store, not the network.

Layout: ``policy.toml`` (floors), ``known_bad/*.toml``, ``profiles/*.toml``, ``anchors/<name>/``,
``vendors/<vendor>/vendor.toml`` with its ``keys/``, ``roots/`` and ``crl/``. The schema
of each file is described in ``signatures/README.md``.

Not checked: who may write to the folder. Its digest is in every report.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fwverify.canonical import digest, sha256_hex
from fwverify.strict import InputFileError, load_toml, read_bounded
from fwverify.verify.anchors import Anchor, load_anchors
from fwverify.verify.keys import KeyFormatError, PublicKey, read_anchors, read_keys
from fwverify.verify.known_bad import BadFile, KnownBad, is_consistent
from fwverify.verify.profiles import Profile, load_profile
from fwverify.verify.rules import AD_HOC_ROLE, KeyEntry, RootEntry, Rule, Threshold
from fwverify.verify.strength import Floors, MinBits, tightened
from fwverify.verify.vendor import load_vendor

TrustError = InputFileError
"""The store is unusable: file, line, key and why. The same error as of any TOML input."""

MAX_FILES: Final = 10_000
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
SIGNATURES: Final = "SIGNED.toml"
"""The approvers' signatures over the digest of all other files (``fwverify.keyring.signing``)."""


@dataclass(frozen=True)
class TrustStore:
    """A trust store in force.

    ``sha256`` is over all its files; ``rules`` stand in the order of vendors and files.
    """

    sha256: str
    floors: Floors
    known_bad: KnownBad
    profiles: tuple[Profile, ...]
    rules: tuple[Rule, ...]
    anchors: tuple[Anchor, ...] = ()


def load_trust(folder: Path) -> TrustStore:
    """Return the trust store in ``folder``.

    Raises ``TrustError`` for anything that is not exactly a trust store.
    """
    sha256 = store_digest(folder)
    anchors = load_anchors(folder / "anchors")
    profiles = tuple(load_profile(path) for path in _tomls(folder / "profiles"))
    loaded = TrustStore(
        sha256=sha256,
        floors=_load_floors(folder / "policy.toml"),
        known_bad=_load_known_bad(_tomls(folder / "known_bad")),
        profiles=profiles,
        rules=tuple(
            rule
            for vendor in _folders(folder / "vendors")
            for rule in load_vendor(vendor, profiles, anchors)
        ),
        anchors=anchors,
    )
    if store_digest(folder) != sha256:
        raise TrustError(folder, None, "", "was changed while it was read")
    return loaded


def store_digest(folder: Path) -> str:
    """Return the digest over names and contents of the store's files.

    The detached signatures over it (``SIGNATURES``) are left out, and nothing else.
    Raises ``TrustError``.
    """
    return digest([list(entry) for entry in _listing(folder) if entry[0] != SIGNATURES])


def select_rule(store: TrustStore, vendor: str, product: str) -> Rule | None:
    """Return the rule for ``product`` of ``vendor``, None where there is none.

    A rule that names the product exactly goes before one with a pattern; two that fit
    equally are an error, because choosing one would be chance. Raises ``TrustError``.
    """
    fitting = [
        rule
        for rule in store.rules
        if rule.name.partition("/")[0] == vendor and rule.matches(product)
    ]
    exact = [rule for rule in fitting if product in rule.products]
    chosen = exact or fitting
    if len(chosen) > 1:
        names = " and ".join(rule.name for rule in chosen)
        raise TrustError(f"vendors/{vendor}/vendor.toml", None, "rule", f"{names} fit {product}")
    return chosen[0] if chosen else None


def ad_hoc_rule(keys: tuple[Path, ...], anchors: tuple[Path, ...]) -> Rule:
    """Return the rule of ``--key`` and ``--anchor``: one signer, all executable bytes covered.

    It allows every scheme and every profile of the store in force. Raises
    ``KeyFormatError`` and ``InputFileError`` for unusable files.
    """
    found: dict[str, PublicKey] = {}
    for path in keys:
        for key in read_keys(read_bounded(path), str(path)):
            found.setdefault(key.identity, key)
    files = [(path, read_anchors(read_bounded(path), str(path))) for path in anchors]
    roots = tuple(
        RootEntry(id=f"{path.name}#{number}", certificate=certificate, roles=(AD_HOC_ROLE,))
        for path, file in files
        for number, certificate in enumerate(file.certificates, start=1)
    )
    if not found and not roots:
        file = str(anchors[0]) if anchors else "--key"
        raise KeyFormatError(file, "holds no key and no certificate to trust")
    return Rule(
        name="ad hoc",
        keys=tuple(
            KeyEntry(id=Path(key.name).name, key=key, roles=(AD_HOC_ROLE,))
            for key in found.values()
        ),
        roots=roots,
        thresholds=(Threshold(AD_HOC_ROLE, 1),),
        crls=tuple(crl for _, file in files for crl in file.crls),
        notes=tuple(
            f"{path.name}: {len(file.unusable)} certificates have keys of an unknown kind"
            for path, file in files
            if file.unusable
        ),
        ad_hoc=True,
    )


def with_floors(
    store: TrustStore,
    *,
    min_rsa_bits: int | None = None,
    min_ec_bits: int | None = None,
    digests: tuple[str, ...] | None = None,
) -> TrustStore:
    """Return ``store`` with floors at least as strict as both its own and those given."""
    bounds: list[MinBits] = []
    if min_rsa_bits is not None:
        bounds.append(MinBits(kind="rsa", bits=min_rsa_bits))
    if min_ec_bits is not None:
        bounds.append(MinBits(kind="ec", bits=min_ec_bits))
    extra = Floors(
        schema=store.floors.schema,
        digests=store.floors.digests if digests is None else digests,
        min_bits=tuple(bounds),
        algorithm=store.floors.algorithm,
    )
    return replace(store, floors=tightened(store.floors, extra))


def _listing(folder: Path) -> tuple[tuple[str, str], ...]:
    """Return (relative path, sha256) of every file, sorted. Raises ``TrustError``."""
    if not folder.is_dir():
        raise TrustError(folder, None, "", "no such folder")
    entries: list[tuple[str, str]] = []
    for path in sorted(_walk(folder), key=lambda item: item.as_posix()):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise TrustError(path, None, "", "neither a file nor a folder; links are refused")
        content = read_bounded(path, MAX_FILE_BYTES)
        entries.append((path.relative_to(folder).as_posix(), sha256_hex(content)))
        if len(entries) > MAX_FILES:
            raise TrustError(folder, None, "", f"more than {MAX_FILES} files")
    return tuple(entries)


def _walk(folder: Path) -> Iterable[Path]:
    def refuse(error: OSError) -> None:
        raise TrustError(error.filename, None, "", error.strerror or str(error)) from error

    for root, folders, names in os.walk(folder, onerror=refuse):
        linked = [name for name in folders if os.path.islink(os.path.join(root, name))]
        yield from (Path(root, name) for name in (*names, *linked))


def _tomls(folder: Path) -> tuple[Path, ...]:
    """Return the TOML files of ``folder``, sorted; any other file there is an error."""
    if not folder.is_dir():
        return ()
    paths = sorted(folder.iterdir())
    for path in paths:
        if path.suffix != ".toml":
            raise TrustError(path, None, "", "only .toml files stand here")
    return tuple(paths)


def _folders(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    paths = sorted(folder.iterdir())
    for path in paths:
        if not path.is_dir() or not (path / "vendor.toml").is_file():
            raise TrustError(path, None, "", "is no folder with a vendor.toml")
    return tuple(paths)


def _load_floors(path: Path) -> Floors:
    floors = load_toml(path, Floors)
    for kind in ("rsa", "ec"):
        if not any(one.kind == kind and one.since is None for one in floors.min_bits):
            raise TrustError(path, None, "min_bits", f"no floor for {kind} that always holds")
    names = [one.name for one in floors.algorithm]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise TrustError(path, None, f"algorithm.{number}.name", f"{name} stands twice")
    return floors


def _load_known_bad(paths: tuple[Path, ...]) -> KnownBad:
    files = [(path, load_toml(path, BadFile)) for path in paths]
    for path, file in files:
        for number, key in enumerate(file.key):
            if not is_consistent(key):
                why = f"{len(key.sha256)} digits are not a {key.kind} digest"
                raise TrustError(path, None, f"key.{number}.sha256", why)
    return KnownBad(
        keys=tuple(key for _, file in files for key in file.key),
        subjects=tuple(subject for _, file in files for subject in file.subject),
    )
