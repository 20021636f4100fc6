"""How the things that the rules look for are laid out in real files.

The texts are written for these tests as a program, script or table of the field would
hold them; nothing here is taken from a product and nothing is malware.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One rule, contents it must find, and near misses it must leave alone."""

    rule: str
    wanted: tuple[bytes, ...]
    unwanted: tuple[bytes, ...]


ELF_HEADER = b"\x7fELF\x01\x01\x01" + bytes(9) + b"\2\0\x28\0"
PE_HEADER = b"MZ" + bytes(62)


def elf(*texts: str | bytes) -> bytes:
    """Return an ELF file's head and its strings, as ``.rodata`` and ``.dynstr`` have them."""
    return ELF_HEADER + bytes(24) + _joined(texts) + bytes(16)


def pe(*texts: str | bytes) -> bytes:
    """Return a Windows program's head and its strings."""
    return PE_HEADER + bytes(24) + _joined(texts) + bytes(16)


def mcu(*texts: str | bytes) -> bytes:
    """Return a microcontroller image: a vector table, then strings and tables."""
    return bytes.fromhex("00400020c1010008") * 4 + _joined(texts) + bytes(16)


def script(text: str) -> bytes:
    """Return a shell script."""
    return b"#!/bin/sh\n" + text.encode()


def python(text: str) -> bytes:
    """Return a Python script."""
    return b"#!/usr/bin/env python3\n" + text.encode()


def wide(*texts: str) -> bytes:
    """Return UTF-16 texts as resources and literals of Windows programs have them."""
    return b"".join(bytes(4) + text.encode("utf-16-le") + bytes(2) for text in texts)


def gbk(*texts: str) -> bytes:
    """Return texts in the encoding of Chinese firmware."""
    return b"\0".join(text.encode("gbk") for text in texts) + b"\0"


def hexa(text: str) -> bytes:
    """Return bytes between unlike neighbours."""
    return b"\xa7" + bytes.fromhex(text) + b"\xa7"


def _joined(texts: tuple[str | bytes, ...]) -> bytes:
    return b"".join((text.encode() if isinstance(text, str) else text) + b"\0" for text in texts)
