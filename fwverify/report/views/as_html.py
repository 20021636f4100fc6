"""A view as one self-contained HTML page.

Guarantees: the page loads nothing and runs nothing (its content security policy forbids
both); every text is escaped by the environment; equal documents give equal bytes.
"""

from __future__ import annotations

from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from fwverify.report.views.document import Document


def as_html(document: Document) -> bytes:
    """Return the page, in UTF-8."""
    return _environment().get_template("view.html").render(document=document).encode("utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("fwverify.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
