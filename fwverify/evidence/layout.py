"""Which file of an evidence package is made of which part of a report.

Guarantees: every key of ``Report`` stands in exactly one JSON file of the package (RFC
8785, ``PARTS``), so that ``report_of`` gives back the report it was made of; the readable
forms (``VIEWS``) are functions of that report alone. With what steered it (``inputs``) and
the annex that was asked for this is the *core*: equal reports that were steered alike give
equal bytes on any machine.

``under`` is the report as one rule overlay sees it: a package for type approval holds no
reason, no finding and no verdict that the national-security overlay alone has.

Not here: signatures, time stamps and the run's clock (``sealing``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fwverify.canonical import canonical_json, seal
from fwverify.model import Overlay, Report, Verdicts
from fwverify.reader import Malformed
from fwverify.strict import NOT_JSON

if TYPE_CHECKING:
    from fwverify.evidence.inputs import Annex
    from fwverify.evidence.steering import Steering

SCRIPT: Final = "verify.sh"
README: Final = "README-VERIFY.txt"
NOT_ASKED: Final = "it was not asked for (--pdf)"

PARTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("case.json", ("schema", "at", "case", "subject", "digests", "tools", "stages")),
    ("stages/unpack.json", ("image", "nodes")),
    ("stages/verify.json", ("signatures", "signature_coverage", "signature_maps")),
    ("stages/analyse.json", ("findings", "capabilities", "endpoints", "services", "accounts")),
    ("stages/keys.json", ("keys",)),
    ("stages/compare.json", ("baseline", "delta")),
    ("claims.json", ("claims",)),
    ("dataflows.json", ("dataflows",)),
    ("rxswin-register.json", ("rxswin",)),
    ("stages/components.json", ("components",)),
    (
        "decision.json",
        (
            *("verdict", "verdicts", "reasons", "waivers", "supersedes", "superseded"),
            *("policy", "notice", "core_sha256"),
        ),
    ),
)
"""The JSON files, and the keys of the report that each holds."""


def _html(report: Report) -> bytes:
    from fwverify.report.html import render

    return render(report)


def _sarif(report: Report) -> bytes:
    from fwverify.report.sarif import sarif

    return sarif(report)


def _junit(report: Report) -> bytes:
    from fwverify.report.junit import junit

    return junit(report)


def _bill(report: Report) -> bytes:
    from fwverify.sbom.cyclonedx import bill

    return bill(report)


def _map(catalogue: str) -> Callable[[Report], bytes]:
    """Return what writes the map of the shipped catalogue of that id."""

    def view(report: Report) -> bytes:
        from fwverify.catalogue import maps
        from fwverify.catalogue.load import shipped

        (found,) = maps(report, [each for each in shipped() if each.id == catalogue])
        return canonical_json(found)

    return view


CATALOGUES: Final = ("boaum", "iso21434", "r155", "r156", "welmec-7.2")
"""Ids of the regulation maps in every package."""

VIEWS: Final[tuple[tuple[str, Callable[[Report], bytes]], ...]] = (
    ("bom/sbom.cdx.json", _bill),
    *((f"map/{each}.json", _map(each)) for each in CATALOGUES),
    ("reports/findings.sarif", _sarif),
    ("reports/junit.xml", _junit),
    ("reports/report.html", _html),
)
"""The readable forms of the report, and what writes each."""


def core(
    report: Report,
    steering: Steering | None = None,
    overlay: Overlay | None = None,
    annex: tuple[Annex, bytes] | None = None,
) -> dict[str, bytes]:
    """Return the core of the package of ``report``: every file that is reproduced by a replay.

    ``steering`` is what steered it, where that is at hand; ``overlay`` the one whose package
    it is; ``annex`` the PDF, or why there is none.
    """
    from fwverify.evidence import inputs

    said, pdf = annex or (inputs.Annex(present=False, why=NOT_ASKED), b"")
    plain = msgspec.to_builtins(report)
    files = {name: canonical_json({key: plain[key] for key in keys}) for name, keys in PARTS}
    files |= {name: view(report) for name, view in VIEWS}
    files |= inputs.files(report, steering, said, overlay)
    if said.present:
        files[inputs.PDF] = pdf
    return files | {README: _shipped("README-VERIFY.txt"), SCRIPT: script()}


def script() -> bytes:
    """Return ``verify.sh``, byte for byte as it is published."""
    return _shipped(SCRIPT)


def _shipped(name: str) -> bytes:
    return (resources.files("fwverify.evidence") / name).read_bytes()


def merged(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the report's keys out of the JSON files of a package, as plain values.

    Raises ``Malformed`` for a file that is absent or is no JSON object of its own keys.
    """
    found: dict[str, Any] = {}
    for name, keys in PARTS:
        try:
            part = msgspec.json.decode(files[name])
        except KeyError as error:
            raise Malformed(0, name, "is absent") from error
        except NOT_JSON as error:
            raise Malformed(0, name, f"is no JSON: {error}") from error
        if not isinstance(part, dict) or tuple(sorted(part)) != tuple(sorted(keys)):
            raise Malformed(0, name, f"does not hold the keys {', '.join(keys)}")
        found |= part
    return found


def report_of(files: Mapping[str, bytes]) -> Report:
    """Return the report that the package was made of. Raises ``Malformed``."""
    try:
        return msgspec.convert(merged(files), Report)
    except msgspec.ValidationError as error:
        raise Malformed(0, "report", str(error)) from error


def under(report: Report, overlay: Overlay = "type_approval_rules") -> Report:
    """Return ``report`` as ``overlay`` alone sees it.

    Its verdict is the overlay's; what only the other overlay says is left out: reasons,
    and findings that no reason of this one names and some reason of the other does.
    """
    reduced = seen_by(report, overlay)
    return reduced if reduced is report else seal(reduced)


def seen_by(report: Report, overlay: Overlay) -> Report:
    """Return what ``under`` does, without its own digest: for who shows it."""
    if report.verdicts is None:
        return report
    own = tuple(one for one in report.reasons if overlay in one.overlays)
    others = {
        mark for one in report.reasons if overlay not in one.overlays for mark in one.findings
    }
    hidden = others - {mark for one in own for mark in one.findings}
    return msgspec.structs.replace(
        report,
        verdict=getattr(report.verdicts, overlay),
        verdicts=None,
        reasons=tuple(msgspec.structs.replace(one, overlays=(overlay,)) for one in own),
        findings=tuple(one for one in report.findings if one.fingerprint not in hidden),
    )


def differs(report: Report) -> bool:
    """Return whether the national-security overlay says anything that type approval does not."""
    verdicts: Verdicts | None = report.verdicts
    if verdicts is None:
        return False
    other = any("type_approval_rules" not in one.overlays for one in report.reasons)
    return other or verdicts.national_security_rules != verdicts.type_approval_rules
