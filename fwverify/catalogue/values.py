"""The values of regulation catalogues and of the maps made with them.

A catalogue is data: which requirements a regulation, standard or guide has, how far an
examination of an update bears on each, and by which checks and findings. What is not
here: the texts of the regulations, which stay where they were published.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from fwverify.model import Sha256
from fwverify.model import _Value as Value

CATALOGUE_SCHEMA: Final = "fwverify.catalogue/1"
MAP_SCHEMA: Final = "fwverify.map/1"

Day = Annotated[str, Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]
"""A calendar day, ISO 8601."""

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Words = Annotated[str, Meta(min_length=1, max_length=500)]

CoverageKind: TypeAlias = Literal["direct", "partial", "none"]
Result: TypeAlias = Literal["supports", "contradicts", "no evidence"]

COVERAGE_WORDS: Final = {"direct": "direct", "partial": "partial", "none": "not covered"}


class Part(Value, frozen=True, kw_only=True):
    """A part of the source with all its official ids, in its order.

    It stands beside the requirements so that one that was forgotten or invented shows.
    """

    name: Name
    ids: tuple[Name, ...]


class Requirement(Value, frozen=True, kw_only=True):
    """One requirement, in this project's words.

    ``coverage`` says how far the bytes of an update can show anything of it; ``basis`` by
    what, or why not. ``checks`` are names of ``catalogue.checks.CHECKS``; a finding bears on
    it by one of its R155 ``threats``, by the beginning of its capability or of its rule.
    """

    part: Name
    id: Name
    title: Words
    coverage: CoverageKind
    basis: Words
    checks: tuple[Name, ...] = ()
    threats: tuple[Name, ...] = ()
    capabilities: tuple[Name, ...] = ()
    rules: tuple[Name, ...] = ()
    valid_from: Day | None = None
    valid_until: Day | None = None


class Catalogue(Value, frozen=True, kw_only=True):
    """One version of one source. ``scope`` says what of it is listed.

    ``checked`` says against what the ids were held; ``valid_until`` is the last day.
    """

    schema: Literal["fwverify.catalogue/1"]
    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,31}$")]
    title: Words
    version: Words
    valid_from: Day
    scope: Words
    checked: Words
    parts: tuple[Part, ...]
    requirements: tuple[Requirement, ...]
    valid_until: Day | None = None


class Mapped(Value, frozen=True, kw_only=True):
    """What the report says of one requirement; ``findings`` are fingerprints, sorted."""

    part: str
    id: str
    title: str
    coverage: CoverageKind
    result: Result
    in_force: bool
    basis: str
    because: tuple[str, ...]
    findings: tuple[Sha256, ...]


class Map(Value, frozen=True, kw_only=True):
    """A catalogue held against one report, in the catalogue's order.

    ``warnings`` tell what a reader must know first: not in force, or no longer.
    """

    schema: Literal["fwverify.map/1"] = MAP_SCHEMA
    catalogue: str
    title: str
    version: str
    scope: str
    at: str
    subject_sha256: Sha256
    report_sha256: str
    warnings: tuple[str, ...]
    requirements: tuple[Mapped, ...]
    notice: str
