"""Reading a policy: strict, whole, and with the line of each fault.

Guarantees: unknown, duplicate and missing keys, wrong types, an empty file, conditions
without meaning, two rules of one name and a relaxation without a reason are each a
``InputFileError`` with file, line and key; nothing is guessed and nothing is ignored.

A knock-out must deny and must not ask whether the baseline had the finding: a knock-out
in a baseline still denies (EVIDENCE, "Onboarding").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from fwverify.canonical import digest, sha256_hex
from fwverify.policy.conditions import check
from fwverify.policy.model import LoadedPolicy, Policy, Rule
from fwverify.strict import InputFileError, line_of, parse_toml, read_bounded

MAX_POLICY_BYTES: Final = 1024 * 1024
BUILTIN: Final = ("generic", "meter", "scanner", "vehicle-ecu")
DEFAULT_CLASS: Final = "generic"
RESERVED_PREFIXES: Final = (
    "ad_hoc.",
    "allow",
    "baseline.",
    "claim.",
    "coverage.",
    "decide.",
    "otherwise",
    "policy.",
    "signature.",
    "stage.",
    "supplier.",
    "trust.",
    "unpack.",
)
_CLASS: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
Steps: TypeAlias = tuple[str | int, ...]


class PolicyError(InputFileError):
    """A policy that must not be used: which file, which line, which key, and why."""


def load_policy(path: Path, capabilities: tuple[str, ...] = ()) -> LoadedPolicy:
    """Return the policy in the file ``path``; see ``parse_policy``."""
    return parse_policy(read_bounded(path, MAX_POLICY_BYTES), str(path), capabilities)


def select_policy(
    device: str,
    folder: Path | None,
    file: Path | None,
    capabilities: tuple[str, ...] = (),
) -> LoadedPolicy:
    """Return the policy of the class ``device``, with what ``file`` states laid over it.

    ``file`` is the ad hoc one: it may state only what differs, because its result is at
    best REVIEW. A configured policy is whole. Raises ``InputFileError``.
    """
    chosen = load_class(device, () if folder is None else (folder,), capabilities)
    if file is None:
        return chosen
    base = {**msgspec.to_builtins(chosen.policy), "name": "ad-hoc"}
    data = read_bounded(file, MAX_POLICY_BYTES)
    over = parse_policy(data, str(file), capabilities, base)
    return msgspec.structs.replace(over, sha256=digest(over.policy))


def load_class(
    name: str, folders: tuple[Path, ...] = (), capabilities: tuple[str, ...] = ()
) -> LoadedPolicy:
    """Return the policy of the device class ``name``.

    ``folders`` are the operator's, looked through in order for ``<name>.toml`` before
    the built-in ones, so that a new class is a new file. Raises ``PolicyError`` for a
    class that nobody defined: it must never fall back to a milder policy.
    """
    if not _CLASS.fullmatch(name):
        raise PolicyError(
            name[:80], None, "class", "a class is lower-case letters, digits, - and _"
        )
    for folder in folders:
        path = folder / f"{name}.toml"
        if path.is_file():
            return _of_class(load_policy(path, capabilities), name)
    if name not in BUILTIN:
        known = ", ".join(BUILTIN)
        why = f"{name} is no class that is configured; built in are {known}"
        raise PolicyError("case or --class", None, "class", why)
    source = resources.files("fwverify.policy") / "builtin" / f"{name}.toml"
    return _of_class(parse_policy(source.read_bytes(), f"builtin:{name}", capabilities), name)


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
    """Return the policy in ``data`` (UTF-8 TOML); ``file`` is only for messages.

    ``base`` supplies what the text leaves out.

    ``capabilities`` is the taxonomy that capability conditions must keep to; empty
    means unchecked. Raises ``InputFileError``, of which ``PolicyError`` is one.
    """
    if len(data) > MAX_POLICY_BYTES:
        raise PolicyError(file, None, "", f"larger than {MAX_POLICY_BYTES} bytes")
    policy = parse_toml(data, file, Policy, base)
    for steps, fault in _faults(policy, capabilities):
        line = line_of(data.decode("utf-8"), list(steps))
        raise PolicyError(file, line, ".".join(str(step) for step in steps), fault)
    return LoadedPolicy(policy=policy, sha256=sha256_hex(data), file=file)


def _faults(policy: Policy, capabilities: tuple[str, ...]) -> Iterator[tuple[Steps, str]]:
    """Yield what types cannot express, in the order of the file's tables."""
    if not policy.signatures.required and policy.signatures.reason is None:
        yield ("signatures", "reason"), "required = false needs a reason"
    if not policy.otherwise.next.action.strip():
        yield ("otherwise", "next"), "the action is empty"
    seen: set[str] = set()
    for index, rule in enumerate(policy.rules):
        if rule.id in seen:
            yield ("rules", index, "id"), f"a second rule {rule.id}"
        seen.add(rule.id)
        for name, fault in _rule_faults(rule, capabilities):
            yield ("rules", index, name), fault


def _rule_faults(rule: Rule, capabilities: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if rule.id.startswith(RESERVED_PREFIXES):
        yield "id", f"{rule.id} is a name the program itself uses"
    if len(set(rule.overlays)) != len(rule.overlays):
        yield "overlays", "an overlay is named twice"
    if not rule.next.action.strip():
        yield "next", "the action is empty"
    for condition in rule.when:
        fault = check(condition, capabilities)
        if fault is not None:
            yield "when", f"{condition.field}: {fault}"
    if rule.knock_out and rule.verdict != "DENY":
        yield "knock_out", "a knock-out must be DENY"
    if rule.knock_out and any(each.field == "in_baseline" for each in rule.when):
        yield "when", "a knock-out must not depend on in_baseline"
