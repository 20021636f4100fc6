"""The published schemas are the generated ones, and they are what CONTRACT promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from fwverify.model import Report
from fwverify.schema import PUBLISHED, main, schema_of, schemas, text_of
from tests.builders.reports import EXAMPLES

FOLDER = Path(__file__).parents[2] / "docs" / "schema"
NULL = {"type": "null"}

# Transcribed by hand from the public contract, "The report": the keys of each object.
CONTRACT_KEYS = {
    "": "schema at subject verdict verdicts reasons stages image nodes signatures "
    "signature_coverage findings capabilities endpoints services accounts keys dataflows "
    "baseline delta claims waivers supersedes case policy digests tools core_sha256",
    "subject": "kind name sha256 size members",
    "subject.members[]": "path sha256 size role ecu hw_id sw_id",
    "verdicts": "type_approval_rules national_security_rules",
    "reasons[]": "rule verdict text findings waived_by next",
    "reasons[].next": "owner action",
    "stages": "intake unpack verify analyse compare decide",
    "stages.intake": "status problems",
    "stages.decide": "status problems",
    "stages.unpack.problems[]": "code path text",
    "image": "nodes blobs bytes coverage maps",
    "image.coverage": "extracted parsed padding signature unexplained",
    "nodes[]": "path name_raw kind sha256 size format offset mode uid gid mtime link identity "
    "coverage",
    "nodes[].identity": "vendor product version build arch hardware",
    "nodes[].coverage": "extracted parsed padding signature unexplained",
    "signatures[]": "path scheme signer key_sha256 axes covered vouches known_bad reason",
    "signatures[].axes": "authentic trusted covered strong fresh",
    "signatures[].vouches[]": "path sha256 via",
    "signature_coverage": "covered padding container steering unsigned_data unsigned_executable",
    "findings[]": "rule capability threat severity confidence path offset length excerpt text "
    "evidence r155 fingerprint in_baseline waived_by",
    "capabilities": "present added removed",
    "endpoints[]": "kind value path",
    "services[]": "name kind starts listens path",
    "accounts[]": "name uid state path",
    "keys[]": "kind fingerprint path",
    "baseline": "ref sha256 approved",
    "delta": "added removed changed moved capabilities_added endpoints_added services_added "
    "accounts_added keys_added undeclared not_found",
    "delta.changed[]": "path old_sha256 new_sha256 facts",
    "delta.changed[].facts[]": "kind text",
    "delta.moved[]": "from to sha256",
    "claims[]": "claim verdict evidence coverage",
    "digests": "config policy trust rules context",
}

CONTRACT_ENUMS = {
    "schema": "fwverify.report/1",
    "verdict": "ALLOW REVIEW INCOMPLETE DENY",
    "verdicts.type_approval_rules": "ALLOW REVIEW INCOMPLETE DENY",
    "verdicts.national_security_rules": "ALLOW REVIEW INCOMPLETE DENY",
    "reasons[].verdict": "ALLOW REVIEW INCOMPLETE DENY",
    "reasons[].next.owner": "vendor lab approver policy",
    "subject.kind": "file set",
    "subject.members[].role": "update part signature manifest release-notes secret other",
    "stages.intake.status": "complete incomplete skipped",
    "stages.compare.status": "complete incomplete skipped",
    "signatures[].axes.authentic": "pass fail attested not-applicable unverifiable",
    "signatures[].axes.trusted": "pass fail attested not-applicable unverifiable",
    "signatures[].axes.covered": "pass fail attested not-applicable unverifiable",
    "signatures[].axes.strong": "pass fail attested not-applicable unverifiable",
    "signatures[].axes.fresh": "pass fail attested not-applicable unverifiable",
    "claims[].verdict": "refuted indicated not_refuted not_examined",
}

NULLABLE = (
    "verdict",
    "verdicts",
    "baseline",
    "delta",
    "nodes[].sha256",
    "nodes[].mode",
    "subject.members[].sha256",
    "reasons[].waived_by",
    "signatures[].known_bad",
)
ADDED = {
    "": {"notice", "signature_maps", "superseded", "components", "rxswin"},
    "claims[]": {"values", "stated_by", "source", "findings"},
    "digests": {"case", "suppliers"},
    "delta": {"dataflows_added"},
    "reasons[]": {"knock_out", "overlays"},
}
"""Keys beyond the contract's: it may grow, never shrink."""


def resolve(schema: dict[str, Any], at: dict[str, Any]) -> dict[str, Any]:
    """Follow references and the non-null branch of a nullable key."""
    while True:
        if "$ref" in at:
            at = schema["$defs"][at["$ref"].removeprefix("#/$defs/")]
        elif "anyOf" in at:
            (at,) = (each for each in at["anyOf"] if each != NULL)
        else:
            return at


def part(where: str, *, resolved: bool = True) -> dict[str, Any]:
    """The schema at a place written like ``delta.changed[].facts[]``."""
    schema = schemas()["report"]
    at: dict[str, Any] = schema
    for step in where.split(".") if where else ():
        at = resolve(schema, at)["properties"][step.removesuffix("[]")]
        if step.endswith("[]"):
            at = resolve(schema, at)["items"]
    return resolve(schema, at) if resolved else at


@pytest.mark.parametrize("document", PUBLISHED, ids=lambda each: each.name)
def test_the_published_file_is_the_generated_one(document):
    committed = (FOLDER / f"{document.name}.schema.json").read_text(encoding="utf-8")
    assert committed == text_of(schema_of(document)), "run python -m fwverify.schema"


def test_no_other_schema_is_published():
    assert {path.name for path in FOLDER.iterdir()} == {
        f"{each.name}.schema.json" for each in PUBLISHED
    }


@pytest.mark.parametrize("where", CONTRACT_KEYS)
def test_the_keys_of_the_contract(where):
    keys = set(CONTRACT_KEYS[where].split())
    at = part(where)
    assert set(at["properties"]) - ADDED.get(where, set()) == keys
    assert set(at["required"]) == set(at["properties"])
    assert at["additionalProperties"] is False


@pytest.mark.parametrize("where", CONTRACT_ENUMS)
def test_the_words_of_the_contract(where):
    assert set(part(where)["enum"]) == set(CONTRACT_ENUMS[where].split())


@pytest.mark.parametrize("where", NULLABLE)
def test_what_may_be_null(where):
    assert NULL in part(where, resolved=False)["anyOf"]


@pytest.mark.parametrize("where", ["subject", "reasons", "stages", "findings", "image", "at"])
def test_what_may_not_be_null(where):
    assert NULL not in part(where, resolved=False).get("anyOf", ())


def test_every_object_is_closed_and_described():
    schema = schemas()["report"]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for name, each in schema["$defs"].items():
        assert each["title"] == name
        assert each["description"]
        if "properties" in each:
            assert each["additionalProperties"] is False
            assert each["required"] == list(each["properties"])
    assert all(each["description"] for each in schema["properties"].values())
    assert '"default"' not in text_of(schema)


def test_an_undescribed_key_is_refused():
    document = PUBLISHED[0]
    fewer = {key: text for key, text in document.keys.items() if key != "verdict"}
    with pytest.raises(ValueError, match="verdict"):
        schema_of(document._replace(keys=fewer))
    with pytest.raises(ValueError, match="stray"):
        schema_of(document._replace(keys={**document.keys, "stray": "x"}))


def test_a_document_that_people_write_keeps_its_optional_keys():
    schema = schema_of(PUBLISHED[0]._replace(written=False))
    assert set(schema["required"]) == {"at", "subject"}
    assert schema["properties"]["verdict"]["default"] is None


def document_of(name: str) -> dict[str, Any]:
    built: dict[str, Any] = json.loads(msgspec.json.encode(EXAMPLES[name]))
    return built


def valid(document: dict[str, Any]) -> bool:
    return Draft202012Validator(schemas()["report"]).is_valid(document)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "hostile"])
def test_a_report_of_each_verdict_is_valid(name):
    assert valid(document_of(name))


def every_key(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all keys of ``document``, but not the tool names, which are data."""
    if isinstance(document, dict) and at != ("tools",):
        return [
            place
            for key, value in document.items()
            for place in ((*at, key), *every_key(value, (*at, key)))
        ]
    if isinstance(document, list):
        return [
            place
            for index, value in enumerate(document[:1])
            for place in every_key(value, (*at, index))
        ]
    return []


def test_each_missing_key_and_each_stray_key_is_refused():
    document = document_of("deny")
    validator = Draft202012Validator(schemas()["report"])
    assert validator.is_valid(document)
    places = every_key(document)
    assert len(places) > 150
    for place in places:
        target = document
        for step in place[:-1]:
            target = target[step]
        kept = target.pop(place[-1])
        assert not validator.is_valid(document), place
        target[f"{place[-1]}_"] = kept
        assert not validator.is_valid(document), place
        del target[f"{place[-1]}_"]
        target[place[-1]] = kept
    assert validator.is_valid(document)


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("schema",), "fwverify.report/2"),
        (("verdict",), "allow"),
        (("verdict",), "PASS"),
        (("verdicts", "type_approval_rules"), None),
        (("subject", "sha256"), "A" * 64),
        (("subject", "sha256"), None),
        (("subject", "size"), -1),
        (("subject", "size"), 1.5),
        (("subject", "size"), "1"),
        (("subject", "members"), None),
        (("subject", "members", 0, "role"), "firmware"),
        (("stages", "unpack", "status"), "done"),
        (("signatures", 0, "axes", "authentic"), True),
        (("signatures", 0, "axes", "fresh"), None),
        (("signatures", 0, "covered"), [[0]]),
        (("signatures", 0, "covered"), [[0, 1, 2]]),
        (("findings", 0, "severity"), "blocker"),
        (("findings", 0, "fingerprint"), "x"),
        (("nodes", 0, "mode"), "0644"),
        (("reasons", 0, "next", "owner"), "nobody"),
        (("tools", "yara"), 4),
        (("claims", 0, "verdict"), "proved"),
    ],
)
def test_a_wrong_value_is_refused(where, wrong):
    document = document_of("deny")
    target = document
    for step in where[:-1]:
        target = target[step]
    target[where[-1]] = wrong
    assert not valid(document)


def test_the_schema_agrees_with_the_decoder():
    for name in ("allow", "deny", "incomplete", "review"):
        encoded = msgspec.json.encode(EXAMPLES[name])
        assert msgspec.json.decode(encoded, type=Report) == EXAMPLES[name]
        assert valid(json.loads(encoded))


def test_the_command_writes_the_files(tmp_path):
    done = CliRunner().invoke(main, ["--write", str(tmp_path / "deep" / "schema")])
    assert done.exit_code == 0, done.output
    written = tmp_path / "deep" / "schema" / "report.schema.json"
    assert written.read_bytes() == (FOLDER / "report.schema.json").read_bytes()
    assert CliRunner().invoke(main, []).exit_code == 2
