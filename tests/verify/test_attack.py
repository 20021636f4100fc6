"""Attacks on the trust rule that once passed or stayed silent, each with its harmless twin."""

from __future__ import annotations

import sys

import pytest

from fwverify.store import Store
from fwverify.verify import verify
from fwverify.verify.coverage import Marks, draw
from fwverify.verify.tree import build, covered
from fwverify.verify.trust import load_trust, select_rule
from tests.builders import keys
from tests.verify.stores import AT, with_keys
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


# --- many signatures ----------------------------------------------------------------------

ED = keys.ed_key()


def stage(tmp_path, *members: Leaf):
    trust = load_trust(with_keys(tmp_path / "trust", ED))
    store = Store(tmp_path / "store")
    subject, unpacked = place(store, *members)
    return verify(subject, unpacked, store, select_rule(trust, "acme", "M-1"), trust, AT)


@pytest.mark.parametrize("bound", ["MAX_TRIED", "MAX_TRIED_BYTES"])
def test_signatures_without_end_are_a_problem_and_no_endless_search(tmp_path, monkeypatch, bound):
    """Files times signatures is more than any time: what is not tried is said."""
    files = [Leaf(f"{n}.bin", bytes((n,)) * 100) for n in range(10)]
    fitting = [Leaf(f"{n}.bin.sig", ED.sign(files[n].data), role="signature") for n in range(10)]
    strays = [Leaf(f"s{n}.sig", ED.sign(files[n].data), role="signature") for n in range(5)]
    monkeypatch.setattr(
        sys.modules["fwverify.verify.examine"],
        bound,
        {"MAX_TRIED": 20, "MAX_TRIED_BYTES": 3000}[bound],
    )
    named = stage(tmp_path / "1", *files, *fitting)
    assert named.satisfied, "a signature of one file's name costs nothing"
    verified = stage(tmp_path / "2", *files, *fitting, *strays)
    untried = {one.path for one in verified.problems if "too many" in one.text}
    assert untried == {"s2.sig", "s3.sig", "s4.sig"}
    assert not verified.satisfied
