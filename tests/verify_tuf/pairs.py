"""Uptane pairs of director and image repository."""

from __future__ import annotations

from tests.verify_tuf.build import FIRMWARE, Repo, listed, private

CUSTOM = {"ecuIdentifiers": {"ecu-1": {"hardwareId": "hw-1"}}}
IMAGE_CUSTOM = {"hardwareIds": ["hw-1", "hw-2"], "version": "1"}


def director_target(data: bytes = FIRMWARE, custom=None, **more) -> dict:
    return listed(data, custom=CUSTOM if custom is None else custom) | more


def image_target(data: bytes = FIRMWARE, custom=None, **more) -> dict:
    return listed(data, custom=IMAGE_CUSTOM if custom is None else custom) | more


def director(**changes) -> Repo:
    changes.setdefault("targets", {"fw.bin": director_target()})
    return Repo(number=1, uptane=changes.pop("uptane", True), **changes)


def image(**changes) -> Repo:
    changes.setdefault("targets", {"fw.bin": image_target()})
    changes.setdefault("number", 2)
    return Repo(uptane=changes.pop("uptane", True), **changes)


def pair(
    first: Repo | None = None,
    second: Repo | None = None,
    *,
    with_timestamp: bool = False,
    folder: str = "repo",
    **more: bytes,
) -> dict[str, bytes]:
    """Return a set with both repositories and the firmware."""
    files = (first or director()).files("director/", with_timestamp=with_timestamp)
    files |= (second or image()).files(f"{folder}/")
    return files | {"targets/fw.bin": FIRMWARE} | more


def root_keys() -> tuple:
    return private("ed25519", 10), private("ed25519", 20)
