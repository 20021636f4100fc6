"""A name in an archive says nothing beside the file that says it; what is hidden stays."""

from __future__ import annotations

import msgspec
import pytest

from fwverify.analyse.echoes import without_echoes
from fwverify.canonical import make_finding
from fwverify.model import Finding, Placed, Region
from tests.builders.linuxfs import placed

TAR = "update.deb!/data.tar.xz!/data"
REGIONS = (
    Region(start=0, end=512, kind="parsed"),
    Region(start=512, end=1500, kind="extracted"),
    Region(start=1500, end=2048, kind="padding"),
)


def container(kind: str = "tar", regions: tuple[Region, ...] = REGIONS, **how: bool) -> Placed:
    made = placed(TAR, "ab" * 32, 2048, regions=regions, **how)
    return msgspec.structs.replace(made, node=msgspec.structs.replace(made.node, format=kind))


def finding(
    path: str, *evidence: str, offset: int | None = 20, rule: str = "tunnel_oray"
) -> Finding:
    return make_finding(
        rule=rule, path=path, text="a tunnel", offset=offset, length=8, evidence=evidence
    )


HIDDEN = Region(start=1500, end=2048, kind="unexplained")
OUTER = finding(TAR, "csclient", "zhexi.tech")
INNER = finding(f"{TAR}!/opt/run.sh", "csclient", "zhexi.tech", "more")


def test_what_a_file_says_its_archive_does_not_repeat() -> None:
    assert without_echoes((OUTER, INNER), (container(),)) == (INNER,)


def test_two_files_together_may_say_it() -> None:
    first, second = (finding(f"{TAR}!/{name}", name) for name in ("csclient", "zhexi.tech"))
    assert without_echoes((first, OUTER, second), (container(),)) == (first, second)


@pytest.mark.parametrize("offset", [20, 600, None])
def test_text_in_utf_16_is_told_once(offset: int | None) -> None:
    outer = finding(TAR, "csclient", offset=offset)
    assert without_echoes((outer, INNER), (container("text-utf16"),)) == (INNER,)
    assert without_echoes((outer,), (container("text-utf16"),)) == (outer,)
    hiding = container("text-utf16", (*REGIONS, HIDDEN))
    assert without_echoes((outer, INNER), (hiding,)) == (outer, INNER)


@pytest.mark.parametrize(
    ("findings", "node"),
    [
        ((OUTER,), container()),
        ((OUTER, finding(f"{TAR}!/opt/run.sh", "csclient")), container()),
        ((OUTER, finding(f"{TAR}2!/opt/run.sh", *OUTER.evidence)), container()),
        ((OUTER, finding(f"{TAR}!/a", *OUTER.evidence, rule="another")), container()),
        ((OUTER, INNER), container("elf")),
        ((OUTER, INNER), container("jffs2")),
        ((OUTER, INNER), container(complete=False)),
        ((OUTER, INNER), container(regions=(*REGIONS[:2], HIDDEN))),
        ((finding(TAR, "csclient", offset=600), INNER), container()),
        ((finding(TAR, "csclient", offset=None), INNER), container()),
        ((finding(TAR, "csclient", offset=4000), INNER), container()),
    ],
)
def test_what_no_file_confirms_or_may_be_hidden_stays(
    findings: tuple[Finding, ...], node: Placed
) -> None:
    assert without_echoes(findings, (node,)) == findings
