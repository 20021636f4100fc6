"""A product that is spelled otherwise is still the one that was onboarded."""

from __future__ import annotations

from tests.onboard.conftest import VEHICLE, _begun, _promoted, promoted  # noqa: F401
from tests.onboard.test_program import TROJAN, approve

SPELLED = (*VEHICLE[:3], "\uff54elematics-unit ")


def anything_goes(place):
    """Let the vendor's rule fit every product, as rules with a pattern do."""
    for file in (place.path / "trust" / "vendors").glob("*/vendor.toml"):
        file.write_text(file.read_text().replace('["telematics-unit"]', '["*"]'))


def test_what_was_laundered_is_denied_under_another_spelling(promoted):  # noqa: F811
    anything_goes(promoted)
    assert approve(promoted, TROJAN, "Ann", "Bob").code == 0
    ref = ("--baseline", "ledger:norden/1.1.0", "--class", "vehicle-ecu")
    assert promoted.check(TROJAN, more=ref).code == 4
    spelled = promoted.check(TROJAN, product=SPELLED, more=ref)
    assert spelled.code == 4


def test_another_spelling_takes_the_same_baseline(promoted):  # noqa: F811
    anything_goes(promoted)
    ran = promoted.check("vehicle-1.1.0.raucb", product=SPELLED)
    assert ran.json["baseline"]["ref"] == f"ledger:{promoted.record()['ref']}"
