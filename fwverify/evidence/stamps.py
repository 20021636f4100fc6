"""Time stamps from an authority that the operator names (RFC 3161), over HTTP.

Guarantees: nothing is asked unless a URL is configured; the answer is bounded in size and
time, a redirect is refused, proxies of the environment are not used. A token is returned
only when the authority granted it, it is over the bytes asked for, carries the nonce, and
its signature holds; with ``anchors`` it also chains to one of them.

Specification: RFC 3161, 2.4 (request and response) and 3.4 (HTTP); RFC 5816.

Not checked: the authority's policy and accuracy; whether its clock is right.
"""

from __future__ import annotations

import hashlib
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from asn1crypto import cms as asn1_cms
from asn1crypto import core as asn1_core
from asn1crypto import tsp as asn1_tsp

from fwverify import der
from fwverify.reader import Malformed
from fwverify.verify import cms
from fwverify.verify.chain import Anchors
from fwverify.verify.timestamp import check_token

TIMEOUT_SECONDS: Final = 15
MAX_ANSWER_BYTES: Final = 1024 * 1024
_GRANTED: Final = ("granted", "granted_with_mods")
_SKEW: Final = timedelta(minutes=5)
"""By how much an authority's clock may be ahead of this machine's."""


class StampError(Exception):
    """No usable time stamp: which authority and why, in one line."""


@dataclass(frozen=True)
class Authority:
    """A time-stamp authority: where it is asked, and what its tokens are held against."""

    url: str
    anchors: Anchors | None = None


class _Response(asn1_core.Sequence):  # type: ignore[misc]  # no types
    """TimeStampResp; a refusal has no token (RFC 3161, 2.4.2), which asn1crypto's lacks."""

    _fields: ClassVar[list[Any]] = [
        ("status", asn1_tsp.PKIStatusInfo),
        ("time_stamp_token", asn1_cms.ContentInfo, {"optional": True}),
    ]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the request to a place that nobody configured."""

    def redirect_request(self, *_: Any) -> None:
        """Return None: the redirect becomes an error."""


def stamp(authority: Authority, data: bytes, at: datetime) -> bytes:
    """Return a DER time-stamp token over ``data``; ``at`` is now. Raises ``StampError``."""
    nonce = secrets.randbits(63) | 1
    request = asn1_tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": {
                "hash_algorithm": {"algorithm": "sha256"},
                "hashed_message": hashlib.sha256(data).digest(),
            },
            "nonce": nonce,
            "cert_req": True,
        }
    ).dump()
    answer = _ask(authority.url, request)
    try:
        token = _token(answer, nonce)
        why = _fault(authority, token, data, at)
    except (Malformed, *der.LIBRARY_ERRORS) as error:
        raise StampError(f"{authority.url}: the answer cannot be read: {error}") from error
    if why:
        raise StampError(f"{authority.url}: {why}")
    return token


def _ask(url: str, request: bytes) -> bytes:
    """Return the body of the authority's answer (RFC 3161, 3.4)."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise StampError(f"{url}: a time-stamp authority is asked over http or https")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    asked = urllib.request.Request(  # noqa: S310  (the scheme is checked above)
        url, data=request, headers={"Content-Type": "application/timestamp-query"}
    )
    try:
        with opener.open(asked, timeout=TIMEOUT_SECONDS) as response:
            body: bytes = response.read(MAX_ANSWER_BYTES + 1)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise StampError(f"{url}: cannot be reached: {error}") from error
    if len(body) > MAX_ANSWER_BYTES:
        raise StampError(f"{url}: the answer is larger than {MAX_ANSWER_BYTES} bytes")
    return body


def _token(answer: bytes, nonce: int) -> bytes:
    """Return the token of a TimeStampResp that grants it and repeats the nonce (2.4.2)."""
    response = _Response.load(answer, strict=True)
    status = str(response["status"]["status"].native)
    if status not in _GRANTED:
        raise Malformed(0, "status", f"the authority says {status}")
    token: bytes = response["time_stamp_token"].dump()
    content = cms.parse_signed_data(token).content or b""
    if asn1_tsp.TSTInfo.load(content, strict=True)["nonce"].native != nonce:
        raise Malformed(0, "nonce", "is not the one asked with")
    return token


def _fault(authority: Authority, token: bytes, data: bytes, at: datetime) -> str:
    anchors = authority.anchors or Anchors(())
    found = check_token(token, data, anchors, at + _SKEW)
    if authority.anchors is None:
        return "" if found.authentic == "pass" else found.reason
    return "" if found.axis == "pass" else found.reason
