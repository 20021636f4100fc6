"""Under which licence the rules of a folder stand, as far as the folder says.

A rule set of others keeps its licence; so that nobody uses one unawares, it is shown
with the rules and in the report. Looked at: ``LICENSE``, ``LICENCE`` and ``COPYING``
files beside a rule file or above it inside its folder, and the metadata ``license`` or
``licence`` of the rules. What is not checked: whether the statement is true.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from fwverify.analyse.rulefile import RuleText
from fwverify.analyse.values import printable

_KEYS: Final = ("license", "licence")
_KEYED: Final = re.compile(rf"\b(?:{'|'.join(_KEYS)})\s*=")
_NAMES: Final = re.compile(r"(?i)(?:licen[cs]e|copying)(?:[._-][\w.-]{1,40})?")
_SPDX: Final = re.compile(r"SPDX-License-Identifier:\s*([\w.+() -]{1,60})")
_KNOWN: Final = (
    ("Apache License", "Apache License"),
    ("GNU AFFERO GENERAL PUBLIC LICENSE", "GNU AGPL"),
    ("GNU LESSER GENERAL PUBLIC LICENSE", "GNU LGPL"),
    ("GNU GENERAL PUBLIC LICENSE", "GNU GPL"),
    ("Detection Rule License", "Detection Rule License"),
    ("Elastic License", "Elastic License"),
    ("Mozilla Public License", "MPL"),
    ("MIT License", "MIT"),
    ("Redistribution and use in source and binary forms", "BSD"),
    ("Permission is hereby granted, free of charge", "MIT"),
)
_READ_BYTES: Final = 4096
_SHOWN_CHARACTERS: Final = 60


def may_state(source: str) -> bool:
    """Return whether a rule of the file ``source`` can state a licence at all."""
    return _KEYED.search(source) is not None


def stated(rule: RuleText) -> str:
    """Return the licence that the rule's own metadata states, or an empty text."""
    first, second = _KEYS
    return _shown(rule.get(first) or rule.get(second))


def folder_licence(file: Path, folder: Path) -> str:
    """Return the licence of the nearest licence file from ``file`` up to ``folder``, or ""."""
    place = file.parent
    while True:
        for found in sorted(place.iterdir()):
            if _NAMES.fullmatch(found.name) and found.is_file():
                return _named(found)
        if place in (folder, place.parent):
            return ""
        place = place.parent


def _named(file: Path) -> str:
    with file.open("rb") as handle:
        text = handle.read(_READ_BYTES).decode("utf-8", "replace")
    if (spdx := _SPDX.search(text)) is not None:
        return _shown(spdx[1])
    joined = " ".join(text.split())
    for words, name in _KNOWN:
        if words.lower() in joined.lower():
            return name
    return _shown(joined) or file.name


def _shown(text: str) -> str:
    return printable(" ".join(text.split()).encode("ascii", "replace"))[:_SHOWN_CHARACTERS]
