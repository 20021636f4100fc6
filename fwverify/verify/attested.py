"""Attestations: a digest that the vendor confirmed over a second channel, and the lab signed.

Guarantees: the statement is strict TOML, read whole; it speaks of exactly one content, by
SHA-256 and size; the signature over its very bytes is by a key or certificate of the
trust store whose role is ``lab`` and no other. What holds is ``attested``, never
``pass``: nothing is covered by it, it carries no rule, and the verdict is REVIEW at best.

Form, as ``<update>.attested.toml`` with ``.sig`` (bare, hexadecimal or base64) or
``.p7s`` (CMS) behind it::

    schema = "fwverify.attested/1"
    sha256 = "…"                      # of the update
    size = 1234
    source = "Acme support, case 4711"
    channel = "telephone call back, number from the contract"
    confirmed_by = "N. N., Acme"
    confirmed_at = 2026-05-01T10:00:00Z
    evidence_sha256 = "…"             # of the minutes, mail or scan that the lab keeps

Specification: CONTRACT, "The report" (``attested``); SIGNATURES, "The verdict has five axes".

Not checked: that the evidence exists and says so. The lab's signature answers for that.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta

from fwverify.model import _Value as Value
from fwverify.reader import Malformed
from fwverify.strict import InputFileError, parse_toml
from fwverify.verify import cms, raw
from fwverify.verify.cms_signer import Frame, judge
from fwverify.verify.detached_cms import decode
from fwverify.verify.detached_kind import kind_of
from fwverify.verify.dsse import signings
from fwverify.verify.embedded import refused
from fwverify.verify.scheme import Material, Scheme, Signed, View

NAME: Final = "attested"
MAX_STATEMENT_BYTES: Final = 64 * 1024

Text = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Statement(Value, frozen=True, kw_only=True):
    """``*.attested.toml``."""

    schema: Literal["fwverify.attested/1"]
    sha256: Digest
    size: Annotated[int, Meta(ge=0)]
    source: Text
    channel: Text
    confirmed_by: Text
    confirmed_at: Annotated[datetime, Meta(tz=True)]
    evidence_sha256: Digest


def parse(data: bytes, path: str) -> Statement:
    """Return the statement in ``data``. Raises ``Malformed``."""
    if len(data) > MAX_STATEMENT_BYTES:
        raise Malformed(0, "attested", f"{len(data)} bytes, the bound is {MAX_STATEMENT_BYTES}")
    try:
        return parse_toml(data, path, Statement)
    except InputFileError as error:
        raise Malformed(0, f"attested.{error.key}".rstrip("."), error.why) from error


def _applies(view: View) -> bool:
    return any(kind_of(path, member) == "attested" for path, member in view.detached)


def _verify(view: View, material: Material) -> tuple[Signed, ...]:
    results: list[Signed] = []
    for path, member in view.detached:
        if kind_of(path, member) == "attested":
            beside = [one for name, one in view.detached if name.startswith(f"{path}.")]
            results.append(_judge(view, path, member, beside[0] if beside else None, material))
    return tuple(results)


def _judge(
    view: View, path: str, member: bytes, signature: bytes | None, material: Material
) -> Signed:
    try:
        statement = parse(member, path)
        why = _contradiction(view, statement, material)
        if why:
            raise Malformed(0, "attested", why)
    except Malformed as error:
        return refused(view.path, NAME, f"{path}: {error}")
    if signature is None:
        return refused(view.path, NAME, f"{path}: the lab has not signed it", "unverifiable")
    if not (material.lab_keys or material.lab_roots or material.lab_pins):
        why = f"{path}: no key of role lab to verify it with"
        return refused(view.path, NAME, why, "unverifiable")
    result = _signed(view, path, member, signature, _of_the_lab(material))
    if (result.authentic, result.trusted) != ("pass", "pass"):
        return dataclasses.replace(result, covered=(), container=(), vouches=())
    note = (
        f"{statement.confirmed_by} confirmed the digest on {statement.confirmed_at:%Y-%m-%d} "
        f"over {statement.channel} (from {statement.source}); evidence sha256:"
        f"{statement.evidence_sha256}"
    )
    return dataclasses.replace(
        result, authentic="attested", trusted="attested", reason=f"{note}; {result.reason}"
    )


def _contradiction(view: View, statement: Statement, material: Material) -> str:
    """Return why the statement does not speak of this file now, if so."""
    if statement.sha256 != view.placed.node.sha256 or statement.size != len(view.content):
        return "speaks of another file"
    if statement.confirmed_at > material.at:
        return "was confirmed later than the verification time"
    return ""


def _of_the_lab(material: Material) -> Material:
    return dataclasses.replace(
        material,
        keys=material.lab_keys,
        code_roots=material.lab_roots,
        pins=material.lab_pins,
        algorithms=(),
    )


def _signed(view: View, path: str, member: bytes, signature: bytes, material: Material) -> Signed:
    """Return what the lab's signature over the statement shows; it covers nothing here."""
    if raw.is_cms(f"{path}.sig", signature):
        try:
            data = cms.parse_signed_data(decode(signature))
        except Malformed as error:
            return refused(view.path, NAME, f"{path}: {error}")
        if data.content is not None or len(data.signers) != 1:
            return refused(view.path, NAME, f"{path}: not one detached signature of the lab")
        frame = Frame(view.path, NAME, note="signed by the lab")
        return judge(frame, data, cms.Window.whole(member), material)[0]
    held, _ = signings(member, raw.decoded(signature), material)
    if not held:
        return refused(view.path, NAME, f"{path}: no key of role lab verifies it")
    key, attempt = held[0].key, held[0].attempt
    return Signed(
        path=view.path,
        scheme=NAME,
        authentic="pass",
        trusted="pass" if key.usable else "fail",
        reason=f"signed by the lab ({key.id})" if key.usable else key.why_not,
        signer=key.id,
        spki=key.spki,
        key_id=key.id,
        roles=key.roles,
        digest=attempt.digest,
        algorithm=attempt.algorithm,
    )


ATTESTED: Final = Scheme(
    name=NAME,
    title="Digest confirmed over a second channel, signed by the lab",
    specification="fwverify.attested/1",
    limitations="never better than REVIEW; the evidence itself is not read",
    applies=_applies,
    verify=_verify,
)
