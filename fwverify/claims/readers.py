"""Readers of the inventory: what speaks against a claim beyond capabilities.

Each reader is a function of what was seen and of the claim's parameters, and yields
``Sign``s; the catalogue names the readers of each claim. None of them looks at contents.

Guarantees: a value that cannot be read is a sign, not silence; what the operator's own
lists (``Operator``) do not name is foreign even where the claim names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fwverify.analyse.metering import LOCAL, NOT_READ, TABLE
from fwverify.analyse.stacks import SURE_WORDS
from fwverify.case import DeclaredClaim
from fwverify.claims.declared import (
    CA_PREFIX,
    host_fits,
    obis_fits,
    per_day,
    seconds,
)
from fwverify.claims.seen import (
    Seen,
    Sign,
    Strength,
    configures,
    host,
    of_finding,
    strength_of,
    within,
)
from fwverify.places import is_outside, is_self

REMOTE: Final = (
    "remote.",
    "tunnel.",
    "modem.sms_cmd",
    "update.thirdparty_fota",
    "update.remote_mgmt",
    "cred.sshkey",
    "win.rdp",
    "win.psremoting",
)
"""Abilities by which somebody outside maintains a device."""

_SOCKETS: Final = ("socket(AF_INET", "socket(AF_BLUETOOTH")
_PLACES: Final = ("url", "host", "ipv4", "ipv6", "onion", "email", "apn", "phone")
_INTERNET: Final = ("url", "host", "ipv4", "ipv6", "onion", "email")
_PERIOD_RULE: Final = "meter_capture_short"
_SHORT_SECONDS: Final = 300


def stacks(seen: Seen, _: DeclaredClaim) -> Iterator[Sign]:
    """Yield the communication stacks: several words of one are the stack itself."""
    for path, text in seen.of("stack"):
        sure = text.count(",") + 1 >= SURE_WORDS
        yield Sign("refutes" if sure else "indicates", f"communication stack {text} in {path}")


def sockets(seen: Seen, _: DeclaredClaim) -> Iterator[Sign]:
    """Yield programs that open sockets for a network or a radio."""
    for path, text in seen.of("call"):
        if text.startswith(_SOCKETS):
            yield Sign("refutes", f"opens {text} in {path}")
    for path, text in seen.of("socket"):
        yield Sign("refutes", f"a program that {text} in {path}")


def listeners(seen: Seen, _: DeclaredClaim) -> Iterator[Sign]:
    """Yield services that listen."""
    for service in seen.services:
        if service.listens:
            listens = ", ".join(service.listens)
            yield Sign("refutes", f"service {service.name} listens on {listens} in {service.path}")


def routes(seen: Seen, _: DeclaredClaim) -> Iterator[Sign]:
    """Yield ways out of a closed network that are configured: routes, names, time, networks."""
    for kind in ("route", "tunnel", "wifi", "network"):
        for path, text in seen.of(kind):
            yield Sign("refutes", f"{kind} {text} in {path}")
    for kind in ("dns", "ntp"):
        for path, text in seen.of(kind):
            server = text.rpartition(" ")[2]
            outside = is_outside(server.lower())
            yield Sign("refutes" if outside else "indicates", f"{kind} {text} in {path}")


def outside_places(seen: Seen, _: DeclaredClaim) -> Iterator[Sign]:
    """Yield endpoints outside of a closed network; used ones refute."""
    for each in seen.endpoints:
        if each.kind in ("apn", "phone") or is_outside(host(each)):
            used = each.path in seen.acting
            yield Sign(
                "refutes" if used else "indicates", f"{each.kind} {each.value} in {each.path}"
            )


def foreign_hosts(seen: Seen, declared: DeclaredClaim) -> Iterator[Sign]:
    """Yield endpoints that neither the claim nor the operator's own list names."""
    for each in seen.endpoints:
        name = host(each)
        if each.kind not in _PLACES or (each.kind in _INTERNET and is_self(name)):
            continue
        if host_fits(name, declared.values) and _of_operator(seen, name):
            continue
        used = each.path in seen.acting
        text = f"{each.kind} {each.value} is no declared backend, in {each.path}"
        yield Sign("refutes" if used else "indicates", text)


def _of_operator(seen: Seen, name: str) -> bool:
    hosts = seen.operator.hosts
    return hosts is None or host_fits(name, hosts)


def foreign_keys(seen: Seen, declared: DeclaredClaim) -> Iterator[Sign]:
    """Yield keys and certificates that are not the operator's: another could read, or sign."""
    stated = {value.removeprefix(CA_PREFIX) for value in declared.values}
    own = seen.operator.keys
    allowed = stated if own is None else stated & set(own) if stated else set(own)
    for key in seen.keys:
        if key.fingerprint not in allowed:
            text = f"{key.kind} {key.fingerprint} is not the operator's, in {key.path}"
            yield Sign("refutes", text)
    for path, fingerprint in seen.of("public key"):
        if fingerprint not in allowed:
            text = f"public key {fingerprint} is not the operator's, in {path}"
            yield Sign("refutes", text)


def capture_periods(seen: Seen, declared: DeclaredClaim) -> Iterator[Sign]:
    """Yield capture periods shorter than declared, and profiles of unknown period.

    The local consumer port is exempt, and noted: its period leaves the house with nobody.
    """
    agreed = seconds(declared)
    known: set[str] = set()
    for path, text in seen.of("capture period"):
        number = int(text.partition(" ")[0])
        if LOCAL in text:
            yield Sign("noted", f"exempt as the consumer port: capture period {text} in {path}")
            continue
        if TABLE in text or configures(path):
            known.add(path)  # a text inside a program may be a lure
        if number == 0:
            yield Sign("indicates", f"captures on request, without a period, in {path}")
        elif number < agreed:
            yield Sign("refutes", f"capture period {text}, declared {agreed} s, in {path}")
    for finding in seen.findings:
        if finding.capability != "meter.capture_period":
            continue
        rules = (finding.rule, *finding.evidence)
        if agreed > _SHORT_SECONDS and any(_PERIOD_RULE in each for each in rules):
            yield of_finding(finding)
        elif finding.path not in known:
            yield of_finding(finding, "indicates")


def pushes(seen: Seen, declared: DeclaredClaim) -> Iterator[Sign]:
    """Yield push schedules above what is declared, and push without a schedule."""
    most = per_day(declared)
    known: set[str] = set()
    for path, text in seen.of("push"):
        if text.startswith(NOT_READ):
            yield Sign("indicates", f"push {text} in {path}")
            continue
        if configures(path):
            known.add(path)
        if int(text.partition(" ")[0]) > most:
            yield Sign("refutes", f"push {text}, declared {most} per day, in {path}")
    for finding in seen.findings:
        if finding.capability == "meter.push" and (finding.path not in known or most == 0):
            yield of_finding(finding, strength_of(finding) if most == 0 else "indicates")


def registers(seen: Seen, declared: DeclaredClaim) -> Iterator[Sign]:
    """Yield COSEM registers that are not declared; one of an object list refutes."""
    for path, text in seen.of("register"):
        code, _, kind = text.partition(" ")
        if not obis_fits(code, declared.values):
            strength: Strength = "refutes" if kind.startswith("class") else "indicates"
            yield Sign(strength, f"register {text} is not declared, in {path}")


def other_channels(seen: Seen, declared: DeclaredClaim) -> Iterator[Sign]:
    """Yield ways of remote maintenance other than those that are declared."""
    for finding in seen.findings:
        if within(finding.capability, REMOTE) and not within(finding.capability, declared.values):
            yield of_finding(finding)


def recordings(seen: Seen, _: DeclaredClaim) -> Iterator[Sign]:
    """Yield data flows that begin at a camera, a microphone or a screen."""
    for flow in seen.dataflows:
        if flow.source in ("camera", "microphone", "screen"):
            yield Sign("indicates", f"{flow.source} beside {flow.sink} in {flow.path}")


def positions(seen: Seen, _: DeclaredClaim) -> Iterator[Sign]:
    """Yield positions beside a way out; where code reads the position or sends, they refute."""
    sure = {
        finding.path
        for finding in seen.findings
        if within(finding.capability, ("surv.location", "exfil."))
        and strength_of(finding) == "refutes"
    }
    for flow in seen.dataflows:
        if flow.source == "location":
            strength: Strength = "refutes" if flow.path in sure else "indicates"
            yield Sign(strength, f"location beside {flow.sink} in {flow.path}")
