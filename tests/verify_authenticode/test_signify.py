"""The Python package ``signify`` as second opinion, on the files shown to osslsigncode.

It runs in a process of its own: the library below it (oscrypto 1.3.0) reads the version of
OpenSSL with one digit for the patch level and gives up on 3.0.10 and later. There that one
pattern is widened before it is imported; nothing of signify itself is altered.

Where signify accepts and this project refuses, or the other way round, ``DIFFERENT`` says
it; ``docs/verifiers.md`` says why.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import corpus
from tests.builders import pki
from tests.verify.stores import SHIPPED
from tests.verify_authenticode import builder
from tests.verify_authenticode.helpers import accepted, pe
from tests.verify_authenticode.test_oracle import AGREED, RSA, STRICTER, flipped

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("signify") is None,
    reason="NOT COMPARED WITH signify: it is not installed (pip: signify)",
)

PROGRAM = r"""
import datetime, io, json, re, sys
search = re.search
def wider(pattern, *rest, **named):
    if pattern == r"\b(\d\.\d\.\d[a-z]*)\b":
        pattern = r"\b(\d\.\d\.\d+[a-z]*)\b"
    return search(pattern, *rest, **named)
re.search = wider
from signify.authenticode import AuthenticodeFile
from signify.exceptions import SignifyError
from signify.x509 import Certificate, CertificateStore
root, at, *files = sys.argv[1:]
store = CertificateStore(
    list(Certificate.from_pems(open(root, "rb").read())), trusted=True)
when = datetime.datetime.fromtimestamp(int(at), datetime.timezone.utc)
said = {}
for name in files:
    try:
        AuthenticodeFile.from_stream(open(name, "rb"), name).verify(
            multi_verify_mode="all", trusted_certificate_store=store,
            verification_context_kwargs={"timestamp": when})
        said[name] = ""
    except Exception as error:
        said[name] = f"{type(error).__name__}: {error}"[:300]
print(json.dumps(said))
"""


def signify(root: bytes, at: int, files: dict[str, bytes]) -> dict[str, str]:
    """Return what signify says of each file: nothing where it accepts."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "root.pem").write_bytes(root)
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        command = [sys.executable, "-c", PROGRAM, "root.pem", str(at), *files]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        said: dict[str, str] = json.loads(done.stdout)
        return said


_FOREIGN = builder.certificate(b"payload!" * 4, kind=0x0EF0)
_MESSAGE = builder.message(builder.indirect(builder.image_digest(builder.PROGRAM)), RSA)
_LOOSE = pki.attribute("1.3.6.1.4.1.42921.1.2.1", pki.octets(b"P" * 5000))
CASES = {name: content for name, (kind, content, _) in AGREED.items() if kind == "exe"} | {
    "padding": STRICTER["padding"][1],
    "foreign entry": builder.attach(builder.PROGRAM, builder.certificate(_MESSAGE), _FOREIGN),
    "unsigned attribute": builder.signed_pe(identity=RSA, unsigned=lambda _: (_LOOSE,)),
}
"""signify 0.9.3 reads no cabinets, and of the builders' MSI only the kind it knows by name."""

DIFFERENT = {
    "padding": (True, False),
    "foreign entry": (True, False),
}
"""Case to (signify accepts, fwverify accepts)."""


@functools.cache
def _all() -> dict[str, str]:
    files = {f"{name}.exe": content for name, content in CASES.items()}
    said = signify(pki.root().pem, int(pki.AT.timestamp()), files)
    return {name.removesuffix(".exe"): text for name, text in said.items()}


@pytest.mark.parametrize("case", sorted(CASES))
def test_signify_agrees_but_for_what_is_named(case):
    mine = accepted(pe(CASES[case]))
    theirs = _all()[case] == ""
    assert (theirs, mine) == DIFFERENT.get(case, (mine, mine)), _all()[case]


@corpus.needs_corpus
def test_signify_accepts_both_shims_and_the_libraries_of_basler():
    """Under the shipped anchors: code and time in one store, as signify knows one only."""
    roots = sorted((SHIPPED / "anchors").glob("*/*.pem"))
    root = b"".join(one.read_bytes() for one in roots)
    shims, basler = corpus.CORPUS / "uefi_shim_signed", corpus.CORPUS / "scanner_win_basler_pylon"
    files = {
        "new.efi": (shims / "update_16.1/shimx64.efi.signed").read_bytes(),
        "old.efi": (shims / "baseline_15.8/shimx64.efi.signed").read_bytes(),
        "a.dll": (basler / "update_26.3.1/PylonBase_v11.dll").read_bytes(),
    }
    refused = {
        "flipped.efi": flipped(files["new.efi"], 0x8000),
        "b.pyd": (basler / "update_26.3.1/_genicam.pyd").read_bytes(),
    }
    said = signify(root, 1779235200, files | refused)
    assert {name for name, text in said.items() if not text} == set(files), said
