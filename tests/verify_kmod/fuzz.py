"""Mutants of signed modules."""

from __future__ import annotations

from typing import Final

from tests.verify_authenticode.fuzz import refuse_mutants
from tests.verify_kmod.helpers import module, run

FUZZ: Final = (("kernel-module", lambda count: refuse_mutants(module(), run, count)),)
