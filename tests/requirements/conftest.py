"""What the rows share: one scan of all contents, one desk with an approved baseline."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

from fwverify.case import Context
from fwverify.model import Analysed, Finding, Report
from fwverify.policy.decide import Decision, decide
from fwverify.policy.load import load_class
from tests.builders.cases import case_for
from tests.builders.facts import good_facts
from tests.cli.program import Ran
from tests.requirements import signed_desk as desks
from tests.requirements.contents import AGENT, CONTENTS
from tests.requirements.signed_desk import AT, NEXT, PLAIN, Desk, tar
from tests.unpack_documents.test_models import onnx


@dataclass(frozen=True)
class Scanned:
    """The report of one ``fwverify scan`` over every content and its twin."""

    report: Report

    def analysed(self, name: str) -> Analysed:
        """Return what the analysis found in the content ``name`` (a twin: ``name-twin``)."""

        def mine(rows):
            return tuple(each for each in rows if each.path.partition("!/")[0] == f"{name}.tar")

        report = self.report
        return Analysed(
            findings=mine(report.findings), endpoints=mine(report.endpoints),
            services=mine(report.services), accounts=mine(report.accounts),
            keys=mine(report.keys), dataflows=mine(report.dataflows),
        )  # fmt: skip

    def abilities(self, name: str) -> set[str | None]:
        return {each.capability for each in self.findings(name)} - {None}

    def findings(self, name: str) -> tuple[Finding, ...]:
        return self.analysed(name).findings

    def decide(self, name: str, device: str = "generic", policy=None, **changes) -> Decision:
        """Decide on the content under the class ``device``, as new beside an approved one.

        ``changes`` are those of the case, keys of its context among them.
        """
        policy = policy or load_class(device).policy
        case = case_for(policy)
        keys = {key: changes.pop(key) for key in list(changes) if key in _CONTEXT}
        context = msgspec.structs.replace(case.context, **keys)
        case = msgspec.structs.replace(case, context=context, **changes)
        return decide(good_facts(analysed=self.analysed(name), case=case), policy)


_CONTEXT = Context.__struct_fields__


@pytest.fixture(scope="session")
def scanned(tmp_path_factory) -> Scanned:
    folder = tmp_path_factory.mktemp("scanned")
    desk = desks.make(tmp_path_factory.mktemp("scanner"))
    for name, content in CONTENTS.items():
        (folder / f"{name}.tar").write_bytes(tar(content.files))
        (folder / f"{name}-twin.tar").write_bytes(tar(content.twin))
    ran = desk.run("scan", folder, "--format", "json", "--at", AT)
    assert ran.code == 3, ran
    return Scanned(msgspec.json.decode(ran.out, type=Report))


MODEL = onnx()
SWAPPED = onnx(raw=bytes(range(1, 25)))
LOGIN_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVuaXQgdGVzdCBrZXkgZm9yIHJvdyAyNyBhYmNk s@v\n"
EVIL = {
    **NEXT,
    "opt/belt.onnx": SWAPPED,
    "usr/bin/agent": AGENT,
    "root/.ssh/authorized_keys": LOGIN_KEY,
    "etc/init.d/S60maint": b"#!/bin/sh\ntelnetd -l /bin/sh -p 2323 &\nanydesk --service &\n",
    "etc/passwd": PLAIN["etc/passwd"] + b"support:x:0:0::/:/bin/sh\n",
}


@pytest.fixture(scope="session")
def desk(tmp_path_factory) -> Desk:
    """A desk with the first release approved under a case without a stated deployment."""
    made = desks.make(tmp_path_factory.mktemp("desk"))
    made.approve(made.update({**PLAIN, "opt/belt.onnx": MODEL}), made.case())
    return made


@pytest.fixture(scope="session")
def calm(desk: Desk) -> Ran:
    """The check of an honest second release; its reports lie in ``calm``."""
    update = desk.update({**NEXT, "opt/belt.onnx": MODEL})
    return desk.check(update, desk.folder / "case.toml", "--out", "calm")


@pytest.fixture(scope="session")
def evil(desk: Desk) -> Ran:
    """The check of a second release that does what it should not; reports in ``evil``."""
    return desk.check(desk.update(EVIL), desk.folder / "case.toml", "--out", "evil")
