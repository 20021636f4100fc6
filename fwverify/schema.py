"""The published JSON Schemas, generated from the types that are written and read.

Guarantees: one schema per document of CONTRACT, JSON Schema 2020-12, generated from the
Struct that the code itself uses, so that the two cannot drift; unknown keys are refused
at every level. In a document that fwverify writes (``written``) every key is required,
because "all keys present" is promised; a document that a person writes keeps its
optional keys.

Not checked by a schema: that lists are sorted, that coverages sum to the size, and that
``core_sha256`` is the document's digest.

Run ``python -m fwverify.schema --write docs/schema`` after a change to the model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import msgspec

from fwverify.case import Case
from fwverify.catalogue.values import Catalogue
from fwverify.config import ConfigFile
from fwverify.model import Report
from fwverify.onboarding.model import Confirmed, Rationale, Recipe, Record
from fwverify.policy.model import Policy, Tightening
from fwverify.secrets import SecretFile
from fwverify.verify.vendor_file import VendorFile

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_REPORT_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "at": "The time of verification (RFC 3339, whole seconds), an input and not a clock.",
    "subject": "What was submitted: one file, or a set with its members.",
    "verdict": "The worst of the two overlays; null where nothing was decided.",
    "verdicts": "The verdict of each rule overlay; null where nothing was decided.",
    "reasons": "Why the verdict is what it is, worst first, with who has to act.",
    "stages": "How far each stage came; what it could not do stands in its problems.",
    "image": "Totals over the tree; the coverage partitions the submitted bytes.",
    "nodes": "Every file, directory, link and device, sorted by path.",
    "signatures": "Every signature with its five axes and the byte ranges it covers.",
    "signature_coverage": "The submitted bytes by who vouches for them; sums to the size.",
    "signature_maps": "Where in each submitted member those bytes are; the worst 64 members.",
    "findings": "Facts that matter, sorted by path, offset and rule.",
    "capabilities": "Capability ids: present, and added or removed against the baseline.",
    "endpoints": "Places outside the device that a file names.",
    "services": "What runs, how it comes alive and what it listens on.",
    "accounts": "Logins and whether they open; never a password hash.",
    "keys": "Keys and certificates found, by fingerprint; never a key.",
    "dataflows": "Sources of personal or operational data together with a sink.",
    "components": "Software that package databases, metadata and version texts name.",
    "baseline": "The approved update that was compared with; null without one.",
    "delta": "What the update has that the baseline had not; null without a baseline.",
    "claims": "Declared claims, each held against the content.",
    "waivers": "The waivers that were applied.",
    "supersedes": "The case that this one replaces.",
    "superseded": "What of that case is resolved, still open, new or changed beside the fix.",
    "rxswin": "Software and integrity data before and after (UN R156); null without a number.",
    "case": "The case that the update belongs to.",
    "policy": "The name of the policy that decided.",
    "digests": "Digests of everything that steered the result.",
    "tools": "The version of each tool that took part.",
    "notice": "Of which policy this is the result, and what it is not.",
    "core_sha256": "SHA-256 of the RFC 8785 form of this document with this key empty.",
}


class Published(NamedTuple):
    """A document with a published schema.

    ``written`` says that fwverify writes it (all keys required); ``keys`` describe the
    top-level keys.
    """

    name: str
    type: type[msgspec.Struct]
    written: bool
    keys: Mapping[str, str]


_CASE_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "vendor": "The vendor, as the trust store and the ledger name it.",
    "product": "The product, as the trust store and the ledger name it.",
    "class": "The product class; it chooses the policy.",
    "id": "The case's own name; it stands in the report.",
    "version": "The version that the vendor says this is.",
    "submitter": "Who submits; never one of those who approve.",
    "update_kind": "Planned or corrective.",
    "declared_changes": "Paths, patterns or capability ids that the vendor declares.",
    "declared_flows": "Data flows that the vendor declares; every other one is then a finding.",
    "members": "Roles and hardware of members of a set.",
    "context": "The deployment that is asked about; an approval is bound to it.",
    "component": "The component that the update is for, as the supplier register names it.",
    "hardware_id": "The hardware that it is for, as the vendor names it.",
    "ticket": "The order or incident that it belongs to.",
    "rxswin": "The RX software identification number before and after (UN R156).",
    "declared_claims": "What is stated of the product; each claim is held against the content.",
    "custody": "Who held the update when, in order.",
    "permit": "The permit to work on the equipment.",
    "clearances": "Clearances of the people who bring or install it.",
    "countersign": "The operator's countersignature.",
}

_CONFIG_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "paths": "Trust store, rules, policies, supplier register and cache, relative to this file.",
    "ledger": "Where approved baselines are kept.",
    "analyse": "What matches the rules.",
    "limits": "Bounds on the work that an update may ask for.",
    "trust": "Whose signatures the trust store must carry.",
    "release": "For how many days releases and waivers may hold at most.",
    "people": "Who signs here: name, public keys, roles; approvals then need signatures.",
    "partners": "Organisations whose signed baselines may be imported.",
    "evidence": "Who signs evidence packages and stamps them; steers no verdict.",
}

_POLICY_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "name": "The policy's name; it stands in the report.",
    "class": "The product class that the policy is for.",
    "version": "The policy's version.",
    "signatures": "Whether an update must be signed under a trust rule.",
    "baseline": "Whether ALLOW needs an approved baseline.",
    "unexplained_max_bytes": "Unexplained bytes above this are INCOMPLETE.",
    "unexplained_entropy_milli": "Blocks of this entropy (1/1000 bit per byte) are INCOMPLETE.",
    "otherwise": "What a new finding leads to that no rule names.",
    "rules": "What findings lead to; the toughest rule that applies counts.",
    "strength": "Floors above those of the trust store.",
    "extends": "The class whose policy this one tightens.",
    "adopt": "Sets of measures that are adopted; none by default.",
    "site": "The site profile that is laid over it.",
    "threat_level": "The least threat level that counts, whatever the case says.",
    "site_class": "The least site class that counts, whatever the case says.",
    "deployments": "The deployments that it is meant for.",
    "capabilities": "Capabilities that are allowed, need a declaration, or are forbidden.",
    "crypto": "Floors of strength from a day on.",
    "intake": "What a case must state, or it is refused.",
    "jurisdictions": "Hosts and networks by the country whose law they lie under.",
    "neighbours": "Hosts and networks of other vendors in the same room.",
}

_TIGHTENING_KEYS: Final[Mapping[str, str]] = {
    **{
        key: text
        for key, text in _POLICY_KEYS.items()
        if key not in ("class", "signatures", "baseline", "extends", "adopt", "site")
    },
    "text": "What it is for, and where it was taken from.",
}

_SECRET_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "secret": "One table per secret; its kind says what it opens.",
}

_CATALOGUE_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "id": "The catalogue's id; no two have the same.",
    "title": "What the requirements are taken from.",
    "version": "Which version of it.",
    "valid_from": "The first day on which it is in force.",
    "valid_until": "The last day; open where it is left out.",
    "scope": "What of the source is listed.",
    "checked": "Against what the ids were held.",
    "parts": "The parts of the source, each with all its ids.",
    "requirements": "One table per id.",
}

_VENDOR_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "vendor": "The vendor's name: that of its folder.",
    "title": "The vendor's name for people.",
    "key": "Bare public keys, pinned by SPKI SHA-256.",
    "root": "Certificates: authorities or exact pins, for code, time or identities.",
    "crl": "Revocation lists.",
    "log": "Keys of transparency logs (rekor) and certificate logs (ct), with the time of use.",
    "rule": "What must hold for some products.",
}

_RECORD_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "vendor": "The vendor, as trust store and ledger name it.",
    "product": "The product, as trust store and ledger name it.",
    "class": "The product class; it chooses the policy.",
    "ref": "The provisional baseline in the ledger.",
    "at": "The time of the analysis.",
    "submitted_by": "Who submitted the delivery; never one of those who promote it.",
    "name": "The delivery's own name.",
    "sha256": "The delivery's digest.",
    "verdict": "What the delivery was judged as, alone.",
    "core_sha256": "The digest of its report.",
    "trusted": "Whether the trust store vouched for it already.",
    "candidates": "Keys whose signatures over it hold; trusted for nothing.",
    "refused": "Why it is denied even where the candidates are the vendor's keys.",
}

_RECIPE_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "vendor": "The vendor, as trust store and ledger name it.",
    "product": "The product, as trust store and ledger name it.",
    "class": "The product class; it chooses the policy.",
    "baseline": "What later deliveries are compared with.",
    "file": "The submitted files: globs, roles, device parts.",
    "step": "The envelopes, and which secret opens each, by name.",
    "hardware": "The hardware ids that the content may state.",
    "context": "The deployment that the promotion is for.",
}

_RATIONALE_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "item": "What is of high risk in the first delivery, and why it may be there.",
}

_CONFIRMED_KEYS: Final[Mapping[str, str]] = {
    "schema": "The name and version of this document's form.",
    "confirmation": "Who confirmed which fingerprint, when, and over which channel.",
}

PUBLISHED: Final[tuple[Published, ...]] = (
    Published("report", Report, True, _REPORT_KEYS),
    Published("case", Case, False, _CASE_KEYS),
    Published("config", ConfigFile, False, _CONFIG_KEYS),
    Published("policy", Policy, False, _POLICY_KEYS),
    Published("tightening", Tightening, False, _TIGHTENING_KEYS),
    Published("secret", SecretFile, False, _SECRET_KEYS),
    Published("catalogue", Catalogue, False, _CATALOGUE_KEYS),
    Published("vendor", VendorFile, False, _VENDOR_KEYS),
    Published("onboarding", Record, True, _RECORD_KEYS),
    Published("recipe", Recipe, False, _RECIPE_KEYS),
    Published("rationale", Rationale, False, _RATIONALE_KEYS),
    Published("confirmed", Confirmed, True, _CONFIRMED_KEYS),
)


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each published document, by its name."""
    return {each.name: schema_of(each) for each in PUBLISHED}


def schema_of(document: Published) -> dict[str, Any]:
    """Return the JSON Schema 2020-12 of ``document``.

    Raises ``ValueError`` when ``document.keys`` does not describe exactly its keys.
    """
    generated = msgspec.json.schema(document.type)
    definitions = {
        name: _finished(each, document.written) for name, each in generated["$defs"].items()
    }
    top = definitions.pop(document.type.__name__)
    if set(top["properties"]) != set(document.keys):
        odd = sorted(set(top["properties"]) ^ set(document.keys))
        raise ValueError(f"keys of {document.name} without, or with a stray, description: {odd}")
    for key, described in document.keys.items():
        top["properties"][key] = {"description": described, **top["properties"][key]}
    head = {"$schema": DIALECT, "$id": f"urn:fwverify:schema:{document.name}:1"}
    return {**head, **top, "$defs": dict(sorted(definitions.items()))}


def _finished(definition: dict[str, Any], written: bool) -> dict[str, Any]:
    """Return ``definition`` with plain descriptions; for a written document all required.

    Defaults are dropped there: a key that must be present has none.
    """
    done = dict(definition)
    if "description" in done:
        done["description"] = done["description"].replace("``", "`")
    if "properties" not in done or not written:
        return done
    done["properties"] = {
        key: {word: value for word, value in each.items() if word != "default"}
        for key, each in done["properties"].items()
    }
    done["required"] = list(done["properties"])
    return done


def text_of(schema: Mapping[str, Any]) -> str:
    """Return ``schema`` as the text that stands in the published file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


@click.command(help="Write the JSON Schema of each published document.")
@click.option(
    "--write",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for <name>.schema.json.",
)
def main(folder: Path) -> None:
    """Write every schema into ``folder``, which is made when it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        target = folder / f"{name}.schema.json"
        target.write_text(text_of(schema), encoding="utf-8")
        click.echo(target)


if __name__ == "__main__":
    main()
