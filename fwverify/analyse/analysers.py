"""The analysers, as one explicit table each for contents and for paths.

A content analyser looks at bytes whatever they are called; a path analyser reads a file
as what its place in a file system makes of it. Each record says what it guarantees not
to see (``limitations``), for the documentation that is made from this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fwverify.analyse import accounts, services
from fwverify.analyse.config.packages import TEXTS
from fwverify.analyse.constants import NEEDLES
from fwverify.analyse.metering import NEEDLES as METER_NEEDLES
from fwverify.analyse.stacks import NEEDLES as STACK_NEEDLES
from fwverify.analyse.stacks import WAY_NEEDLES
from fwverify.analyse.values import BlobResult, PathRequest, PathResult
from fwverify.analyse.windows import Extracted
from fwverify.model import Fact
from fwverify.reader import Buffer


@dataclass(frozen=True)
class ContentAnalyser:
    """An analyser of bytes.

    ``needles`` are YARA strings of which one is in every content that it says anything
    about: it is not asked about others, and the search for them is the rules' own
    (``marks``). Without needles it is asked about every content.
    """

    name: str
    title: str
    limitations: str
    examine: Callable[[Buffer, Extracted], BlobResult]
    needles: tuple[str, ...] = ()


@dataclass(frozen=True)
class PathAnalyser:
    """An analyser of configuration files; ``applies`` looks at the path alone.

    ``families`` names what the path makes of the file: two paths of one family are read
    alike.
    """

    name: str
    title: str
    limitations: str
    families: Callable[[str], tuple[str, ...]]
    applies: Callable[[str], bool]
    examine: Callable[[bytes, PathRequest], PathResult]


def _elf(buffer: Buffer, extracted: Extracted) -> BlobResult:
    from fwverify.analyse.elf import elf

    facts, hits, troubles = elf(buffer, extracted)
    return BlobResult(facts=facts, hits=hits, troubles=troubles)


def _pe(buffer: Buffer, extracted: Extracted) -> BlobResult:
    if bytes(buffer[:2]) != b"MZ":  # spare every other content the import of the parser
        return BlobResult()
    from fwverify.analyse.pe import pe

    facts, hits, troubles = pe(buffer, extracted)
    return BlobResult(facts=facts, hits=hits, troubles=troubles)


def _constants(buffer: Buffer, _: Extracted) -> BlobResult:
    from fwverify.analyse.constants import constants

    return BlobResult(hits=constants(buffer))


def _endpoints(buffer: Buffer, extracted: Extracted) -> BlobResult:
    from fwverify.analyse.endpoints import endpoints_and_inside
    from fwverify.places import INSIDE

    found, inside, troubles = endpoints_and_inside(buffer, extracted)
    facts = tuple(Fact(kind=INSIDE, text=each) for each in inside)
    return BlobResult(facts=facts, endpoints=found, troubles=troubles)


def _keys(buffer: Buffer, extracted: Extracted) -> BlobResult:
    from fwverify.analyse.keys import keys

    found, hits, troubles = keys(buffer, extracted)
    return BlobResult(keys=found, hits=hits, troubles=troubles)


def _shell(buffer: Buffer, _: Extracted) -> BlobResult:
    from fwverify.analyse.commands import scripted
    from fwverify.analyse.scripts import hidden_starts
    from fwverify.analyse.shell import shell

    hits, troubles = shell(buffer)
    hits = (*hits, *hidden_starts(buffer))
    return BlobResult(hits=hits, runs=scripted(buffer), troubles=troubles)


def _modules(buffer: Buffer, extracted: Extracted) -> BlobResult:
    from fwverify.analyse.modules import modules

    facts, hits, troubles = modules(buffer, extracted)
    return BlobResult(facts=facts, hits=hits, troubles=troubles)


def _mcu(buffer: Buffer, _: Extracted) -> BlobResult:
    from fwverify.analyse.mcu import mcu

    return BlobResult(facts=mcu(buffer))


def _configuration(buffer: Buffer, _: Extracted) -> BlobResult:
    from fwverify.analyse.config.reader import configuration

    facts, hits, endpoints, troubles = configuration(buffer)
    return BlobResult(facts=facts, hits=hits, endpoints=endpoints, troubles=troubles)


def _versions(buffer: Buffer, extracted: Extracted) -> BlobResult:
    from fwverify.analyse.config.packages import versions

    return BlobResult(facts=versions(buffer, extracted))


def _metering(buffer: Buffer, extracted: Extracted) -> BlobResult:
    from fwverify.analyse.metering import metering

    facts, troubles = metering(buffer, extracted)
    return BlobResult(facts=facts, troubles=troubles)


def _stacks(buffer: Buffer, extracted: Extracted) -> BlobResult:
    from fwverify.analyse.stacks import stacks

    return BlobResult(facts=stacks(buffer, extracted))


def _ways(buffer: Buffer, extracted: Extracted) -> BlobResult:
    from fwverify.analyse.stacks import ways

    facts, troubles = ways(buffer, extracted)
    return BlobResult(facts=facts, troubles=troubles)


CONTENT: Final[tuple[ContentAnalyser, ...]] = (
    ContentAnalyser(
        "elf",
        "ELF imports, libraries, hardening, system calls, constants of calls, combinations",
        "calls by name or pointer at run time, and arguments that are no constants, are not seen",
        _elf,
    ),
    ContentAnalyser(
        "pe",
        "PE imports, version resource, overlay and import combinations",
        "imports resolved at run time and managed code's calls are not seen",
        _pe,
    ),
    ContentAnalyser(
        "mcu",
        "raw microcontroller images: load address, texts that are used, CAN and flash controllers",
        "addresses that code puts together from halves are not seen",
        _mcu,
    ),
    ContentAnalyser(
        "modules",
        "Go modules and Rust crates that are linked into a program",
        "libraries of a program whose builder removed their names are not seen",
        _modules,
    ),
    ContentAnalyser(
        "configuration",
        "firewalls, VPN and mobile network profiles, the Windows registry, package lists",
        "settings that are made at run time, domain policies and Berkeley DB are not seen",
        _configuration,
    ),
    ContentAnalyser(
        "versions",
        "version texts of well-known programs and libraries",
        "a program that states its version in another way is not seen",
        _versions,
        tuple(f'"{mark.decode()}"' for _, mark, _ in TEXTS),
    ),
    ContentAnalyser(
        "endpoints",
        "URLs, hosts, addresses, e-mail addresses and onion names",
        "encoded, encrypted or composed addresses are not seen",
        _endpoints,
    ),
    ContentAnalyser(
        "keys",
        "private keys and certificates",
        "raw key material without a format around it is not seen",
        _keys,
        (
            '"-----BEGIN "',
            '"PuTTY-User-Key-File-"',
            "{ 02 01 ( 00 | 01 ) 30 ?? 06 ?? ( 2A 86 48 86 F7 0D | 2A 86 48 CE 3D | 2B 65 ) }",
            "{ A0 03 02 01 02 02 }",
        ),
    ),
    ContentAnalyser(
        "constants",
        "borders of places, and passwords in programs that take commands by short message",
        "numbers inside instructions, and words that are put together, are not seen",
        _constants,
        NEEDLES,
    ),
    ContentAnalyser(
        "metering",
        "COSEM registers, capture periods and push schedules of meters",
        "periods that are set over the protocol, and a compiler's own structures, are not seen",
        _metering,
        METER_NEEDLES,
    ),
    ContentAnalyser(
        "stacks",
        "communication stacks by their names",
        "stacks whose builder removed every name are not seen",
        _stacks,
        STACK_NEEDLES,
    ),
    ContentAnalyser(
        "ways",
        "default routes and public keys",
        "routes that are set at run time and raw public keys are not seen",
        _ways,
        WAY_NEEDLES,
    ),
    ContentAnalyser(
        "shell",
        "shell scripts that run decoded, downloaded or composed text, or open a door",
        "scripts without a first line that names a shell are read by their place only",
        _shell,
    ),
)

PATHS: Final[tuple[PathAnalyser, ...]] = (
    PathAnalyser(
        "accounts",
        "passwd, shadow, authorized_keys and sudoers",
        "accounts of a directory service or made at run time are not seen",
        accounts.families,
        accounts.applies,
        accounts.examine,
    ),
    PathAnalyser(
        "services",
        "init scripts, inittab, systemd, cron, inetd, udev, Android, D-Bus, event scripts",
        "what a started program starts in turn is not followed",
        services.families,
        services.applies,
        services.examine,
    ),
)
