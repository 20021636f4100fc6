"""One benign update, one fault at a time: the gate names that fault and never allows it.

Each row says exactly which reasons must stand. A check that is switched off, anywhere
between the command line and the decision, loses its reason here and turns a row red.
"""

from __future__ import annotations

import io
import random
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from samples.build import OUT, build
from samples.expected import AT, HERE, REASON, write_config
from samples.signing import Issuer, load_or_make_key, make_issuer
from samples.squashfs import Entry, write_squashfs
from samples.toolchain import linux_program
from samples.vehicle import MTIME, Variant, _root_file_system, bundle
from tests.cli import lasting
from tests.cli.program import Ran, fwverify

CASE = HERE / "cases" / "vehicle.toml"
NAME = "vehicle-1.1.0.raucb"
REF = "samples/vehicle/1.0.0"
IMPLANT = ("WITH_BATTERY", "WITH_IMPLANT")
EXITS = {"ALLOW": 0, "REVIEW": 3, "DENY": 4, "INCOMPLETE": 5}


@dataclass(frozen=True)
class Workbench:
    """A folder of its own, and the vendor."""

    folder: Path
    signer: Signer

    def check(self, update: Path, *more: str | Path, **change: Any) -> Ran:
        """Run the gate as the samples do; ``change`` replaces options, None drops one."""
        options: dict[str, Any] = {
            "case": CASE,
            "baseline": f"ledger:{REF}",
            "at": AT,
        } | change
        named = [
            part
            for name, value in options.items()
            if value is not None
            for part in (f"--{name}", value)
        ]
        config = self.signer.config
        return fwverify("--config", config, "check", update, *named, "--format", "json", *more)

    def signed(self, extra: dict[str, Entry], issuer: Issuer | None = None) -> Path:
        """Return the benign update with ``extra`` files in its root, validly signed."""
        file = self.folder / NAME
        file.write_bytes(self.signer.bundle("1.1.0", extra, issuer))
        return file

    def benign(self) -> Path:
        """Return the benign update as it was built."""
        return self.signed({})

    def other(self) -> bytes:
        """Return the daemon with calls that the baseline's has not."""
        return linux_program(("telematicsd.c", "implant.c"), "1.1.0", IMPLANT, self.folder)

    def altered(self, change: Callable[[bytes], bytes]) -> Path:
        """Return the benign update with its bytes changed and its signature kept."""
        file = self.benign()
        file.write_bytes(change(file.read_bytes()))
        return file


@dataclass(frozen=True)
class Signer:
    """The vendor: its certificates, its daemon, and the baseline in the ledger."""

    issuer: Issuer
    daemon: bytes
    baseline: Path
    config: Path

    def bundle(self, release: str, extra: dict[str, Entry], issuer: Issuer | None) -> bytes:
        """Return a bundle of ``release`` with ``extra`` files in its root."""
        root = _root_file_system(Variant(NAME, release), self.daemon) | extra
        return bundle(write_squashfs(root, mtime=MTIME), release, issuer or self.issuer)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    build()
    folder = tmp_path_factory.mktemp("vendor")
    keys = OUT / "keys"
    issuer = make_issuer(
        "Norden Vehicles",
        load_or_make_key(keys / "vehicle-root.pem"),
        load_or_make_key(keys / "vehicle-release.pem"),
    )
    daemon = linux_program(("telematicsd.c",), "1.1.0", ("WITH_BATTERY",), folder)
    baseline = folder / "vehicle-1.0.0.raucb"
    config = write_config(folder)
    vendor = Signer(issuer, daemon, baseline, config)
    baseline.write_bytes(vendor.bundle("1.0.0", {}, None))
    common = ("--config", config, "baseline", "approve", baseline, "--case", CASE,
              "--reason", REASON, "--at", AT)  # fmt: skip
    assert fwverify(*common, "--ref", REF, "--by", "A", "--by", "B").code == 0
    assert fwverify(*common, "--ref", "samples/provisional", "--by", "A").code == 0
    return vendor


@pytest.fixture
def bench(signer: Signer, tmp_path: Path) -> Workbench:
    return Workbench(tmp_path, signer)


def reasons(ran: Ran) -> set[str]:
    return {reason["rule"] for reason in ran.json["reasons"]}


def judged(ran: Ran, verdict: str, rules: set[str]) -> None:
    assert (ran.json["verdict"], ran.code) == (verdict, EXITS[verdict]), reasons(ran)
    assert reasons(ran) == rules


def test_the_benign_update_is_allowed_and_says_what_held(bench: Workbench) -> None:
    judged(bench.check(bench.benign()), "ALLOW", {"allow"})


def test_without_a_baseline(bench: Workbench) -> None:
    judged(bench.check(bench.benign(), baseline=None), "REVIEW", {"baseline.none"})


def test_with_a_baseline_that_nobody_approved(bench: Workbench) -> None:
    judged(bench.check(bench.benign(), baseline=bench.signer.baseline), "REVIEW", {"baseline.path"})
    one_person = bench.check(bench.benign(), baseline="ledger:samples/provisional")
    judged(one_person, "REVIEW", {"baseline.provisional"})


def test_an_approval_is_void_in_another_context(bench: Workbench) -> None:
    case = bench.folder / "case.toml"
    case.write_text(CASE.read_text() + '\n[context]\nconnectivity = "networked"\n')
    ran = bench.check(bench.benign(), case=case)
    judged(ran, "DENY", {"context.changed"})
    assert "re-test" in ran.json["reasons"][0]["text"]


def test_a_site_profile_named_in_the_case_is_asked_at_intake(bench: Workbench) -> None:
    case = bench.folder / "case.toml"
    case.write_text(CASE.read_text() + '\n[context]\nprofile = "airport"\n')
    ran = bench.check(bench.benign(), case=case, baseline=None)
    assert ran.json["verdict"] == "DENY"
    assert {"intake.refused", "intake.clearance.vgb", "intake.countersign"} <= reasons(ran)
    assert ran.json["policy"] == "builtin-vehicle-ecu 2 + airport 1"
    case.write_text(CASE.read_text() + '\n[context]\nprofile = "moon"\n')
    assert bench.check(bench.benign(), case=case, baseline=None).code == 2


def test_a_new_class_is_a_file_and_no_code(bench: Workbench) -> None:
    """REQUIREMENTS, row 12."""
    policies = bench.folder / "policies"
    policies.mkdir()
    (policies / "crane.toml").write_text(CRANE)
    config = write_config(bench.folder)
    config.write_text(config.read_text().replace("[paths]", '[paths]\npolicies = "policies"', 1))
    case = bench.folder / "case.toml"
    case.write_text(CASE.read_text().replace('"vehicle-ecu"', '"crane"'))
    asked = ("--case", case, "--at", AT)
    approved = fwverify(
        "--config", config, "baseline", "approve", bench.signer.baseline, *asked,
        "--reason", REASON, "--ref", REF, "--by", "A", "--by", "B",
    )  # fmt: skip
    assert approved.code == 0
    compared = ("--baseline", f"ledger:{REF}", "--format", "json")
    ran = fwverify("--config", config, "check", bench.benign(), *asked, *compared)
    judged(ran, "ALLOW", {"allow"})
    assert ran.json["policy"] == "crane 7"
    assert fwverify("--config", config, "policy", "lint", policies / "crane.toml").code == 0
    policies.joinpath("crane.toml").write_text(CRANE.replace("65536", "65537"))
    ran = fwverify("--config", config, "check", bench.benign(), *asked, *compared)
    assert ran.code == 2
    assert "lowers the floor" in ran.err


CRANE = """\
schema = "fwverify.policy/1"
name = "crane"
class = "crane"
version = "7"
extends = "generic"
unexplained_max_bytes = 65536

[signatures]
required = true

[baseline]
approved_required = true

[otherwise]
at_least = "medium"
verdict = "REVIEW"
next = { owner = "lab", action = "look" }

[[rules]]
id = "hoist"
overlays = ["type_approval_rules"]
verdict = "DENY"
text = "logic that can drop the load"
next = { owner = "vendor", action = "remove it" }
when = [{ field = "capability", op = "equals", value = "power.kill" }]
"""


def test_another_products_baseline_is_refused(bench: Workbench) -> None:
    case = bench.folder / "case.toml"
    case.write_text(CASE.read_text().replace("telematics-unit", "other-unit"))
    ran = bench.check(bench.benign(), case=case)
    assert ran.code == 2
    assert "telematics-unit" in ran.err


def test_what_is_given_for_one_run_is_never_allowed(bench: Workbench) -> None:
    policy = bench.folder / "policy.toml"
    policy.write_text("unexplained_max_bytes = 0\n")
    judged(
        bench.check(bench.benign(), "--policy", policy),
        "REVIEW",
        {"ad_hoc.option", "policy.not_configured"},
    )
    trust = ("--trust", OUT / "trust")
    judged(bench.check(bench.benign(), *trust), "REVIEW", {"ad_hoc.option", "trust.not_configured"})


def test_a_vendor_without_a_rule(bench: Workbench) -> None:
    case = bench.folder / "case.toml"
    case.write_text(CASE.read_text().replace("norden-vehicles", "nobody"))
    ran = bench.check(bench.benign(), case=case, baseline=None)
    assert ran.json["verdict"] == "DENY"
    assert {"trust.no_rule", "coverage.unsigned_executable"} <= reasons(ran)


def test_an_update_whose_signature_was_cut_off(bench: Workbench) -> None:
    def bare(data: bytes) -> bytes:
        size = int.from_bytes(data[-8:], "big")
        return data[: -8 - size]

    ran = bench.check(bench.altered(bare))
    assert ran.json["verdict"] == "DENY"
    assert {"signature.invalid", "coverage.unsigned_executable"} <= reasons(ran)


def test_an_update_signed_by_someone_else(bench: Workbench) -> None:
    keys = (bench.folder / "root.pem", bench.folder / "leaf.pem")
    stranger = make_issuer("Norden Vehicles", *map(load_or_make_key, keys))
    ran = bench.check(bench.signed({}, stranger))
    assert ran.json["verdict"] == "DENY"
    assert {"trust.unsatisfied", "coverage.unsigned_executable"} <= reasons(ran)
    assert ran.json["signatures"][0]["axes"]["authentic"] == "pass"
    assert ran.json["signatures"][0]["axes"]["trusted"] == "fail"


@pytest.mark.parametrize("place", [100, 2500, -1000, -300, -4])
def test_a_byte_changed_anywhere(bench: Workbench, place: int) -> None:
    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[place] ^= 0x10
        return bytes(changed)

    ran = bench.check(bench.altered(flip))
    assert ran.json["verdict"] == "DENY"
    assert not any(
        signature["axes"]["authentic"] == "pass" == signature["axes"]["trusted"]
        for signature in ran.json["signatures"]
    )


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 4096, b"#!/bin/sh\ntelnetd\n"])
def test_bytes_appended(bench: Workbench, tail: bytes) -> None:
    assert bench.check(bench.altered(lambda data: data + tail)).json["verdict"] == "DENY"


@pytest.mark.parametrize("kept", [10, 96, 2048, 4096, -1, -9, -100])
def test_a_truncated_update(bench: Workbench, kept: int) -> None:
    ran = bench.check(bench.altered(lambda data: data[:kept]))
    assert ran.json["verdict"] in ("INCOMPLETE", "DENY")
    assert ran.code in (4, 5)


def test_a_certificate_that_has_expired(bench: Workbench) -> None:
    ran = bench.check(bench.benign(), at="2150-01-01T00:00:00Z")
    assert ran.json["verdict"] == "DENY"
    assert "trust.unsatisfied" in reasons(ran)


def noise(size: int) -> bytes:
    return random.Random(1).randbytes(size)


def test_content_that_nobody_can_read_is_incomplete(bench: Workbench) -> None:
    update = bench.signed({"usr/lib/blob": Entry(0o644, content=noise(9000))})
    ran = bench.check(update)
    assert ran.json["verdict"] == "INCOMPLETE"
    assert "unpack.high_entropy" in reasons(ran)


def test_a_few_unexplained_bytes_are_a_review(bench: Workbench) -> None:
    content = bytes(range(128, 160)) * 4
    ran = bench.check(bench.signed({"usr/lib/table": Entry(0o644, content=content)}))
    assert ran.json["verdict"] == "REVIEW"
    assert "unpack.unexplained" in reasons(ran)


def encrypted_zip() -> bytes:
    """Return a ZIP whose only member says that it is encrypted (APPNOTE 4.4.4, bit 0)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("secret.txt", "text" * 50)
    data = bytearray(buffer.getvalue())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def test_an_encrypted_container_inside_is_incomplete(bench: Workbench) -> None:
    update = bench.signed({"usr/share/data.zip": Entry(0o644, content=encrypted_zip())})
    ran = bench.check(update)
    assert ran.json["verdict"] == "INCOMPLETE"
    assert "unpack.incomplete" in reasons(ran)


def test_a_recognised_format_that_is_not_opened_is_incomplete(bench: Workbench) -> None:
    sqlite = b"SQLite format 3\0" + bytes(84)
    ran = bench.check(bench.signed({"var/data.db": Entry(0o644, content=sqlite)}))
    assert ran.json["verdict"] == "INCOMPLETE"


PLANTED = {
    "a user without a password": (
        "etc/shadow",
        Entry(0o600, content=b"root::20454:0:99999:7:::\n"),
        "cred.empty",
    ),
    "a second root": (
        "etc/passwd",
        Entry(0o644, content=b"root:x:0:0::/root:/bin/sh\nsupport:x:0:0::/root:/bin/sh\n"),
        "cred.uid0",
    ),
    "telnet in rc.local": (
        "etc/rc.local",
        Entry(0o755, content=b"#!/bin/sh\n/usr/sbin/telnetd -l /bin/sh &\n"),
        "remote.shell.telnet",
    ),
}


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_way_in_is_denied_with_its_path(bench: Workbench, name: str) -> None:
    path, entry, capability = PLANTED[name]
    ran = bench.check(bench.signed({path: entry}))
    assert ran.json["verdict"] == "DENY", reasons(ran)
    assert capability in ran.json["delta"]["capabilities_added"]
    named = {
        finding["path"] for finding in ran.json["findings"] if finding["capability"] == capability
    }
    assert f"{NAME}!/rootfs.squashfs!/{path}" in named


def test_a_stage_that_fails_is_incomplete(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fwverify import pipeline
    from fwverify.cli import _run

    def broken(*_: Any) -> Any:
        raise RuntimeError("simulated fault")

    for name in ("unpack", "verify", "analyse", "compare"):
        with monkeypatch.context() as patch, lasting.in_use():
            patch.setattr(pipeline, name, broken)
            code = _run([
                "--config", str(bench.signer.config), "check", str(bench.benign()),
                "--case", str(CASE),
                "--baseline", f"ledger:{REF}", "--at", AT,
            ])  # fmt: skip
        assert code in (4, 5), name


def test_a_damaged_store_is_not_believed(bench: Workbench) -> None:
    store = bench.folder / "store"
    config = bench.folder / "fwverify.toml"
    config.write_text(bench.signer.config.read_text().replace(f"{OUT}/store", str(store)))
    call = (
        *("--config", config, "check", bench.benign(), "--case", CASE),
        *("--baseline", f"ledger:{REF}", "--at", AT, "--format", "json"),
    )
    first = fwverify(*call)
    assert first.code == 0
    for blob in (store / "blobs").rglob("*"):
        if blob.is_file():
            blob.chmod(0o600)
            blob.write_bytes(b"#!/bin/sh\ntrue\n")
    again = fwverify(*call)
    assert again.code in (4, 5) or again.out == first.out
    shutil.rmtree(store)
    assert fwverify(*call).out == first.out


def test_a_ledger_of_ones_own_is_ad_hoc(bench: Workbench) -> None:
    url = f"sqlite:///{bench.signer.config.parent / 'ledger.sqlite'}"
    judged(bench.check(bench.benign(), "--ledger", url), "REVIEW", {"ad_hoc.option"})


def test_another_class_voids_the_approval(bench: Workbench) -> None:
    case = bench.folder / "case.toml"
    case.write_text(CASE.read_text().replace("vehicle-ecu", "generic"))
    ran = bench.check(bench.benign(), case=case)
    judged(ran, "DENY", {"context.changed"})
    assert "re-test" in ran.json["reasons"][0]["text"]


NEW = {
    "a program": ("usr/bin/helper", Entry(0o755, content=b"plain text\n"), "executable_added"),
    "a script": ("usr/lib/x", Entry(0o644, content=b"#!/bin/sh\n:\n"), "executable_added"),
    "a preload": ("etc/ld.so.preload", Entry(0o644, content=b"/usr/lib/x.so\n"), "startup_changed"),
    "a profile": ("etc/profile.d/a.sh", Entry(0o644, content=b"true\n"), "startup_changed"),
    "a link": ("etc/systemd", Entry(0o777, target=b"/usr/share/z"), "startup_changed"),
    "a unit": ("usr/lib/systemd/system/a.path", Entry(0o644, content=b"a\n"), "startup_changed"),
    "an init script": (
        "etc/init.d/S50telematics",
        Entry(0o755, content=b"#!/bin/sh\n# another\n"),
        "startup_changed",
    ),
}


@pytest.mark.parametrize("name", sorted(NEW))
def test_what_is_new_and_can_run_or_admit_is_put_before_a_person(
    bench: Workbench, name: str
) -> None:
    path, entry, rule = NEW[name]
    ran = bench.check(bench.signed({path: entry}))
    assert ran.json["verdict"] in ("REVIEW", "DENY", "INCOMPLETE")
    named = {(finding["rule"], finding["path"]) for finding in ran.json["findings"]}
    assert (f"compare.{rule}", f"{NAME}!/rootfs.squashfs!/{path}") in named


def test_a_backdoor_in_another_shape_is_put_before_a_person(bench: Workbench) -> None:
    """A program that gains a listener and a command runner matches no rule by name."""
    ran = bench.check(bench.signed({"usr/bin/telematicsd": Entry(0o755, content=bench.other())}))
    rules = {finding["rule"] for finding in ran.json["findings"]}
    assert ran.json["verdict"] in ("REVIEW", "DENY")
    assert "compare.calls_gained" in rules
