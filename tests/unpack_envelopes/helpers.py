"""What the tests of envelopes share: a bench to which secrets are given."""

from __future__ import annotations

from fwverify.model import Opened
from fwverify.unpack.given import Base, Given, Secret
from fwverify.unpack.opening import examine
from fwverify.unpack.source import Budget, Source
from tests.unpack.helpers import Bench, check

KEY = bytes(range(32))
IV = bytes(range(16))
TEXT = b"".join(b"line %d of a release that is plain text\n" % n for n in range(200))


def secret(kind: str, path: str = "*", **values: bytes) -> Secret:
    return Secret(kind=kind, path=path, values=values)


def password(text: bytes) -> Secret:
    return secret("password", password=text)


class Keyed(Bench):
    """A bench that opens with secrets."""

    def with_secrets(
        self, data: bytes, *secrets: Secret, plaintexts: tuple[bytes, ...] = (), name: str = "blob"
    ) -> Opened:
        budget = Budget(self.limits.blob_bytes(len(data)), self.limits.files)
        bases = tuple(
            Base(path="blob", sha256=self.store.put(each), size=len(each)) for each in plaintexts
        )
        given = Given(secrets=secrets, plaintexts=bases)
        opened = examine(Source(data, self.store, self.limits, name, budget, given))
        check(opened, data, self.store)
        return opened


def encrypted(opened: Opened) -> bool:
    """Said to be encrypted, not complete, and nothing of it called explained content."""
    return not opened.complete and any(each.code == "encrypted" for each in opened.problems)
