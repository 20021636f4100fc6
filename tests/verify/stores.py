"""A trust store to start from, and the shipped one."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from fwverify.verify.trust import TrustStore, load_trust
from tests.builders import keys

SHIPPED = Path(__file__).parents[2] / "signatures"
AT = datetime(2026, 6, 1, tzinfo=UTC)


def shipped() -> TrustStore:
    return load_trust(SHIPPED)


def key_table(private, name: str = "release", roles: str = '["release"]', extra: str = "") -> str:
    return f"""
[[key]]
id = "{name}"
file = "keys/{name}.pem"
spki_sha256 = "{keys.spki_sha256(private)}"
roles = {roles}
added_by = "A. Engineer"
approved_by = "B. Approver"
{extra}
"""


RULE = """
[[rule]]
id = "meter"
products = ["M-*"]
schemes = ["raw", "minisign", "profile:comma-panda", "rauc"]
roles = [{ role = "release", threshold = 1 }]
coverage = "all-executable"
"""
HEAD = 'schema = "fwverify.vendor/1"\nvendor = "acme"\n'


def vendor(
    folder: Path, tables: str, files: dict[str, bytes], rule: str = RULE, head: str = HEAD
) -> Path:
    """Return a copy of the shipped store with the vendor ``acme``."""
    store = folder / "trust"
    if not store.exists():
        shutil.copytree(SHIPPED, store)
    return keys.vendor_folder(store, "acme", files, head + tables + rule)


def with_keys(folder: Path, *privates, rule: str = RULE, extra: str = "") -> Path:
    names = [f"release-{number}" for number in range(len(privates))]
    tables = "".join(
        key_table(private, name, extra=extra) for name, private in zip(names, privates, strict=True)
    )
    files = {
        f"keys/{name}.pem": keys.pem(private) for name, private in zip(names, privates, strict=True)
    }
    return vendor(folder, tables, files, rule)
