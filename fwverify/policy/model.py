"""A policy as its TOML file states it.

Guarantees: every key is known and typed; a policy can ask for REVIEW or DENY and can
never name ALLOW; the two places where it can ask for less than the default
(``signatures.required`` and ``baseline.approved_required``) need a written reason; the
entropy bound can only be lowered, and what no rule names is judged by ``otherwise``.

What stands elsewhere: the checks that types cannot express (``load``), the meaning of a
condition (``conditions``), the built-in rules of CONTRACT's "Verdicts" (``checks``).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from fwverify.model import Count, Next, Overlay, Sha256, _Value

POLICY_SCHEMA: Final = "fwverify.policy/1"
ENTROPY_MILLI: Final = 7200

Text = Annotated[str, Meta(min_length=1, max_length=500)]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,79}$")]
ToughVerdict: TypeAlias = Literal["REVIEW", "DENY"]
Field: TypeAlias = Literal[
    "rule", "capability", "threat", "severity", "confidence", "path", "in_baseline"
]
Operator: TypeAlias = Literal["equals", "not_equals", "in", "not_in", "prefix", "at_least"]
Value: TypeAlias = bool | str | tuple[str, ...]


class Signatures(_Value, frozen=True, kw_only=True):
    """Whether an update must be signed under a trust rule; ``reason`` if it need not."""

    required: bool
    reason: Text | None = None


class BaselineRule(_Value, frozen=True, kw_only=True):
    """Whether ALLOW needs an approved baseline; ``reason`` if it does not."""

    approved_required: bool
    reason: Text | None = None


class Strength(_Value, frozen=True, kw_only=True):
    """Floors above those of the trust store; the verify stage takes the stricter one."""

    min_rsa_bits: Annotated[int, Meta(ge=1024, le=16384)] | None = None
    min_ec_bits: Annotated[int, Meta(ge=160, le=521)] | None = None
    digests: Annotated[tuple[Name, ...], Meta(min_length=1)] | None = None


class Condition(_Value, frozen=True, kw_only=True):
    """One comparison over one finding; true or false, never anything else."""

    field: Field
    op: Operator
    value: Value


class Rule(_Value, frozen=True, kw_only=True):
    """What a finding leads to when every condition holds.

    ``knock_out`` marks what no waiver and no release can accept.
    """

    id: Name
    overlays: Annotated[tuple[Overlay, ...], Meta(min_length=1)]
    when: Annotated[tuple[Condition, ...], Meta(min_length=1)]
    verdict: ToughVerdict
    text: Text
    next: Next
    knock_out: bool = False


class Otherwise(_Value, frozen=True, kw_only=True):
    """What a new finding of this severity leads to when no rule of the overlay names it."""

    at_least: Literal["info", "low", "medium"]
    verdict: ToughVerdict
    next: Next


class Policy(
    _Value, frozen=True, kw_only=True, rename=lambda name: "class" if name == "device" else None
):
    """A whole policy. ``device`` is the key ``class``: the class it is meant for.

    Unexplained bytes are a REVIEW up to ``unexplained_max_bytes`` and INCOMPLETE above,
    and INCOMPLETE where any 4 KiB block has ``unexplained_entropy_milli`` thousandths of
    a bit per byte or more.
    """

    schema: Literal["fwverify.policy/1"]
    name: Name
    device: Name
    version: Text
    unexplained_max_bytes: Count
    unexplained_entropy_milli: Annotated[int, Meta(ge=0, le=ENTROPY_MILLI)] = ENTROPY_MILLI
    signatures: Signatures
    baseline: BaselineRule
    otherwise: Otherwise
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1)]
    strength: Strength = Strength()


class LoadedPolicy(_Value, frozen=True, kw_only=True):
    """A policy and the SHA-256 of the file it was read from."""

    policy: Policy
    sha256: Sha256
    file: str

    @property
    def label(self) -> str:
        """Name and version, as the report calls it."""
        return f"{self.policy.name} {self.policy.version}"
