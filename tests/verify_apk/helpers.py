"""What the tests of this folder share."""

from __future__ import annotations

import random

from fwverify.verify.android_ota import ANDROID_OTA
from fwverify.verify.apk import APK, APK_V4
from fwverify.verify.jar import JAR
from fwverify.verify.scheme import Material, Signed, TrustedKey
from tests.builders import pki
from tests.verify_apk.build import FILES, owner
from tests.verify_cms.helpers import view

SCHEMES = (ANDROID_OTA, APK, APK_V4, JAR)


def material(*identities, keys=(), **changes) -> Material:
    """Return material that trusts the certificates of ``identities`` (by default the owner)."""
    trusted = identities or (() if keys else (owner(),))
    return Material(
        at=changes.pop("at", pki.AT),
        code_roots=tuple(one.cert for one in trusted if one.cert.ca),
        pins=tuple(one.cert for one in trusted if not one.cert.ca),
        keys=tuple(
            TrustedKey(f"key-{number}", pki.spki(one.private), ("release",), True)
            for number, one in enumerate(keys)
        ),
        **changes,
    )


def run(content, scheme, *, trust=None, name: str = "update.zip", files=None) -> tuple[Signed, ...]:
    """Return what the scheme says; nothing where it does not apply."""
    seen = view(bytes(content), name=name, files=FILES if files is None else files)
    return scheme.verify(seen, trust or material()) if scheme.applies(seen) else ()


def accepted(results) -> bool:
    """Return whether the results would count: there are some, and every one is good."""
    return bool(results) and all((r.authentic, r.trusted) == ("pass", "pass") for r in results)


def reasons(results) -> str:
    return " | ".join(f"{one.authentic}: {one.reason}" for one in results)


def inside(position: int, ranges) -> bool:
    return any(low <= position < high for low, high in ranges)


def flips(content: bytes, count: int, seed: int = 1):
    """Yield (position, altered) for ``count`` seeded single-byte changes."""
    chooser = random.Random(seed)
    for _ in range(count):
        position = chooser.randrange(len(content))
        altered = bytearray(content)
        altered[position] ^= chooser.randrange(1, 256)
        yield position, bytes(altered)


def cuts(content: bytes, count: int, seed: int = 2):
    chooser = random.Random(seed)
    for _ in range(count):
        yield content[: chooser.randrange(len(content))]
