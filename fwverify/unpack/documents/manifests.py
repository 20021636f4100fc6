"""What small text files say of the thing they describe, by their shape alone.

Guarantees: an identity is given only to a text that is one of the strict shapes below in
all of its lines, so that a sentence in a document is never taken for one; each value is
bounded and of the characters its format allows. What is returned is what the text says,
never proof.

Specifications: deb-control(5) (also opkg's), os-release(5), the Python core metadata
specification 2.4, the JAR file specification (manifest), package.json of npm.

Not checked: whether what the text describes is what lies beside it.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fwverify.model import Identity
from fwverify.reader import Buffer

MAX_BYTES: Final = 256 * 1024
_MAX_VALUE: Final = 256
_FIELD: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,63}):[ \t]?(.*)")
_SHELL: Final = re.compile(r"([A-Z][A-Z0-9_]{0,63})=(\"[^\"`$\\]*\"|'[^']*'|[^\s\"'`$\\]*)")
_JSON_KEYS: Final = ("name", "version")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+:~_-]{0,63}")


def identity_of(buffer: Buffer, name: str) -> Identity:
    """Return what the text in ``buffer`` says it describes; empty for no known shape.

    ``name`` chooses between shapes that differ only by it (package.json, version).
    """
    if len(buffer) > MAX_BYTES:
        return Identity()
    try:
        text = bytes(buffer[:]).decode()
    except UnicodeDecodeError:
        return Identity()
    lines = text.split("\n")
    if name in ("version", "version.txt", "VERSION") and _VERSION.fullmatch(text.strip()):
        return Identity(version=text.strip())
    if name == "package.json":
        return _package_json(bytes(buffer[:]))
    return _fields(lines) or _os_release(lines) or Identity()


def _fields(lines: list[str]) -> Identity | None:
    """Return the identity of a text of ``Key: value`` lines up to the first empty line."""
    fields: dict[str, str] = {}
    for line in lines:
        text = line.rstrip("\r")
        if not text:
            break
        if text[0] in " \t":
            continue
        match = _FIELD.fullmatch(text)
        if match is None:
            return None
        fields.setdefault(match[1].lower(), match[2].strip()[:_MAX_VALUE])
    if {"package", "version"} <= fields.keys() and fields.keys() & {"architecture", "depends"}:
        return Identity(
            product=fields["package"],
            version=fields["version"],
            arch=fields.get("architecture"),
            vendor=fields.get("maintainer"),
        )
    if {"metadata-version", "name", "version"} <= fields.keys():
        return Identity(
            product=fields["name"],
            version=fields["version"],
            vendor=fields.get("author") or fields.get("author-email"),
        )
    if "manifest-version" in fields and next(iter(fields)) == "manifest-version":
        return _jar(fields)
    return None


def _jar(fields: dict[str, str]) -> Identity:
    def first(*keys: str) -> str | None:
        return next((fields[key] for key in keys if fields.get(key)), None)

    return Identity(
        product=first("bundle-symbolicname", "implementation-title", "specification-title"),
        version=first("bundle-version", "implementation-version", "specification-version"),
        vendor=first("implementation-vendor", "bundle-vendor", "specification-vendor"),
    )


def _os_release(lines: list[str]) -> Identity | None:
    """Return the identity of an os-release(5) file: assignments, comments, nothing else."""
    values: dict[str, str] = {}
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _SHELL.fullmatch(text)
        if match is None:
            return None
        values[match[1]] = match[2].strip("\"'")[:_MAX_VALUE]
    if "ID" not in values or not values.keys() & {"NAME", "PRETTY_NAME", "VERSION_ID"}:
        return None
    return Identity(
        vendor=values.get("VENDOR_NAME"),
        product=values["ID"],
        version=values.get("VERSION_ID") or values.get("VERSION"),
        build=values.get("BUILD_ID"),
        hardware=values.get("OPENWRT_BOARD") or values.get("MACHINE"),
    )


def _package_json(data: bytes) -> Identity:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return Identity()
    if not isinstance(value, dict):
        return Identity()
    name, version = (value.get(key) for key in _JSON_KEYS)
    if not isinstance(name, str) or not isinstance(version, str):
        return Identity()
    return Identity(product=name[:_MAX_VALUE], version=version[:_MAX_VALUE])
