"""Mutants for the fuzz bench: no crash, and nothing altered in covered bytes is accepted."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from fwverify.verify.android_ota import ANDROID_OTA
from fwverify.verify.apk import APK
from fwverify.verify.jar import JAR
from tests.verify_apk.build import Signer, apk, archive, jar, ota
from tests.verify_apk.helpers import accepted, inside, run

AXES = ("pass", "fail", "unverifiable")


def mutant(content: bytes, chooser: random.Random) -> tuple[bytes, int | None]:
    """Return an altered content, and the one byte that changed where it is one."""
    kind = chooser.randrange(5)
    at = chooser.randrange(len(content))
    if kind <= 1:
        altered = bytearray(content)
        altered[at] ^= chooser.randrange(1, 256)
        return bytes(altered), at
    if kind == 2:
        return content[:at], None
    size = chooser.choice((1, 2, 4, 8, 64))
    if kind == 3:
        return content[:at] + chooser.randbytes(size) + content[at + size :], None
    return content[:at] + content[at : at + size] * 2 + content[at + size :], None


def run_mutants(make: Callable[[], bytes], scheme, count: int, seed: int = 7) -> None:
    """Show ``count`` mutants to the scheme; raise ``AssertionError`` for a wrong acceptance."""
    content = make()
    good = run(content, scheme)
    if not accepted(good):
        raise AssertionError("the seed itself is not accepted")
    chooser = random.Random(seed)
    for _ in range(count):
        altered, position = mutant(content, chooser)
        results = run(altered, scheme)
        if any(one.authentic not in AXES for one in results):
            raise AssertionError("an axis of another name")
        if not accepted(results) or altered == content:
            continue
        if position is not None and any(inside(position, one.covered) for one in good):
            raise AssertionError(f"covered byte {position} changed and was accepted")
        if results[0].vouches != good[0].vouches:
            raise AssertionError("other contents are vouched for")


def apk_v2(count: int) -> None:
    run_mutants(apk, APK, count)


def apk_v3(count: int) -> None:
    run_mutants(lambda: apk(Signer(), number=0xF05368C0), APK, count)


def jar_v1(count: int) -> None:
    run_mutants(jar, JAR, count)


def jar_packed(count: int) -> None:
    run_mutants(lambda: jar(stored=False), JAR, count)


def android_ota(count: int) -> None:
    run_mutants(lambda: ota(archive()), ANDROID_OTA, count)


FUZZ: Final = (
    ("apk-v2", apk_v2),
    ("apk-v3", apk_v3),
    ("jar-v1", jar_v1),
    ("jar-packed", jar_packed),
    ("android-ota", android_ota),
)
