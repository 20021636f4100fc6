"""Android OTA packages: the whole-file signature in the archive's comment.

Guarantees:

- The last six bytes say where the signature begins, 0xFFFF, and the comment's size; the
  end record stands exactly there and states the same size.
- The signature is one DER CMS message that fills its place exactly, over every byte up
  to the comment's size field.
- The archive reads the same to every reader (``apk_zip``): no other end record stands
  behind the first, whose archive a reader from the end would open (fake-eocd). Entries
  of ZIP64, which packages above 4 GiB use, are left to the opener.

The container is the comment's size, the words "signed by SignApk", the message and the
footer; any other bytes in the comment are listed as uncovered.

Specification: AOSP ``bootable/recovery/install/verifier.cpp`` (``verify_file``) and
``build/make/tools/signapk``; RFC 5652.

Not checked: the certificate copied to ``META-INF/com/android/otacert`` (never believed).
"""

from __future__ import annotations

from typing import Final

from fwverify.reader import Buffer, Malformed
from fwverify.verify import apk_zip, cms
from fwverify.verify.apk_trust import with_bare_keys, with_pins
from fwverify.verify.apk_zip import END_BYTES, END_MAGIC
from fwverify.verify.cms_signer import Frame, judge, refused
from fwverify.verify.scheme import Material, Range, Scheme, Signed, View

NAME: Final = "android-ota"
FOOTER_BYTES: Final = 6
_WORDS: Final = b"signed by SignApk\0"


def _footer(content: Buffer) -> tuple[int, int] | None:
    """Return (distance of the signature from the end, size of the comment), if it is one."""
    size = len(content)
    if size < END_BYTES + FOOTER_BYTES or bytes(content[size - 4 : size - 2]) != b"\xff\xff":
        return None
    distance = int.from_bytes(content[size - 6 : size - 4], "little")
    return distance, int.from_bytes(content[size - 2 : size], "little")


def _applies(view: View) -> bool:
    content, footer = view.content, _footer(view.content)
    if footer is None:
        return False
    at = len(content) - footer[1] - END_BYTES
    is_record = at >= 0 and bytes(content[at : at + 4]) == END_MAGIC
    return is_record or bytes(content[:4]) == apk_zip.LOCAL_MAGIC


def _split(content: Buffer) -> tuple[int, int]:
    """Return where the signed bytes end and where the message begins. Raises ``Malformed``."""
    size, footer = len(content), _footer(content)
    if footer is None:
        raise Malformed(size, "ota.footer", "is none")
    distance, comment = footer
    if not FOOTER_BYTES < distance <= comment:
        raise Malformed(size - 6, "ota.signature_start", f"{distance}, the comment is {comment}")
    at = size - comment - END_BYTES
    if at < 0 or bytes(content[at : at + 4]) != END_MAGIC:
        raise Malformed(size - 2, "ota.comment_size", "no end record stands there")
    if int.from_bytes(content[at + 20 : at + 22], "little") != comment:
        raise Malformed(at + 20, "zip.comment", "another size than the footer's")
    return at + END_BYTES - 2, size - distance


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    content, size = view.content, len(view.content)
    frame = Frame(view.path, NAME)
    try:
        signed, start = _split(content)
        data = cms.parse_signed_data(bytes(content[start : size - FOOTER_BYTES]))
        note = _check_archive(content)
    except Malformed as error:
        return (refused(frame, str(error)),)
    if data.content is not None:
        return (refused(frame, "the message signs content of its own"),)
    frame = Frame(view.path, NAME, ((0, signed),), _container(content, signed, start), note=note)
    window = cms.Window(content, 0, signed)
    return with_bare_keys(judge(frame, data, window, with_pins(material)), material)


def standing(view: View, material: Material) -> tuple[Range, ...]:
    """Return the bytes of the whole-file signature where it holds and is trusted."""
    results = _verify(view, material) if _applies(view) else ()
    if any((one.authentic, one.trusted) != ("pass", "pass") for one in results):
        return ()
    return tuple(piece for one in results[:1] for piece in one.container)


def _check_archive(content: Buffer) -> str:
    try:
        apk_zip.read(content)
    except apk_zip.Unsupported as error:
        return f"the archive's structure was not compared: {error.why}"
    return ""


def _container(content: Buffer, signed: int, start: int) -> tuple[Range, ...]:
    """Return the size field, the signing tool's words where they are those, and the message."""
    size, text = len(content), signed + 2
    if bytes(content[text:start]) in (b"", _WORDS):
        return ((signed, size),)
    return ((signed, text), (start, size))


ANDROID_OTA: Final = Scheme(
    name=NAME,
    title="Android OTA package, whole-file signature in the ZIP comment",
    specification="AOSP bootable/recovery/install/verifier.cpp; RFC 5652",
    limitations="ZIP64 packages: the directory is not compared with the local headers",
    applies=_applies,
    verify=_verify,
)
