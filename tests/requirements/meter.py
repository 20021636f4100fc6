"""A meter's update that keeps its claims, and one that breaks each of them in a file of its own.

Both are checked once, by the command line, with the same case: every claim a minister or
vendor states of a meter. Each good file is the near miss of the bad one of its name.
"""

from __future__ import annotations

import hashlib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from fwverify.keyring.detached import spki_of
from tests.builders import keys, mcu
from tests.requirements import desk as desks

OWN_KEY, OTHER_KEY = keys.ed_key(71), keys.ed_key(72)
OWN = hashlib.sha256(spki_of(OWN_KEY)).hexdigest()
HOST = "head-end.example.nl"


def image(*texts: str | bytes) -> bytes:
    """Return a microcontroller's image that holds ``texts``."""
    raw = (each if isinstance(each, bytes) else each.encode() for each in texts)
    return mcu.cortex_m(tail=b"\0".join(raw) + bytes(16))


CLAIMS = {
    "MEASURE_ONLY": (),
    "NO_WAN_COMMS": (),
    "NO_SWITCH": (),
    "NO_REMOTE_OFF": (),
    "NO_SUPPLIER_READ": (HOST, f"ca:{OWN}"),
    "CAPTURE_PERIOD": ("900",),
    "METER_PUSH_MAX": ("1/day",),
    "ONLY_DECLARED_REGISTERS": ("1-0:1.8.*", "0-0:96.1.0", "0-0:96.3.10"),
    "BACKEND_ALLOW_LIST": (HOST, f"ca:{OWN}"),
}
DATED = "#!/bin/sh\nif [ $(date +%s) -gt 1806530400 ]; then\n  {}\nfi\n"
GOOD = {
    **desks.PLAIN,
    "fw/radio.bin": image("kWh", "1-0:1.8.0*255"),
    "fw/relay.bin": image("kWh", "disconnect_control"),
    "usr/bin/dated.sh": DATED.format("echo winter").encode(),
    "etc/backend.conf": f"backend = https://{HOST}/upload\n".encode(),
    "etc/recipient.pem": keys.pem(OWN_KEY),
    "etc/profile.conf": b"# DLMS\ncapture_period = 900\n",
    "etc/push.conf": b"# DLMS\npush_interval = 86400\n",
    "fw/objects.bin": image(bytes.fromhex("120003110009060100010800ff")),
}
BAD = {
    **desks.PLAIN,
    "fw/radio.bin": image("lwIP", "netif_add", "PPPoS", "pppos_create"),
    "fw/relay.bin": image(bytes.fromhex("0046000060030aff"), "remote_reconnect"),
    "usr/bin/dated.sh": DATED.format("poweroff -f").encode(),
    "etc/backend.conf": b"backend = https://vendor.example.com/upload\n",
    "etc/recipient.pem": keys.pem(OWN_KEY) + keys.pem(OTHER_KEY),
    "etc/profile.conf": b"# DLMS\ncapture_period = 60\n",
    "etc/push.conf": b"# DLMS\npush_interval = 3600\n",
    "fw/objects.bin": image(bytes.fromhex("120003110009060100020800ff")),
}


def stated(claims: dict[str, tuple[str, ...]]) -> str:
    """Return the lines of a case that declare ``claims``."""
    rows = (
        f'[[declared_claims]]\nclaim = "{name}"\nstated_by = "minister"\nvalues = {list(values)}\n'
        for name, values in claims.items()
    )
    return "".join(rows).replace("'", '"')


@cache
def report(kind: str) -> dict[str, Any]:
    """Return the report of the ``good`` or the ``bad`` update, with all of ``CLAIMS``."""
    with tempfile.TemporaryDirectory() as folder:
        desk = desks.make(Path(folder))
        case = desk.case(more=stated(CLAIMS), class_name="meter")
        ran = desk.check(desk.update(GOOD if kind == "good" else BAD), case, ref=None)
        assert ran.code in (3, 4), ran
        return ran.json


def held(kind: str, claim: str) -> dict[str, Any]:
    """Return the result of ``claim`` for the ``good`` or the ``bad`` update."""
    (found,) = (each for each in report(kind)["claims"] if each["claim"] == claim)
    return found


def against(claim: str, file: str, word: str) -> None:
    """Hold that ``claim`` is refuted by ``word`` in ``file``, and stands in the good update.

    The refutation denies; a claim that stands is said with the share of code examined, and
    never as proven.
    """
    bad, good = held("bad", claim), held("good", claim)
    assert bad["verdict"] == "refuted"
    said = [each for each in bad["evidence"] if each.startswith("refutes:") and file in each]
    assert any(word in each for each in said), bad["evidence"]
    reasons = {each["rule"]: each for each in report("bad")["reasons"]}
    assert reasons["claim.refuted"]["verdict"] == "DENY"
    assert (good["verdict"], good["coverage"]) == ("not_refuted", 1000), good
    assert not any(each["rule"] == "claim.refuted" for each in report("good")["reasons"])
