"""Container images in a tar file: the OCI image layout and ``docker save``.

Guarantees: all that ``archives_tar`` guarantees; each blob is held against the SHA-256 that
is its name; from the index every manifest, config and layer is followed, a part that is
listed and absent is named, and so is a blob that nothing lists; the config's entry point,
user, environment and ports are attributes, and its history a part of them.

Specification: OCI image specification 1.1 (``image-layout``, ``image-index``, ``manifest``,
``config``, ``layer``); Docker image specification 1.2 (``manifest.json``).

Not checked: signatures of images; the order in which layers hide each other's files
(whiteouts are entries ``.wh.*`` of the layers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from fwverify.model import Identity, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.archives_tar import BLOCK, is_tar, open_tar
from fwverify.unpack.documents.jsons import read_json
from fwverify.unpack.packages.listed import Judged
from fwverify.unpack.source import Format, Source

_MAX_HEADERS: Final = 1024
_MAX_PARTS: Final = 10_000
_BLOB: Final = re.compile(rb"blobs/sha256/([0-9a-f]{64})")
_OTHER_BLOB: Final = re.compile(rb"blobs/(?!sha256/)[^/]+/.+")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_INDEX, _DOCKER, _LAYOUT = b"index.json", b"manifest.json", b"oci-layout"
_OWN_FILES: Final = (_INDEX, _DOCKER, _LAYOUT, b"repositories")
_MAX_DEPTH: Final = 4
_MAX_VALUE: Final = 1024
_SIZE: Final = slice(124, 136)


def _recognise(buffer: Buffer, _: str) -> bool:
    """Return whether a tar file has an image's index or manifest among its first entries."""
    if not is_tar(buffer):
        return False
    names = set(_names(buffer))
    return _LAYOUT in names or (
        _DOCKER in names
        and any(_BLOB.match(each) or each.endswith(b"/layer.tar") for each in names)
    )


def _names(buffer: Buffer) -> Iterator[bytes]:
    """Yield the names in the first headers; a cheap look that trusts nothing."""
    at = 0
    for _ in range(_MAX_HEADERS):
        block = bytes(buffer[at : at + BLOCK])
        if len(block) < BLOCK or not block[0]:
            return
        yield _clean(block[:100].split(b"\x00", 1)[0])
        try:
            size = int(block[_SIZE].strip(b" \x00") or b"0", 8)
        except ValueError:
            return
        at += BLOCK + -(-size // BLOCK) * BLOCK


def _clean(name: bytes) -> bytes:
    return name.removeprefix(b"./")


class _Image:
    """Walks from the index to the layers. Belongs to one call of ``open_image``."""

    def __init__(self, judged: Judged) -> None:
        self.judged = judged
        self.files = {_clean(name): each for name, each in judged.files().items()}
        self.used: set[bytes] = set()
        self.names: list[str] = []
        self.config: dict[str, Any] = {}
        self._parts = 0

    def json(self, name: bytes) -> dict[str, Any]:
        """Return a JSON object of the image, empty where there is none; faults are said."""
        data = self.judged.read(self.files.get(name))
        if data is None:
            return {}
        try:
            value = read_json(data, 0, "JSON")
        except Malformed as error:
            self.judged.wrong(name, error.why)
            return {}
        return value if isinstance(value, dict) else {"": value}

    def follow(self, descriptor: Any, depth: int = 0) -> None:
        """Follow one descriptor: the blob it names, and what that lists."""
        self._parts += 1
        if not isinstance(descriptor, dict) or depth > _MAX_DEPTH or self._parts > _MAX_PARTS:
            self.judged.trouble("format.malformed", "a descriptor is none, or there are too many")
            return
        match = _DIGEST.fullmatch(str(descriptor.get("digest")))
        if match is None:
            text = f"a part has the digest {str(descriptor.get('digest'))[:80]!a}, not SHA-256"
            self.judged.trouble("unsupported", text)
            return
        name = b"blobs/sha256/" + match[1].encode()
        if not self.take(name):
            return
        entry = self.files[name]
        if descriptor.get("size") not in (None, entry.size):
            self.judged.wrong(name, f"is {entry.size} bytes, listed with {descriptor['size']!a}")
        kind = str(descriptor.get("mediaType", ""))
        if "manifest" in kind or "index" in kind:
            self._manifest(self.json(name), depth)
        elif "config" in kind or "container.image" in kind:
            self.config = self.json(name)

    def _manifest(self, manifest: dict[str, Any], depth: int) -> None:
        parts = [manifest["config"]] if "config" in manifest else []
        for key in ("manifests", "layers"):
            listed = manifest.get(key, [])
            parts += listed if isinstance(listed, list) else [None]
        for part in parts:
            self.follow(part, depth + 1)

    def take(self, name: bytes) -> bool:
        """Record that ``name`` is listed; return whether it is here."""
        self.used.add(name)
        if name not in self.files:
            self.judged.wrong(name, "is listed and absent")
        return name in self.files

    def docker(self, images: Any) -> None:
        """Follow the list of ``manifest.json``."""
        for image in images if isinstance(images, list) else []:
            if not isinstance(image, dict):
                continue
            layers = image.get("Layers")
            config = str(image.get("Config", "")).encode()
            for name in [str(each).encode() for each in layers] if isinstance(layers, list) else []:
                self.take(name)
            if self.take(config):
                self.config = self.json(config)
            tags = image.get("RepoTags")
            self.names += [str(each) for each in tags] if isinstance(tags, list) else []


def open_image(source: Source) -> Opened:
    """Return the image's blobs held against their names, and what lists them."""
    judged = Judged(source, open_tar(source), "oci-image")
    image = _Image(judged)
    for name, entry in sorted(image.files.items()):
        match = _BLOB.fullmatch(name)
        if match is not None and entry.sha256 != match[1].decode():
            judged.wrong(name, "the blob does not have the digest that is its name")
        elif _OTHER_BLOB.fullmatch(name):
            judged.trouble("unsupported", f"{name!a} is named by a digest that is not SHA-256")
    index = image.json(_INDEX)
    for descriptor in (
        index.get("manifests", []) if isinstance(index.get("manifests"), list) else []
    ):
        image.follow(descriptor)
        annotations = descriptor.get("annotations") if isinstance(descriptor, dict) else None
        if isinstance(annotations, dict):
            image.names += [
                str(annotations[key])
                for key in ("io.containerd.image.name", "org.opencontainers.image.ref.name")
                if key in annotations
            ]
    image.docker(image.json(_DOCKER).get(""))
    if image.used:
        for name in sorted(set(image.files) - image.used):
            legacy = name.endswith((b"/json", b"/VERSION", b"/layer.tar"))
            if name not in _OWN_FILES and not legacy:
                judged.unlisted(name)
    _tell(judged, image)
    return judged.finish(identity=_identity(image))


def _tell(judged: Judged, image: _Image) -> None:
    """Record what a container of this image runs and listens on (``config``)."""
    config = image.config.get("config")
    if isinstance(config, dict):
        for key in ("Entrypoint", "Cmd", "Env", "ExposedPorts", "User", "Volumes", "WorkingDir"):
            value = config.get(key)
            for each in value if isinstance(value, (list, dict)) else [value] if value else []:
                judged.attributes.append((f"oci.{key.lower()}", str(each)[:_MAX_VALUE]))
        if str(config.get("User") or "0").split(":")[0] in ("0", "root"):
            judged.observe("oci.root", "containers of this image run as root")
    history = image.config.get("history")
    for step in history if isinstance(history, list) else []:
        made = step.get("created_by") if isinstance(step, dict) else None
        if made:
            judged.attributes.append(("oci.history", str(made)[:_MAX_VALUE]))
    for name in sorted(set(image.names)):
        judged.attributes.append(("oci.name", name[:_MAX_VALUE]))


def _identity(image: _Image) -> Identity:
    name = next(iter(sorted(image.names)), None)
    product, _, version = name.rpartition(":") if name and ":" in name else (name, "", "")
    arch = image.config.get("architecture")
    return Identity(
        product=product or None,
        version=version or None,
        arch=str(arch)[:_MAX_VALUE] if arch else None,
    )


OCI_IMAGE: Final = Format(
    name="oci-image",
    title="OCI or Docker image in a tar file",
    family="package",
    specification="https://github.com/opencontainers/image-spec/blob/main/image-layout.md",
    limitations="blobs are named by SHA-256 only; layers are not merged",
    recognise=_recognise,
    open=open_image,
)
