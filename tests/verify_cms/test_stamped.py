"""``timestamp = "required"`` in every scheme on CMS: met by a trusted, strong stamp alone."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from fwverify.store import Store
from fwverify.verify import verify
from fwverify.verify.detached_cms import CMS_ATTACHED, CMS_DETACHED
from fwverify.verify.jar import JAR
from fwverify.verify.kernel_module import KERNEL_MODULE
from fwverify.verify.rauc import RAUC_BUNDLE
from fwverify.verify.swupdate import SWUPDATE
from fwverify.verify.trust import load_trust, select_rule
from tests.builders import pki
from tests.verify import stores
from tests.verify.trees import Leaf, place
from tests.verify_apk import build as packages
from tests.verify_boot import build as boot
from tests.verify_cms import bundles
from tests.verify_cms.helpers import CONTENT, axes, material, view
from tests.verify_kmod import helpers as kmod

DAY = timedelta(days=1)
SIGNED_AT = datetime(2024, 1, 1, tzinfo=UTC)
EXPIRY = datetime(2025, 1, 1, tzinfo=UTC)
EXPIRED = pki.issue("Expired stamped", pki.key("p256", 31), pki.intermediate(), until=EXPIRY)
FILES = {"classes.dex": b"dex", "run.sh": boot.SCRIPT, "rootfs.img": boot.ROOTFS}


def detached(**options):
    return CMS_DETACHED, view(CONTENT, detached=(("u.p7s", pki.message(CONTENT, **options)),))


def attached(**options):
    return CMS_ATTACHED, view(pki.message(CONTENT, attached=True, **options))


def rauc(**options):
    return RAUC_BUNDLE, view(bundles.plain(**options), files={"rootfs.img": bundles.IMAGE})


def swupdate(**options):
    return SWUPDATE, view(boot.swu(sign=lambda text: pki.message(text, **options)), files=FILES)


def jar(**options):
    signer = options.pop("identity", None) or pki.signer()
    bag = {"certificates": (signer, pki.intermediate())}
    content = packages.jar(identity=signer, **bag, **options)
    return JAR, view(content, name="u.zip", files=packages.FILES)


def module(**options):
    signer = options.pop("identity", None) or pki.signer()
    bag = (signer, pki.intermediate())
    return KERNEL_MODULE, view(kmod.module(identity=signer, certificates=bag, **options))


KINDS = (detached, attached, rauc, swupdate, jar, module)


def shown(kind, trust=None, **options):
    scheme, seen = kind(**options)
    assert scheme.applies(seen)
    (result,) = scheme.verify(seen, trust or material())
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_a_trusted_stamp_proves_the_time(kind):
    now = shown(kind, unsigned=pki.stamped_with(SIGNED_AT))
    assert (axes(now), now.stamped_at, now.weak) == (("pass", "pass"), SIGNED_AT, ()), now.reason
    then = shown(kind, identity=EXPIRED, unsigned=pki.stamped_with(SIGNED_AT))
    assert (axes(then), then.stamped_at) == (("pass", "pass"), SIGNED_AT), then.reason
    assert shown(kind).stamped_at is None


FOREIGN = pki.issue(
    "Foreign TSA",
    pki.key("p256", 32),
    pki.root("Another Root"),
    extensions=(pki.key_usage(0), pki.extended_key_usage(pki.TIME_STAMPING, critical=True)),
)
LATE = pki.stamper("Late TSA", until=SIGNED_AT - DAY)
NOT_FOR_TIME = pki.issue(
    "No TSA",
    pki.key("p256", 33),
    pki.root("Time Root"),
    extensions=(pki.key_usage(0), pki.extended_key_usage(pki.CODE_SIGNING)),
)
OTHER = (pki.attribute(pki.TOKEN, pki.token(b"another signature", SIGNED_AT)),)
BAD = {
    "forged: of other bytes": lambda value: OTHER,
    "forged: its signature": lambda value: (
        pki.attribute(pki.TOKEN, pki.token(value, SIGNED_AT, signature=b"0" * 70)),
    ),
    "forged: no token": lambda value: (pki.attribute(pki.TOKEN, pki.NULL),),
    "foreign authority": pki.stamped_with(SIGNED_AT, identity=FOREIGN),
    "authority expired": pki.stamped_with(SIGNED_AT, identity=LATE),
    "no authority for time": pki.stamped_with(SIGNED_AT, identity=NOT_FOR_TIME),
    "later than now": pki.stamped_with(pki.AT + DAY),
    "before the signer's certificate": pki.stamped_with(
        pki.FROM - DAY, identity=pki.stamper(since=datetime(2010, 1, 1, tzinfo=UTC))
    ),
    "weak: imprint by SHA-1": pki.stamped_with(SIGNED_AT, digest="sha1"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(BAD))
def test_no_other_stamp_proves_any(kind, name):
    result = shown(kind, unsigned=BAD[name])
    assert axes(result) == ("pass", "pass"), result.reason
    assert result.stamped_at is None
    if not name.startswith("weak"):
        after = shown(kind, identity=EXPIRED, unsigned=BAD[name])
        assert (axes(after), after.stamped_at) == (("pass", "fail"), None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_root_stamps_nothing(kind):
    swapped = dataclasses.replace(material(), time_roots=(pki.root().cert,))
    assert shown(kind, swapped, unsigned=pki.stamped_with(SIGNED_AT)).stamped_at is None


# --- the rule ------------------------------------------------------------------------------

ROOTS = """
[[root]]
id = "code"
file = "roots/code.pem"
sha256 = "{code}"
use = "code"
roles = ["release"]
added_by = "A. Engineer"
approved_by = "B. Approver"

[[root]]
id = "time"
file = "roots/time.pem"
sha256 = "{time}"
use = "time"
added_by = "A. Engineer"
approved_by = "B. Approver"
"""
ACME_ROOT = pki.root("Acme Root")
ACME = pki.issue("Acme Release", pki.key("p256", 34), ACME_ROOT)
RULE = stores.RULE.replace('"raw"', '"cms-detached", "raw"')


def satisfied(tmp_path, *, required: bool, unsigned=None) -> bool:
    rule = RULE + ('timestamp = "required"\n' if required else "")
    code, time = ACME_ROOT, pki.authority()
    tables = ROOTS.format(code=_sha256(code), time=_sha256(time))
    files = {"roots/code.pem": code.pem, "roots/time.pem": time.pem}
    trust = load_trust(stores.vendor(tmp_path, tables, files, rule))
    store = Store(tmp_path / "store")
    message = pki.message(CONTENT, ACME, certificates=(ACME,), unsigned=unsigned)
    subject, unpacked = place(
        store, Leaf("u.bin", CONTENT), Leaf("u.bin.p7s", message, role="signature")
    )
    rule_ = select_rule(trust, "acme", "M-1")
    return verify(subject, unpacked, store, rule_, trust, pki.AT).satisfied


def _sha256(identity) -> str:
    return pki.digest_of("sha256", identity.der).hex()


def test_a_rule_that_demands_a_stamp(tmp_path):
    assert satisfied(tmp_path / "1", required=False)
    assert not satisfied(tmp_path / "2", required=True)
    assert satisfied(tmp_path / "3", required=True, unsigned=pki.stamped_with(SIGNED_AT))
    for number, name in enumerate(sorted(BAD)):
        assert not satisfied(tmp_path / f"b{number}", required=True, unsigned=BAD[name]), name
