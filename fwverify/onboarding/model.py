"""The files of an onboarding: what was found, what people add, what later deliveries need.

Guarantees: unknown keys, wrong types and lists beyond the bounds are errors of the file
(``fwverify.strict``). ``onboarding.json`` is written by the program, ``recipe.toml`` and
``rationale.toml`` are proposed by it and completed by people, ``confirmed.json`` grows by
``onboard confirm-key`` alone. No value of a secret stands in any of them.

What is not here: whether a rationale is a good one. Two people read it before they sign.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from fwverify.case import Context
from fwverify.model import Role, Sha256, Verdict
from fwverify.model import _Value as Value

MAX_FILES: Final = 4_096
MAX_STEPS: Final = 256
MAX_ITEMS: Final = 20_000
MAX_CANDIDATES: Final = 64
MAX_VALUES: Final = 10_000

RECORD: Final = "fwverify.onboarding/1"
RECIPE: Final = "fwverify.recipe/1"
RATIONALE: Final = "fwverify.rationale/1"
CONFIRMED: Final = "fwverify.confirmed/1"

Text = Annotated[str, Meta(min_length=1, max_length=4_000)]
Long = Annotated[str, Meta(min_length=1, max_length=65_536)]
Glob = Annotated[str, Meta(min_length=1, max_length=65_536)]
Kind: TypeAlias = Literal["capability", "account", "listener", "key", "endpoint"]
KINDS: Final[tuple[Kind, ...]] = ("capability", "account", "listener", "key", "endpoint")


class RecipeFile(Value, frozen=True, kw_only=True):
    """``[[file]]``: submitted files whose path ``glob`` matches, and what they are.

    Each ``required`` one must be there. A role never takes a file out of the analysis.
    """

    glob: Glob
    role: Role
    required: bool = True
    ecu: str | None = None
    hw_id: str | None = None


class RecipeStep(Value, frozen=True, kw_only=True):
    """``[[step]]``: an envelope; ``secret`` names what opens it and is never its value."""

    glob: Glob
    format: Text
    secret: str = ""


class Recipe(Value, frozen=True, kw_only=True, rename={"class_name": "class"}):
    """``recipe.toml``: how a delivery of one product looks.

    ``hardware`` are the hardware ids that the content may state; empty: none may.
    """

    schema: Literal["fwverify.recipe/1"]
    vendor: Text
    product: Text
    class_name: Text
    baseline: Text
    file: Annotated[tuple[RecipeFile, ...], Meta(min_length=1, max_length=MAX_FILES)]
    step: Annotated[tuple[RecipeStep, ...], Meta(max_length=MAX_STEPS)] = ()
    hardware: Annotated[tuple[Text, ...], Meta(max_length=MAX_FILES)] = ()
    context: Context | None = None


class Item(Value, frozen=True, kw_only=True):
    """``[[item]]``: something of high risk that the first delivery has, and why it may.

    ``what`` is the capability, the account, the service, the kind of key or endpoint;
    ``values`` say it whole. A person writes ``rationale``.
    """

    kind: Kind
    what: Long
    path: Long
    values: Annotated[tuple[str, ...], Meta(max_length=MAX_VALUES)]
    rationale: Annotated[str, Meta(max_length=4_000)] = ""


class Rationale(Value, frozen=True, kw_only=True):
    """``rationale.toml``."""

    schema: Literal["fwverify.rationale/1"]
    item: Annotated[tuple[Item, ...], Meta(max_length=MAX_ITEMS)] = ()


class CandidateKey(Value, frozen=True, kw_only=True):
    """A key whose signature over the delivery holds. It is trusted for nothing.

    ``fingerprint`` is the SHA-256 of the public key (``key``) or certificate (``root``).
    """

    id: Text
    table: Literal["key", "root"]
    fingerprint: Sha256
    scheme: Text
    signer: str
    paths: Annotated[tuple[str, ...], Meta(max_length=MAX_VALUES)]


class Refusal(Value, frozen=True, kw_only=True):
    """Why the first delivery is denied, its candidate keys supposed to be the vendor's."""

    rule: str
    text: str
    knock_out: bool


class Record(Value, frozen=True, kw_only=True, rename={"class_name": "class"}):
    """``onboarding.json``: the one analysis, and what it led to.

    ``trusted`` says that the configured trust store already vouched for the delivery.
    """

    schema: Literal["fwverify.onboarding/1"]
    vendor: Text
    product: Text
    class_name: Text
    ref: Text
    at: Text
    submitted_by: Text
    name: str
    sha256: Sha256
    verdict: Verdict
    core_sha256: Sha256
    trusted: bool
    candidates: Annotated[tuple[CandidateKey, ...], Meta(max_length=MAX_CANDIDATES)]
    refused: tuple[Refusal, ...]


class Confirmation(Value, frozen=True, kw_only=True):
    """That ``who`` got the ``fingerprint`` from the vendor: when, over which channel, how."""

    fingerprint: Sha256
    who: Text
    when: Text
    channel: Text
    how: Text


class Confirmed(Value, frozen=True, kw_only=True):
    """``confirmed.json``."""

    schema: Literal["fwverify.confirmed/1"]
    confirmation: Annotated[tuple[Confirmation, ...], Meta(max_length=MAX_CANDIDATES)] = ()
