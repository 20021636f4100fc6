"""Reading catalogues: strict TOML, every official id exactly once.

Guarantees of a catalogue that loads: no unknown key, check, R155 threat or capability;
each id of its parts has exactly one requirement and no requirement is outside them; what
is not covered names no check; what is covered names one; no text claims more than
``catalogue.words`` allows. Anything else is an ``InputFileError`` that names the id.

Not checked: that the ids are those of the published text; ``checked`` says how they were
held against it.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fwverify.analyse.taxonomy import CAPABILITY_IDS, R155_THREATS
from fwverify.catalogue.checks import CHECKS
from fwverify.catalogue.values import Catalogue, Requirement
from fwverify.catalogue.words import claims
from fwverify.strict import InputFileError, load_toml

MAX_REQUIREMENTS: Final = 5_000
MAX_CATALOGUES: Final = 200
_SHIPPED: Final = Path(__file__).resolve().parent / "data"


@functools.cache
def shipped() -> tuple[Catalogue, ...]:
    """Return the catalogues of this program, sorted by id."""
    return tuple(load_catalogue(file) for file in sorted(_SHIPPED.glob("*.toml")))


def catalogues(folders: tuple[Path, ...] = ()) -> tuple[Catalogue, ...]:
    """Return the shipped catalogues and those in ``folders``, sorted by id.

    Raises ``InputFileError`` for a folder that is none or is empty, and where two
    catalogues have one id: none replaces another silently.
    """
    found = {each.id: each for each in shipped()}
    for folder in folders:
        files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
        if not 0 < len(files) <= MAX_CATALOGUES:
            raise InputFileError(folder, None, "", f"holds {len(files)} catalogues")
        for file in files:
            each = load_catalogue(file)
            if each.id in found:
                raise InputFileError(file, None, "id", f"{each.id} is the id of another catalogue")
            found[each.id] = each
    return tuple(found[name] for name in sorted(found))


def load_catalogue(path: Path) -> Catalogue:
    """Return the catalogue in ``path``; raises ``InputFileError`` at its first fault."""
    catalogue = load_toml(path, Catalogue)
    for key, why in faults(catalogue):
        raise InputFileError(path, None, key, why)
    return catalogue


def faults(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield (key, what is wrong) for everything that the types do not see."""
    if len(catalogue.requirements) > MAX_REQUIREMENTS:
        yield "requirements", f"more than {MAX_REQUIREMENTS}"
        return
    yield from _ids(catalogue)
    if catalogue.valid_until is not None and catalogue.valid_until < catalogue.valid_from:
        yield "valid_until", "is before valid_from"
    for key in ("title", "version", "scope", "checked"):
        for word in claims(getattr(catalogue, key)):
            yield key, f"claims too much: {word!r}"
    for each in catalogue.requirements:
        for key, why in _requirement(each):
            yield f"{each.part} {each.id}: {key}", why


def _ids(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    names = Counter(part.name for part in catalogue.parts)
    yield from (("parts", f"{name} stands twice") for name in names if names[name] > 1)
    official = Counter((part.name, each) for part in catalogue.parts for each in part.ids)
    stated = Counter((each.part, each.id) for each in catalogue.requirements)
    for (part, each), number in official.items():
        if number > 1:
            yield "parts", f"{part} {each} stands twice"
        if stated[part, each] != 1:
            yield "requirements", f"{part} {each} stands {stated[part, each]} times, not once"
    for part, each in stated:
        if (part, each) not in official:
            yield "requirements", f"{part} {each} is no id of the source"


def _requirement(each: Requirement) -> Iterator[tuple[str, str]]:
    selectors = (*each.checks, *each.threats, *each.capabilities, *each.rules)
    if each.coverage == "none" and selectors:
        yield "coverage", "what is not covered names no checks or findings"
    if each.coverage != "none" and not each.checks:
        yield "checks", "what is covered names at least one check"
    yield from (("checks", f"{name} is no check") for name in each.checks if name not in CHECKS)
    for threat in each.threats:
        if threat not in R155_THREATS:
            yield "threats", f"{threat} is no threat of R155 that an update bears on"
    for start in each.capabilities:
        if not any(known.startswith(start) for known in CAPABILITY_IDS):
            yield "capabilities", f"no capability begins with {start}"
    for key in ("title", "basis"):
        yield from ((key, f"claims too much: {word!r}") for word in claims(getattr(each, key)))
    if each.valid_from and each.valid_until and each.valid_until < each.valid_from:
        yield "valid_until", "is before valid_from"
