"""The floor's text changed, and what lint says of it."""

from __future__ import annotations

from fwverify.analyse.taxonomy import CAPABILITIES
from fwverify.policy import load
from fwverify.policy.lint import lint

IDS = tuple(each.id for each in CAPABILITIES)
BUILTIN_FOLDER = load.resources.files("fwverify.policy") / "builtin"
FLOOR = load.load_floor(IDS).policy
FLOOR_TEXT = (BUILTIN_FOLDER / "floor" / "floor.toml").read_text()
MINE = FLOOR_TEXT.replace('class = "floor"', 'class = "crane"').replace("builtin-floor", "mine")
NEXT = 'next = { owner = "lab", action = "look" }'
BOTH = 'overlays = ["type_approval_rules", "national_security_rules"]'


def rule(name, when, verdict="DENY", more=""):
    return (
        f'\n[[rules]]\nid = "{name}"\n{BOTH}\nverdict = "{verdict}"\n{more}\n'
        f'text = "t"\n{NEXT}\nwhen = [{when}]\n'
    )


def condition(field, op, value):
    return f'{{ field = "{field}", op = "{op}", value = {value} }}'


def linted(tmp_path, text, name="crane.toml"):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return lint(file, (tmp_path,), IDS)
