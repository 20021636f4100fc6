"""What speaks against each declared claim (EVIDENCE, "Declared claims"), as data.

Guarantees: every name of ``case.ClaimName`` stands here once. ``against`` are capability
ids, or families ending in ``.``: a finding of one refutes or indicates by its own strength
(``seen.strength_of``). ``hints`` at most indicate. ``readers`` look at the inventory.
``limits`` say what firmware cannot show about the claim; the documentation repeats them.

The assignment is this project's judgement. It may be widened; a row that is taken away
makes a claim mean less and needs a reason in the changelog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from fwverify.case import DeclaredClaim
from fwverify.claims import readers
from fwverify.claims.readers import REMOTE
from fwverify.claims.seen import Seen, Sign

Reader: TypeAlias = Callable[[Seen, DeclaredClaim], Iterator[Sign]]


@dataclass(frozen=True)
class Claim:
    """A claim: its words, what speaks against it, and what stays open."""

    name: str
    title: str
    limits: str
    against: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    readers: tuple[Reader, ...] = ()


_RADIO: Final = ("modem.", "meter.comms", "tunnel.")
_OUTWARD: Final = (
    *REMOTE,
    "modem.",
    "exfil.",
    "net.hardcoded_ip",
    "net.endpoint",
    "update.download_exec",
    "lateral.",
)
_OFF: Final = ("meter.disconnect", "power.kill")

CLAIMS: Final[tuple[Claim, ...]] = (
    Claim(
        "BACKEND_ALLOW_LIST",
        "speaks with the named hosts under the named CAs alone",
        "names that are resolved elsewhere, and hosts that are set at run time",
        against=("net.tls_off", "exfil.cloud", "exfil.chat", "tunnel.anon"),
        readers=(readers.foreign_hosts, readers.foreign_keys),
    ),
    Claim(
        "CAPTURE_PERIOD",
        "records no more often than agreed; the local consumer port is exempt",
        "a period that the head-end sets over the protocol",
        readers=(readers.capture_periods,),
    ),
    Claim(
        "DECLARED_REMOTE_MAINTENANCE",
        "is maintained from outside through the named channel alone, which is secured",
        "who holds the other end of the channel",
        against=("net.tls_off", "key.private", "key.test", "key.weak", "cred.static"),
        hints=("cred.token", "cred.url"),
        readers=(readers.other_channels,),
    ),
    Claim(
        "FUNCTIONALLY_EQUIVALENT",
        "keeps every claim of the second source's product, and no other",
        "the second source's product itself: compare both reports",
    ),
    Claim(
        "MEASURE_ONLY",
        "measures and does nothing else",
        "what the hardware could do beside the firmware",
        against=(
            *_OUTWARD,
            *_OFF,
            "meter.comms",
            "meter.limiter",
            "meter.push",
            "veh.",
            "can.",
            "diag.",
            "surv.",
            "win.",
            "net.",
            "logic.timebomb",
        ),
        hints=("meter.factory", "update.flash", "cred.", "evade."),
        readers=(readers.stacks, readers.sockets, readers.listeners, readers.routes),
    ),
    Claim(
        "METER_PUSH_MAX",
        "sends readings by itself no more often than agreed",
        "a schedule that the head-end sets, and readings that it asks for",
        readers=(readers.pushes,),
    ),
    Claim(
        "NO_LOCATION_UPLOAD",
        "sends its position nowhere",
        "a position that others work out from what it sends",
        hints=("surv.location", "veh.geofence"),
        readers=(readers.positions,),
    ),
    Claim(
        "NO_RECORDING",
        "records neither sound nor image",
        "sensors that are read by another part of the product",
        against=("surv.audio", "surv.video", "surv.screen"),
        readers=(readers.recordings,),
    ),
    Claim(
        "NO_REMOTE_MAINTENANCE",
        "nobody maintains it from outside",
        "maintenance through a network that others provide",
        against=(*REMOTE, "cred.static", "cred.uid0", "cred.empty"),
        hints=("net.listener", "net.firewall_open", "diag.doip", "update.flash"),
        readers=(readers.listeners,),
    ),
    Claim(
        "NO_REMOTE_OFF",
        "cannot be switched off from outside, and not by a date either",
        "a date or command that is built at run time",
        against=(*_OFF, "logic.timebomb", "veh.kill", "veh.immobilise", "modem.sms_cmd"),
        hints=("meter.limiter", "veh.geofence", "meter.factory", "remote.shell."),
    ),
    Claim(
        "NO_SUPPLIER_READ",
        "the supplier reads nothing: keys, CAs and hosts are the operator's",
        "keys without a structure around them, and keys that are derived",
        against=(*_OUTWARD, "cred.static", "cred.token", "cred.url", "key.foreign_ca"),
        hints=("surv.", "key.test"),
        readers=(readers.foreign_keys, readers.foreign_hosts),
    ),
    Claim(
        "NO_SWITCH",
        "has no switch",
        "the part itself: a switch without any code is not seen",
        against=_OFF,
        hints=("meter.limiter",),
    ),
    Claim(
        "NO_WAN_COMMS",
        "has no communication of its own beyond the named local port",
        "a radio that another processor drives",
        against=(*_OUTWARD, *_RADIO, "net.listener"),
        hints=("meter.push", "net.tls_off"),
        readers=(readers.stacks, readers.sockets, readers.routes),
    ),
    Claim(
        "ONLY_DECLARED_REGISTERS",
        "keeps and serves the named COSEM registers alone",
        "object lists in a compiler's own layout",
        readers=(readers.registers,),
    ),
    Claim(
        "STAND_ALONE",
        "is connected with no network outside: no route, modem, VPN, names or time from there",
        "what others connect it with",
        against=(*_OUTWARD, *_RADIO),
        hints=("net.listener", "net.firewall_open"),
        readers=(readers.routes, readers.outside_places),
    ),
)

BY_NAME: Final = {claim.name: claim for claim in CLAIMS}
