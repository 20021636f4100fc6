"""Names that make following them expensive: deep folders, long folders, links through links."""

from __future__ import annotations

import pytest

from fwverify.analyse import alive, links
from fwverify.analyse.commands import started
from fwverify.analyse.links import MAX_ROOTS, FileSystem
from fwverify.analyse.ways import ways
from fwverify.model import Service
from tests.builders.linuxfs import placed
from tests.builders.profiles import finding

DEEP = "etc/" * 1000 + "init.d/S1"


def system(files: dict[str, str | None]) -> FileSystem:
    nodes = {
        name: placed(name, "0" * 64, 1)
        if to is None
        else placed(name, None, kind="symlink", link=to)
        for name, to in files.items()
    }
    return FileSystem(nodes)


def test_a_deep_name_is_walked_from_few_roots(monkeypatch):
    walked: list[str] = []
    monkeypatch.setattr(FileSystem, "_walk", lambda _, __, root: walked.append(root))
    deep = system({DEEP: None})
    deep.named("/bin/x", DEEP)
    deep.resolve(DEEP)
    assert len(walked) == 2 * MAX_ROOTS


def test_roots_of_an_image_in_a_folder_are_still_tried():
    inside = {"a/b/rootfs/bin/x": None, "a/b/rootfs/etc/init.d/S1": None}
    assert system(inside).named("/bin/x", "a/b/rootfs/etc/init.d/S1") == ("a/b/rootfs/bin/x",)


def test_folders_are_known_whichever_name_comes_first():
    files = {"a/b/c/d": None, "a/b/e": None, "a/f/g": None}
    for names in (files, dict(reversed(files.items()))):
        found = system(names)
        assert [each for each in ("a", "a/b", "a/b/c", "a/f") if not found.is_folder(each)] == []
        assert not found.is_folder("a/b/e")


def test_links_that_lead_too_far_are_told(monkeypatch):
    monkeypatch.setattr(links, "MAX_STEPS", 50)
    files = {"bin/y": None, "etc/rc": None, "l0": "../" * 40 + "l1", "l1": "../" * 40 + "bin/y"}
    found = system(files)
    assert found.named("/l0", "etc/rc") == ()
    assert found.exhausted


def test_services_whose_names_lead_too_far_are_told(monkeypatch):
    nodes = [placed(f"u!/{name}", "0" * 64, 1) for name in ("bin/y", "etc/rc")]
    runs = {"u!/etc/rc": (("/bin/y", "at boot"),)}
    assert ways(nodes, runs, {}) == ({"u!/bin/y": (("etc/rc", "at boot"),)}, ())
    monkeypatch.setattr(links, "MAX_STEPS", 1)
    reached, problems = ways(nodes, runs, {})
    assert (reached, [one.code for one in problems]) == ({}, ["limit.starts"])


@pytest.mark.parametrize("length", [100, 100_000])
def test_a_long_folder_is_not_put_before_each_name(length):
    text = f"cd /{'a/' * length}\n" + ";".join(f"./x{number}" for number in range(512))
    assert sum(map(len, started(text))) < 512 * 256


def many(number: int) -> list[Service]:
    return [
        Service(
            name="x", kind="unit", starts="enabled", listens=(), path=f"u!/lib/x@{each}.service"
        )
        for each in range(number)
    ]


@pytest.mark.parametrize(
    ("number", "more"), [(2, ""), (3, " and 1 more"), (5000, " and many more")]
)
def test_a_service_of_many_instances_is_told_in_short(monkeypatch, number, more):
    sizes: list[int] = []
    in_order = alive._in_order
    monkeypatch.setattr(alive, "_in_order", lambda ways: sizes.append(len(ways)) or in_order(ways))
    about = finding(rule="r", capability="remote.shell.web", path="u!/sbin/x")
    (told,) = alive.with_starts([about], many(number), [])
    shown = "lib/x@0.service (enabled), lib/x@1.service (enabled)"
    assert told.text == f"{about.text}; started by {shown}{more}"
    assert sizes == [number, min(number, alive.MAX_KEPT)]
