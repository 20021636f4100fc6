from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.analyse import analyse
from fwverify.analyse.links import MAX_HOPS, FileSystem, plain
from fwverify.analyse.rules import RuleSet
from fwverify.limits import Limits
from fwverify.merged_rules import per_rule
from fwverify.model import Analysed
from fwverify.store import Store
from fwverify.workers import Pool
from tests.builders.linuxfs import ROOT, placed, tree

DOOR = b"svc::0:0::/:/bin/sh\n"
OPEN = b"root::1::::::\n"
TELNET = b"#!/bin/sh\n/usr/sbin/telnetd -l /bin/sh -p 2323 &\n"
UNIT = b"[Service]\nExecStart=/usr/sbin/telnetd\n"
KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKJx3rYyq0aTqk1y0b7kq2mJm1W7cT9p4uWm2mBf0Tqz v\n"
CHAIN = {f"etc/l{n}": f"l{n + 1}" for n in range(30)}


def system(files: tuple[str, ...], links: dict[str, str]) -> FileSystem:
    nodes = {name: placed(name, "0" * 64, 1) for name in files}
    nodes |= {name: placed(name, None, kind="symlink", link=to) for name, to in links.items()}
    return FileSystem(nodes)


def codes(result: Analysed) -> list[tuple[str, str]]:
    return [(item.code, item.path.removeprefix(f"{ROOT}!/")) for item in result.problems]


@pytest.mark.parametrize(
    ("files", "links", "capability", "path"),
    [
        (
            {"usr/share/p%21w": DOOR},
            {"etc/passwd": "../usr/share/p%21w"},
            "cred.uid0",
            "etc/passwd",
        ),
        ({"usr/share/a%25b": OPEN}, {"etc/shadow": "/usr/share/a%25b"}, "cred.empty", "etc/shadow"),
        (
            {"usr/share/q/s": OPEN},
            {"etc/shadow": "priv/s", "etc/priv": "../usr/share/q"},
            "cred.empty",
            "etc/shadow",
        ),
        ({"etc/l30": OPEN}, {"etc/shadow": "l0"} | CHAIN, "cred.empty", "etc/shadow"),
        (
            {"a/s": OPEN, "etc/s": b"root:!:1::::::\n"},
            {"etc/shadow": "d/../s", "etc/d": "../a/b/c", "a/b/c": "."},
            "cred.empty",
            None,
        ),
        ({"opt/x%21": TELNET}, {"etc/rc.local": "../opt/x%21"}, "remote.shell.telnet", None),
        ({"opt/x": TELNET}, {"etc/init.d/S1": "../../../opt/x"}, "remote.shell.telnet", None),
        (
            {"opt/z/S1": TELNET},
            {"etc/init.d": "../opt/z"},
            "remote.shell.telnet",
            "opt/z/S1",
        ),
        (
            {"opt/z/system/a.service": UNIT},
            {"etc/systemd": "../opt/z"},
            "remote.shell.telnet",
            "opt/z/system/a.service",
        ),
        (
            {"opt/z/s/a": UNIT},
            {"etc/systemd": "../opt/z", "opt/z/system": "s", "opt/z/s/b.service": "a"},
            "remote.shell.telnet",
            "opt/z/s/b.service",
        ),
        (
            {"opt/k/authorized_keys": KEY},
            {"root/.ssh": "../opt/k"},
            "cred.sshkey",
            "opt/k/authorized_keys",
        ),
        ({"etc/init.d/x": OPEN}, {"etc/shadow": "init.d/x"}, "cred.empty", "etc/shadow"),
        (
            {"rootfs/usr/s": OPEN, "rootfs/bin": b""},
            {"rootfs/etc/shadow": "/usr/s"},
            "cred.empty",
            "rootfs/etc/shadow",
        ),
        ({"etc/passwd": b"", "etc/passwd%232": DOOR}, {}, "cred.uid0", "etc/passwd%232"),
    ],
)
def test_what_is_reached_by_links_is_read(
    store: Store,
    pool: Pool,
    rules: RuleSet,
    files: dict[str, bytes],
    links: dict[str, str],
    capability: str,
    path: str | None,
) -> None:
    result = analyse(tree(store, files, links), store, pool, rules, Limits())
    found = {
        item.path.removeprefix(f"{ROOT}!/")
        for item in result.findings
        for rule in per_rule(item)
        if item.capability == capability and not rule.rule.startswith("remote_")
    }
    assert codes(result) == []
    assert found, "not found"
    assert path is None or path in found


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("etc/passwd", "/data/passwd"),
        ("etc/shadow", "shadow"),
        ("etc/shadow", "../tmp/s"),
        ("etc/shadow", "passwd/x"),
        ("etc/shadow", "loop/../passwd"),
        ("etc/shadow", "/dev/null/x"),
        ("etc/shadow", "/dev/pts/0"),
        ("etc/shadow", "queue"),
        ("etc/rc.local", "../opt/gone"),
        ("etc/inittab", "/run/inittab"),
        ("etc/init.d/S50x", "gone"),
        ("etc/systemd/system/a.service", "/data/a.service"),
        ("root/.ssh/authorized_keys", "/data/k"),
        ("root/.ssh", "/data/ssh"),
        ("etc/init.d", "/data/init.d"),
        ("etc/systemd", "/data/systemd"),
        ("etc", "/data/etc"),
    ],
)
def test_a_link_that_leads_nowhere_is_said(
    store: Store, pool: Pool, rules: RuleSet, path: str, target: str
) -> None:
    files = {} if path == "etc" else {"etc/passwd": b"root:x:0:0::/:/bin/sh\n"}
    files.pop(path, None)
    links = {path: target} | ({} if path == "etc" else {"etc/loop": "loop"})
    unpacked = tree(store, files, links)
    nodes = (*unpacked.nodes, placed(f"{ROOT}!/etc/queue", None, kind="fifo"))
    unpacked = type(unpacked)(image=unpacked.image, nodes=nodes)
    assert codes(analyse(unpacked, store, pool, rules, Limits())) == [("analyse.link", path)]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("etc/resolv.conf", "/run/resolv.conf"),
        ("bin/ls", "busybox"),
        ("etc/mtab", "/proc/mounts"),
        ("etc/systemd/system/a.service", "/dev/null"),
        ("etc/dropbear", "/var/run/dropbear"),
        ("var/log", "/tmp"),
        ("etc/rc.d", "init.d"),
    ],
)
def test_an_ordinary_link_is_no_problem(
    store: Store, pool: Pool, rules: RuleSet, path: str, target: str
) -> None:
    unpacked = tree(store, {"etc/init.d/net": b"#!/bin/sh\n"}, {path: target})
    assert codes(analyse(unpacked, store, pool, rules, Limits())) == []


def test_the_hops_are_bounded_as_in_the_kernel() -> None:
    links = {f"l{n}": f"l{n + 1}" for n in range(MAX_HOPS)}
    tail = f"l{MAX_HOPS}"
    assert system((tail,), links).resolve("l0") == (tail,)
    longer = links | {"k": "l0"}
    assert system((tail,), longer).resolve("k") == ()


def test_the_root_cannot_be_left() -> None:
    found = system(("etc/x", "x"), {"etc/a": "../../../x", "etc/b": "/../etc/./x"})
    assert found.resolve("etc/a") == ("x",)
    assert found.resolve("etc/b") == ("etc/x",)


def test_the_parent_of_a_linked_folder_is_that_of_its_target() -> None:
    found = system(("a/s", "a/b/x", "etc/s"), {"etc/d": "../a/b"})
    assert found.resolve("etc/d/../s") == ("a/s",)


def test_loops_of_folders_end_and_a_flood_is_said(
    store: Store, pool: Pool, rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = {f"etc/l{n}": "." for n in range(6)}
    unpacked = tree(store, {"etc/hosts": b""}, links)
    monkeypatch.setattr("fwverify.analyse.links.MAX_VISITS", 50)
    result = analyse(unpacked, store, pool, rules, Limits())
    assert [code for code, _ in codes(result)] == ["limit.links"]


def test_the_mark_of_a_repeated_name_is_taken_off() -> None:
    assert plain("etc%232/passwd%2312") == "etc/passwd"
    assert plain("etc/a%23x%2523") == "etc/a%23x%2523"


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["etc", "etc/a", "etc/b", "a", "a/b", "a/etc", "x/.ssh"]),
        st.sampled_from(["", "/", ".", "..", "a", "../a", "/etc", "b/..", "etc/a", "/x/../a"]),
        max_size=7,
    )
)
def test_any_links_end(links: dict[str, str]) -> None:
    found = system(("etc/passwd", "a/file", "x/y"), links)
    for name in found.nodes:
        assert all(found.is_folder(to) or to in found.nodes for to in found.resolve(name))
    names = list(found.aliases())
    assert len(names) == len(list(FileSystem(found.nodes).aliases()))
    assert all(real in found.nodes for _, real in names)
