"""UTF-16 text, and what small text files say of the thing they describe."""

import pytest

from fwverify.unpack.documents.manifests import identity_of
from fwverify.unpack.documents.utf16 import UTF16
from tests.unpack.helpers import Bench, kinds, noise, rules
from tests.unpack_packages.helpers import never_raises_when_flipped

TEXT = "Update of the meter: http://x.example/päckage\r\n" * 9


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
def test_utf16_is_searched_as_utf8(encoding, mark):
    bench = Bench()
    data = mark + TEXT.encode(encoding)
    opened = bench.open(data)
    assert (opened.format, opened.complete) == ("text-utf16", True)
    assert bench.content(opened, b"text") == TEXT.encode()
    assert kinds(opened) == {"extracted": len(data)}
    assert ("text.no_mark" in rules(opened)) is not bool(mark)


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe\x00\xd8a\x00", b"\xff\xfe\x01\x00\x02\x00\x03\x00", noise(600),
     b"\xff\xfe" + noise(900), b"\xfe\xff\x00", b"plain text\n", "a\0b".encode("utf-16-le"), b""],
)  # fmt: skip
def test_what_is_no_utf16_text(data):
    assert not UTF16.recognise(data, "x")


def test_long_text_is_decoded_across_pieces():
    bench = Bench()
    data = "x\U0001f600".encode("utf-16-le") * 400_000
    assert bench.open(b"\xff\xfe" + data).complete


def test_flips_never_raise():
    never_raises_when_flipped(UTF16, b"\xff\xfe" + TEXT.encode("utf-16-le"), 60)


CONTROL = (
    b"Package: meterd\nVersion: 1.2-3\nArchitecture: arm64\nMaintainer: ACME\n"
    b"Description: x\n long\n"
)
OS_RELEASE = b'ID=meteros\nNAME="Meter OS"\nVERSION_ID=1.2\nBUILD_ID="77"\n# c\n\n'


def test_identity_of_known_shapes():
    found = identity_of(CONTROL, "control")
    assert (found.product, found.version, found.arch, found.vendor) == (
        "meterd", "1.2-3", "arm64", "ACME",
    )  # fmt: skip
    found = identity_of(OS_RELEASE, "os-release")
    assert (found.product, found.version, found.build) == ("meteros", "1.2", "77")
    found = identity_of(b'{"name": "x", "version": "3"}', "package.json")
    assert (found.product, found.version) == ("x", "3")
    assert identity_of(b"2.4.1\n", "version").version == "2.4.1"
    found = identity_of(b"Metadata-Version: 2.1\nName: a\nVersion: 1\n\nbody: x", "METADATA")
    assert (found.product, found.version) == ("a", "1")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"The Package: meterd is new\nVersion: 1\n", "notes"),
        (b"Package: meterd\nVersion: 1\n", "x"),
        (b"Package: a\nVersion: 1\nArchitecture: b\nfree text\n", "x"),
        (b"ID=$(reboot)\nNAME=x\n", "os-release"),
        (b"ID=a\necho NAME=b\n", "os-release"),
        (b"NAME=x\nVERSION_ID=1\n", "os-release"),
        (b'{"name": 7, "version": "1"}', "package.json"),
        (b"[" * 9999, "package.json"),
        (b"not json", "package.json"),
        (b"1.2 or later", "version"),
        (b"1.2", "other"),
        (b"\xff\xfe", "version"),
        (b"", "version"),
        (b"x" * 300_000, "version"),
    ],
)
def test_texts_that_only_look_so_have_no_identity(data, name):
    found = identity_of(data, name)
    assert (found.product, found.version, found.arch) == (None, None, None)


def test_the_text_leaf_uses_it():
    opened = Bench().open(CONTROL, "control")
    assert (opened.format, opened.identity.product) == ("text", "meterd")
