"""A view as PDF/A-3b (ISO 19005-3), made by Typst from a fixed template.

Guarantees: texts reach the template as JSON data and are shown as values, so that no
markup in them means anything; the date is that of the report; only the fonts of the
library are used; nothing is fetched. Equal documents give equal bytes with one version of
the library. A character that these fonts do not have is shown as its code point, since
PDF/A forbids the empty box.

Not checked here: that the file is PDF/A; the library refuses to write it otherwise, and the
tests ask another program where one is at hand.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from fwverify.report.views.document import Document
from fwverify.strict import InputFileError

_TEMPLATE: Final = Path(__file__).resolve().parent.parent / "templates" / "annex.typ"
_STANDARD: Final = "a-3b"
_EXTRA: Final = "–—‘’“”…•€™≥≤→"
"""Characters beyond Latin-1 that the fonts have."""


def as_pdf(document: Document) -> bytes:
    """Return the file. Raises ``InputFileError`` where the library is absent, or refuses it."""
    try:
        import typst
    except ImportError as error:
        why = "is not installed; PDF needs it: pip install 'fwverify[pdf]'"
        raise InputFileError("typst", None, "", why) from error
    moment = _moment(document.at)
    values = {**_encodable(msgspec.to_builtins(document)), "date": list(moment.timetuple()[:6])}
    try:
        made = typst.compile(
            _TEMPLATE.read_bytes(),
            format="pdf",
            sys_inputs={"data": json.dumps(values, ensure_ascii=True, sort_keys=True)},
            pdf_standards=[_STANDARD],
            ignore_system_fonts=True,
            timestamp=int(moment.timestamp()),
        )
    except typst.TypstError as error:
        raise InputFileError("typst", None, "", f"cannot write it: {error}") from error
    if not isinstance(made, bytes):
        raise TypeError("the library gave no single file")
    return made


def _moment(at: str) -> datetime:
    """Return the time of the report; one that is none becomes 1980, as in the package."""
    try:
        return datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime(1980, 1, 1, tzinfo=UTC)


def _encodable(value: Any) -> Any:
    """Return ``value`` with every text in characters that the fonts have."""
    if isinstance(value, str):
        return "".join(_character(each) for each in value)
    if isinstance(value, list | tuple):
        return [_encodable(each) for each in value]
    if isinstance(value, dict):
        return {key: _encodable(each) for key, each in value.items()}
    return value


def _character(each: str) -> str:
    code = ord(each)
    if 0x20 <= code < 0x7F or 0xA1 <= code <= 0xFF or each in _EXTRA:
        return "-" if code == 0xAD else each
    return f"\\u{{{code:04X}}}"
