"""Anti-rollback: fresh is what can be compared and is not below anything accepted."""

from __future__ import annotations

import struct
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.model import Counter, Identity
from fwverify.store import Store
from fwverify.verify import verify
from fwverify.verify.rollback import compare
from fwverify.verify.trust import load_trust, select_rule
from tests.builders import boot, keys
from tests.verify.stores import AT, RULE, with_keys
from tests.verify.trees import Leaf, place
from tests.verify_boot.build import mcuboot

ED, EC = keys.ed_key(), keys.ec_key()
DATA = bytes(range(256)) * 8


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def text(field: str) -> str:
    rule = RULE.replace('"rauc"', '"mcuboot"')
    return rule.replace("coverage =", f'rollback = "{field}"\ncoverage =')


def judge(store, tmp_path, members, *accepted, field="version", versions=(), private=ED):
    """Return the stage's result; ``versions`` are (path, version) that nodes say of themselves."""
    folder = tmp_path / f"trust-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    trust = load_trust(with_keys(folder, private, rule=text(field)))
    subject, unpacked = place(store, *members)
    said = dict(versions)
    nodes = tuple(
        msgspec.structs.replace(one, node=msgspec.structs.replace(
            one.node, identity=Identity(version=said.get(one.node.path))))
        for one in unpacked.nodes
    )  # fmt: skip
    unpacked = msgspec.structs.replace(unpacked, nodes=nodes)
    rule = select_rule(trust, "acme", "M-1")
    return verify(subject, unpacked, store, rule, trust, AT, tuple(accepted))


def signed(data: bytes = DATA, name: str = "fw.bin"):
    return Leaf(name, data), Leaf(f"{name}.sig", ED.sign(data), role="signature")


def version(value: str, component: str = "") -> Counter:
    return Counter(component=component, field="version", part="", value=value)


def fresh(verified) -> list[str]:
    return [one.axes.fresh for one in verified.signatures]


@pytest.mark.parametrize(
    ("new", "old", "axis"),
    [
        ("2.0", ["1.9"], "pass"), ("2.0", ["2.0"], "pass"), ("2.0", ["1.9", "2.0"], "pass"),
        ("1.10", ["1.9"], "pass"), ("1.9", ["1.10"], "fail"), ("1.9", ["1.8", "1.10"], "fail"),
        ("2.0-rc1", ["2.0"], "fail"), ("2.0", ["blue"], "unverifiable"),
        ("2.0-hotfix", ["2.0"], "unverifiable"), ("2.0", [], "unverifiable"),
        ("1.0", ["blue", "2.0"], "fail"),
    ],
)  # fmt: skip
def test_versions(store, tmp_path, new, old, axis):
    members = signed()
    accepted = [version(each) for each in old]
    verified = judge(store, tmp_path, members, *accepted, versions=[("fw.bin", new)])
    assert fresh(verified) == [axis]
    assert verified.satisfied == (axis == "pass")
    assert bool(verified.problems) == (axis == "unverifiable")
    rolled = "signature.rolled_back" in {finding.rule for finding in verified.findings}
    assert rolled == (axis == "fail")
    assert verified.counters == (version(new),)


def test_what_states_no_version_is_unverifiable(store, tmp_path):
    verified = judge(store, tmp_path, signed(), version("1.0"))
    assert fresh(verified) == ["unverifiable"]
    assert "vouches for no version" in verified.signatures[0].reason
    assert [problem.code for problem in verified.problems] == ["signature.freshness"]


def test_a_file_name_with_another_version_is_the_same_component(store, tmp_path):
    a = signed(name="app-1.2.bin") + signed(DATA[:-1], name="boot.bin")
    known = (version("1.2", "app-#.#.bin"), version("7", "boot.bin"))
    said = [("app-1.2.bin", "1.2"), ("boot.bin", "7")]
    assert fresh(judge(store, tmp_path, a, *known, versions=said)) == ["pass", "pass"]
    b = signed(name="app-1.3.bin") + signed(DATA[:-1], name="boot.bin")
    said = [("app-1.3.bin", "1.1"), ("boot.bin", "7")]
    assert fresh(judge(store, tmp_path, b, *known, versions=said)) == ["fail", "pass"]


def test_a_renamed_component_is_not_fresh_by_its_new_name(store, tmp_path):
    members = signed(name="other.bin") + signed(DATA[:-1], name="boot.bin")
    known = (version("2.0", "app.bin"), version("7", "boot.bin"))
    said = [("other.bin", "1.0"), ("boot.bin", "7")]
    assert "unverifiable" in fresh(judge(store, tmp_path, members, *known, versions=said))


def test_one_old_part_spoils_the_set(store, tmp_path):
    members = signed(name="app.bin") + signed(DATA[:-1], name="boot.bin")
    known = (version("2.0", "app.bin"), version("7", "boot.bin"))
    said = [("app.bin", "3.0"), ("boot.bin", "6")]
    verified = judge(store, tmp_path, members, *known, versions=said)
    assert sorted(fresh(verified)) == ["fail", "pass"]
    assert not verified.satisfied


def test_a_part_without_a_version_beside_a_fresh_one_is_not_fresh(store, tmp_path):
    """An image from before versions were stated is the oldest of all."""
    members = signed(name="app.bin") + signed(DATA[:-1], name="boot.bin")
    said = [("app.bin", "3.0")]
    verified = judge(store, tmp_path, members, version("2.0", "app.bin"), versions=said)
    assert sorted(fresh(verified)) == ["pass", "unverifiable"]
    assert not verified.satisfied


def test_two_images_whose_names_differ_in_a_number_stay_apart(store, tmp_path):
    members = signed(name="core1.bin") + signed(DATA[:-1], name="core2.bin")
    known = (version("5", "core1.bin"), version("1", "core2.bin"))
    said = [("core1.bin", "5"), ("core2.bin", "1")]
    assert fresh(judge(store, tmp_path, members, *known, versions=said)) == ["pass", "pass"]


def test_a_version_in_unsigned_bytes_does_not_count(store, tmp_path):
    """Another file's version says nothing about what was signed."""
    inner = Leaf("in.bin", DATA, extents=((10, 10 + len(DATA)),), stored=True)
    outer = Leaf("fw.bin", bytes(10) + DATA, children=[inner])
    sig = Leaf("fw.bin.sig", ED.sign(DATA), role="signature")
    verified = judge(store, tmp_path, (outer, sig), version("1.0"), versions=[("fw.bin", "9.0")])
    assert "pass" not in fresh(verified)
    assert verified.counters == ()


def counter_image(counter: int | None, private=EC) -> bytes:
    protected = b"" if counter is None else boot.tlv(0x50, struct.pack("<I", counter))
    return mcuboot(0x22, lambda signed, _: keys.sign_ec(private, signed), protected=protected)


def number(value: int | str) -> Counter:
    return Counter(component="", field="security-counter", part="", value=str(value))


@pytest.mark.parametrize(
    ("new", "old", "axis"),
    [(9, 9, "pass"), (10, 9, "pass"), (8, 9, "fail"), (0, 2**32 - 1, "fail"),
     (None, 9, "unverifiable"), (9, None, "unverifiable"), (9, "nine", "unverifiable")],
)  # fmt: skip
def test_security_counters(store, tmp_path, new, old, axis):
    leaf = Leaf("fw.bin", counter_image(new), format="mcuboot")
    accepted = () if old is None else (number(old),)
    verified = judge(store, tmp_path, (leaf,), *accepted, field="security-counter", private=EC)
    assert fresh(verified) == [axis]
    assert verified.satisfied == (axis == "pass") or axis == "pass"
    assert not (verified.satisfied and axis != "pass")


def test_a_counter_by_a_stranger_is_no_counter(store, tmp_path):
    stranger = keys.ec_key("secp256r1", 7)
    leaf = Leaf("fw.bin", counter_image(99, stranger), format="mcuboot")
    verified = judge(store, tmp_path, (leaf,), number(1), field="security-counter", private=EC)
    assert verified.counters == ()
    assert not verified.satisfied


def test_without_a_rollback_field_nothing_is_asked(store, tmp_path):
    trust = load_trust(with_keys(tmp_path, ED))
    subject, unpacked = place(store, *signed())
    rule = select_rule(trust, "acme", "M-1")
    verified = verify(subject, unpacked, store, rule, trust, AT)
    assert fresh(verified) == ["not-applicable"]
    assert verified.satisfied
    named = replace(rule, rollback_field="nonsense")
    verified = verify(subject, unpacked, store, named, trust, AT)
    assert fresh(verified) == ["unverifiable"]
    assert not verified.satisfied


@given(st.integers(0, 10**30), st.integers(0, 10**30))
@settings(max_examples=50, derandomize=True)
def test_numbers_are_compared_as_numbers(new, old):
    assert compare("rollback-index", str(new), str(old)) == (new < old)


@pytest.mark.parametrize("bad", ["", "-1", "1.0", "0x10", "١", "9" * 41, " 1"])
def test_what_is_no_number_is_not_compared(bad):
    assert compare("rollback-index", bad, "1") is None
    assert compare("rollback-index", "1", bad) is None
