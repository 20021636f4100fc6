"""The abilities a finding can name, and what of UN R155 each one bears on.

The ids are those of DETECTION, "Capability taxonomy"; they stand in reports, policies and
baselines, so they are added to and never renamed. ``r155`` are threat ids of R155,
Annex 5, Part A, as the catalogue of EVIDENCE lists them; the assignment is this
project's judgement. What is not here: which evidence shows an ability (the rules and the
analysers) and what a policy makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from fwverify.model import Confidence, Severity, Threat


@dataclass(frozen=True)
class Capability:
    """One ability: its id and the R155 threats that it bears on."""

    id: str
    r155: tuple[str, ...]


def _family(prefix: str, names: str, *r155: str) -> tuple[Capability, ...]:
    return tuple(Capability(f"{prefix}.{name}", r155) for name in names.split())


CAPABILITIES: Final[tuple[Capability, ...]] = (
    *_family("tunnel", "reverse vpn mesh dns covert proxy anon", "1.2", "16.2", "29.2"),
    *_family("remote", "desktop maintenance", "1.2", "16.1", "16.2"),
    *_family("remote.shell", "bind reverse telnet ssh web trigger", "1.2", "16.1", "27.1"),
    *_family("cred", "static uid0 empty sshkey token url", "1.2", "9.1", "28.2"),
    *_family("update", "thirdparty_fota download_exec no_verify flash remote_mgmt", "12.1", "12.2"),
    *_family("modem", "apn sms_cmd tcp", "16.2", "29.2"),
    *_family("exfil", "cloud chat upload nfs smtp identity", "7.1", "19.2"),
    *_family("net", "hardcoded_ip endpoint listener firewall_open tls_off", "6.2", "29.1"),
    *_family("can", "inject remote_bridge", "11.1", "11.4", "29.2"),
    *_family("diag", "uds doip j1939 xcp", "11.3", "18.3"),
    *_family("veh", "kill geofence immobilise", "16.1", "27.1"),
    *_family("meter", "disconnect limiter push factory capture_period comms", "16.1", "27.1"),
    *_family("power", "kill", "16.1", "27.1"),
    *_family("surv", "audio video location sniff keylog screen contacts", "7.1", "19.2"),
    *_family("evade", "packed antidebug log_wipe masquerade", "21.1", "27.1"),
    *_family("logic", "timebomb targeting", "27.1"),
    *_family("persist", "cron systemd init ld_preload udev", "22.2"),
    *_family(
        "win",
        "rdp user_add psremoting encoded_ps defender_off service scheduled_task",
        "1.2",
        "17.1",
        "22.2",
    ),
    *_family("key", "private test weak foreign_ca", "19.3", "26.2"),
    *_family("lateral", "smb domain cross_vendor", "29.2"),
)

CAPABILITY_IDS: Final = frozenset(capability.id for capability in CAPABILITIES)
R155_BY_ID: Final = {capability.id: capability.r155 for capability in CAPABILITIES}

R155_THREATS: Final = frozenset(
    [
        "1.2",
        "3.3",
        "5.1",
        "5.2",
        "5.5",
        "6.2",
        "6.3",
        "7.1",
        "7.2",
        "9.1",
        "10.1",
        "11.1",
        "11.3",
        "11.4",
        "12.1",
        "12.2",
        "12.3",
        "12.4",
        "15.1",
        "15.2",
        "16.1",
        "16.2",
        "17.1",
        "18.1",
        "18.2",
        "18.3",
        "19.2",
        "19.3",
        "20.1",
        "20.3",
        "20.4",
        "20.5",
        "21.1",
        "22.2",
        "23.1",
        "25.1",
        "25.2",
        "26.1",
        "26.2",
        "26.3",
        "27.1",
        "28.1",
        "28.2",
        "29.1",
        "29.2",
        "31.1",
    ]
)
"""The ids of R155, Annex 5, Part A that evidence in an update can bear on (EVIDENCE)."""

THREATS: Final[tuple[str, ...]] = get_args(Threat)
SEVERITIES: Final[tuple[str, ...]] = get_args(Severity)
CONFIDENCES: Final[tuple[str, ...]] = get_args(Confidence)
