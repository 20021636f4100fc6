"""Mutants of metadata for the fuzz bench: no crash, nothing altered is accepted as it was."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final

from fwverify.verify.tuf import TUF
from fwverify.verify.uptane import UPTANE
from tests.verify_apk.fuzz import AXES, mutant
from tests.verify_tuf import build, pairs
from tests.verify_tuf.folder import run

SCHEMES: Final = (TUF, UPTANE)


def _accepted(results) -> bool:
    return bool(results) and all((r.authentic, r.trusted) == ("pass", "pass") for r in results)


def run_mutants(files: Mapping[str, bytes], trust, count: int, seed: int = 9) -> None:
    """Show ``count`` mutants of one file each; raise ``AssertionError`` for a wrong acceptance."""
    good = {one.path: one for one in run(files, trust, SCHEMES)}
    if not _accepted(tuple(good.values())):
        raise AssertionError("the seed itself is not accepted")
    chooser = random.Random(seed)
    names = sorted(files)
    for _ in range(count):
        name = chooser.choice(names)
        content, position = mutant(files[name], chooser)
        results = run({**files, name: content}, trust, SCHEMES)
        if any(one.authentic not in AXES for one in results):
            raise AssertionError("an axis of another name")
        if not _accepted(results) or content == files[name]:
            continue
        if any(vouch.path == name for one in results for vouch in one.vouches):
            raise AssertionError(f"{name} changed and is vouched for")
        covered = good[name].covered if name in good else ()
        if position is not None and any(low <= position < high for low, high in covered):
            raise AssertionError(f"{name}: covered byte {position} changed and was accepted")


def tuf(count: int) -> None:
    trust = build.material(build.private("ed25519", 0))
    run_mutants(build.update(), trust, count)


def tuf_delegated(count: int) -> None:
    team = build.private("ed25519", 70)
    repo = build.Repo(
        delegations=build.delegation("team", team, paths=["app/*"]),
        delegated={"team": (build.role({"app/a.bin": build.listed(b"app")}), [team])},
    )
    files = build.update(repo, **{"targets/app/a.bin": b"app"})
    run_mutants(files, build.material(build.private("ed25519", 0)), count)


def uptane(count: int) -> None:
    run_mutants(pairs.pair(), build.material(*pairs.root_keys()), count)


FUZZ: Final[tuple[tuple[str, Callable[[int], None]], ...]] = (
    ("tuf", tuf),
    ("tuf-delegated", tuf_delegated),
    ("uptane", uptane),
)
