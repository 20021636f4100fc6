"""INF files and Burn manifests: what must be said, then what they say."""

from __future__ import annotations

import pytest

from tests.unpack.helpers import Bench, codes, kinds, noise, rules

INF = """; a driver
[Version]
Signature = "$WINDOWS NT$"
Class=USB ; comment
ClassGuid={36FC9E60-C465-11CF-8056-444553540000}
Provider=%Maker%
CatalogFile=scan.cat
DriverVer=05/06/2026,3.4.5.6

[Manufacturer]
%Maker%=Models,NTamd64,NTarm64.10.0

[Models.NTamd64]
"Scanner; large" = Install, USB\\VID_1234&PID_0001, USB\\VID_1234&PID_0002
[Models.NTarm64.10.0]
"Scanner" = Install, USB\\VID_1234&PID_0003

[Install.Services]
AddService = scan, 2, Service

[Strings]
Maker="Acme Imaging"
"""

BAD = bytes([*range(9), *range(14, 32), 127, 0x81, 0x8D, 0x8F, 0x90, 0x9D])

MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<BurnManifest xmlns="http://schemas.microsoft.com/wix/2008/Burn">
<Payload Id="a" FilePath="a.msi" Hash="ABCD" Packaging="{packaging}" {more} SourcePath="a0"
 Container="WixAttachedContainer"/>
<Registration Id="{{1}}" Version="3.4.5"><Arp DisplayName="Suite" Publisher="Acme"/></Registration>
<Chain><MsiPackage Id="a.msi" Cache="yes"/></Chain></BurnManifest>
"""


def manifest(packaging="embedded", more=""):
    return MANIFEST.format(packaging=packaging, more=more).encode()


def test_what_a_bundle_loads_is_incomplete_and_named():
    opened = Bench().open(manifest("external", 'DownloadUrl="https://evil.example/a.msi"'))
    assert codes(opened) == {"missing.download"}
    assert "https://evil.example/a.msi" in opened.problems[0].text
    assert "burn.download" in rules(opened)


def test_what_stands_beside_a_bundle_is_incomplete_and_named():
    assert codes(Bench().open(manifest("external"))) == {"missing.payload"}


def test_entities_are_refused():
    text = (
        manifest()
        .decode()
        .replace("<BurnManifest", "<!DOCTYPE a [<!ENTITY b 'c'>]><BurnManifest", 1)
    )
    opened = Bench().open(text.encode())
    assert opened.format != "burn-manifest"
    assert not opened.complete


@pytest.mark.parametrize("cut", [150, 300, 380, -3])
def test_a_cut_manifest_is_not_complete(cut):
    opened = Bench().open(manifest()[:cut])
    assert not opened.complete


def test_a_manifest_says_what_it_installs():
    opened = Bench().open(manifest())
    assert opened.complete
    assert opened.format == "burn-manifest"
    who = opened.identity
    assert (who.vendor, who.product, who.version) == ("Acme", "Suite", "3.4.5")
    assert ("payload", "a0 abcd") in opened.attributes
    assert ("package", "MsiPackage a.msi") in opened.attributes


# --- INF -----------------------------------------------------------------------------

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_driver_says_what_it_is(encoding):
    opened = Bench().open(INF.encode(encoding), "scan.inf")
    assert opened.complete
    assert opened.format == "inf"
    who = opened.identity
    assert (who.vendor, who.product, who.version) == ("Acme Imaging", "USB", "3.4.5.6")
    assert who.arch == "aarch64,x86_64"
    assert who.hardware == "USB\\VID_1234&PID_0001"
    ids = [value for name, value in opened.attributes if name == "hardware_id"]
    assert len(ids) == 3
    assert ("catalogfile", "scan.cat") in opened.attributes
    assert "inf.runs" in rules(opened)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_driver_file_with_a_payload_is_no_text(encoding):
    opened = Bench().open(INF.encode(encoding) + b"\0\x01" + noise(400), "scan.inf")
    assert opened.format != "inf"
    assert kinds(opened)["unexplained"] > 0


@pytest.mark.parametrize("tail", [b"\x01" * 64, bytes(range(0xA0, 0x100)) * 99 + noise(9)])
def test_controls_and_dense_bytes_make_it_no_text(tail):
    dense = tail if tail[0] == 1 else noise(9000).translate(bytes.maketrans(BAD, b"A" * len(BAD)))
    assert Bench().open(INF.encode() + dense).format != "inf"


def test_a_program_in_letters_inside_a_driver_file_is_said():
    letters = "; TVqQAA" + "A" * 120
    assert "unpack.encoded_text" in rules(Bench().open((INF + letters).encode()))


@pytest.mark.parametrize(
    "text", ["[Version]\nClass=USB\n", "Signature=$Windows NT$\n", "[autorun]\nopen=a.exe\n"]
)
def test_other_texts_are_no_driver_files(text):
    assert Bench().open(text.encode(), "a.inf").format == "text"


def test_a_comment_hides_nothing_in_quotes():
    changed = INF.replace("Provider=%Maker%", 'Provider="A;B"')
    assert Bench().open(changed.encode()).identity.vendor == "A;B"


def test_an_unknown_token_stays():
    changed = INF.replace('Maker="Acme Imaging"', "")
    assert Bench().open(changed.encode()).identity.vendor == "%Maker%"
