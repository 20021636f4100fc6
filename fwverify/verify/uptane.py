"""Uptane: an update is good only where director and image repository agree.

Guarantees (Uptane Standard 2.1.0, 5.4.4.2 "full verification"):

- Both repositories pass on their own (``tuf_repository``); the image repository has
  timestamp and snapshot, the director may do without, as aktualizr's does.
- No key is root in both: whoever holds the one must not be able to speak for the other.
- The director's targets delegate to nobody, name no ECU twice, and each names an ECU.
- Every target of the director is in the image repository with the same length, with
  the same digests (at least one in common, none that differs) and for the same hardware.
- Vouched for are the contents of targets that both name. What the image repository
  alone names is not vouched for: the director chose against it.

The result stands at ``director/targets.json``; the image repository is the folder
``repo`` (or ``image``, ``images``, ``imagerepo``) beside ``director``.

Not checked: that the ECUs are those of the vehicle at hand, time attestation, and
versions against an earlier update (the ledger).
"""

from __future__ import annotations

from typing import Any, Final

from fwverify.reader import Malformed
from fwverify.verify import tuf
from fwverify.verify.scheme import Material, Neighbour, Scheme, Signed, View
from fwverify.verify.tuf_metadata import Listed, Unverifiable
from fwverify.verify.tuf_repository import Repository, open_repository

NAME: Final = "uptane"
_HARDWARE: Final = ("hardwareId", "hardware_id", "hardware_identifier")


def _applies(view: View) -> bool:
    if not tuf.is_metadata(view) or not tuf.is_paired(view):
        return False
    if tuf.folder_of(view) != tuf.DIRECTOR:
        return False
    name = view.path.rpartition("/")[2]
    if name == "targets.json":
        return True
    return name.endswith("targets.json") and view.beside("targets.json") is None


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    folder = tuf.image_folder(view)
    try:
        if folder is None or not view.path.endswith("/targets.json"):
            raise Unverifiable("no director/targets.json and image repository beside it")
        director = open_repository(tuf.files_of(view), material.at, with_timestamp=False)
        image = open_repository(tuf.files_of(view, f"../{folder}/"), material.at)
        _refuse_shared_roots(director, image)
        agreed = _agreed(director, image)
        targets = _present(view, director, agreed)
    except Unverifiable as error:
        return (tuf.refused(view, NAME, material.at, str(error), "unverifiable"),)
    except Malformed as error:
        return (tuf.refused(view, NAME, material.at, str(error)),)
    repositories = (director, image)
    anchors = (tuf.anchor_of(director, material), tuf.anchor_of(image, material))
    vouches = tuf.vouched(targets, "Uptane director and image targets")
    try:
        return tuf.rows(view, NAME, repositories, anchors, vouches)
    except Malformed as error:  # spelled in more pieces than are told apart
        return (tuf.refused(view, NAME, material.at, str(error)),)


def _refuse_shared_roots(director: Repository, image: Repository) -> None:
    mine, theirs = (
        {key.identity for root in repository.roots for key in root.signers}
        for repository in (director, image)
    )
    if mine & theirs:
        raise Malformed(0, "uptane.root", "one key signs the roots of both repositories")


def _agreed(director: Repository, image: Repository) -> dict[str, Listed]:
    """Return the director's targets after holding each to the image repository's."""
    targets = director.targets
    if targets is None or targets.delegations:
        raise Malformed(0, "uptane.director.delegations", "a director delegates to nobody")
    seen: set[str] = set()
    for path, wanted in targets.entries.items():
        field = f"uptane.targets[{path[:60]}]"
        stated = image.resolve(path)
        if stated is None:
            raise Malformed(0, field, "the image repository does not name it")
        if stated.length != wanted.length:
            raise Malformed(0, f"{field}.length", f"{wanted.length} and {stated.length}")
        common = wanted.hashes.keys() & stated.hashes.keys()
        if not common or any(wanted.hashes[name] != stated.hashes[name] for name in common):
            raise Malformed(0, f"{field}.hashes", "the repositories do not agree")
        ecus = _ecus(wanted.custom, field)
        if seen & ecus.keys():
            raise Malformed(0, field, "names an ECU that another target has")
        seen |= ecus.keys()
        _check_hardware(ecus, stated.custom, field)
    return dict(targets.entries)


def _ecus(custom: Any, field: str) -> dict[str, str]:
    """Return the ECUs that a director's target is for, with their hardware ids."""
    listed = custom.get("ecuIdentifiers")
    if isinstance(listed, dict) and listed:
        return {ecu: _hardware(value) for ecu, value in listed.items()}
    for name in ("ecu_identifier", "ecuIdentifier"):
        if isinstance(custom.get(name), str):
            return {custom[name]: _hardware(custom)}
    raise Malformed(0, f"{field}.custom", "names no ECU")


def _hardware(value: Any) -> str:
    found = [value[name] for name in _HARDWARE if name in value] if isinstance(value, dict) else []
    return str(found[0]) if found else ""


def _check_hardware(ecus: dict[str, str], custom: Any, field: str) -> None:
    allowed = custom.get("hardwareIds")
    if not isinstance(allowed, list):
        single = _hardware(custom)
        allowed = [single] if single else []
    if not allowed:
        return
    wrong = sorted(ecu for ecu, hardware in ecus.items() if hardware not in allowed)
    if wrong:
        raise Malformed(0, f"{field}.custom", f"not for the hardware of {wrong[0][:60]}")


def _present(
    view: View, director: Repository, agreed: dict[str, Listed]
) -> tuple[tuple[str, Listed, Neighbour], ...]:
    return tuple(one for one in tuf.present(view, director) if one[0] in agreed)


UPTANE: Final = Scheme(
    name=NAME,
    title="Uptane: director and image repository, full verification",
    specification="Uptane Standard 2.1.0, 5.4.4; TUF specification 1.0.33",
    limitations="ECUs are not compared with a vehicle's; no time attestation",
    applies=_applies,
    verify=_verify,
)
