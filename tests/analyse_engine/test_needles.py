"""An analyser that is not asked had nothing to say."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from fwverify.analyse.analysers import CONTENT
from fwverify.analyse.config.packages import TEXTS
from fwverify.analyse.engines import examine
from fwverify.analyse.rules import RuleSet
from fwverify.analyse.scan import scan_blob
from fwverify.analyse.values import BlobRequest, BlobResult, Trouble
from fwverify.analyse.windows import Extracted
from fwverify.store import Store

NOTHING = Extracted(())
BINARY = b"\x7fELF\0\0\0\0" + bytes(64)


def keys() -> list[bytes]:
    made = (
        rsa.generate_private_key(65537, 1024),
        rsa.generate_private_key(65537, 4096),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate(),
    )
    forms = [
        each.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
        for each in made
        for encoding in (Encoding.DER, Encoding.PEM)
    ]
    locked = BestAvailableEncryption(b"x")
    forms.append(made[2].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    forms.append(made[4].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    forms.append(
        made[0].private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    forms.append(b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-MAC: 00\n")
    return forms


VERSIONS = [mark + text for _, mark, _ in TEXTS for text in (b"1.1.36 ", b"2024.01 (", b"9.2p1\0")]


@pytest.mark.parametrize("engine", ["yara-python", "yara-x"])
def test_what_an_analyser_finds_has_a_needle(rules: RuleSet, engine: str) -> None:
    if engine == "yara-x":
        pytest.importorskip("yara_x", reason="SKIPPED: yara-x is not installed")
    said: set[str] = set()
    for content in (*keys(), *(BINARY + text for text in VERSIONS)):
        placed = b"ab\0" + content if content[:4] != b"\x7fELF" else content
        wanted = examine(placed, rules.bundle(), NOTHING, 20, engine).marked.wanted
        for analyser in CONTENT:
            if analyser.needles and analyser.examine(placed, NOTHING) != BlobResult():
                assert analyser.name in wanted, (analyser.name, placed[:80])
                said.add(analyser.name)
    assert said == {"keys", "stacks", "versions"}


def test_no_needle_no_question(rules: RuleSet) -> None:
    assert examine(BINARY, rules.bundle(), NOTHING, 20, "yara-python").marked.wanted == frozenset()


def test_every_analyser_is_asked_where_the_engine_gave_up(
    store: Store, rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    import msgspec

    from fwverify.analyse import yara

    late = Trouble(code="analyse.rules_timeout", text="late")
    monkeypatch.setattr(yara, "matches", lambda *_: ((), (late,)))
    store.put(rules.bundle())
    request = BlobRequest(
        store=str(store.root), sha256=store.put(keys()[2]), rules=rules.sha256, yara_seconds=5
    )
    answer = msgspec.msgpack.decode(scan_blob(msgspec.msgpack.encode(request)), type=BlobResult)
    assert answer.keys != ()
    assert answer.troubles == (late,)
