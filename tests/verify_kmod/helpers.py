"""Signed modules, laid out as ``scripts/sign-file.c`` does."""

from __future__ import annotations

import struct

from fwverify.verify.kernel_module import KERNEL_MODULE, MARKER
from tests.builders import pki
from tests.verify_cms.helpers import material, view

BODY = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x01\x00" + b"module code " * 40
SIGNER = pki.signer("Kernel signer", "rsa2048")


def trailer(size, *, kind=2, fields=(0, 0), more=(0, 0, 0, 0, 0), marker=MARKER):
    return struct.pack(">8BI", *fields, kind, *more, size) + marker


def module(body=BODY, identity=None, *, message=None, **options):
    options.setdefault("certificates", ())
    options.setdefault("signed", None)
    made = pki.message(body, identity or SIGNER, **options) if message is None else message
    return body + made + trailer(len(made))


TRUST = material(pins=(SIGNER.cert,))


def run(content, trust=TRUST, name="e1000.ko"):
    seen = view(content, name=name)
    return KERNEL_MODULE.verify(seen, trust) if KERNEL_MODULE.applies(seen) else ()
