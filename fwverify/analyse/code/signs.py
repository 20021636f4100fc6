"""What the calls of a program say: facts for the comparison, and findings.

A constant argument is certain evidence of what the code asks for, and a weak one of why:
a DHCP client opens packet sockets rightly. Findings are therefore of low or medium
confidence, and every fact is kept so that a later version can be compared.

Sources: ``linux/socket.h``, ``linux/can.h``, ``linux/prctl.h``, ``linux/ptrace.h``,
``linux/sockios.h``, ``asm/socket.h`` (MIPS has its own numbers of socket types and options).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fwverify.analyse.code.calls import BY_NUMBER, Call
from fwverify.analyse.taxonomy import R155_BY_ID
from fwverify.analyse.values import Hit
from fwverify.model import Confidence, Fact, Severity, Threat

FAMILIES: Final = {
    1: "AF_UNIX",
    2: "AF_INET",
    10: "AF_INET6",
    16: "AF_NETLINK",
    17: "AF_PACKET",
    29: "AF_CAN",
    31: "AF_BLUETOOTH",
    38: "AF_ALG",
    40: "AF_VSOCK",
    44: "AF_XDP",
}
_TYPES: Final = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 5: "SOCK_SEQPACKET"}
_MIPS_TYPES: Final = _TYPES | {1: "SOCK_DGRAM", 2: "SOCK_STREAM"}
_TYPE_MASK: Final = 0xF
_CAN_PROTOCOLS: Final = {1: "CAN_RAW", 2: "CAN_BCM", 6: "CAN_ISOTP", 7: "CAN_J1939"}
_ICMP: Final = {1: "IPPROTO_ICMP", 58: "IPPROTO_ICMPV6"}
_ETH_P_ALL: Final = 3
_SOL_SOCKET: Final = (1, 0xFFFF)
_OPTIONS: Final = {25: "SO_BINDTODEVICE", 26: "SO_ATTACH_FILTER", 50: "SO_ATTACH_BPF"}
_REQUESTS: Final = {0x8927: "SIOCGIFHWADDR"}
_PRCTL: Final = {4: "PR_SET_DUMPABLE", 15: "PR_SET_NAME", 22: "PR_SET_SECCOMP"}
_PTRACE: Final = {
    0: "PTRACE_TRACEME",
    4: "PTRACE_POKETEXT",
    5: "PTRACE_POKEDATA",
    16: "PTRACE_ATTACH",
    0x4206: "PTRACE_SEIZE",
}
_WRITES: Final = frozenset(("write", "writev", "send", "sendto", "sendmsg", "sendmmsg"))
_EXEC: Final = frozenset(("execve", "execv", "execl", "execvp", "system", "popen", "execveat"))
_PORTED: Final = frozenset(("bind", "connect"))
MIN_PORT: Final = 1


@dataclass(frozen=True)
class Sign:
    """A finding from call facts. ``calls`` are beginnings of which one must be there.

    ``names`` are functions or system calls of which one must be there too, and ``also``
    beginnings of a second call (both: empty for none).
    """

    rule: str
    capability: str
    text: str
    calls: tuple[str, ...]
    names: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()
    severity: Severity = "medium"
    confidence: Confidence = "medium"
    threat: Threat = "both"


SIGNS: Final[tuple[Sign, ...]] = (
    Sign(
        "code.can_write",
        "can.inject",
        "opens a CAN socket and writes",
        ("socket(AF_CAN",),
        _WRITES,
        threat="sabotage",
    ),
    Sign(
        "code.can_bridge",
        "can.remote_bridge",
        "has both CAN and internet sockets",
        ("socket(AF_CAN",),
        frozenset(("connect", "accept", "accept4", "recvfrom")),
        ("socket(AF_INET",),
    ),
    Sign(
        "code.can_isotp",
        "diag.uds",
        "opens a CAN socket for diagnostic messages (ISO 15765-2)",
        ("socket(AF_CAN, SOCK_DGRAM, CAN_ISOTP",),
    ),
    Sign(
        "code.can_j1939",
        "diag.j1939",
        "opens a CAN socket for J1939 messages",
        ("socket(AF_CAN, SOCK_DGRAM, CAN_J1939",),
    ),
    Sign(
        "code.packet_all",
        "surv.sniff",
        "opens a socket that receives all network packets",
        ("socket(AF_PACKET, SOCK_RAW, ETH_P_ALL", "socket(AF_PACKET, SOCK_DGRAM, ETH_P_ALL"),
        threat="espionage",
    ),
    Sign(
        "code.packet_socket",
        "surv.sniff",
        "opens a socket for network packets below IP",
        ("socket(AF_PACKET",),
        severity="low",
        confidence="low",
        threat="espionage",
    ),
    Sign(
        "code.packet_trigger",
        "remote.shell.trigger",
        "filters raw packets and starts programs",
        ("socket(AF_PACKET", "socket(AF_INET, SOCK_RAW"),
        _EXEC,
        ("setsockopt(SOL_SOCKET, SO_ATTACH_FILTER", "setsockopt(SOL_SOCKET, SO_ATTACH_BPF"),
        confidence="low",
    ),
    Sign(
        "code.traceme",
        "evade.antidebug",
        "asks to be traced, which keeps a debugger out",
        ("ptrace(PTRACE_TRACEME",),
        severity="low",
        confidence="low",
    ),
)


def facts(calls: Iterable[Call], *, mips: bool) -> frozenset[Fact]:
    """Return the facts ``syscall`` (name) and ``call`` (with constants) of ``calls``."""
    found: set[Fact] = set()
    for call in calls:
        if call.direct and call.name != BY_NUMBER:
            found.add(Fact(kind="syscall", text=call.name))
        found.update(Fact(kind="call", text=text) for text in described(call, mips=mips))
    return frozenset(found)


def described(call: Call, *, mips: bool) -> Iterator[str]:
    """Yield ``call`` with its constants by name; nothing where none says anything."""
    first, second, third = (*call.arguments, None, None, None)[:3]
    if call.name == "socket" and first in FAMILIES:
        yield f"socket({', '.join(_socket(first or 0, second, third, call, mips=mips))})"
    elif call.name == "setsockopt" and second in _SOL_SOCKET and third in _OPTIONS:
        yield f"setsockopt(SOL_SOCKET, {_OPTIONS[third or 0]})"
    elif call.name == "prctl" and first in _PRCTL:
        yield f"prctl({_PRCTL[first or 0]})"
    elif call.name == "ptrace" and first in _PTRACE:
        yield f"ptrace({_PTRACE[first or 0]})"
    elif call.name == "ioctl" and second in _REQUESTS:
        yield f"ioctl({_REQUESTS[second or 0]})"
    elif call.name == "htons" and first is not None and MIN_PORT < first <= 0xFFFF:
        yield f"htons({first})"
    elif call.name in _PORTED:
        yield from (f"{call.name}(port {port})" for port in _ports(call))


def _socket(
    family: int, kind: int | None, protocol: int | None, call: Call, *, mips: bool
) -> Iterator[str]:
    """Yield the arguments of ``socket`` up to the first that is unknown."""
    yield FAMILIES[family]
    types = _MIPS_TYPES if mips else _TYPES
    name = None if kind is None else types.get(kind & _TYPE_MASK)
    if name is None:
        return
    yield name
    if protocol is None:
        return
    if FAMILIES[family] == "AF_PACKET":
        swapped = int.from_bytes((protocol & 0xFFFF).to_bytes(2, "big"), "little")
        number = swapped if call.little else protocol
        yield "ETH_P_ALL" if number == _ETH_P_ALL else f"{number:#06x}"
    elif FAMILIES[family] == "AF_CAN":
        yield _CAN_PROTOCOLS.get(protocol, str(protocol))
    else:
        yield _ICMP.get(protocol, str(protocol))


def _ports(call: Call) -> Iterator[int]:
    """Yield the port of a socket address that is stored as constants before the call.

    As one word, or as two halves of which one is the family; the port is big-endian.
    """
    for word in call.words:
        family, port = (word & 0xFFFF, word >> 16) if call.little else (word >> 16, word & 0xFFFF)
        if family in (2, 10) and port:
            yield _host_order(port, little=call.little)
    others = [half for half in call.halves if half not in (2, 10) and half]
    if len(others) == 1 and {2, 10} & set(call.halves):
        yield _host_order(others[0], little=call.little)


def _host_order(port: int, *, little: bool) -> int:
    return int.from_bytes(port.to_bytes(2, "little"), "big") if little else port


def hits(found: frozenset[Fact], names: frozenset[str]) -> tuple[Hit, ...]:
    """Return the findings of ``SIGNS`` for call facts and names of functions called."""
    texts = sorted(fact.text for fact in found if fact.kind == "call")
    said: list[Hit] = []
    for sign in SIGNS:
        calls = [text for text in texts if text.startswith(sign.calls)]
        also = [text for text in texts if sign.also and text.startswith(sign.also)]
        used = sorted(sign.names & names)
        if not calls or (sign.names and not used) or (sign.also and not also):
            continue
        if any(hit.capability == sign.capability for hit in said):
            continue  # a graver sign of the same ability is said
        said.append(_hit(sign, calls + also, used))
    return tuple(said)


def _hit(sign: Sign, calls: list[str], names: list[str]) -> Hit:
    return Hit(
        rule=sign.rule,
        text=sign.text,
        capability=sign.capability,
        threat=sign.threat,
        severity=sign.severity,
        confidence=sign.confidence,
        excerpt=calls[0],
        evidence=tuple(
            sorted({f"call {call}" for call in calls} | {f"function {name}" for name in names})
        ),
        r155=R155_BY_ID[sign.capability],
    )
