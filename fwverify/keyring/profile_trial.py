"""Does a trailer profile tell good files from altered ones: the test before its use.

Guarantees: each good sample must be laid out and verified under one of the keys, and
every byte of it must be signed, signature or steering; then mutants of it, the same ones
each time, must all be refused: flipped bits at the ends and along every signed range and
the signature, each field and magic altered, the file shortened and lengthened, the
signature zeroed and of all ones. Steering bytes are unsigned by the profile's own word;
they are counted and named, not altered.

Not shown: that the profile is what the device checks. It is held against good samples
and a published source; look at what it calls steering.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fwverify.model import _Value as Value
from fwverify.reader import Malformed
from fwverify.verify.keys import PublicKey
from fwverify.verify.profiles import Layouted, Profile, check, lay_out
from fwverify.verify.ranges import normal, without

PLACES: Final = 64
"""Places along each range where a bit is flipped, beside its first and last bytes."""


class Tested(Value, frozen=True, kw_only=True):
    """The outcome for one good sample. ``faults`` is empty where the profile held."""

    sample: str
    mutants: int
    steering_bytes: int
    faults: tuple[str, ...]


def try_sample(profile: Profile, name: str, sample: bytes, keys: tuple[PublicKey, ...]) -> Tested:
    """Return how ``profile`` does on the good sample ``name`` and its mutants."""
    try:
        layouted = lay_out(profile, sample)
    except Malformed as error:
        return Tested(
            sample=name, mutants=0, steering_bytes=0, faults=(f"not recognised: {error}",)
        )
    faults = [*_not_good(profile, sample, layouted, keys), *_unaccounted(layouted, len(sample))]
    count = 0
    for what, mutant in mutants(sample, layouted):
        count += 1
        if accepted(profile, mutant, keys):
            faults.append(f"accepts a mutant: {what}")
    steering = sum(end - start for start, end in layouted.steering)
    return Tested(sample=name, mutants=count, steering_bytes=steering, faults=tuple(faults[:20]))


def accepted(profile: Profile, content: bytes, keys: tuple[PublicKey, ...]) -> bool:
    """Return whether ``content`` verifies under the profile and one of the keys."""
    try:
        layouted = lay_out(profile, content)
    except Malformed:
        return False
    return any(check(profile, content, layouted, key.spki)[0] == "pass" for key in keys)


def mutants(sample: bytes, layouted: Layouted) -> Iterator[tuple[str, bytes]]:
    """Yield what was altered and the altered sample."""
    for start, end in sorted((*layouted.signed, layouted.signature)):
        step = max(1, (end - start) // PLACES)
        places = {*range(start, end, step), *range(start, min(start + 8, end)), end - 1}
        for place in sorted(places):
            bit = 1 << (place % 8)
            yield (
                f"bit {bit:#04x} at {place:#x}",
                _put(sample, place, bytes((sample[place] ^ bit,))),
            )
    start, end = layouted.signature
    yield "a signature of zeros", _put(sample, start, bytes(end - start))
    yield "a signature of ones", _put(sample, start, b"\xff" * (end - start))
    for cut in sorted({1, 16, len(sample) // 2, len(sample) - 1, len(sample)}):
        yield f"{cut} bytes cut off", sample[: len(sample) - cut]
        yield f"{cut} bytes cut off the front", sample[cut:]
    for more in (b"\0", b"\xff" * 16, sample):
        yield f"{len(more)} bytes behind", sample + more
        yield f"{len(more)} bytes in front", more + sample


def _put(sample: bytes, place: int, data: bytes) -> bytes:
    return sample[:place] + data + sample[place + len(data) :]


def _not_good(
    profile: Profile, sample: bytes, layouted: Layouted, keys: tuple[PublicKey, ...]
) -> list[str]:
    outcomes = [check(profile, sample, layouted, key.spki) for key in keys]
    if any(axis == "pass" for axis, _ in outcomes):
        return []
    return [f"does not verify: {why}" for _, why in outcomes[:1]]


def _unaccounted(layouted: Layouted, size: int) -> list[str]:
    named = normal((*layouted.signed, layouted.signature, *layouted.steering))
    return [
        f"bytes {start:#x} to {end:#x} are neither signed, signature nor steering"
        for start, end in without(((0, size),), named)
    ]
