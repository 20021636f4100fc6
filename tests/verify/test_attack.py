"""Attacks on the trust rule that once passed or stayed silent, each with its harmless twin."""

from __future__ import annotations

import pytest

from fwverify.store import Store
from fwverify.verify.coverage import Marks, draw
from fwverify.verify.tree import build, covered
from tests.verify.trees import Leaf, place, region


def classes(tmp_path, name: str, *, inside: bool) -> set[str]:
    """Return the classes of an unsigned text called ``name``, submitted or in an archive."""
    data = b"echo hello\n"
    text = Leaf(name, data, format="text", regions=(region(0, len(data)),))
    members = [text]
    if inside:
        text.extents, text.stored = ((0, len(data)),), True
        whole = (region(0, len(data), "extracted"),)
        members = [Leaf("u.tar", data, format="tar", regions=whole, children=[text])]
    subject, unpacked = place(Store(tmp_path / "store"), *members)
    tree = build(unpacked.nodes)
    drawn = draw(subject, tree, Marks(covered(tree, ()), {}, {}, {}))
    return {one.kind for _, one in drawn.segments}


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        *("etc/cron.daily/job", "etc/rc3.d/S99x", "etc/rcS.d/S01x", "etc/modprobe.d/x.conf"),
        *("var/spool/cron/crontabs/root", "etc/sudoers.d/x", "root/.ssh/authorized_keys"),
        *("init", "linuxrc", "META-INF/com/google/android/updater-script", "DEBIAN/postinst"),
        *("startup.nsh", "STARTUP.NSH", "uEnv.txt", "boot/grub/GRUB.CFG", "x.zsh", "flash.cmm"),
        *("etc/INIT.D/x", "RC.LOCAL", "run.SH", "data-fs.mount"),
    ],
)
def test_what_is_obeyed_by_its_place_is_no_data(tmp_path, name, inside):
    assert classes(tmp_path, name, inside=inside) == {"unsigned_executable"}


@pytest.mark.parametrize("name", ["readme.txt", "etc/hosts", "doc/initial", "cron.dx/a", "a.nshx"])
def test_other_text_stays_data(tmp_path, name):
    assert classes(tmp_path, name, inside=False) == {"unsigned_data"}
