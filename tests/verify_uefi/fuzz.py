"""Mutants of UEFI's signed structures."""

from __future__ import annotations

from typing import Final

from tests.verify_authenticode.fuzz import refuse_mutants
from tests.verify_uefi import builder
from tests.verify_uefi.helpers import capsule, variable

IMAGE = b"firmware " * 50

FUZZ: Final = (
    ("uefi-variable", lambda count: refuse_mutants(builder.variable(), variable, count)),
    (
        "uefi-capsule",
        lambda count: refuse_mutants(builder.capsule(builder.payload(IMAGE)), capsule, count),
    ),
    ("uefi-payload", lambda count: refuse_mutants(builder.payload(IMAGE), capsule, count)),
)
