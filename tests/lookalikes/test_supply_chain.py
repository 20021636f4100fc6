"""Updates that their maker signed: a valid signature takes nothing back.

SolarWinds, 3CX and ShadowHammer as programs for Windows that are signed by a key of the
tests; XZ as two versions of a library, by ``diff``; the tracker's microcontroller image.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.builders import pki
from tests.builders.hexfiles import intel_image
from tests.cli.program import fwverify
from tests.lookalikes.report import heavy, told
from tests.lookalikes.toolchain import FLASH, TARGETS, Toolchain
from tests.verify_authenticode import builder
from tests.verify_authenticode.builder import signed_pe

MOMENT = ("--at", "2026-06-01T00:00:00Z", "--format", "json")
TAIL = bytes.fromhex("feedfacefeedface") + random.Random(3).randbytes(40 * 1024)
RULES = {
    "solarwinds": frozenset(),
    "threecx": frozenset({"pe.decrypts_code"}),
    "shadowhammer": frozenset({"targets.digests"}),
}
"""What of a program is found by what its code does, each of them."""

ABILITIES = {
    "solarwinds": frozenset({"update.download_exec", "logic.timebomb", "evade.antidebug"}),
    "threecx": frozenset({"evade.packed", "logic.timebomb", "update.download_exec"}),
    "shadowhammer": frozenset({"update.download_exec", "logic.targeting"}),
}


def program(tools: Toolchain, name: str, *, twin: bool) -> bytes:
    return tools.windows(name, twin=twin)


def signed_as(name: str, content: bytes) -> bytes:
    """Return the signed program; of the 3CX case with data inside the signature's entry,
    behind the signature, which the mathematics does not cover."""
    if name != "threecx":
        return signed_pe(content)
    message = builder.message(builder.indirect(builder.image_digest(content)))
    return builder.attach(content, builder.certificate(message, inner=TAIL))


def findings(file: Path, content: bytes) -> tuple[dict[str, Any], ...]:
    file.write_bytes(content)
    return tuple(fwverify("scan", file, *MOMENT).json["findings"])


@pytest.mark.parametrize("name", ABILITIES)
def test_what_is_signed_is_found_all_the_same(name: str, tools: Toolchain, tmp_path: Path) -> None:
    plain = program(tools, name, twin=False)
    unsigned = findings(tmp_path / "plain.exe", plain)
    signed = findings(tmp_path / "signed.exe", signed_as(name, plain))
    assert ABILITIES[name] & heavy(signed), told(signed)
    assert RULES[name] <= {one["rule"] for one in signed}, told(signed)
    said = {(one["rule"], one["severity"]) for one in signed}
    assert {(one["rule"], one["severity"]) for one in unsigned} - said <= {
        ("pe.overlay", "low"),
        ("unpack.unexplained", "medium"),
    }


@pytest.mark.parametrize("name", ABILITIES)
def test_the_benign_twin_is_left_alone(name: str, tools: Toolchain, tmp_path: Path) -> None:
    signed = findings(tmp_path / "signed.exe", signed_pe(program(tools, name, twin=True)))
    assert not heavy(signed), told(signed)


def test_a_good_signature_does_not_lower_the_verdict(tools: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "anchor.pem").write_bytes(pki.root().pem)
    file = tmp_path / "agent.exe"
    file.write_bytes(signed_pe(program(tools, "solarwinds", twin=False)))
    report = fwverify("check", file, "--anchor", tmp_path / "anchor.pem", *MOMENT).json
    assert [one["axes"]["authentic"] for one in report["signatures"]] == ["pass"]
    assert ABILITIES["solarwinds"] & heavy(tuple(report["findings"]))
    assert report["verdict"] != "ALLOW"


@pytest.mark.parametrize("processor", TARGETS)
def test_a_library_that_looks_for_symbols_at_load_is_a_change(
    processor: str, tools: Toolchain, tmp_path: Path
) -> None:
    new, old = (tools.library("xz", "liblzma.so.5", processor, twin=twin) for twin in (False, True))
    for name, content in (("old", old), ("new", new)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "liblzma.so.5").write_bytes(content)
    delta = fwverify("diff", tmp_path / "old", tmp_path / "new", *MOMENT).json["delta"]
    (changed,) = delta["changed"]
    facts = " ".join(fact["text"] for fact in changed["facts"])
    for import_name in ("dl_iterate_phdr", "dlsym", "mprotect", "system"):
        assert import_name in facts, changed["facts"]
    resolvers = {fact["text"] for fact in changed["facts"] if fact["kind"].startswith("resolver ")}
    assert resolvers == {"lzma_crc32", "lzma_crc64"}


def test_a_tracker_image_in_hexadecimal_is_read(tools: Toolchain, tmp_path: Path) -> None:
    said = {}
    for twin in (False, True):
        image = tools.microcontroller("tracker", twin=twin)
        text = intel_image({FLASH: image})
        said[twin] = findings(tmp_path / f"tracker-{twin}.hex", text)
    assert {"modem.sms_cmd", "veh.immobilise"} <= heavy(said[False]), told(said[False])
    assert not {"modem.sms_cmd", "veh.immobilise"} & heavy(said[True]), told(said[True])
