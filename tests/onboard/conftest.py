"""A workplace per test: trust store without the vendor, ledger, registered people."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from fwverify.cli import _run as program
from fwverify.cli.onboard import onboard
from samples.build import OUT, build
from tests.cli import lasting
from tests.cli.program import Ran
from tests.ledger.people import ANN_KEY, BOB_KEY, CY_KEY, EVE_KEY, pem, private_pem

AT = ("--at", "2026-11-21T00:00:00Z")
KEYS = {"Ann": ANN_KEY, "Bob": BOB_KEY, "Cy": CY_KEY, "Eve": EVE_KEY}
VEHICLE = ("--vendor", "norden-vehicles", "--product", "telematics-unit")
METER = ("--vendor", "norden-meters", "--product", "household-meter")


@dataclass(frozen=True)
class Place:
    """A folder with a configuration, and the program run in it."""

    path: Path

    def run(self, *call) -> Ran:
        """Run the command line in this process, which is quicker than one of its own."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        arguments = ["--config", str(self.path / "fwverify.toml"), *map(str, call)]
        if call[0] == "check" or (call[0] == "onboard" and call[1] not in onboard.commands):
            arguments += ["--jobs", "1"]
        with (
            lasting.in_use(),
            contextlib.chdir(self.path),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = program(arguments)
        out.flush()
        assert "internal error" not in err.getvalue(), err.getvalue()
        return Ran(code, out.buffer.getvalue().decode(), err.getvalue())

    def onboard(self, update="vehicle-1.0.0.raucb", product=VEHICLE, by="Desk", more=()) -> Ran:
        kind = "vehicle-ecu" if product is VEHICLE else "meter"
        return self.run("onboard", OUT / update, *product, "--class", kind, "--by", by, *AT, *more)

    def promote(self, *people, product=VEHICLE, more=()) -> Ran:
        signed = [part for each in people for part in ("--by", each, "--sign-with", f"{each}.key")]
        return self.run("onboard", "promote", *product, *signed, "--reason", "read", *AT, *more)

    def check(self, update, product=VEHICLE, more=()) -> Ran:
        return self.run("check", OUT / update, *product, *AT, "--format", "json", *more)

    def file(self, name: str, product=VEHICLE) -> Path:
        return self.path / "onboarding" / product[1] / product[3] / name

    def record(self, product=VEHICLE) -> dict:
        return json.loads(self.file("onboarding.json", product).read_bytes())

    def confirm(self, product=VEHICLE, **changes) -> Ran:
        said = {
            "fingerprint": self.record(product)["candidates"][0]["fingerprint"],
            "who": "Ann",
            "when": "2026-11-20T10:00:00+01:00",
            "channel": "telephone, number of the contract",
            "how": "read out in full",
        } | changes
        options = [part for name, value in said.items() for part in (f"--{name}", value)]
        return self.run("onboard", "confirm-key", *product, *options)

    def explain(self, product=VEHICLE, why="the vendor's own, seen in the contract") -> None:
        file = self.file("rationale.toml", product)
        text = file.read_text()
        file.write_text(text.replace('rationale = ""', f'rationale = "{why}"'))

    def configure(self, *people, trust="trust") -> None:
        tables = [f'[[people]]\nname = "{each}"\nkey = "{each}.pub"\n' for each in people]
        cache = self.path.parent / "onboard-cache"
        (self.path / "fwverify.toml").write_text(
            'schema = "fwverify.config/1"\n'
            f'[paths]\ntrust = "{trust}"\nstore = "{cache}"\nonboarding = "onboarding"\n'
            '[ledger]\nurl = "sqlite:///ledger.sqlite"\n' + "".join(tables)
        )


def made(folder: Path, *, known: bool = False) -> Place:
    """Return a workplace; ``known`` says that the trust store knows the vendors already."""
    build()
    shutil.copytree(OUT / "trust", folder / "trust")
    if not known:
        shutil.rmtree(folder / "trust" / "vendors")
    for name, key in KEYS.items():
        (folder / f"{name}.key").write_bytes(private_pem(key))
        (folder / f"{name}.pub").write_bytes(pem(key))
    place = Place(folder)
    place.configure("Ann", "Bob", "Cy")
    return place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return made(tmp_path)


def _copied(source: Path, target: Path) -> Place:
    shutil.copytree(source, target, dirs_exist_ok=True)
    return Place(target)


@pytest.fixture(scope="session")
def _begun(tmp_path_factory) -> Path:
    place = made(tmp_path_factory.mktemp("begun"))
    assert place.onboard().code == 4  # nobody knows the vendor yet
    return place.path


@pytest.fixture(scope="session")
def _promoted(tmp_path_factory, _begun) -> Path:
    place = _copied(_begun, tmp_path_factory.mktemp("promoted"))
    assert place.confirm().code == 0
    place.explain()
    assert "approved" in place.promote("Ann", "Bob").out
    return place.path


@pytest.fixture
def begun(tmp_path, _begun) -> Place:
    """A workplace where the first delivery of the vehicle was onboarded."""
    return _copied(_begun, tmp_path)


@pytest.fixture
def promoted(tmp_path, _promoted) -> Place:
    """The same, promoted by Ann and Bob."""
    return _copied(_promoted, tmp_path)
