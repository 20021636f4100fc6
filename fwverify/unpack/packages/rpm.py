"""RPM packages: lead, signature header, header, payload.

Guarantees: every tag of both headers is read by its type; the digests that the package
carries of its header, its payload and both together are compared; the payload is decoded
and its cpio archive is a child; each of its files is held against the digest that the
header lists for it, and a file that the header does not list, or lists and the payload
lacks, is named. Scriptlets and triggers, which run as root, are children of their own and
are observed. The strings of the header are a child ``header.txt``, so that they are
searched.

A signature tag is class ``signature`` only where its value is OpenPGP signature packets to
the last byte. Values of binary tags that are not known, and of numbers that no tag of RPM
has, stay unexplained.

Specification: RPM package format (rpm.org ``manual/format_v3``, ``format_v4``,
``format_header``, ``tags``). All integers are big-endian.

Not checked: signatures (the verify stage); delta RPMs; payloads larger than 4 GiB, whose
cpio is not of a standard kind.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from fwverify.model import ByteClass, Entry, Identity, Opened
from fwverify.paths import encode_name
from fwverify.reader import Buffer, Malformed, Reader
from fwverify.store import CHUNK_BYTES
from fwverify.unpack.archives_cpio import TRAILER, read_header
from fwverify.unpack.documents.openpgp_packets import is_signatures, issuer_of, read_packet
from fwverify.unpack.gather import Gathered, is_text
from fwverify.unpack.packages.nested import open_inside
from fwverify.unpack.packages.rpm_header import (
    BINARY,
    HEADER_MAGIC,
    STRINGS,
    Section,
    Tag,
    read_section,
)
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.streams import BZIP2, GZIP, LZMA, XZ, ZSTD

MAGIC: Final = b"\xed\xab\xee\xdb"
LEAD_BYTES: Final = 96
_NAME: Final = slice(10, 76)
_PAYLOAD_NAME: Final = b"payload.cpio"
_MAX_LISTED_FILES: Final = 1_000_000

_SIGNATURES: Final = (267, 268, 278, 1002, 1005)
"""DSAHEADER, RSAHEADER, OPENPGP, PGP and GPG of the signature header."""

_SIG_SIZE, _SIG_MD5, _SIG_SHA1, _SIG_SHA256, _SIG_LONGSIZE = 1000, 1004, 269, 273, 270
_RESERVED: Final = (999, 1008)
_REGION: Final = (61, 62, 63)
_FILE_SIGNATURES: Final = (274, 276)
_NAME_TAG, _VERSION, _RELEASE, _EPOCH, _VENDOR, _ARCH = 1000, 1001, 1002, 1003, 1011, 1022
_BUILD_HOST, _SOURCE_RPM = 1007, 1044
_COMPRESSOR, _PAYLOAD_DIGEST, _PAYLOAD_ALGORITHM = 1125, 5092, 5093
_FILE_DIGESTS, _FILE_ALGORITHM, _FILE_MODES, _FILE_FLAGS = 1035, 5011, 1030, 1037
_BASENAMES, _DIRNAMES, _DIR_INDEXES = 1117, 1118, 1116
_GHOST: Final = 1 << 6
_MAX_NUMBERS: Final = 64
"""Numbers beyond this count belong to files or dependencies, which have names as well."""

_SCRIPTS: Final = {
    1023: b"prein", 1024: b"postin", 1025: b"preun", 1026: b"postun", 1079: b"verifyscript",
    1151: b"pretrans", 1152: b"posttrans", 5104: b"preuntrans", 5105: b"postuntrans",
    1065: b"trigger", 5066: b"filetrigger", 5076: b"transfiletrigger",
}  # fmt: skip
_KNOWN_TAGS: Final = (range(61, 64), range(100, 101), range(256, 280), range(999, 1200),
                      range(5000, 5150))  # fmt: skip
_COMPRESSORS: Final[dict[str, Format]] = {
    "gzip": GZIP, "bzip2": BZIP2, "xz": XZ, "lzma": LZMA, "zstd": ZSTD,
}  # fmt: skip
_ALGORITHMS: Final = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}


def open_rpm(source: Source) -> Opened:
    """Return the package's parts. Raises ``Malformed`` for a lead or header not readable."""
    found = Gathered(source, "rpm")
    lead = _read_lead(source.buffer)
    signature = read_section(source.buffer, LEAD_BYTES)
    start = signature.end + -signature.end % 8
    header = read_section(source.buffer, start)
    found.claim(0, LEAD_BYTES - 16)
    for low, high in ((LEAD_BYTES - 16, LEAD_BYTES), (signature.end, start)):
        if not any(bytes(source.buffer[low:high])):
            found.claim(low, high, "padding")
    for section, is_signature in ((signature, True), (header, False)):
        _claim_section(found, section, is_signature=is_signature)
    try:
        _put_scripts(found, header)
        _put_strings(found, header)
        _compare_digests(found, signature, header)
        _open_payload(found, header)
    except LimitHit as error:
        found.limit(error)
    _name_in_lead(found, lead, header)
    _attributes(found, signature, header)
    return found.finish(identity=_identity(header))


def _read_lead(buffer: Buffer) -> bytes:
    """Return the name of the lead (``format_lead``). Raises ``Malformed``."""
    reader = Reader(buffer)
    reader.expect(MAGIC, "lead magic")
    major = reader.u8("major")
    if major not in (3, 4):
        raise Malformed(4, "major", f"{major} is no package format")
    lead = reader.peek(0, LEAD_BYTES, "lead")
    if int.from_bytes(lead[78:80], "big") != 5:
        raise Malformed(78, "signature type", "is not that of a header")
    return lead[_NAME]


def _name_in_lead(found: Gathered, lead: bytes, header: Section) -> None:
    """Observe bytes behind the lead's name: nothing reads them."""
    text, _, rest = lead.partition(b"\x00")
    if any(rest) or not is_text(text):
        found.observe("rpm.lead", "the lead's name field holds more than a name", offset=10)
    name = header.text(_NAME_TAG)
    if name is not None and text and not text.decode("latin-1").startswith(name[:60]):
        shown = encode_name(text)
        found.observe("rpm.lead", f"the lead calls the package {shown}", offset=10)


# --- the two headers -----------------------------------------------------------------


def _claim_section(found: Gathered, section: Section, *, is_signature: bool) -> None:
    """Claim the index and what of the store is understood."""
    found.claim(section.start, section.store)
    names = max([_MAX_NUMBERS, *(tag.count for tag in section.tags if tag.type in STRINGS)])
    known = [_class_of(tag, names, is_signature=is_signature) for tag in section.tags]
    numbers = Counter(tag.number for tag in section.tags)
    for tag, kind in zip(section.tags, known, strict=True):
        if kind is not None and not found.claim(tag.start, tag.end, kind):
            text = f"the value of tag {tag.number} shares bytes with another one"
            found.observe("unpack.evasion.overlap", text, offset=tag.start, severity="high")
        if kind is None and tag.end > tag.start:
            text = f"tag {tag.number} holds {tag.end - tag.start} bytes that are not understood"
            found.observe("rpm.tag", text, offset=tag.start, length=tag.end - tag.start)
    for number in sorted(each for each in numbers if numbers[each] > 1):
        text = f"tag {number} stands more than once in one header"
        found.observe("unpack.evasion.duplicate", text, offset=section.start)


def _class_of(tag: Tag, names: int, *, is_signature: bool) -> ByteClass | None:
    """Return the class of a tag's value, None where it is not understood.

    ``names`` bounds how many numbers a tag can hold.
    """
    if is_signature and tag.number in _SIGNATURES and tag.type == BINARY:
        return "signature" if is_signatures(tag.data) else None
    if is_signature and tag.number in _RESERVED:
        return "padding" if not any(tag.data) else None
    if is_signature and tag.number == _SIG_MD5:
        return "parsed" if len(tag.data) == 16 else None
    if not any(tag.number in each for each in _KNOWN_TAGS):
        return None
    if tag.type == BINARY:
        return "parsed" if tag.number in _REGION or not tag.data else None
    if tag.type not in STRINGS and tag.count > names:
        return None
    if tag.type in STRINGS and tag.number not in _SCRIPTS:
        return "parsed" if is_text(tag.data.replace(b"\x00", b"")) else None
    return "parsed"


def _put_scripts(found: Gathered, header: Section) -> None:
    """Store each scriptlet and trigger. They run as root on the device."""
    for tag in header.tags:
        name = _SCRIPTS.get(tag.number)
        if name is None or tag.type not in STRINGS:
            continue
        at = tag.start
        for number, script in enumerate(tag.strings(), 1):
            suffix = b"" if number == 1 else b".%d" % number
            digest, size = found.source.put(script)
            extents = ((at, at + size),) if size else ()
            found.add(
                Entry(
                    name=b"scriptlet-" + name + suffix,
                    sha256=digest,
                    size=size,
                    extents=extents,
                    stored=True,
                    generated=True,
                    mode=0o755,
                )
            )
            text = f"a scriptlet %{name.decode()} runs as root when the package is handled"
            found.observe(
                "rpm.scriptlet", text, offset=at, length=size, severity="info",
                evidence=(f"scriptlet:{name.decode()}", f"sha256:{digest}"),
            )  # fmt: skip
            at += size + 1


def _put_strings(found: Gathered, header: Section) -> None:
    """Store the header's strings as one text: what it says is searched like any text."""
    lines = [
        b"%d: %s\n" % (tag.number, value)
        for tag in header.tags
        if tag.type in STRINGS and tag.number not in (*_SCRIPTS, *_FILE_SIGNATURES)
        for value in tag.strings()
        if value
    ]
    if lines:
        digest, size = found.source.put_stream(lines)
        found.add(Entry(name=b"header.txt", sha256=digest, size=size, generated=True))


def _identity(header: Section) -> Identity:
    version, release, epoch = header.text(_VERSION), header.text(_RELEASE), header.number(_EPOCH)
    whole = None if version is None else version + ("" if release is None else f"-{release}")
    return Identity(
        vendor=header.text(_VENDOR),
        product=header.text(_NAME_TAG),
        version=f"{epoch}:{whole}" if epoch and whole is not None else whole,
        build=header.text(_BUILD_HOST),
        arch=header.text(_ARCH),
    )


def _attributes(found: Gathered, signature: Section, header: Section) -> None:
    """Leave where the signed ranges are: the header alone, or header and payload."""
    found.attribute("rpm.header_start", str(header.start))
    found.attribute("rpm.header_end", str(header.end))
    source_rpm = header.text(_SOURCE_RPM)
    if source_rpm is not None:
        found.attribute("rpm.source", source_rpm)
    for tag in signature.tags:
        if tag.number in _SIGNATURES and tag.type == BINARY and is_signatures(tag.data):
            found.attribute("rpm.signature", f"{tag.number}:{tag.start}:{tag.end}")
            first = read_packet(tag.data, 0, len(tag.data))
            issuer = issuer_of(first.body(tag.data))
            if issuer is not None:
                found.attribute("rpm.signature_issuer", issuer)


# --- digests -------------------------------------------------------------------------


def _compare_digests(found: Gathered, signature: Section, header: Section) -> None:
    """Compare what the package says of its own bytes with its bytes."""
    size, buffer = found.source.size, found.buffer
    alone = (header.start, header.end)
    both = (header.start, size)
    md5 = signature.tag(_SIG_MD5)
    expected: list[tuple[str, str, str | None, tuple[int, int]]] = [
        ("SHA256HEADER", "sha256", signature.text(_SIG_SHA256), alone),
        ("SHA1HEADER", "sha1", signature.text(_SIG_SHA1), alone),
        ("SIGMD5", "md5", None if md5 is None else md5.data.hex(), both),
    ]
    algorithm = _ALGORITHMS.get(header.number(_PAYLOAD_ALGORITHM) or 8)
    if algorithm is not None:
        payload = header.text(_PAYLOAD_DIGEST)
        expected.append(("PAYLOADDIGEST", algorithm, payload, (header.end, size)))
    checked = 0
    for name, kind, stated, (start, end) in expected:
        if stated is None:
            continue
        checked += 1
        if _digest(buffer, start, end, kind) != stated.lower():
            found.malformed(Malformed(start, name, "is not the digest of the bytes"))
    stated_size = signature.number(_SIG_LONGSIZE) or signature.number(_SIG_SIZE)
    if stated_size is not None and stated_size != size - header.start:
        why = f"{stated_size} bytes where {size - header.start} are"
        past = stated_size > size - header.start
        found.malformed(Malformed(header.start, "SIGSIZE", why, past_end=past))
    if not checked:
        found.observe("rpm.no_digest", "the package carries no digest of itself")


def _digest(buffer: Buffer, start: int, end: int, kind: str) -> str:
    total = hashlib.new(kind, usedforsecurity=False)
    for at in range(start, end, CHUNK_BYTES):
        total.update(bytes(buffer[at : min(at + CHUNK_BYTES, end)]))
    return total.hexdigest()


# --- payload -------------------------------------------------------------------------


def _open_payload(found: Gathered, header: Section) -> None:
    """Decode the payload into a child and hold its files against the header."""
    start, end = header.end, found.source.size
    name = header.text(_COMPRESSOR) or _guess(found.buffer, start)
    if start == end:
        if _listed(header):
            found.malformed(Malformed(end, "payload", "is not there", past_end=True))
        return
    inner = _COMPRESSORS.get(name)
    if name in ("none", "identity"):
        digest, size = found.source.put_range(start, end)
        found.claim(start, end, "extracted")
        entries: tuple[Entry, ...] = (
            Entry(name=_PAYLOAD_NAME, kind="stream", sha256=digest, size=size,
                  extents=((start, end),), stored=True, generated=True),
        )  # fmt: skip
        found.add(entries[0])
    elif inner is None:
        found.trouble("unsupported", f"the payload's compression {name!a} is not known")
        return
    else:
        entries = open_inside(found, start, end, inner, _PAYLOAD_NAME)
    for entry in entries:
        if entry.sha256 is not None and entry.sha256 in found.source.store:
            with found.source.store.view(entry.sha256) as content:
                _compare_files(found, header, content)


def _guess(buffer: Buffer, start: int) -> str:
    """Return the compression where no tag names it: old packages are gzip, bare ones cpio."""
    return "none" if bytes(buffer[start : start + 5]) == b"07070" else "gzip"


def _listed(header: Section) -> dict[bytes, tuple[str, int, int]]:
    """Return digest, mode and flags of each file that the header lists, by its path."""
    names, folders, indexes = (
        header.tag(number) for number in (_BASENAMES, _DIRNAMES, _DIR_INDEXES)
    )
    if names is None or folders is None or indexes is None:
        return {}
    digests, modes, flags = (
        header.tag(number) for number in (_FILE_DIGESTS, _FILE_MODES, _FILE_FLAGS)
    )
    texts = digests.strings() if digests is not None else ()
    bits = modes.numbers() if modes is not None else ()
    marks = flags.numbers() if flags is not None else ()
    where = folders.strings()
    result = {}
    for at, (base, index) in enumerate(zip(names.strings(), indexes.numbers(), strict=False)):
        if index >= len(where):
            continue
        result[(where[index] + base).lstrip(b"/")] = (
            texts[at].decode("latin-1").lower() if at < len(texts) else "",
            bits[at] if at < len(bits) else 0,
            marks[at] if at < len(marks) else 0,
        )
    return result


def _cpio_files(buffer: Buffer) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield path, mode and range of each entry's data. Raises ``Malformed``."""
    offset = 0
    while True:
        header = read_header(buffer, offset)
        if header.name == TRAILER:
            return
        name = re.sub(rb"\A(?:\./|/)*", b"", header.name)
        yield name, header.fields["mode"], header.data_start, header.data_end
        offset = header.end


def _compare_files(found: Gathered, header: Section, content: Buffer) -> None:
    """Name files whose digest or mode is not the header's, and those in only one of both."""
    listed = _listed(header)
    if len(listed) > _MAX_LISTED_FILES:
        raise LimitHit("files", f"more than {_MAX_LISTED_FILES} files in the header")
    kind = _ALGORITHMS.get(header.number(_FILE_ALGORITHM) or 1)
    seen: set[bytes] = set()
    whole = True
    try:
        for name, mode, start, end in _cpio_files(content):
            seen.add(name)
            if name not in listed:
                _differs(found, "unpack.evasion.unlisted", name, "is not listed in the header")
                continue
            digest, stated_mode, _ = listed[name]
            if stated_mode != mode & 0xFFFF:
                _differs(found, "rpm.mode", name, f"has mode {mode:o} and not {stated_mode:o}")
            if not digest or start == end:  # hard links but the last have no data
                continue
            if kind is None or _digest(content, start, end, kind) != digest:
                text = f"{encode_name(name)}: the content does not have its listed digest"
                found.malformed(Malformed(header.end, "FILEDIGESTS", text))
    except Malformed as error:
        whole = False
        found.malformed(Malformed(header.end, "payload", f"is no cpio archive: {error}"))
    if whole:
        for name in sorted(set(listed) - seen):
            if not listed[name][2] & _GHOST:
                _differs(found, "rpm.absent", name, "is listed and not in the payload")


def _differs(found: Gathered, rule: str, name: bytes, what: str) -> None:
    shown = encode_name(name)
    found.observe(rule, f"{shown} {what}", severity="high", evidence=(f"name:{shown}",))


def _recognise(buffer: Buffer, _: str) -> bool:
    head = bytes(buffer[: LEAD_BYTES + 4])
    return head[:4] == MAGIC and head[LEAD_BYTES:] == HEADER_MAGIC


RPM: Final = Format(
    name="rpm",
    title="RPM package",
    family="package",
    specification="https://rpm.org/docs/latest/manual/format_v4.html",
    limitations="no delta RPMs, no payloads beyond 4 GiB per file; signatures are not judged here",
    recognise=_recognise,
    open=open_rpm,
)
