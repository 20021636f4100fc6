"""A later delivery held to the recipe that was promoted.

Guarantees: a submitted file that no glob of the recipe matches, a required one that is
missing, an envelope that is another, and a hardware id that the recipe does not name are
one finding each, of medium severity and never known from a baseline: such a delivery is at
best REVIEW under every policy that looks at medium findings. Roles of the recipe go to
files that the case does not name.

Not checked: the order of envelopes, and what is in them; the comparison does that.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec.structs import replace

from fwverify.canonical import make_finding
from fwverify.case import Case, CaseMember
from fwverify.intake import names_of
from fwverify.model import Finding, Subject, Unpacked
from fwverify.onboarding.model import Recipe, RecipeFile

UNEXPECTED = "recipe.unexpected"
MISSING = "recipe.missing"
ENVELOPE = "recipe.envelope"
HARDWARE = "recipe.hardware"


def case_of(recipe: Recipe, case: Case | None, updates: tuple[Path, ...]) -> Case:
    """Return ``case``, or the recipe's own, with the recipe's roles of the submitted files."""
    if case is None:
        case = Case(
            schema="fwverify.case/1",
            vendor=recipe.vendor,
            product=recipe.product,
            class_name=recipe.class_name,
            context=recipe.context,
        )
    named = {each.path for each in case.members}
    told = []
    for path in names_of(updates):
        meant = None if path in named else _entry(recipe, path)
        if meant is not None and meant.role != "secret":
            told.append(CaseMember(path=path, role=meant.role, ecu=meant.ecu, hw_id=meant.hw_id))
    return replace(case, members=(*case.members, *told))


def held(subject: Subject, unpacked: Unpacked, recipe: Recipe) -> Iterator[Finding]:
    """Yield in what the delivery is not what ``recipe`` says."""
    paths = [each.path for each in subject.members if each.role != "secret"]
    for path in paths:
        if _entry(recipe, path) is None:
            text = "the recipe of the product knows no such file"
            yield make_finding(rule=UNEXPECTED, path=path, text=text)
    for each in recipe.file:
        if each.required and not any(fnmatchcase(path, each.glob) for path in paths):
            text = f"no submitted file matches {each.glob}, which the recipe asks for"
            yield make_finding(rule=MISSING, path=subject.name, text=text, evidence=(each.glob,))
    yield from _envelopes(subject, unpacked, recipe)
    yield from _hardware(unpacked, recipe)


def _entry(recipe: Recipe, path: str) -> RecipeFile | None:
    return next((each for each in recipe.file if fnmatchcase(path, each.glob)), None)


def _envelopes(subject: Subject, unpacked: Unpacked, recipe: Recipe) -> Iterator[Finding]:
    wanted = {step.format for step in recipe.step}
    formats = [
        (each.node.path, each.node.format) for each in unpacked.nodes if each.node.format in wanted
    ]
    for step in recipe.step:
        if any(name == step.format and fnmatchcase(path, step.glob) for path, name in formats):
            continue
        secret = f"; it was opened with a secret ({step.secret})" if step.secret else ""
        text = f"{step.glob} is no {step.format} here, as the recipe says it is{secret}"
        evidence = (step.glob, step.format)
        yield make_finding(rule=ENVELOPE, path=subject.name, text=text, evidence=evidence)


def _hardware(unpacked: Unpacked, recipe: Recipe) -> Iterator[Finding]:
    for each in unpacked.nodes:
        stated = each.node.identity.hardware
        if stated and stated not in recipe.hardware:
            text = f"is made for the hardware {stated}, which the recipe does not name"
            yield make_finding(
                rule=HARDWARE, path=each.node.path, text=text, evidence=(f"hardware:{stated}",)
            )
