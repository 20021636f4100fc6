"""What ``fwverify check`` takes from an onboarding: class, context, roles, baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fwverify.cli import common

if TYPE_CHECKING:
    from datetime import datetime

    from fwverify.case import Case
    from fwverify.onboarding.model import Recipe


def recipe_for(case: Case | None, options: common.Options) -> Recipe | None:
    """Return the recipe of the product that is checked, None where it was not onboarded.

    Products are called as the ledger records them: another spelling of one is that one.
    """
    from fwverify.onboarding import place
    from fwverify.people import UnusableText, one_line
    from fwverify.strict import InputFileError

    if case is None or not case.vendor or not case.product:
        return None
    root = common.configuration().onboarding
    if not root.is_dir():
        return None
    try:
        folder = place.folder_of(root, case.vendor, one_line("product", case.product))
    except (InputFileError, UnusableText):
        return None  # no name under which a vendor is onboarded
    found = place.load(folder)
    if found is None:
        return None
    recipe = found.recipe
    given = options.class_name or (case.class_name if options.case else None)
    if given is not None and given != recipe.class_name:
        raise click.UsageError(
            f"the product was onboarded as class {recipe.class_name}, not as {given}"
        )
    needed = sorted({each.secret for each in recipe.step if each.secret})
    if needed and not options.secrets:
        names = ", ".join(needed)
        click.echo(f"fwverify: the recipe names a secret ({names}): give --secret", err=True)
    return recipe


def baseline_of(recipe: Recipe, options: common.Options, case: Case, at: datetime) -> str:
    """Return the newest approved baseline of the product, the first delivery's where none is.

    Newest is what was proposed last. Without a promotion that stands nothing moves on; nor
    does a baseline count that was approved for another deployment context.
    """
    from fwverify.cli import running
    from fwverify.ledger.schema import is_absent

    first = recipe.baseline.removeprefix(running.LEDGER_PREFIX)
    url = options.ledger or common.configuration().ledger_url
    if is_absent(url):
        return recipe.baseline
    with running.open_ledger(url) as ledger:
        entries = ledger.list()
        known = next((each for each in entries if each.ref == first), None)
        if known is None or not running.stands(ledger, known, at):
            return recipe.baseline
        later = [
            each
            for each in entries
            if (each.vendor, each.product) == (known.vendor, known.product)
            and each.context_sha256 == case.context_sha256
            and each.created_at >= known.created_at
            and each.ref != known.ref
            and running.stands(ledger, each, at)
        ]
    newest = max(later, key=lambda each: (each.created_at, each.ref), default=known)
    return f"{running.LEDGER_PREFIX}{newest.ref}"


def applied(recipe: Recipe, case: Case, options: common.Options, updates: tuple[Path, ...]) -> Case:
    """Return the case of a later delivery: the one given, else that of the recipe."""
    from fwverify.onboarding.recipe import case_of

    return case_of(recipe, case if options.case else None, updates)
