"""Reading a policy: strict, whole, and with the line of each fault.

Guarantees: unknown, duplicate and missing keys, wrong types, an empty file, conditions
without meaning, two rules of one name and a relaxation without a reason are each a
``InputFileError`` with file, line and key; nothing is guessed and nothing is ignored.

A policy that ``extends`` a class, ``adopt``s measures or names a ``site``, and a case whose
context names a site profile, are composed here (``tighten``), and the digest is then that
of all parts. A tightening is looked for like a class: ``sites/<name>.toml`` and
``measures/<name>.toml`` in the operator's folder, then among the built-in ones; one that
nobody defined is an error, never nothing.

A knock-out must deny and must not ask whether the baseline had the finding: a knock-out
in a baseline still denies (EVIDENCE, "Onboarding").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from fwverify.canonical import canonical_json, digest, sha256_hex
from fwverify.policy.faults import Steps, policy_faults, shared_faults
from fwverify.policy.model import (
    LoadedPolicy,
    LoadedTightening,
    Policy,
    Source,
    Tightening,
)
from fwverify.policy.tighten import (
    ContradictionError,
    extending,
    lowering,
    tightened,
    tightening_faults,
)
from fwverify.strict import InputFileError, line_of, parse_toml, read_bounded

MAX_POLICY_BYTES: Final = 1024 * 1024
BUILTIN: Final = (
    "bus-truck",
    "generic",
    "inverter-charger",
    "meter",
    "meter-communication",
    "meter-measurement",
    "scanner",
    "scanner-airport-networked",
    "scanner-airport-stand-alone",
    "scanner-port-networked",
    "scanner-port-stand-alone",
    "vehicle-ecu",
)
SITES: Final = ("airport", "barracks", "depot", "grid", "port")
MEASURES: Final = ("us-cvr",)
FLOOR: Final = "floor"
MAX_EXTENDS: Final = 8
"""Policies that may extend one another in a row."""

DEFAULT_CLASS: Final = "generic"
_CLASS: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


class PolicyError(InputFileError):
    """A policy that must not be used: which file, which line, which key, and why."""


def load_policy(
    path: Path, capabilities: tuple[str, ...] = (), folders: tuple[Path, ...] = ()
) -> LoadedPolicy:
    """Return the policy in the file ``path``, composed; see ``parse_policy``."""
    data = read_bounded(path, MAX_POLICY_BYTES)
    return composed(parse_policy(data, str(path), capabilities), folders, capabilities)


def select_policy(
    device: str,
    folder: Path | None,
    file: Path | None,
    capabilities: tuple[str, ...] = (),
    site: str | None = None,
) -> LoadedPolicy:
    """Return the policy of the class ``device``, with what ``file`` states laid over it.

    ``file`` is the ad hoc one: it may state only what differs, because its result is at
    best REVIEW. A configured policy is whole. The site profile ``site`` is laid over both.
    Raises ``InputFileError``.
    """
    folders = () if folder is None else (folder,)
    chosen = load_class(device, folders, capabilities)
    if file is not None:
        base = {**msgspec.to_builtins(chosen.policy), "name": "ad-hoc"}
        over = parse_policy(read_bounded(file, MAX_POLICY_BYTES), str(file), capabilities, base)
        over = _ad_hoc(over, chosen.parts)
        chosen = _newly_named(over, chosen.policy, folders, capabilities)
    if site is None or site == chosen.policy.site:
        return chosen
    return with_tightening(chosen, load_tightening("sites", site, folders, capabilities))


def _ad_hoc(over: LoadedPolicy, parts: tuple[str, ...]) -> LoadedPolicy:
    """Return ``over``, of which the whole is what was laid over the class, under its own digest."""
    text = canonical_json(over.policy).decode()
    source = _source("ad-hoc", over.policy, text)
    return msgspec.structs.replace(over, sha256=source.sha256, parts=parts, sources=(source,))


def _source(
    kind: Literal["class", "extends", "tightening", "ad-hoc"], of: Policy | Tightening, text: str
) -> Source:
    sha256 = sha256_hex(text.encode())
    return Source(kind=kind, name=of.name, version=of.version, sha256=sha256, text=text)


def _newly_named(
    over: LoadedPolicy, base: Policy, folders: tuple[Path, ...], capabilities: tuple[str, ...]
) -> LoadedPolicy:
    """Return ``over`` with what it names beyond ``base``, of which all is already in it."""
    own = over.policy
    if own.extends != base.extends:
        why = "stands in a whole policy, not in one for this run"
        raise PolicyError(over.file, None, "extends", why)
    for name in own.adopt:
        if name not in base.adopt:
            over = with_tightening(over, load_tightening("measures", name, folders, capabilities))
    if own.site is not None and own.site != base.site:
        over = with_tightening(over, load_tightening("sites", own.site, folders, capabilities))
    return over


def load_class(
    name: str, folders: tuple[Path, ...] = (), capabilities: tuple[str, ...] = ()
) -> LoadedPolicy:
    """Return the policy of the device class ``name``, with all that it names laid over it.

    ``folders`` are the operator's, looked through in order for ``<name>.toml`` before
    the built-in ones, so that a new class is a new file. Raises ``PolicyError`` for a
    class that nobody defined: it must never fall back to a milder policy.
    """
    return composed(_bare_class(name, folders, capabilities), folders, capabilities)


def _bare_class(
    name: str, folders: tuple[Path, ...], capabilities: tuple[str, ...]
) -> LoadedPolicy:
    if not _CLASS.fullmatch(name):
        raise PolicyError(
            name[:80], None, "class", "a class is lower-case letters, digits, - and _"
        )
    found = _operators(folders, f"{name}.toml")
    if found is not None:
        data = read_bounded(found, MAX_POLICY_BYTES)
        return _of_class(parse_policy(data, str(found), capabilities), name)
    if name not in BUILTIN:
        known = ", ".join(BUILTIN)
        why = f"{name} is no class that is configured; built in are {known}"
        raise PolicyError("case or --class", None, "class", why)
    data = _shipped(f"{name}.toml")
    return _of_class(parse_policy(data, f"builtin:{name}", capabilities), name)


def _operators(folders: tuple[Path, ...], name: str) -> Path | None:
    return next((each / name for each in folders if (each / name).is_file()), None)


def _shipped(name: str) -> bytes:
    return (resources.files("fwverify.policy") / "builtin" / name).read_bytes()


def load_floor(capabilities: tuple[str, ...] = ()) -> LoadedPolicy:
    """Return the common floor, below which no policy and no site profile may go."""
    return parse_policy(_shipped("floor/floor.toml"), "builtin:floor", capabilities)


def composed(
    loaded: LoadedPolicy, folders: tuple[Path, ...] = (), capabilities: tuple[str, ...] = ()
) -> LoadedPolicy:
    """Return ``loaded`` over the class that it extends, under what it adopts and its site.

    Raises ``PolicyError``: for a circle, for what nobody defined, and for an extension that
    states less than what it extends.
    """
    chain = [loaded]
    while (base := chain[-1].policy.extends) is not None:
        where = (chain[-1].file, None, "extends")
        if base == chain[-1].policy.device or len(chain) > MAX_EXTENDS:
            raise PolicyError(*where, f"{base} leads back, or through more than {MAX_EXTENDS}")
        chain.append(_bare_class(base, folders, capabilities))
    result = chain.pop()
    while chain:
        result = _extended(result, chain.pop())
    for name in result.policy.adopt:
        over = load_tightening("measures", name, folders, capabilities)
        result = with_tightening(result, over)
    if result.policy.site is not None:
        over = load_tightening("sites", result.policy.site, folders, capabilities)
        result = with_tightening(result, over)
    return result


def _extended(base: LoadedPolicy, own: LoadedPolicy) -> LoadedPolicy:
    for steps, why in lowering(base.policy, own.policy):
        raise PolicyError(own.file, None, _key(steps), f"{why} ({base.policy.name})")
    try:
        policy = extending(base.policy, own.policy)
    except ContradictionError as error:
        raise PolicyError(own.file, None, "", str(error)) from error
    over = (msgspec.structs.replace(one, kind="extends") for one in own.sources)
    return LoadedPolicy(
        policy=policy,
        sha256=digest([base.sha256, own.sha256]),
        file=own.file,
        sources=(*base.sources, *over),
    )


def with_tightening(base: LoadedPolicy, over: LoadedTightening) -> LoadedPolicy:
    """Return ``base`` with ``over`` laid over it; raises ``PolicyError`` where they exclude."""
    try:
        policy = tightened(base.policy, over.tightening)
    except ContradictionError as error:
        raise PolicyError(over.file, None, "", str(error)) from error
    label = f"{over.tightening.name} {over.tightening.version}"
    sha256 = digest([base.sha256, over.sha256])
    source = _source("tightening", over.tightening, over.text)
    return msgspec.structs.replace(
        base,
        policy=policy,
        sha256=sha256,
        parts=(*base.parts, label),
        sources=(*base.sources, source),
    )


def load_tightening(
    kind: Literal["sites", "measures"],
    name: str,
    folders: tuple[Path, ...] = (),
    capabilities: tuple[str, ...] = (),
) -> LoadedTightening:
    """Return the site profile or the set of measures ``name``; raises ``PolicyError``."""
    what = {"sites": "profile", "measures": "adopt"}[kind]
    builtin = {"sites": SITES, "measures": MEASURES}[kind]
    if not _CLASS.fullmatch(name):
        raise PolicyError(name[:80], None, what, "lower-case letters, digits, - and _")
    found = _operators(folders, f"{kind}/{name}.toml")
    if found is not None:
        loaded = parse_tightening(read_bounded(found, MAX_POLICY_BYTES), str(found), capabilities)
    elif name in builtin:
        loaded = parse_tightening(
            _shipped(f"{kind}/{name}.toml"), f"builtin:{kind}/{name}", capabilities
        )
    else:
        why = f"{name} is not among the {kind} that are configured; built in: {', '.join(builtin)}"
        raise PolicyError("case or policy", None, what, why)
    if loaded.tightening.name != name:
        why = f"the file of {name} says {loaded.tightening.name}"
        raise PolicyError(loaded.file, None, "name", why)
    return loaded


def parse_tightening(
    data: bytes, file: str, capabilities: tuple[str, ...] = ()
) -> LoadedTightening:
    """Return the tightening in ``data`` (UTF-8 TOML); raises ``InputFileError``."""
    if len(data) > MAX_POLICY_BYTES:
        raise PolicyError(file, None, "", f"larger than {MAX_POLICY_BYTES} bytes")
    tightening = parse_toml(data, file, Tightening)
    for steps, fault in (*shared_faults(tightening, capabilities), *tightening_faults(tightening)):
        raise PolicyError(file, line_of(data.decode("utf-8"), list(steps)), _key(steps), fault)
    text = data.decode("utf-8")
    return LoadedTightening(tightening=tightening, sha256=sha256_hex(data), file=file, text=text)


def _key(steps: Steps) -> str:
    return ".".join(str(step) for step in steps)


def _of_class(loaded: LoadedPolicy, name: str) -> LoadedPolicy:
    if loaded.policy.device != name:
        text = f"the file of class {name} says {loaded.policy.device}"
        raise PolicyError(loaded.file, None, "class", text)
    return loaded


def parse_policy(
    data: bytes,
    file: str,
    capabilities: tuple[str, ...] = (),
    base: Mapping[str, Any] | None = None,
) -> LoadedPolicy:
    """Return the policy in ``data`` (UTF-8 TOML) as it stands, not composed.

    ``file`` is only for messages. ``base`` supplies what the text leaves out.

    ``capabilities`` is the taxonomy that capability conditions must keep to; empty
    means unchecked. Raises ``InputFileError``, of which ``PolicyError`` is one.
    """
    if len(data) > MAX_POLICY_BYTES:
        raise PolicyError(file, None, "", f"larger than {MAX_POLICY_BYTES} bytes")
    policy = parse_toml(data, file, Policy, base)
    for steps, fault in policy_faults(policy, capabilities):
        raise PolicyError(file, line_of(data.decode("utf-8"), list(steps)), _key(steps), fault)
    source = _source("class", policy, data.decode("utf-8"))
    return LoadedPolicy(policy=policy, sha256=sha256_hex(data), file=file, sources=(source,))
