"""Does a trailer profile tell good files from altered ones: the test before its use.

Guarantees: each good sample must be laid out and verified under one of the keys, and
every byte of it must be signed, signature or steering; then mutants of it, the same ones
each time, must all be refused: flipped bits at the ends and along every signed range and
the signature, each field and magic altered, the file shortened and lengthened, the
signature zeroed and of all ones. Steering bytes are unsigned by the profile's own word;
they are counted and named, not altered.

Of a document (``[document]``) the mutants are those of its signed bytes, of the text that
its data is decoded from, and of the signature; all else in it counts as steering.

Not shown: that the profile is what the device checks. It is held against good samples
and a published source; look at what it calls steering.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from fwverify.model import _Value as Value
from fwverify.reader import Malformed
from fwverify.verify import raw
from fwverify.verify.keys import PublicKey
from fwverify.verify.profile_data import Message, read_document
from fwverify.verify.profiles import Document, Layouted, Profile, check, check_hashed, lay_out
from fwverify.verify.ranges import normal, without
from fwverify.verify.scheme import Range

Signed: TypeAlias = tuple[Message, Range | None]
"""What one signature is over, and where in the document it stands."""

_HEX_DIGITS: Final = tuple(bytes((one,)) for one in b"0123456789abcdefABCDEF")
PLACES: Final = 64
"""Places along each range where a bit is flipped, beside its first and last bytes."""


class Tested(Value, frozen=True, kw_only=True):
    """The outcome for one good sample. ``faults`` is empty where the profile held."""

    sample: str
    mutants: int
    steering_bytes: int
    faults: tuple[str, ...]


def try_sample(
    profile: Profile,
    name: str,
    sample: bytes,
    keys: tuple[PublicKey, ...],
    beside: bytes | None = None,
) -> Tested:
    """Return how ``profile`` does on the good sample ``name`` and its mutants.

    ``beside`` is the content of the signature file of a HEX or S-record file.
    """
    if profile.document is not None:
        return _try_document(profile, profile.document, name, sample, keys, beside)
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
        for place in _places(start, end):
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


# --- documents -----------------------------------------------------------------------


def _try_document(
    profile: Profile,
    document: Document,
    name: str,
    sample: bytes,
    keys: tuple[PublicKey, ...],
    beside: bytes | None,
) -> Tested:
    try:
        good = _signed_of(profile, document, sample, keys, beside)
    except Malformed as error:
        good, faults = (), [f"not recognised: {error}"]
    else:
        faults = [] if good else ["does not verify under any of the keys"]
    if document.message == "image" and beside is None:
        faults = ["no signature stands beside it (the sample's name and .sig)"]
    count = 0
    for what, mutant in _document_mutants(sample, good) if not faults else ():
        count += 1
        if _holds(profile, document, mutant, keys, beside, len(good)):
            faults.append(f"accepts a mutant: {what}")
    steering = _unsigned_bytes(sample, good) if good else 0
    return Tested(sample=name, mutants=count, steering_bytes=steering, faults=tuple(faults[:20]))


def _signed_of(
    profile: Profile,
    document: Document,
    content: bytes,
    keys: tuple[PublicKey, ...],
    beside: bytes | None,
) -> tuple[Signed, ...]:
    """Return what is signed, each with the place of its signature. Raises ``Malformed``."""
    found = read_document(profile, document, content)
    held: list[tuple[Range | None, bytes]] = list(found.signatures)
    if beside is not None and document.message == "image":
        held = [(None, one) for one in raw.decoded(beside)]
    return tuple(
        (message, place)
        for place, signature in held
        for message in found.messages
        if any(
            check_hashed(profile, message.hashed, signature, key.spki)[0] == "pass" for key in keys
        )
    )


def _holds(
    profile: Profile,
    document: Document,
    mutant: bytes,
    keys: tuple[PublicKey, ...],
    beside: bytes | None,
    signatures: int,
) -> bool:
    """Return whether as many signatures hold as in the good sample."""
    try:
        return len(_signed_of(profile, document, mutant, keys, beside)) >= signatures
    except Malformed:
        return False


def _document_mutants(sample: bytes, good: tuple[Signed, ...]) -> Iterator[tuple[str, bytes]]:
    """Yield altered signed bytes, an altered signature, and the file cut and continued.

    In text a digit becomes another digit: other letters of a number may mean the same.
    """
    for start, end in normal(span for message, _ in good for span in message.covered):
        for place in _places(start, end):
            bit = 1 << (place % 8)
            flipped = _put(sample, place, bytes((sample[place] ^ bit,)))
            yield f"bit {bit:#04x} at {place:#x}", flipped
    texts = [span for message, _ in good for span in message.texts]
    for start, end in normal((*texts, *(place for _, place in good if place is not None))):
        for place in _places(start, end):
            digit = sample[place : place + 1]
            if digit in _HEX_DIGITS:
                other = b"%x" % (int(digit, 16) ^ 1)
                yield f"another digit at {place:#x}", _put(sample, place, other)
    for cut in sorted({16, len(sample) // 2, len(sample)}):
        yield f"{cut} bytes cut off", sample[: len(sample) - cut]
        yield f"{cut} bytes cut off the front", sample[cut:]
    for more in (b"\0", b"\xff" * 16, sample):
        yield f"{len(more)} bytes behind", sample + more


def _places(start: int, end: int) -> list[int]:
    step = max(1, (end - start) // PLACES)
    return sorted({*range(start, end, step), *range(start, min(start + 8, end)), end - 1})


def _unsigned_bytes(sample: bytes, good: tuple[Signed, ...]) -> int:
    """Return how many bytes neither are signed, nor say what is, nor are a signature."""
    places = [place for _, place in good if place is not None]
    signed = [span for message, _ in good for span in (*message.covered, *message.texts)]
    named = normal((*signed, *places))
    return sum(end - start for start, end in without(((0, len(sample)),), named))
