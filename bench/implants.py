"""Recall of the approver's first screen over implants, and false additions over updates.

Usage: ``python -m bench.implants [--quick] [--rivals] [--benign] [--no-implants]
[--markdown FILE]``.

Every kind of ``implantkinds`` is put into real file trees (Debian packages of
``bench.debs``, the corpus' openssh package, once inside a real update of it), which are
packed again; every raw kind into a real file of the corpus (``$FWVERIFY_CORPUS``, else
``../shared/corpus``). The update is compared with the untouched image; a kind is found
where the 80 by 24 text of ``fwverify diff`` names the file. ``--rivals`` asks diffoscope
and a list by ssdeep below 95 (what hides an implant) the same; ``--benign`` compares
Debian 12 with 13 and the corpus' real updates: a capability added there is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import debs, implantraw
from bench.implantkinds import KINDS, SKELETON
from bench.implantpage import page
from bench.rivals import by_diffoscope, by_ssdeep
from bench.trees import Item, Tree, as_package, as_squashfs, as_tar_xz, of_packages
from fwverify.analyse.rules import load_rules
from fwverify.data import data_folder
from fwverify.limits import Limits
from fwverify.model import Baseline, Report, StageName
from fwverify.pipeline import Known, Means, Question, inspect, profile
from fwverify.report.terminal import render_diff
from fwverify.store import Store
from fwverify.trust_listing import name_trust
from fwverify.unpack.given import Given
from fwverify.workers import Pool

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_STAGES: Final[frozenset[StageName]] = frozenset(("unpack", "analyse", "compare"))
_GATEWAY: Final = ("busybox", "dropbear-bin", "iptables", "dnsmasq-base", "cron")
_TELEMATICS: Final = ("can-utils", "gpsd", "gammu", "mosquitto", "at")
_METER: Final = ("busybox", "mosquitto", "chrony", "mtd-utils")
BENIGN: Final = (
    "acl", "alsa-utils", "apparmor", "arping", "at", "attr", "avahi-daemon", "bash", "bluez",
    "bridge-utils", "bsdutils", "btrfs-progs", "busybox", "bzip2", "can-utils", "chrony",
    "conntrack", "coreutils", "cpio", "cron", "curl", "dash", "dbus-daemon", "diffutils",
    "dmsetup", "dnsmasq-base", "dosfstools", "dropbear-bin", "e2fsprogs", "ethtool", "file",
    "findutils", "gawk", "gpsd", "grep", "gzip", "haproxy", "hostapd", "inetutils-ping",
    "iperf3", "iproute2", "iptables", "iputils-ping", "isc-dhcp-client", "kexec-tools",
    "kmod", "less", "lighttpd", "logrotate", "lsof", "lua5.4", "m4", "mawk", "mdadm",
    "memcached", "mosquitto", "mount", "mtd-utils", "nano", "net-tools", "openssh-client",
    "procps", "sed", "socat", "tar",
)  # fmt: skip


@dataclass
class Row:
    """One planted implant: was it seen, by which label, and what the rivals say."""

    kind: str
    host: str
    seen: bool
    label: str
    seconds: float
    rivals: dict[str, tuple[bool, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Host:
    """A tree, how it is packed, and the tree of its real update where there is one."""

    name: str
    suffix: str
    tree: Tree
    pack: Callable[[Tree, Path], bytes]
    update: Tree | None = None


class Bench:
    """A store, workers and rules for many comparisons."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        store = Store(folder / "store")
        jobs = len(os.sched_getaffinity(0))
        pool = stack.enter_context(Pool(jobs, Limits().memory_bytes, (str(store.root),)))
        self.means = Means(
            store=store,
            pool=pool,
            limits=Limits(),
            rules=load_rules((data_folder("yara_rules"),), "yara-python"),
            trust=name_trust(data_folder("signatures")),
            rule=None,
            policy=None,
            config_sha256=None,
            ad_hoc=(),
            accepted=(),
            revoked=(),
            register=(),
            suppliers=None,
            waivers=lambda _: (),
            given=Given(),
        )

    def known(self, path: Path) -> Means:
        """Return the means with the file at ``path`` as the baseline."""
        kept = profile(Question(updates=(path,), at=AT), self.means)
        named = Baseline(ref=path.name, sha256=kept.subject.sha256, approved=False)
        return replace(self.means, known=Known(named, kept, approval_void=False))

    def report(self, path: Path, means: Means) -> Report:
        """Return what the comparison gives."""
        return inspect(Question(updates=(path,), at=AT), means, _STAGES)

    def file(self, name: str, data: bytes) -> Path:
        """Return the file ``name`` with ``data``."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path


def corpus() -> Path:
    """Return where the real firmware lies."""
    default = Path(__file__).parents[2].parent / "shared" / "corpus"
    return Path(os.environ.get("FWVERIFY_CORPUS", default))


def hosts() -> Iterator[Host]:
    """Yield the file trees that implants go into."""
    wanted = (
        ("gateway (armhf, SquashFS)", "squashfs", _GATEWAY, "armhf", as_squashfs),
        ("telematics (arm64, SquashFS)", "squashfs", _TELEMATICS, "arm64", as_squashfs),
        ("meter hub (mipsel, tar)", "tar.gz", _METER, "mipsel", as_tar_xz),
    )
    for name, suffix, packages, arch, pack in wanted:
        found = debs.debian([("bookworm", each, arch) for each in packages])
        yield Host(name, suffix, of_packages([each.path for each in found]) | SKELETON, pack)
    folder = corpus() / "scanner_linux_debian_openssh"
    trees = [of_packages([each]) | SKELETON for each in sorted(folder.glob("*.deb"))]
    if trees:
        yield Host("openssh 12u9 (amd64, deb)", "deb", trees[-1], as_package)
        yield Host("openssh 12u7 -> 12u9", "deb", trees[0], as_package, trees[-1])


def seen(report: Report, path: str) -> tuple[bool, str, str]:
    """Return whether the first screen names the file at ``path``, beside which label, and it."""
    text = render_diff(report, width=80, height=24)
    name = path.rpartition("/")[2].strip()
    label = ""
    lines = text.split("\n")
    first = next(number for number, line in enumerate(lines) if line.startswith("  notable")) + 1
    for line in lines[first:]:
        label = line[:13].strip() or label
        if label != "? not seen" and re.search(rf"(?:^|[/ ]){re.escape(name)}(?: |$)", line[13:]):
            return True, label, text
    return False, "", text


def in_trees(bench: Bench, quick: bool, rivals: bool) -> Iterator[Row]:
    """Plant every kind in every tree."""
    for host in hosts():
        old = bench.file(f"old/image.{host.suffix}", host.pack(host.tree, bench.folder))
        means = bench.known(old)
        for number, (kind, plant) in enumerate(KINDS[:: 7 if quick else 1]):
            tree, path = plant(host.update or host.tree)
            new = bench.file(f"new/image.{host.suffix}", host.pack(tree, bench.folder))
            began = time.monotonic()
            report = bench.report(new, means)
            spent = time.monotonic() - began
            ok, label, text = seen(report, path)
            row = Row(kind, host.name, ok, label, spent)
            if rivals and host.name.startswith("gateway") and number % 5 == 0:
                row.rivals = _rivals(host.tree, tree, path, bench.folder)
            if not ok:
                print(f"MISSED {kind} in {host.name}: {path}\n{text}", file=sys.stderr)
            yield row


def _rivals(old: Tree, new: Tree, path: str, folder: Path) -> dict[str, tuple[bool, int]]:
    before = {name: item.data for name, item in old.items() if item.data}
    now = {name: item.data for name, item in new.items() if item.data}
    return {
        "ssdeep < 95": by_ssdeep(before, now, path, folder),
        "diffoscope": by_diffoscope(_plain(old, path), _plain(new, path), path, folder),
    }


def _plain(tree: Tree, path: str) -> dict[str, Item]:
    """Return what diffoscope is given: the changed file's folder, so that it ends soon."""
    folder = path.rpartition("/")[0]
    return {name: item for name, item in tree.items() if name.rpartition("/")[0] == folder}


def in_raw(bench: Bench) -> Iterator[Row]:
    """Plant every raw kind in the corpus' files."""
    for kind, source, data, path in implantraw.planted(corpus()):
        old = bench.file(f"old/{source.name}", source.read_bytes())
        new = bench.file(f"new/{source.name}", data)
        began = time.monotonic()
        report = bench.report(new, bench.known(old))
        ok, label, text = seen(report, path)
        if not ok:
            print(f"MISSED {kind} in {source.name}: {path}\n{text}", file=sys.stderr)
        yield Row(kind, f"{source.parent.name}/{source.name}", ok, label, time.monotonic() - began)


def benign(bench: Bench) -> Iterator[tuple[str, Report, float]]:
    """Yield the comparisons of real updates, each with its seconds."""
    names = [(suite, name, "amd64") for suite in ("bookworm", "trixie") for name in BENIGN]
    found = {(each.origin, each.name): each.path for each in debs.debian(names)}
    pairs = [
        (name, found["bookworm", name], found["trixie", name])
        for name in BENIGN
        if ("bookworm", name) in found and ("trixie", name) in found
    ]
    for name, old, new in (*pairs, *implantraw.updates(corpus())):
        means = bench.known(old)
        began = time.monotonic()
        yield name, bench.report(new, means), time.monotonic() - began


def _planted(bench: Bench, quick: bool, rivals: bool) -> Iterator[Row]:
    yield from in_raw(bench)
    yield from in_trees(bench, quick, rivals)


def _write(target: Path | None, rows: list[Row], real: list[tuple[str, Report, float]]) -> None:
    """Write what there is so far: a run that is ended early has a page, too."""
    if target:
        target.write_text(page(rows, real))


def main() -> int:
    """Run what is asked for and print it."""
    parser = argparse.ArgumentParser()
    for name in ("--quick", "--rivals", "--benign", "--no-implants"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("--markdown", type=Path)
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fwverify-bench-")))
        bench = Bench(folder, stack)
        rows: list[Row] = []
        real: list[tuple[str, Report, float]] = []
        for row in () if chosen.no_implants else _planted(bench, chosen.quick, chosen.rivals):
            rows.append(row)
            _write(chosen.markdown, rows, real)
        for update in benign(bench) if chosen.benign else ():
            real.append(update)
            _write(chosen.markdown, rows, real)
    print(page(rows, real))
    return 0 if all(row.seen for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
