"""SWUpdate and Mender containers. What is wrong comes first."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import shutil
import subprocess
import tarfile

import pytest

from fwverify.reader import Malformed
from fwverify.unpack.android import libconfig
from tests.unpack.helpers import Bench, codes, noise, rules, sha
from tests.unpack_android import build

ROOTFS = noise(5000, 1)
DESCRIPTION = """
software = {
    version = "1.2.3";  /* the release */
    description = "Gateway " "firmware";
    hardware-compatibility: [ "1.0", "#RE:^v2" ];
    board: {
        stable: { copy1: {
            images: ( { filename = "rootfs.ext4"; device = "/dev/mmcblk0p2"; type = "raw";
                        sha256 = "%s"; installed-directly = true; } );
            scripts: ( { filename = "post.sh"; type = "shellscript"; sha256 = "%s" } );
        }; };
    };
}
"""
SCRIPT = b"#!/bin/sh\nexit 0\n"
GOOD = (DESCRIPTION % (sha(ROOTFS), sha(SCRIPT))).encode()


def swu(description=GOOD, *files, signature=b"CMS") -> bytes:
    members = [(b"sw-description", description)]
    members += [(b"sw-description.sig", signature)] if signature else []
    return build.cpio([*members, *(files or ((b"rootfs.ext4", ROOTFS), (b"post.sh", SCRIPT)))])


# --- the description's language ----------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        b"a = 1; a = 2;",
        b'@include "other"',
        b"a = ;",
        b"a 1;",
        b"a = { b = 1;",
        b"a = [ 1, 2",
        b'a = "open',
        b"/* open",
        b"\xff\xfe",
        b"a = " + b"(" * 100 + b")" * 100,
        b"a = " + b"{b=" * 5000,
    ],
)
def test_broken_settings_are_refused(bad):
    with pytest.raises(Malformed):
        libconfig.parse(bad)


def test_settings_are_read():
    text = b"""# c\n a = 0x10; b : "x\\n\\x41" "y"; // c
    c = [1,2,3,]; d = ( {e = TRUE}, ("f") ); g = 5L;"""
    assert libconfig.parse(text) == {
        "a": 16, "b": "x\nAy", "c": [1, 2, 3], "d": [{"e": True}, ["f"]], "g": 5
    }  # fmt: skip


# --- SWUpdate ----------------------------------------------------------------------------


def test_a_changed_artifact_is_said():
    opened = Bench().open(swu(GOOD, (b"rootfs.ext4", ROOTFS + b"x"), (b"post.sh", SCRIPT)))
    assert codes(opened) == {"format.malformed"}


def test_a_member_that_nothing_lists_is_said():
    opened = Bench().open(
        swu(GOOD, (b"rootfs.ext4", ROOTFS), (b"post.sh", SCRIPT), (b"hidden", b"data"))
    )
    assert "swupdate.unlisted" in rules(opened)


def test_an_artifact_that_is_not_there_is_said():
    opened = Bench().open(swu(GOOD, (b"rootfs.ext4", ROOTFS)))
    assert "swupdate.missing" in rules(opened)
    assert not opened.complete


def test_an_artifact_without_a_digest_is_said():
    opened = Bench().open(swu(GOOD.replace(b"sha256", b"md5")))
    assert "swupdate.unhashed" in rules(opened)


def test_no_signature_is_said():
    assert "swupdate.unsigned" in rules(Bench().open(swu(signature=b"")))


def test_an_encrypted_artifact_is_said():
    text = GOOD.replace(b'type = "raw"', b'type = "raw"; encrypted = true; ivt = "00ff"')
    opened = Bench().open(swu(text))
    assert codes(opened) == {"encrypted"}
    assert dict(opened.attributes)["ivt_rootfs.ext4"] == "00ff"


def test_a_delta_artifact_is_said():
    opened = Bench().open(swu(GOOD.replace(b'type = "raw"', b'type = "delta"; url = "http://x/y"')))
    assert codes(opened) == {"delta.base"}
    assert "http://x/y" in opened.problems[0].text


@pytest.mark.parametrize(
    "bad",
    [b"", b"software", b"other = {}", b"{", b'{"software": {}, "software": {}}', b"[" * 100000,
     b'{"software":' + b"[" * 100000, b"\xff"],
)  # fmt: skip
def test_a_broken_description_is_said(bad):
    opened = Bench().open(swu(bad))
    assert opened.format == "swupdate"
    assert not opened.complete
    assert sha(ROOTFS) in {each.sha256 for each in opened.entries}


def test_a_cut_swu_is_never_complete():
    data, bench = swu(), Bench()
    for end in range(110, len(data) - 4, 401):
        assert not bench.open(data[:end]).complete


def test_a_script_inside_the_description_is_a_child():
    bench = Bench()
    text = GOOD.replace(b"software = {", b'software = { embedded-script = "os.exit()";')
    opened = bench.open(swu(text))
    assert bench.content(opened, b"@embedded-script-0.lua") == b"os.exit()"
    assert "swupdate.script" in rules(opened)


def test_a_swu_is_read():
    bench = Bench()
    opened = bench.open(swu())
    assert opened.complete, opened.problems
    assert (opened.identity.product, opened.identity.version) == ("Gateway firmware", "1.2.3")
    assert opened.identity.hardware == "1.0, #RE:^v2"
    assert rules(opened) == {"swupdate.script"}
    assert bench.content(opened, b"rootfs.ext4") == ROOTFS
    (entry,) = [each for each in opened.entries if each.name == b"rootfs.ext4"]
    assert entry.mode == 0o644
    facts = dict(opened.attributes)
    start, end = map(int, facts["description"].split("-"))
    assert swu()[start:end] == GOOD
    assert "description_signature" in facts


def test_a_description_in_json_is_read():
    text = json.dumps(
        {
            "software": {
                "version": "2",
                "images": [{"filename": "rootfs.ext4", "sha256": sha(ROOTFS)}],
                "scripts": [{"filename": "post.sh", "sha256": sha(SCRIPT)}],
            }
        }
    )
    opened = Bench().open(swu(text.encode()))
    assert opened.complete
    assert opened.identity.version == "2"


# --- Mender ------------------------------------------------------------------------------


def tar(files, *, form=tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o600
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


VERSION = b'{"format":"mender","version":3}'
INFO = json.dumps(
    {
        "payloads": [{"type": "rootfs-image"}],
        "artifact_provides": {"artifact_name": "release-7"},
        "artifact_depends": {"device_type": ["gateway", "gateway2"]},
    }
).encode()


def artifact(*, pack=gzip.compress, rootfs=ROOTFS, manifest=None, more=(), inner=(), sig=True):
    header = gzip.compress(tar([("header-info", INFO)]), mtime=0)
    lines = {"data/0000/rootfs.ext4": ROOTFS, "header.tar.gz": header, "version": VERSION}
    text = "".join(f"{sha(data)}  {name}\n" for name, data in lines.items()).encode()
    files = [("version", VERSION), ("manifest", text if manifest is None else manifest)]
    files += [("manifest.sig", b"c2ln")] if sig else []
    payload = pack(tar([("rootfs.ext4", rootfs), *inner]))
    suffix = {gzip.compress: ".gz", lzma.compress: ".xz"}.get(pack, "")
    return tar([*files, ("header.tar.gz", header), *more, ("data/0000.tar" + suffix, payload)])


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (artifact(rootfs=ROOTFS[:-1]), "format.malformed"),
        (artifact(manifest=b"nonsense\n"), "format.malformed"),
        (artifact(manifest=(sha(b"") + "  gone\n").encode()), "mender.missing"),
        (artifact(manifest=(sha(VERSION) + "  version\n").encode() * 2), "format.malformed"),
        (artifact(pack=lambda data: b"\x1f\x8b\x08" + data), "format.malformed"),
        (artifact(pack=lambda data: data[:700]), "format.malformed"),
    ],
)
def test_a_wrong_artifact_is_said(bad, code):
    opened = Bench().open(bad)
    assert opened.format == "mender"
    assert code in codes(opened)


def test_files_that_no_manifest_lists_are_said():
    assert "mender.unlisted" in rules(Bench().open(artifact(more=[("extra", b"x")])))
    assert "mender.unlisted" in rules(Bench().open(artifact(inner=[("extra", b"x")])))


def test_an_unsigned_artifact_is_said():
    assert "mender.unsigned" in rules(Bench().open(artifact(sig=False)))


def test_a_cut_artifact_is_never_complete():
    data, bench = artifact(), Bench()
    content = len(data.rstrip(b"\0"))
    for end in range(1100, content, 1500):
        assert not bench.open(data[:end]).complete


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bytes])
def test_an_artifact_is_read(pack):
    opened = Bench().open(artifact(pack=pack))
    assert opened.complete, opened.problems
    assert not opened.observations
    assert (opened.identity.version, opened.identity.hardware) == ("release-7", "gateway, gateway2")
    assert "manifest_signature" in dict(opened.attributes)


def test_the_artifact_equals_the_reference_program(tmp_path):
    tool = shutil.which("mender-artifact")
    if tool is None:
        pytest.skip("ORACLE ABSENT: mender-artifact")
    (tmp_path / "rootfs.ext4").write_bytes(ROOTFS)
    command = [tool, "write", "module-image", "-T", "mod", "-n", "rel", "-t", "dev", "-f"]
    command += ["rootfs.ext4", "-o", "out.mender"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"ORACLE FAILED: {done.stderr[:200]}")
    opened = Bench().open((tmp_path / "out.mender").read_bytes())
    assert opened.complete, opened.problems
    assert (opened.identity.version, opened.identity.hardware) == ("rel", "dev")
    assert rules(opened) == {"mender.unsigned"}
