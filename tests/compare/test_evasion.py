"""What an insider does so that nothing in particular is reported: it is, all the same."""

from __future__ import annotations

import pytest

from fwverify.compare import compare
from fwverify.compare.content.asking import Reading
from fwverify.compare.inside import look_inside
from fwverify.compare.pairing import pair_nodes
from tests.builders.profiles import node, profile

ROOT = "update.swu"
INNER = f"{ROOT}!/root.squashfs!/"


def said(new, old):
    """Return the graver findings below the root, by rule and path inside the file system."""
    compared = compare(profile(node(ROOT, "two"), *new), profile(node(ROOT, "one"), *old), (), None)
    return [
        (each.rule, each.path.removeprefix(INNER))
        for each in compared.findings
        if each.path != ROOT and each.severity in ("medium", "high", "critical")
    ]


def at(path, content=None, **changes):
    return node(INNER + path, content, **changes)


def link(path, target):
    return at(path, kind="symlink", link=target, mode=0o777, format=None)


def program(path, content="a", **changes):
    return at(path, content, **({"format": "elf", "mode": 0o755} | changes))


@pytest.mark.parametrize(
    ("new", "old", "rule"),
    [
        (
            at("usr/lib/app/hooks.d/10", "x", format="script"),
            at("usr/share/doc/example", "x", format="script"),
            "compare.executable_added",
        ),
        (
            at("dev/kmem", kind="device", mode=0o666),
            at("dev/kmem", "a text"),
            "compare.device_added",
        ),
        (link("usr/bin/agent", "/data/agent"), program("usr/bin/agent"), "compare.link_changed"),
        (
            link("usr/lib/app", "/data/app"),
            at("usr/lib/app", kind="directory", mode=0o755),
            "compare.link_changed",
        ),
        (
            link("usr/bin/agent", "/tmp/agent"),
            link("usr/bin/agent", "/opt/agent"),
            "compare.link_changed",
        ),
        (
            link("usr/lib/libx.so", "/data/libx.so.1"),
            link("usr/lib/libx.so", "libx.so.1"),
            "compare.link_changed",
        ),
        (
            at("usr/lib/app", kind="directory", mode=0o777),
            at("usr/lib/app", kind="directory", mode=0o755),
            "compare.writable_folder",
        ),
        (
            program("usr/bin/su", mode=0o4755, uid=0),
            program("usr/bin/su", mode=0o4755, uid=1000),
            "compare.setuid",
        ),
        (
            program("usr/bin/su", mode=0o2755, gid=0),
            program("usr/bin/su", mode=0o2755, gid=1000),
            "compare.setuid",
        ),
        (
            at("usr/lib/python3/sitecustomize.py", "b"),
            at("usr/lib/python3/sitecustomize.py", "a"),
            "compare.startup_changed",
        ),
    ],
)
def test_a_change_of_what_a_path_leads_to(new, old, rule):
    assert (rule, new.path.removeprefix(INNER)) in said([new], [old])


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        (link("usr/sbin/telnetd", "../bin/busybox"), "compare.link_added"),
        (link("bin/sshd", "busybox"), "compare.link_added"),
        (link("usr/lib/app/plugin", "/data/plugin"), "compare.link_added"),
        (link("usr/share/app/theme", "../../../tmp/theme"), "compare.link_added"),
        (at("usr/lib/python3/x.pth", "import os"), "compare.startup_changed"),
        (at("usr/lib/app/extra.lua", "os.execute()"), "compare.executable_added"),
        (at("usr/share/web/admin.PHP", "<?php"), "compare.executable_added"),
        (at("usr/lib/app/libx.so.1.2", "?", format=None), "compare.executable_added"),
        (at("usr/lib/x", kind="directory", mode=0o777), "compare.writable_folder"),
    ],
)
def test_what_is_new_and_can_be_run(new, rule):
    assert (rule, new.path.removeprefix(INNER)) in said([new], [])


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (link("usr/lib/libx.so", "libx.so.1.3"), link("usr/lib/libx.so", "libx.so.1.2")),
        (link("usr/share/doc", "../lib/doc"), None),
        (at("tmp", kind="directory", mode=0o1777), None),
        (at("usr/share/a.txt", "a"), at("usr/share/b.txt", "a")),
        (at("usr/lib/app", kind="directory", mode=0o777),
         at("usr/lib/app", kind="directory", mode=0o777)),
        (program("usr/bin/su", mode=0o4755, uid=0), program("usr/bin/su", mode=0o4755, uid=0)),
    ],
)  # fmt: skip
def test_what_every_release_does_is_left_alone(new, old):
    assert said([new], [old] if old else []) == []


def test_a_renamed_member_is_no_new_program():
    old, new = (node(name, "same", format="elf", mode=0o755) for name in ("fw-1.bin", "fw-2.bin"))
    found = compare(profile(new), profile(old)).findings
    assert "compare.executable_added" not in [each.rule for each in found]


@pytest.mark.parametrize("name", ["vendor.crl", "a.crl.pem", "DBXUpdate.bin", "revocation.json"])
def test_a_revocation_list_that_is_not_kept_is_never_left_unread_silently(name):
    pairing = pair_nodes((node(name, "two"),), (node(name, "one"),), str)

    class Empty(Reading):
        def holds(self, sha256):
            return False

        def pairs(self, requests):
            return iter(())

    inside = look_inside(pairing, Empty(None, None, 1))
    assert [(each.rule, each.severity) for each in inside.findings] == [
        ("compare.content_not_kept", "medium")
    ]
