"""Microsoft's updates of dbx: real files, and what they are for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asn1crypto import pem, x509

from tests import corpus
from tests.verify_cms.helpers import axes
from tests.verify_uefi.helpers import variable


@corpus.needs_corpus
@pytest.mark.parametrize("date", ["2025-02-24", "2025-06-10"])
def test_dbx(date):
    folder = corpus.CORPUS / "uefi_dbx"
    _, _, encoded = pem.unarmor((folder / "keys" / "MicCorKEKCA2011.pem").read_bytes())
    root = x509.Certificate.load(encoded)
    data = (folder / f"DBXUpdate_amd64_{date}.bin").read_bytes()
    (result,) = variable(data, code_roots=(root,), at=datetime(2025, 6, 11, tzinfo=UTC))
    assert axes(result) == ("pass", "pass"), result.reason
    assert "append to dbx-" in result.reason
    assert (result.covered[0], result.covered[-1][1]) == ((0, 16), len(data))
    (late,) = variable(data, code_roots=(root,), at=datetime(2026, 6, 1, tzinfo=UTC))
    assert axes(late) == ("pass", "fail")
    flipped = data[:-1] + bytes((data[-1] ^ 1,))
    (broken,) = variable(flipped, code_roots=(root,), at=datetime(2025, 6, 11, tzinfo=UTC))
    assert axes(broken) == ("fail", "fail")
