"""A name in SIGNED.toml that cannot be seen counts for nothing, and ends no program."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwverify.keyring import signing
from fwverify.keyring.signing import StoreSignature


@pytest.mark.parametrize("name", [" ", "Bo\u200bb", "\u3164", "B" * 5000])
def test_a_signature_under_no_name_is_a_fault(monkeypatch, name):
    one = StoreSignature(by=name, key_sha256="0" * 64, store_sha256="0" * 64, value="x")
    monkeypatch.setattr(signing, "read", lambda _: (one,))
    found = signing.standing(Path(), None, (), None)
    assert (found.by, found.keys) == ((), ())
    assert "the name" in found.faults[0]
    assert "\u200b" not in found.faults[0]
