"""Contents as the real thing would look: programs, scripts, settings, UTF-16 texts."""

from __future__ import annotations

from dataclasses import dataclass

Content = bytes | str


@dataclass(frozen=True)
class Case:
    """A rule, contents that it must find and contents that it must leave alone."""

    rule: str
    wanted: tuple[bytes, ...]
    unwanted: tuple[bytes, ...]


def case(rule: str, wanted: tuple[Content, ...], unwanted: tuple[Content, ...]) -> Case:
    return Case(rule, tuple(map(_bytes, wanted)), tuple(map(_bytes, unwanted)))


def _bytes(content: Content) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _table(strings: tuple[Content, ...]) -> bytes:
    return b"\0" + b"\0".join(_bytes(each) for each in strings) + b"\0\0\0\0"


def elf(*strings: Content) -> bytes:
    """A 32 bit executable (e_type 2) whose read-only data are ``strings``."""
    return b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\0\x28\0" + bytes(32) + _table(strings)


def library(*strings: Content) -> bytes:
    """A shared object (e_type 3)."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0" + bytes(44) + _table(strings)


def pe(*strings: Content) -> bytes:
    return b"MZ\x90\0" + bytes(60) + b"PE\0\0" + bytes(20) + _table(strings)


def dex(*strings: Content) -> bytes:
    return b"dex\n035\0" + bytes(104) + _table(strings)


def sh(*lines: str) -> bytes:
    return ("#!/bin/sh\n" + "\n".join(lines) + "\n").encode()


def wide(text: str) -> bytes:
    return bytes(2) + text.encode("utf-16-le") + bytes(4)


def reg(key: str, *values: str) -> str:
    """An exported registry file."""
    return "Windows Registry Editor Version 5.00\r\n\r\n[" + key + "]\r\n" + "\r\n".join(values)
