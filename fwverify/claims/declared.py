"""The parameters of a declared claim, read strictly.

Guarantees: every claim has exactly the parameters that its name asks for, each in a form
that the engine can compare; anything else is a fault with its text, so that a mistyped
number can never make a claim mean less. What a list leaves out is not allowed.

Forms: a whole number of seconds (``900``), a whole number per day (``1/day``), COSEM
registers (``1-0:1.8.0*255``, IEC 62056-61; ``*`` for a group stands for any value), hosts
(``*.example.nl`` stands for hosts below it) and ``ca:SHA256``, capability ids, and the
claims of a second source as ``NAME`` or ``NAME=VALUE,VALUE``.

Not checked: whether what is declared is true, or sensible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, get_args

from fwverify.analyse.taxonomy import CAPABILITY_IDS
from fwverify.case import ClaimName, DeclaredClaim
from fwverify.places import address_of

MAX_VALUES: Final = 4096
CA_PREFIX: Final = "ca:"
CLAIM_NAMES: Final[tuple[str, ...]] = get_args(ClaimName)

_SECONDS: Final = re.compile(r"[1-9][0-9]{0,6}")
_PER_DAY: Final = re.compile(r"(0|[1-9][0-9]{0,4})/day")
_CA: Final = re.compile(r"ca:[0-9a-f]{64}")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*{_LABEL}\.?")
_OBIS: Final = re.compile(
    r"(\d{1,3}|\*)[-.](\d{1,3}|\*)[:.](\d{1,3}|\*)\.(\d{1,3}|\*)\.(\d{1,3}|\*)(?:[.*](\d{1,3}|\*))?"
)
_MAX_BYTE: Final = 255


@dataclass(frozen=True)
class Form:
    """What a claim's values must be; ``least`` is how many there must be."""

    words: str
    least: int = 0
    most: int = 0


FORMS: Final = {
    "BACKEND_ALLOW_LIST": Form("a host or ca:SHA256", 1, MAX_VALUES),
    "CAPTURE_PERIOD": Form("whole seconds", 1, 1),
    "DECLARED_REMOTE_MAINTENANCE": Form("a capability id", 1, 64),
    "FUNCTIONALLY_EQUIVALENT": Form("a claim of the second source", 1, 64),
    "METER_PUSH_MAX": Form("a whole number and /day", 1, 1),
    "NO_SUPPLIER_READ": Form("a host or ca:SHA256", 0, MAX_VALUES),
    "ONLY_DECLARED_REGISTERS": Form("an OBIS code", 1, MAX_VALUES),
}


def fault(declared: DeclaredClaim) -> str | None:
    """Return what is wrong with the parameters of ``declared``, or None."""
    form = FORMS.get(declared.claim, Form("nothing"))
    number = len(declared.values)
    if not form.least <= number <= form.most:
        asked = "no values" if not form.most else f"{form.least} to {form.most} values"
        asked = "one value" if form.least == form.most == 1 else asked
        return f"{declared.claim} takes {asked} ({form.words}), not {number}"
    for value in declared.values:
        if not _fits(declared.claim, value):
            return f"{declared.claim}: {value[:80]!a} is not {form.words}"
    if len(set(declared.values)) != number:
        return f"{declared.claim}: a value stands twice"
    if declared.claim == "FUNCTIONALLY_EQUIVALENT":
        names = [each.partition("=")[0] for each in declared.values]
        if len(set(names)) != number:
            return f"{declared.claim}: a claim of the second source stands twice"
    return None


def _fits(claim: str, value: str) -> bool:
    if claim == "CAPTURE_PERIOD":
        return _SECONDS.fullmatch(value) is not None
    if claim == "METER_PUSH_MAX":
        return _PER_DAY.fullmatch(value) is not None
    if claim == "ONLY_DECLARED_REGISTERS":
        return obis(value) is not None
    if claim == "DECLARED_REMOTE_MAINTENANCE":
        return value in CAPABILITY_IDS
    if claim == "FUNCTIONALLY_EQUIVALENT":
        return second_claim(value) is not None
    return is_ca_or_host(value)


def is_ca_or_host(value: str) -> bool:
    """Return whether ``value`` is ``ca:SHA256``, a host, a ``*.`` pattern or an address."""
    if value.startswith(CA_PREFIX):
        return _CA.fullmatch(value) is not None
    if ":" in value:
        return str(address_of(value)) == value
    return _HOST.fullmatch(value) is not None


def seconds(declared: DeclaredClaim) -> int:
    """Return the capture period in seconds."""
    return int(declared.values[0])


def per_day(declared: DeclaredClaim) -> int:
    """Return how often in a day a meter may send."""
    return int(declared.values[0].partition("/")[0])


def second_claim(value: str) -> tuple[str, tuple[str, ...]] | None:
    """Return name and sorted parameters of a claim of the second source, or None."""
    name, mark, rest = value.partition("=")
    if name not in CLAIM_NAMES or name == "FUNCTIONALLY_EQUIVALENT":
        return None
    values = tuple(rest.split(",")) if mark else ()
    if fault(DeclaredClaim(claim=name, values=values)) is not None:  # type: ignore[arg-type]
        return None
    return name, tuple(sorted(values))


def obis(text: str) -> tuple[str, str, str, str, str, str] | None:
    """Return the six groups of an OBIS code or pattern; None where it is none.

    A sixth group that is left out is 255, the current value (IEC 62056-61).
    """
    found = _OBIS.fullmatch(text)
    if found is None:
        return None
    groups = tuple(
        "*" if each == "*" else str(int(each or _MAX_BYTE)) for each in found.groups("255")
    )
    if any(each != "*" and int(each) > _MAX_BYTE for each in groups):
        return None
    first, second, third, fourth, fifth, sixth = groups
    return first, second, third, fourth, fifth, sixth


def obis_fits(code: str, patterns: tuple[str, ...]) -> bool:
    """Return whether one of ``patterns`` names the register ``code``."""
    groups = obis(code)
    if groups is None:
        return False
    for pattern in patterns:
        wanted = obis(pattern)
        if wanted and all(one in ("*", own) for one, own in zip(wanted, groups, strict=True)):
            return True
    return False


def host_fits(host: str, allowed: tuple[str, ...]) -> bool:
    """Return whether ``host`` (lower case) is one of ``allowed`` or below a ``*.`` of them."""
    bare = host.rstrip(".").lower()
    for each in allowed:
        wanted = each.rstrip(".")
        if wanted.startswith("*."):
            if bare.endswith(wanted[1:]) and len(bare) > len(wanted) - 1:
                return True
        elif bare == wanted:
            return True
    return False
