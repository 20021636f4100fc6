"""Wheels, Java archives and container images: what their own lists say of them."""

import base64
import hashlib
import json

import pytest

from fwverify.unpack.packages.oci import OCI_IMAGE
from fwverify.unpack.packages.zips import JAR, WHEEL
from tests.builders.archives import TarItem, ZipItem, tar_archive, zip_archive
from tests.unpack.helpers import Bench, kinds, rules, sha
from tests.unpack_packages.helpers import never_complete_when_cut, never_raises_when_flipped

METADATA = b"Metadata-Version: 2.1\nName: meter\nVersion: 1.2\nAuthor: ACME\n\nText\n"


def texts(opened):
    return " ".join(each.text for each in (*opened.problems, *opened.observations))


def record_digest(data, kind="sha256"):
    digest = hashlib.new(kind, data).digest()
    return f"{kind}=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def wheel(*, files=None, listed=None, extra=b"", record_name=b"meter-1.2.dist-info/RECORD"):
    files = files or {b"meter/__init__.py": b"x = 1\n", b"meter-1.2.dist-info/METADATA": METADATA}
    lines = [
        f"{name.decode()},{record_digest(data)},{len(data)}\n"
        for name, data in (files if listed is None else listed).items()
    ]
    record = "".join(lines).encode() + record_name + b",,\n" + extra
    items = [ZipItem(name, data) for name, data in files.items()]
    return zip_archive(*items, ZipItem(record_name, record))


def test_a_wheel_that_is_as_it_says():
    opened = Bench().open(wheel(), "meter.whl")
    assert (opened.format, opened.complete) == ("wheel", True)
    assert (opened.identity.product, opened.identity.version) == ("meter", "1.2")
    assert not rules(opened)
    assert "unexplained" not in kinds(opened)


def test_content_that_is_not_its_digest_is_incomplete():
    good = {b"meter/__init__.py": b"x = 1\n", b"meter-1.2.dist-info/METADATA": METADATA}
    opened = Bench().open(wheel(files=good | {b"meter/__init__.py": b"x = 2\n"}, listed=good))
    assert not opened.complete
    assert "meter/__init__.py" in texts(opened)


def test_a_file_that_record_does_not_list_is_named():
    good = {b"a.py": b"1", b"meter-1.2.dist-info/METADATA": METADATA}
    opened = Bench().open(wheel(files=good | {b"evil.pth": b"import os"}, listed=good))
    assert {"unpack.evasion.unlisted", "wheel.starts"} <= rules(opened)


@pytest.mark.parametrize(
    "extra",
    [b"gone.py,sha256=AAAA,3\n", b"a,b\n", b"meter/__init__.py,,\n", b"b.py,md5=AAAA,1\n",
     b'"unclosed,,\n'],
)  # fmt: skip
def test_a_record_that_lies_or_breaks_is_incomplete(extra):
    assert not Bench().open(wheel(extra=extra)).complete


def test_two_records_are_incomplete():
    both = {b"meter/__init__.py": b"", b"other-1.dist-info/RECORD": b""}
    assert not Bench().open(wheel(files=both)).complete


def test_two_archives_in_one_file_are_no_wheel():
    assert not WHEEL.recognise(zip_archive(ZipItem(b"a", b"b")) + wheel(), "x.whl")


def test_wheels_cut_or_flipped():
    data = wheel()
    never_complete_when_cut(WHEEL, data, step=11)
    never_raises_when_flipped(WHEEL, data, 80)


def jar(*, files=None, sections="", main="", signer=True, digest="SHA-256-Digest"):
    files = files or {b"A.class": b"aaaa"}
    text = f"Manifest-Version: 1.0\r\nImplementation-Title: tool\r\n{main}\r\n" + sections
    for name, data in {b"A.class": b"aaaa"}.items():
        kind = {"SHA-256-Digest": "sha256", "SHA1-Digest": "sha1"}[digest]
        value = base64.b64encode(hashlib.new(kind, data).digest()).decode()
        text += f"Name: {name.decode()}\r\n{digest}: {value}\r\n\r\n"
    items = [ZipItem(b"META-INF/MANIFEST.MF", text.encode())]
    items += [ZipItem(b"META-INF/X.SF", b"x"), ZipItem(b"META-INF/X.RSA", b"y")] if signer else []
    return zip_archive(*items, *(ZipItem(name, data) for name, data in files.items()))


@pytest.mark.parametrize("digest", ["SHA-256-Digest", "SHA1-Digest"])
def test_a_jar_that_is_as_its_manifest_says(digest):
    opened = Bench().open(jar(digest=digest))
    assert (opened.format, opened.complete) == ("jar", True)
    assert opened.identity.product == "tool"
    assert ("jar.signer_file", "META-INF/X.RSA") in opened.attributes
    assert not rules(opened)


@pytest.mark.parametrize("digest", ["SHA-256-Digest", "SHA1-Digest"])
def test_a_class_that_is_not_its_digest_is_incomplete(digest):
    assert not Bench().open(jar(files={b"A.class": b"bbbb"}, digest=digest)).complete


def test_a_class_that_no_signer_listed_is_named():
    opened = Bench().open(jar(files={b"A.class": b"aaaa", b"B.class": b"b"}))
    assert "unpack.evasion.unlisted" in rules(opened)


def test_what_the_manifest_lists_and_is_absent_is_incomplete():
    section = "Name: gone\r\nSHA-256-Digest: AAAA\r\n\r\n"
    assert not Bench().open(jar(sections=section)).complete


def test_a_java_agent_is_said():
    assert "jar.agent" in rules(Bench().open(jar(main="Premain-Class: x.Y\r\n")))


def test_jars_cut_or_flipped():
    never_complete_when_cut(JAR, jar(), step=13)
    never_raises_when_flipped(JAR, jar(), 80)


# --- container images ----------------------------------------------------------------

LAYER = tar_archive(TarItem(b"etc/passwd", b"root::0:0::/:/bin/sh\n"), TarItem(b".wh.old", b""))
CONFIG = {
    "architecture": "arm64",
    "config": {"User": "1000", "Entrypoint": ["/bin/meterd"], "Env": ["A=b"],
               "ExposedPorts": {"22/tcp": {}}},
    "history": [{"created_by": "RUN curl http://x"}],
}  # fmt: skip


def descriptor(data, kind, **more):
    media = f"application/vnd.oci.image.{kind}"
    return {"mediaType": media, "digest": "sha256:" + sha(data), "size": len(data)} | more


def image(config=None, *, blobs=(), drop=(), rename=None, manifest_more=None, index_more=None):
    config = json.dumps(CONFIG if config is None else config).encode()
    manifest = json.dumps(
        {"config": descriptor(config, "config.v1+json"),
         "layers": [descriptor(LAYER, "layer.v1.tar")]} | (manifest_more or {})
    ).encode()  # fmt: skip
    name = {"org.opencontainers.image.ref.name": "meter:1.2"}
    index = {"manifests": [descriptor(manifest, "manifest.v1+json", annotations=name)]}
    items = [TarItem(b"oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
             TarItem(b"index.json", json.dumps(index | (index_more or {})).encode())]  # fmt: skip
    for data in (config, manifest, LAYER, *blobs):
        if data not in drop:
            digest = (rename or {}).get(data, sha(data))
            items.append(TarItem(b"blobs/sha256/" + digest.encode(), data))
    return tar_archive(*items)


def test_an_image_that_is_as_it_says():
    opened = Bench().open(image())
    assert (opened.format, opened.complete) == ("oci-image", True)
    assert (opened.identity.product, opened.identity.version) == ("meter", "1.2")
    assert opened.identity.arch == "arm64"
    facts = set(opened.attributes)
    assert {("oci.entrypoint", "/bin/meterd"), ("oci.exposedports", "22/tcp")} <= facts
    assert ("oci.history", "RUN curl http://x") in facts
    assert not rules(opened)


def test_an_image_that_runs_as_root_is_said():
    assert "oci.root" in rules(Bench().open(image(CONFIG | {"config": {"User": "root:root"}})))


def test_a_blob_that_is_not_its_name_is_incomplete():
    assert not Bench().open(image(rename={LAYER: "0" * 64})).complete
    other = LAYER[:600] + bytes((LAYER[600] ^ 1,)) + LAYER[601:]
    opened = Bench().open(image(blobs=(other,), drop=(LAYER,), rename={other: sha(LAYER)}))
    assert not opened.complete
    assert "does not have the digest" in texts(opened)


def test_a_layer_that_is_absent_is_incomplete():
    opened = Bench().open(image(drop=(LAYER,)))
    assert not opened.complete
    assert "absent" in texts(opened)


def test_a_blob_that_nothing_lists_is_named():
    assert "unpack.evasion.unlisted" in rules(Bench().open(image(blobs=(b"hidden",))))


@pytest.mark.parametrize(
    "more",
    [{"layers": [{"digest": "sha512:00"}]}, {"layers": [7]}, {"layers": "x"},
     {"layers": [descriptor(LAYER, "layer.v1.tar") | {"size": 3}]}],
)  # fmt: skip
def test_a_manifest_with_odd_layers_is_incomplete(more):
    assert not Bench().open(image(manifest_more=more)).complete


def test_a_digest_of_another_kind_and_a_double_key_are_incomplete():
    items = [TarItem(b"oci-layout", b"{}"), TarItem(b"blobs/sha512/00", b"x")]
    assert not Bench().open(tar_archive(*items)).complete
    items = [TarItem(b"oci-layout", b"{}"), TarItem(b"index.json", b'{"a":1,"a":2}')]
    assert not Bench().open(tar_archive(*items)).complete


def test_an_index_that_lists_itself_ends():
    deep = b"[" * 100_000
    items = [TarItem(b"oci-layout", b"{}"), TarItem(b"index.json", deep)]
    assert not Bench().open(tar_archive(*items)).complete


def test_a_docker_image_is_followed():
    config = json.dumps(CONFIG).encode()
    listed = [{"Config": "c.json", "RepoTags": ["m:2"], "Layers": ["x/layer.tar", "y/layer.tar"]}]
    items = [TarItem(b"c.json", config), TarItem(b"x/layer.tar", LAYER),
             TarItem(b"manifest.json", json.dumps(listed).encode())]  # fmt: skip
    opened = Bench().open(tar_archive(*items))
    assert opened.format == "oci-image"
    assert not opened.complete
    assert "y/layer.tar" in texts(opened)


def test_images_cut_or_flipped():
    data = image()
    never_complete_when_cut(OCI_IMAGE, data, step=512, last=len(data) - 1024)
    never_raises_when_flipped(OCI_IMAGE, data, 60)
