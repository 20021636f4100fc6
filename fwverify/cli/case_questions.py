"""What ``fwverify case new`` asks, and what an answer may be.

Guarantees: an answer that no case may have is refused where it is given: on a terminal it is
asked for again, as an option it is one line. A class or site profile that nobody defined is
refused here already and not first by ``check``.

Not checked: that vendor and product stand in the trust store. The first delivery of a product
comes before its keys.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import click

from fwverify.cli import common


class Asked(NamedTuple):
    """One question: ``choices`` are all its answers where they are fixed."""

    name: str
    text: str
    needed: bool = False
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The option that answers it."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def question(self) -> str:
        """The text with its choices."""
        return f"{self.text} ({', '.join(self.choices)})" if self.choices else self.text


OF_CASE: Final = (
    Asked("id", "Name of the case", needed=True),
    Asked("vendor", "Vendor, as in the trust store", needed=True),
    Asked("product", "Product, as in the trust store", needed=True),
    Asked("class", "Product class, such as vehicle-ecu or meter (docs/policy.md)", needed=True),
    Asked("submitter", "Who submits", needed=True),
    Asked("version", "Version that the vendor says it is"),
    Asked("update_kind", "Kind of update", choices=("planned", "corrective")),
    Asked("component", "Component"),
    Asked("hardware_id", "Hardware id"),
    Asked("ticket", "Order or incident"),
)
OF_CONTEXT: Final = (
    Asked("site", "Site"),
    Asked("profile", "Site profile (port, airport, barracks, grid, depot)"),
    Asked("site_class", "Site class", choices=("low", "medium", "high")),
    Asked("connectivity", "Connectivity", choices=("stand-alone", "networked")),
    Asked("threat_level", "Threat level", choices=("normal", "raised", "high")),
    Asked("operator", "Who runs the equipment"),
)


def options(command: common.Command) -> common.Command:
    """Add an option for each question to ``command``; its value is ``f_NAME``."""
    for each in reversed((*OF_CASE, *OF_CONTEXT)):
        fixed = click.Choice(each.choices) if each.choices else None
        shown = None if fixed else "TEXT"
        add = click.option(
            each.flag, f"f_{each.name}", type=fixed, metavar=shown, help=f"{each.text}."
        )
        command = add(command)
    return command


def answers(given: Mapping[str, str]) -> dict[str, str]:
    """Return ``given`` with what a person answers; without one, what is needed must be given.

    Raises ``click.UsageError`` for an answer that no case may have.
    """
    answered = dict(given)
    asking = sys.stdin.isatty()
    for each in (*OF_CASE, *OF_CONTEXT):
        if each.name in answered:
            if why := fault(each.name, answered[each.name], answered):
                raise click.UsageError(f"{each.flag}: {why}")
        elif asking:
            if text := _prompted(each, answered):
                answered[each.name] = text
        elif each.needed:
            raise click.UsageError(f"{each.flag} is needed: {each.text}")
    return answered


def _prompted(asked: Asked, answered: Mapping[str, str]) -> str:
    """Return the answer of a person, "" for none; a wrong one is asked for again."""
    none = None if asked.needed else ""
    while True:
        text: str = click.prompt(asked.question, default=none, show_default=False).strip()
        if not text and not asked.needed:
            return ""
        why = fault(asked.name, text, answered) if text else "is needed"
        if not why and asked.choices and text not in asked.choices:
            why = f"{text!a} is none of {', '.join(asked.choices)}"
        if not why:
            return text
        click.echo(f"  {why}")


def fault(name: str, text: str, answered: Mapping[str, str]) -> str:
    """Return why ``text`` cannot be the answer to ``name``; "" where it can."""
    if name == "class":
        return _undefined(text, None)
    if name == "profile":
        return _undefined(answered["class"], text)
    return ""


def _undefined(class_name: str, profile: str | None) -> str:
    """Return why check would find no policy for the class and profile; "" where it would."""
    from fwverify.analyse.taxonomy import CAPABILITIES
    from fwverify.policy.load import select_policy
    from fwverify.strict import InputFileError

    known = tuple(each.id for each in CAPABILITIES)
    try:
        select_policy(class_name, common.configuration().policies, None, known, profile)
    except InputFileError as error:
        return error.why
    return ""


def claims(texts: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the declared claims of ``NAME`` and ``NAME=VALUE,VALUE``.

    Raises ``click.UsageError`` for a name that no claim has.
    """
    from typing import get_args

    from fwverify.case import ClaimName

    known: tuple[str, ...] = get_args(ClaimName)
    declared: list[dict[str, Any]] = []
    for text in texts:
        name, stated, values = text.partition("=")
        if name not in known:
            raise click.UsageError(f"--claim {name[:80]!a}: is none of {', '.join(known)}")
        declared.append({"claim": name} | ({"values": values.split(",")} if stated else {}))
    return declared
