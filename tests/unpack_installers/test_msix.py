"""MSIX packages and what is only named: what must be said, then what comes out."""

from __future__ import annotations

import base64
import hashlib
import io
import random
import zipfile

import pytest

from fwverify.unpack.installers.named import NAMED
from tests.unpack.helpers import Bench, codes, kinds, noise, rules, sha

MANIFEST = b"""<?xml version="1.0"?><Package xmlns="http://schemas.microsoft.com/appx/manifest">
<Identity Name="Acme.Scanner" Publisher="CN=Acme" Version="3.4.5.0" ProcessorArchitecture="x64"/>
</Package>"""
BIG = bytes(range(256)) * 600
METHOD = "http://www.w3.org/2001/04/xmlenc#sha256"


def block_map(files, method=METHOD):
    rows = ""
    for name, data in files.items():
        cuts = [data[at : at + 65536] for at in range(0, len(data), 65536)]
        sums = [base64.b64encode(hashlib.sha256(cut).digest()).decode() for cut in cuts]
        rows += f'<File Name="{name}">' + "".join(f'<Block Hash="{s}"/>' for s in sums) + "</File>"
    return f'<BlockMap HashMethod="{method}">{rows}</BlockMap>'.encode()


def package(files=None, stated=None, **options):
    files = {"AppxManifest.xml": MANIFEST, "bin/app data.bin": BIG} if files is None else files
    stated = files if stated is None else stated
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name.replace(" ", "%20"), data)
        listed = {name.replace("/", "\\"): data for name, data in stated.items()}
        made.writestr("AppxBlockMap.xml", options.get("text") or block_map(listed, **options))
    return held.getvalue()


def test_a_content_that_the_block_map_does_not_fit_is_said():
    files = {"AppxManifest.xml": MANIFEST, "a.bin": BIG}
    opened = Bench().open(package(files, files | {"a.bin": BIG[:-1] + b"x"}))
    (seen,) = [each for each in opened.observations if each.rule == "msix.block_map"]
    assert seen.severity == "high"
    assert not opened.complete
    assert "a.bin" in seen.text


def test_a_file_that_the_block_map_does_not_name_is_said():
    files = {"AppxManifest.xml": MANIFEST, "evil.dll": b"x"}
    assert "msix.block_map" in rules(Bench().open(package(files, {"AppxManifest.xml": MANIFEST})))


def test_a_file_that_is_not_there_is_said():
    files = {"AppxManifest.xml": MANIFEST}
    assert "msix.block_map" in rules(Bench().open(package(files, files | {"gone": b"x"})))


@pytest.mark.parametrize(
    "text",
    [
        b"<BlockMap",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><BlockMap/>",
        b'<BlockMap HashMethod="http://www.w3.org/2001/04/xmldsig-more#sha384"/>',
        b'<BlockMap HashMethod="%s"><File Name="a"><Block Hash="*"/></File></BlockMap>'
        % METHOD.encode(),
        b'<BlockMap HashMethod="%s"><File Name="a"/><File Name="a"/></BlockMap>' % METHOD.encode(),
    ],
)
def test_a_hostile_block_map_is_incomplete(text):
    opened = Bench().open(package(text=text))
    assert "format.malformed" in codes(opened)
    assert not opened.complete


def test_a_signature_file_that_is_none_is_incomplete():
    opened = Bench().open(b"PKCX0\x82\x01\x00" + noise(300))
    assert opened.format == "appx-signature"
    assert not opened.complete
    assert kinds(opened)["unexplained"] > 0


def test_every_prefix_is_incomplete():
    data = package()
    for end in range(40, len(data), 151):
        assert not Bench().open(data[:end]).complete


def test_flipped_bytes_never_raise():
    data, chance = package(), random.Random(6)
    for _ in range(40):
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        Bench().open(bytes(changed))


def test_a_package_says_what_it_is():
    bench = Bench()
    opened = bench.open(package())
    assert opened.complete
    assert opened.format == "msix"
    assert not opened.observations
    who = opened.identity
    assert (who.vendor, who.product, who.version) == ("CN=Acme", "Acme.Scanner", "3.4.5.0")
    assert who.arch == "x86_64"
    assert sha(BIG) in {entry.sha256 for entry in opened.entries}


def test_a_plain_zip_is_no_package():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        made.writestr("AppxManifest.xml", MANIFEST)
    assert Bench().open(held.getvalue()).format == "zip"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("installshield-cab", b"ISc(" + noise(90)),
        ("inno-setup", b"Inno Setup Setup Data (5.5.7)" + noise(90)),
        ("psf", b"PA30" + noise(90)),
        ("chm", b"ITSF\x03\0\0\0" + noise(90)),
    ],
)
def test_what_is_only_named_is_incomplete(name, data):
    opened = Bench().open(data)
    assert opened.format == name
    assert codes(opened) == {"format.unsupported"}
    assert kinds(opened)["unexplained"] == len(data)
    assert name in {each.name for each in NAMED}
