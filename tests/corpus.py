"""Where the real firmware lies that some tests use, and a loud skip where it is not.

The folder is not part of the project: ``$FWVERIFY_CORPUS``, else ``../shared/corpus``
beside the checkout.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CORPUS = Path(
    os.environ.get("FWVERIFY_CORPUS", Path(__file__).parents[2] / "shared" / "corpus")
).resolve()

needs_corpus = pytest.mark.skipif(
    not (CORPUS / "MANIFEST.tsv").is_file(),
    reason="REAL FIRMWARE NOT TESTED: the corpus folder is absent (set FWVERIFY_CORPUS)",
)
