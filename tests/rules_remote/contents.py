"""Contents as the rules meet them: programs as their strings, scripts, UTF-16 text."""

from __future__ import annotations

Cases = tuple[tuple[str, tuple[bytes, ...], tuple[bytes, ...]], ...]
"""Rule, contents that it must find, contents that it must leave alone."""

SH = b"#!/bin/sh\n"


def elf(*texts: str) -> bytes:
    """A program as a scanner sees it: a header and strings of the read-only data."""
    header = b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\0\x28\0\x01\0\0\0"
    around = ("/lib/ld-linux-armhf.so.3", "libc.so.6", "socket", "connect")
    return header + b"\0".join(text.encode() for text in (*around, *texts, "GCC: (GNU) 12")) + b"\0"


def pe(*texts: str) -> bytes:
    """A Windows program: a header and strings in UTF-16."""
    return b"MZ" + bytes(62) + b"\0\0".join(text.encode("utf-16-le") for text in texts) + bytes(4)


def sh(*lines: str) -> bytes:
    """A shell script."""
    return SH + "".join(f"{line}\n" for line in lines).encode()


def text(*lines: str) -> bytes:
    """A configuration file."""
    return "".join(f"{line}\n" for line in lines).encode()


KEY = "A" * 43 + "="
"""No key: what forty-three letters and a sign look like to a pattern."""
