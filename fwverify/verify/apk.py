"""APK Signature Schemes v2, v3 and v3.1; v4 is recognised.

Guarantees, per signer:

1. The public key is the first certificate's; each signature algorithm has a digest and
   the other way round, in the same order; every signature whose algorithm is known
   holds over the signed data, none being chosen for convenience.
2. Every digest of a known algorithm is the package's, recomputed over all bytes outside
   the signing block (``apk_digest``).
3. Several signers of a block stand only together: one that fails refuses all.
4. v3 and v3.1: platform ranges do not overlap; the proof of rotation holds.
5. Stripping: a v2 signature that promises v3, and a v3 one that promises v3.1, is
   refused where that is gone.
6. The archive reads the same to every reader (``apk_zip``: duplicate names, two central
   directories, fake end records).

Covered are all bytes outside the signing block; the container is the block's own frame
and the pairs of these schemes (of this one alone beside one that does not hold or is not
trusted). Pairs of other ids are neither: they are listed as uncovered.

Specification: Android "APK Signature Scheme v2", "v3", "v3.1", "v4".

Not done: DSA, source stamps, the dependency block, v4 (fs-verity beside the file).
"""

from __future__ import annotations

import dataclasses
import hmac
import itertools
from typing import Final

from asn1crypto import x509 as asn1_x509

from fwverify.model import Axis
from fwverify.reader import Malformed
from fwverify.verify import apk_block, apk_lineage, apk_zip, cms, primitives
from fwverify.verify.apk_block import ALGORITHMS, V2, V3, V31, Block, Signer
from fwverify.verify.apk_digest import ContentDigests
from fwverify.verify.apk_trust import of_certificate
from fwverify.verify.cms_signer import described
from fwverify.verify.ranges import normal
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "apk"
LABELS: Final = {V2: "v2", V3: "v3", V31: "v3.1"}
V4_NAME: Final = "apk-v4"
V4_SUFFIX: Final = ".idsig"
_STRIPPING: Final = 0xBEEFF00D
_ROTATION_MIN_SDK: Final = 0x559F8B02
_NUMBERS: Final = {2: V2, 3: V3}


def scheme_ids(block: Block | None) -> frozenset[int]:
    """Return the numbers (2, 3) of the schemes that a package has a pair for."""
    return frozenset(n for n, number in _NUMBERS.items() if block and block.pair(number))


def block_of(view: View) -> Block | None:
    """Return the package's signing block; None where there is none. Raises ``Malformed``."""
    end = apk_zip.find_end(view.content)
    return apk_block.read_block(view.content, end) if _has_block(view, end) else None


def _has_block(view: View, end: apk_zip.End) -> bool:
    return apk_block.has_block(view.content, end)


def _applies(view: View) -> bool:
    end = apk_zip.peek(view.content)
    return end is not None and _has_block(view, end)


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    try:
        archive = apk_zip.read(view.content)
        block = apk_block.read_block(view.content, archive.end)
        if _entries_end(archive) > block.start:
            raise Malformed(block.start, "apk.block", "entries lie inside the signing block")
        digests = ContentDigests(view.content, block.sections(archive.end))
    except apk_zip.Unsupported as error:
        return (_refused(view, str(error), "unverifiable"),)
    except Malformed as error:
        return (_refused(view, str(error)),)
    found = tuple(number for number in LABELS if block.pair(number))
    if not found:
        reason = "the signing block holds no signature of a known scheme"
        return (_refused(view, reason, "unverifiable"),)
    results = tuple(
        signed
        for number in found
        for signed in _verify_pair(view, block, number, digests, material)
    )
    return _together(results)


def _together(results: tuple[Signed, ...]) -> tuple[Signed, ...]:
    """Return the results with the containers of all, where all hold and are trusted.

    A package has a pair per scheme; beside a stranger's, each names its own alone.
    """
    if any((one.authentic, one.trusted) != ("pass", "pass") for one in results):
        return results
    container = normal(piece for one in results for piece in one.container)
    return tuple(dataclasses.replace(one, container=container) for one in results)


def standing(view: View, material: Material) -> tuple[Range, ...]:
    """Return the bytes of the block's signatures where all of them hold and are trusted."""
    results = _verify(view, material) if _applies(view) else ()
    if any((one.authentic, one.trusted) != ("pass", "pass") for one in results):
        return ()
    return tuple(piece for one in results[:1] for piece in one.container)


def _entries_end(archive: apk_zip.Archive) -> int:
    return max((item.end for item in archive.items), default=0)


def _verify_pair(
    view: View, block: Block, number: int, digests: ContentDigests, material: Material
) -> tuple[Signed, ...]:
    label = LABELS[number]
    pair = block.pair(number)
    if pair is None:
        return ()
    try:
        signers = apk_block.read_signers(view.content, pair)
        _check_ranges(number, signers)
        _check_not_stripped(block, number, signers)
    except Malformed as error:
        return (_refused(view, f"{label}: {error}"),)
    results = tuple(
        dataclasses.replace(
            _verify_signer(view, label, one, digests, material),
            names=(_name_of(label, one),),
            imprint=digests.of("sha256").hex(),
        )
        for one in signers
    )
    covered = ((0, block.start), (block.end, len(view.content)))
    frame: tuple[Range, ...] = (
        (block.start, block.start + 8),
        (pair.at, pair.end),
        (block.end - apk_block.FOOTER_BYTES, block.end),
    )
    return _as_a_whole(results, tuple(one for one in covered if one[0] < one[1]), frame)


def _check_ranges(number: int, signers: tuple[Signer, ...]) -> None:
    """Refuse v3 signers for the same platform version: v3 has one signer at a time."""
    ranges = sorted(one.sdk for one in signers)
    if number == V2:
        return  # it has no ranges
    for earlier, later in itertools.pairwise(ranges):
        if later[0] <= earlier[1]:
            raise Malformed(0, "apk.signers.sdk", "two signers for the same platform version")


def _check_not_stripped(block: Block, number: int, signers: tuple[Signer, ...]) -> None:
    """Refuse where a signed attribute promises a newer signature that is not there."""
    for signer in signers:
        promised = signer.attribute(_STRIPPING) if number == V2 else None
        if promised is not None:
            other = _NUMBERS.get(int.from_bytes(promised, "little"))
            if other is None or block.pair(other) is None:
                raise Malformed(0, "apk.stripping", "the signature of a newer scheme is gone")
        if number == V3 and signer.attribute(_ROTATION_MIN_SDK) and not block.pair(V31):
            raise Malformed(0, "apk.stripping", "the v3.1 signature is gone")


def _verify_signer(
    view: View, label: str, signer: Signer, digests: ContentDigests, material: Material
) -> Signed:
    try:
        certificates = tuple(cms.read_certificate(one) for one in signer.certificates)
        if not certificates:
            raise Malformed(0, "apk.certificates", "there is none")
        if certificates[0].public_key.dump() != signer.public_key:
            raise Malformed(0, "apk.public_key", "is not the first certificate's")
        used, ignored = _check_signatures(signer)
        _check_digests(signer, digests)
        rotated = _lineage(signer)
    except _Unverifiable as error:
        return _refused(view, f"{label}: {error}", "unverifiable")
    except Malformed as error:
        return _refused(view, f"{label}: {error}")
    trust = of_certificate(certificates[0], certificates[1:], material)
    notes = (f"{label}: {used[0].name} {used[0].digest} holds", trust.reason, rotated, ignored)
    return Signed(
        path=view.path,
        scheme=NAME,
        authentic="pass",
        trusted=trust.axis,
        reason="; ".join(note for note in notes if note),
        signer=str(certificates[0].subject.human_friendly)[:200],
        spki=signer.public_key,
        key_id=trust.key_id,
        roles=trust.roles,
        digest=used[0].digest,
        algorithm=used[0].name,
        chain=() if trust.key_id is not None else trust.chain,
        weak=trust.weak,
    )


def _name_of(label: str, signer: Signer) -> str:
    """Return who signed by the block's own words, with the scheme that a platform chooses by."""
    try:
        own = [cms.read_certificate(one) for one in signer.certificates[:1]]
    except Malformed:
        own = []
    return f"{label} {described(own[0])}" if own else f"{label} nobody named"


class _Unverifiable(Exception):
    """No algorithm of the signer is known here."""


def _check_signatures(signer: Signer) -> tuple[tuple[apk_block.Algorithm, ...], str]:
    """Return the algorithms that hold, weakest digest first, and what was not looked at."""
    numbers = [number for number, _ in signer.signatures]
    if numbers != [number for number, _ in signer.digests]:
        raise Malformed(0, "apk.signatures", "are not for the algorithms of the digests")
    if len(set(numbers)) != len(numbers):
        raise Malformed(0, "apk.signatures", "the same algorithm twice")
    used: list[apk_block.Algorithm] = []
    unknown: list[str] = []
    for number, signature in signer.signatures:
        algorithm = ALGORITHMS.get(number)
        if algorithm is None:
            unknown.append(f"{number:#06x}")
            continue
        outcome = primitives.check(
            signer.public_key,
            algorithm.name,
            algorithm.digest,
            signature,
            signer.signed,
            pss_salt=algorithm.salt,
        )
        if outcome.axis != "pass":
            raise Malformed(0, "apk.signature", outcome.reason)
        used.append(algorithm)
    ignored = f"algorithm {', '.join(unknown)} is not known" if unknown else ""
    if not used:
        raise _Unverifiable(ignored or "the signer has no signature")
    return tuple(sorted(used, key=lambda one: one.digest)), ignored


def _check_digests(signer: Signer, digests: ContentDigests) -> None:
    for number, stated in signer.digests:
        algorithm = ALGORITHMS.get(number)
        if algorithm is None:
            continue
        if not hmac.compare_digest(digests.of(algorithm.content), stated):
            raise Malformed(0, "apk.digest", f"{algorithm.content} is not that of the package")


def _lineage(signer: Signer) -> str:
    """Return the proof of rotation in words. Raises ``Malformed`` where it does not hold."""
    attribute = signer.attribute(apk_lineage.ATTRIBUTE)
    if attribute is None:
        return ""
    older = apk_lineage.check(attribute, signer.certificates[0])[:-1]
    if not older:
        return ""
    names = ", ".join(_short(one) for one in older)
    return f"rotated from {names}, which the rule need not trust"


def _short(certificate: asn1_x509.Certificate) -> str:
    return f"{str(certificate.subject.human_friendly)[:60]} ({certificate.sha256.hex()[:16]})"


def _as_a_whole(
    results: tuple[Signed, ...], covered: tuple[Range, ...], container: tuple[Range, ...]
) -> tuple[Signed, ...]:
    """Return the results, none better than the worst beside it."""
    for axis in ("fail", "unverifiable"):
        bad = [n for n, result in enumerate(results, 1) if result.authentic == axis]
        if bad:
            which = f"signer {', '.join(map(str, bad))} of {len(results)} does not stand"
            return tuple(_pulled_down(result, axis, which) for result in results)
    return tuple(
        dataclasses.replace(result, covered=covered, container=container) for result in results
    )


def _pulled_down(result: Signed, axis: Axis, which: str) -> Signed:
    if result.authentic != "pass":
        return result
    reason = f"{which}, so none does; here: {result.reason}"
    return dataclasses.replace(result, authentic=axis, trusted=axis, reason=reason)


def _refused(view: View, reason: str, axis: Axis = "fail", name: str = NAME) -> Signed:
    return Signed(path=view.path, scheme=name, authentic=axis, trusted=axis, reason=reason)


def _applies_v4(view: View) -> bool:
    return view.path.lower().endswith(V4_SUFFIX) and bytes(view.content[:4]) == b"\2\0\0\0"


def _verify_v4(view: View, material: Material) -> tuple[Signed, ...]:
    del material
    reason = "an APK Signature Scheme v4 file (fs-verity): not verified here"
    return (_refused(view, reason, "unverifiable", V4_NAME),)


APK: Final = Scheme(
    name=NAME,
    title="Android package, APK Signature Scheme v2, v3, v3.1 (signing block)",
    specification="Android APK Signature Scheme v2, v3, v3.1",
    limitations="no DSA, no source stamps, no ZIP64; an old key of a lineage gives no trust",
    applies=_applies,
    verify=_verify,
)

APK_V4: Final = Scheme(
    name=V4_NAME,
    title="Android package, APK Signature Scheme v4 (.idsig)",
    specification="Android APK Signature Scheme v4",
    limitations="recognised only: always unverifiable",
    applies=_applies_v4,
    verify=_verify_v4,
)
