"""The schemes of vendor profiles over flash documents: VBF, ODX, Intel HEX and S-record.

What of such a file is signed, and what the profile cannot say, is ``profile_data``'s. Here
its signatures are tried under the keys of the rule.

Guarantees: a signature that no key verifies over the data is ``fail``; what is covered are
the bytes that were hashed, in an ODX the text that says them. The signature of a VBF or ODX
stands in it; that of a HEX or
S-record file is a member beside it, which may as well be a plain one over its text
(``raw``): so what does not hold is said only of profiles that the rule names.

Not checked: time, certificates, and everything that the profile does not say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from fwverify.model import Axis, Vouch
from fwverify.reader import Malformed
from fwverify.verify import raw
from fwverify.verify.embedded import refused
from fwverify.verify.profile_data import MAX_DIGITS, Found, Message, read_document
from fwverify.verify.profiles import Profile, check_hashed, passed, result_of
from fwverify.verify.ranges import normal
from fwverify.verify.scheme import Material, Range, Scheme, Signed, TrustedKey, View


def _read(view: View, material: Material) -> Iterator[tuple[Profile, Found | Signed]]:
    """Yield each profile of the file's format with what it reads, or why that is refused."""
    for profile in material.profiles:
        document = profile.document
        if document is None or document.format != view.placed.node.format:
            continue
        found: Found | Signed
        try:
            found = read_document(profile, document, view.content)
        except Malformed as error:
            found = refused(view.path, profile.scheme, f"{profile.title}: {error}")
        yield profile, found


def _is_flash(view: View) -> bool:
    return view.placed.node.format in ("vbf", "odx-f")


def _verify_inside(view: View, material: Material) -> tuple[Signed, ...]:
    results: list[Signed] = []
    for profile, found in _read(view, material):
        if isinstance(found, Signed):
            results.append(found)
            continue
        judged = [
            _judge(view, profile, found, (one,), place, material) for place, one in found.signatures
        ]
        results += _by_key(judged)
    return _of_fitting(results, material) or tuple(results)


def _of_fitting(results: list[Signed], material: Material) -> tuple[Signed, ...]:
    """Return the results of profiles that the rule names, or under which something holds.

    A rule from the command line names none: what another vendor's profile makes of a file
    says nothing of it.
    """
    fitting = {one.scheme for one in results if one.authentic == "pass"} | set(material.schemes)
    return tuple(one for one in results if one.scheme in fitting)


def _by_key(results: list[Signed]) -> Iterator[Signed]:
    """Yield the results, those that hold under one key as one: together they cover the file."""
    joined: dict[str | None, Signed] = {}
    for one in results:
        if one.authentic != "pass":
            yield one
            continue
        first = joined.get(one.key_id)
        joined[one.key_id] = (
            one
            if first is None
            else dataclasses.replace(
                first,
                covered=normal((*first.covered, *one.covered)),
                container=(*first.container, *one.container),
                vouches=tuple(dict.fromkeys((*first.vouches, *one.vouches))),
            )
        )
    yield from joined.values()


def _is_text_image(view: View) -> bool:
    return view.placed.node.format in ("intel-hex", "srec") and bool(view.detached)


def _verify_beside(view: View, material: Material) -> tuple[Signed, ...]:
    """Return what holds; what does not only of profiles that the rule itself names.

    A signature beside a HEX may as well be a plain one over its text (``raw``).
    """
    results: list[Signed] = []
    for profile, found in _read(view, material):
        if isinstance(found, Signed):
            results.append(found)
            continue
        for _, member in view.detached:
            values = raw.decoded(member) if len(member) <= MAX_DIGITS else ()
            results.append(_judge(view, profile, found, values, None, material))
    return _of_fitting(results, material)


def _judge(
    view: View,
    profile: Profile,
    found: Found,
    signatures: tuple[bytes, ...],
    place: Range | None,
    material: Material,
) -> Signed:
    """Return what one signature shows, whichever way its bytes are read."""
    axis: Axis = "unverifiable" if not material.keys else "fail"
    reason = "no key to verify it with" if not material.keys else "no key of the rule verifies it"
    for key in material.keys:
        for signature in signatures:
            for message in found.messages:
                outcome, why = check_hashed(profile, message.hashed, signature, key.spki)
                if outcome == "pass":
                    return _passed(view, profile, found, message, place, key, why)
                if len(material.keys) == 1:
                    axis, reason = outcome, why
    return result_of(view, profile, axis, reason)


def _passed(
    view: View,
    profile: Profile,
    found: Found,
    message: Message,
    place: Range | None,
    key: TrustedKey,
    why: str,
) -> Signed:
    held = {digest: view.holders(digest) for digest in dict.fromkeys(message.contents)}
    return dataclasses.replace(
        passed(view, profile, key, why),
        covered=normal((*message.covered, *(message.texts if place is not None else ()))),
        container=() if place is None else (place,),
        steering=found.steering,
        vouches=tuple(
            Vouch(path=one.path, sha256=digest, via=profile.scheme)
            for digest, holders in held.items()
            for one in holders
        ),
    )


DOCUMENT_PROFILE: Final = Scheme(
    name="profile-document",
    title="Vendor profile over the data of a VBF or ODX file",
    specification="docs/vendor-profiles.md; ISO 22901-1, 7.4",
    limitations="plain data only; headers and ODX addresses are unsigned and said so",
    applies=_is_flash,
    verify=_verify_inside,
)
IMAGE_PROFILE: Final = Scheme(
    name="profile-image",
    title="Vendor profile over the memory image of an Intel HEX or S-record file, beside it",
    specification="docs/vendor-profiles.md; Intel HEX; Motorola S-record",
    limitations="one signature a file; the start address is unsigned and said so",
    applies=_is_text_image,
    verify=_verify_beside,
)
PROFILE_SCHEMES: Final = (DOCUMENT_PROFILE, IMAGE_PROFILE)
