"""The files of the supplier register, as strict TOML.

Guarantees: every answer, decision, listing and status carries who, when and from where;
shares are exact decimals in text, never floating point. A register is append-only in its
use: the latest entry on or before the day that is asked about is the one in force.

Source of the criteria: the Dutch government's framework for ICT products and services and
national security, criteria 1, 2, 3a and 3b; of ``Gpa`` the Agreement on Government
Procurement (WTO, 2012). What an entry says is its assessor's judgement: nothing here is
derived from where a supplier comes from or who owns it.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from fwverify.model import _Value as Value
from fwverify.places import Jurisdiction

SUPPLIER_SCHEMA: Final = "fwverify.supplier/1"
COMPONENTS_SCHEMA: Final = "fwverify.components/1"
OWNERSHIP_SCHEMA: Final = "fwverify.ownership/1"
OPERATOR_SCHEMA: Final = "fwverify.operator/1"

Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]
Text = Annotated[str, Meta(min_length=1, max_length=2000)]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Share = Annotated[
    str, Meta(pattern=r"^(0\.[0-9]{1,12}|1|1\.0{1,12}|[0-9]{1,2}(\.[0-9]{1,10})?%|100%)$")
]
ContextKey = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}/(stand-alone|networked|unstated)$")
]
Answer: TypeAlias = Literal["yes", "no", "unknown"]
Criterion: TypeAlias = Literal["1", "2", "3a", "3b"]
Outcome: TypeAlias = Literal["refuse", "accept", "accept-with-controls"]
Status: TypeAlias = Literal["proposed", "approved", "revoked"]


class Control(Value, frozen=True, kw_only=True):
    """A measure that contains the risk, and what shows that it works."""

    control: Text
    evidence: Text


class Judgement(Value, frozen=True, kw_only=True):
    """An assessor's answer to one criterion.

    1: from a country whose law compels co-operation, or a company of such a state.
    2: from a country with an offensive programme, or in a tense relation. 3a: wide access
    to sensitive places or systems in ``context``. 3b: measures are possible there, which
    ``controls`` name with their evidence.
    """

    criterion: Criterion
    answer: Answer
    text: Text
    source: Text
    date: Day
    assessor: Text
    context: ContextKey | None = None
    controls: tuple[Control, ...] = ()


class Decision(Value, frozen=True, kw_only=True):
    """What a named assessor decides, case by case, for one context."""

    context: ContextKey
    outcome: Outcome
    text: Text
    source: Text
    date: Day
    assessor: Text


class Gpa(Value, frozen=True, kw_only=True):
    """Whether the supplier counts as one from a party to the agreement, and on what ground.

    ``establishment``, ``assembly`` and ``ubo`` (ultimate beneficial owner) are countries.
    """

    party: bool
    establishment: Country
    assembly: tuple[Country, ...]
    ubo: tuple[Country, ...]
    source: Text
    date: Day
    assessor: Text


class Quickscan(Value, frozen=True, kw_only=True):
    """The quick scan on national security that a purchase went through."""

    reference: Text
    outcome: Literal["no-objection", "measures", "objection"]
    source: Text
    date: Day
    valid_until: Day | None = None


class Listing(Value, frozen=True, kw_only=True):
    """That a published list names the supplier; never more than a question."""

    list: Text
    source: Text
    date: Day


class Supplier(Value, frozen=True, kw_only=True):
    """One supplier. ``vendors`` are its names in cases and in the trust store."""

    schema: Literal["fwverify.supplier/1"]
    id: Id
    name: Text
    vendors: Annotated[tuple[Text, ...], Meta(min_length=1)]
    established: Country | None = None
    gpa: Gpa | None = None
    quickscan: tuple[Quickscan, ...] = ()
    judgement: tuple[Judgement, ...] = ()
    decision: tuple[Decision, ...] = ()
    listing: tuple[Listing, ...] = ()


class Contract(Value, frozen=True, kw_only=True):
    """What every supplier's version of a component promises, and what it may speak with.

    ``claims`` are ``NAME`` or ``NAME=VALUE,VALUE``; ``capabilities`` ids, or families that
    end in ``.``; ``hosts`` suffixes, or an access point's or mail address whole; ``networks``
    CIDR; ``listens`` as a service states it (``tcp/443``). What is left out is not allowed.
    """

    claims: tuple[Text, ...] = ()
    capabilities: tuple[Text, ...] = ()
    hosts: tuple[Text, ...] = ()
    networks: tuple[Text, ...] = ()
    listens: tuple[Text, ...] = ()


class Component(Value, frozen=True, kw_only=True, rename={"device": "class"}):
    """A part that has to have ``minimum`` approved suppliers.

    ``device`` is the key ``class``: the device class whose policy judges it.
    """

    name: Id
    text: Text
    minimum: Annotated[int, Meta(ge=1, le=16)] = 2
    device: Id | None = None
    contract: Contract | None = None


class Source(Value, frozen=True, kw_only=True):
    """That a supplier's version of a component is now proposed, approved or revoked."""

    component: Id
    supplier: Id
    status: Status
    text: Text
    date: Day
    by: Text


class Components(Value, frozen=True, kw_only=True):
    """``components.toml``."""

    schema: Literal["fwverify.components/1"]
    component: tuple[Component, ...] = ()
    source: tuple[Source, ...] = ()


class Holding(Value, frozen=True, kw_only=True):
    """That ``holder`` holds ``share`` (``0.21`` or ``21%``) of ``held``."""

    holder: Text
    held: Text
    share: Share
    source: Text
    date: Day


class Ownership(Value, frozen=True, kw_only=True):
    """``ownership.toml``."""

    schema: Literal["fwverify.ownership/1"]
    holding: tuple[Holding, ...] = ()


class OperatorFile(Value, frozen=True, kw_only=True):
    """``operator.toml``: the operator's backends and keys, and where places lie.

    ``keys`` are SHA-256 of certificates (DER) and of public keys (SubjectPublicKeyInfo).
    Left out means not stated; an empty list allows none.
    """

    schema: Literal["fwverify.operator/1"]
    hosts: tuple[str, ...] | None = None
    keys: tuple[Sha256, ...] | None = None
    jurisdiction: tuple[Jurisdiction, ...] = ()
