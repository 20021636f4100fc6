"""What compare must show, and above all what it must not hide."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.canonical import canonical_json
from fwverify.compare import compare, profile_of
from fwverify.compare.versions import is_lower
from fwverify.model import (
    Account,
    Analysed,
    Endpoint,
    Image,
    Key,
    Placed,
    Problem,
    Service,
    Unpacked,
)
from tests.builders.profiles import facts, finding, member, node, profile, sha, subject

ROOT = "update.swu"


def rules_of(compared):
    return [(each.rule, each.path) for each in compared.findings]


def fact_rows(compared, path=None):
    return [
        (fact.kind, fact.text)
        for change in compared.delta.changed
        if path in (None, change.path)
        for fact in change.facts
    ]


def test_equal_profiles_have_no_delta():
    same = profile(node(ROOT, "a"), node(f"{ROOT}!/b", "b"), findings=(finding(),))
    compared = compare(same, same)
    assert compared.delta == compare(profile(), profile()).delta
    assert compared.findings == ()
    assert compared.problems == ()
    assert compared.known == {finding().fingerprint}


def test_added_removed_changed_moved():
    old = profile(
        node(ROOT, "one"),
        node(f"{ROOT}!/gone", "gone"),
        node(f"{ROOT}!/was", "moved content"),
        node(f"{ROOT}!/same", "same"),
    )
    new = profile(
        node(ROOT, "two"),
        node(f"{ROOT}!/came", "came"),
        node(f"{ROOT}!/is", "moved content"),
        node(f"{ROOT}!/same", "same"),
    )
    delta = compare(new, old).delta
    assert delta.added == (f"{ROOT}!/came",)
    assert delta.removed == (f"{ROOT}!/gone",)
    assert [(each.source, each.target) for each in delta.moved] == [(f"{ROOT}!/was", f"{ROOT}!/is")]
    assert [each.path for each in delta.changed] == [ROOT]


def test_renamed_single_file_does_not_make_everything_added():
    old = profile(
        node("update-1.swu", "one"),
        node("update-1.swu!/bin/a", "a"),
        findings=(finding("update-1.swu!/bin/a"),),
        of=subject(member("update-1.swu", "one")),
    )
    new = profile(
        node("other.bin", "two"),
        node("other.bin!/bin/a", "a"),
        findings=(finding("other.bin!/bin/a"),),
        of=subject(member("other.bin", "two")),
    )
    compared = compare(new, old)
    assert (compared.delta.added, compared.delta.removed, compared.delta.moved) == ((), (), ())
    assert [each.path for each in compared.delta.changed] == ["other.bin"]
    assert ("name", "update-1.swu -> other.bin") in fact_rows(compared)
    assert compared.known == {finding("other.bin!/bin/a").fingerprint}
    assert rules_of(compared) == [("compare.version_unstated", "other.bin")]


def test_renamed_single_file_with_the_same_bytes_is_one_move():
    old = profile(
        node("a.swu", "x"), node("a.swu!/f", "f"), of=subject(member("a.swu", "x", size=1))
    )
    new = profile(
        node("b.swu", "x"), node("b.swu!/f", "f"), of=subject(member("b.swu", "x", size=1))
    )
    delta = compare(new, old).delta
    assert [(each.source, each.target) for each in delta.moved] == [("a.swu", "b.swu")]
    assert (delta.added, delta.removed, delta.changed) == ((), (), ())


@pytest.mark.parametrize(
    ("old_names", "new_names", "pairs"),
    [
        (("a-1.0.bin", "b-1.0.bin"), ("a-1.1.bin", "b-1.1.bin"), {"a-1.1.bin", "b-1.1.bin"}),
        (("a.bin", "b.bin"), ("a.bin", "c.bin"), {"a.bin", "c.bin"}),
        (("a.bin", "b.bin"), ("c.bin", "d.bin"), set()),
        (("a1.bin", "a2.bin"), ("a3.bin", "a4.bin"), set()),
        (("a.bin", "b.bin"), ("a.bin", "b.bin", "c.bin"), {"a.bin", "b.bin"}),
    ],
)
def test_members_of_a_set_are_paired_only_where_it_is_unambiguous(old_names, new_names, pairs):
    old = profile(
        *(node(name, f"old {name}") for name in old_names),
        of=subject(*(member(name, f"old {name}", role="part") for name in old_names)),
    )
    new = profile(
        *(node(name, f"new {name}") for name in new_names),
        of=subject(*(member(name, f"new {name}", role="part") for name in new_names)),
    )
    delta = compare(new, old).delta
    assert {each.path for each in delta.changed} == pairs
    assert set(delta.added) == set(new_names) - pairs
    assert len(delta.removed) == len(old_names) - len(pairs)


def test_members_of_other_roles_are_not_paired():
    old = profile(node("a", "1"), of=subject(member("a", "1", role="update")))
    new = profile(node("b", "2"), of=subject(member("b", "2", role="signature")))
    delta = compare(new, old).delta
    assert (delta.added, delta.removed) == (("b",), ("a",))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mode": 0o755}, ("mode", "0644 -> 0755")),
        ({"mode": None}, ("mode", "0644 -> unknown")),
        ({"uid": 1000}, ("owner", "0:0 -> 1000:0")),
        ({"gid": None}, ("owner", "0:0 -> 0:unknown")),
        ({"link": "/bin/sh"}, ("link", "none -> /bin/sh")),
        ({"kind": "symlink"}, ("kind", "file -> symlink")),
        ({"format": "elf"}, ("format", "text -> elf")),
    ],
)
def test_metadata_alone_is_a_change(change, expected):
    old = profile(node(f"{ROOT}!/f", "x"))
    new = profile(node(f"{ROOT}!/f", "x", **change))
    assert fact_rows(compare(new, old)) == [expected]


def test_modification_time_alone_is_none():
    old, new = profile(node(ROOT, "x", mtime=1)), profile(node(ROOT, "x", mtime=2))
    assert compare(new, old).delta.changed == ()


def test_one_changed_byte_is_shown_however_alike_the_files_are():
    body = "x" * 100_000
    compared = compare(profile(node(ROOT, body + "a")), profile(node(ROOT, body + "b")))
    assert [each.path for each in compared.delta.changed] == [ROOT]


def test_analysers_facts_are_listed_as_added_and_removed():
    path = f"{ROOT}!/bin/d"
    old = profile(node(path, "1"), facts=(facts(path, ("import", "open"), ("needed", "libc")),))
    new = profile(node(path, "2"), facts=(facts(path, ("import", "execve"), ("needed", "libc")),))
    rows = fact_rows(compare(new, old))
    assert rows == [("import added", "execve"), ("import removed", "open")]


def test_same_version_with_other_bytes_is_a_finding_and_a_fact():
    old = profile(node(ROOT, "1", version="1.7.3"))
    new = profile(node(ROOT, "2", version="1.7.3"))
    compared = compare(new, old)
    assert rules_of(compared) == [("compare.same_version_other_bytes", ROOT)]
    assert [kind for kind, _ in fact_rows(compared)] == ["same-version"]


@pytest.mark.parametrize(("old", "new"), [(None, None), ("1", "2"), (None, "1"), ("1", None)])
def test_other_or_unknown_versions_are_not_the_same_version(old, new):
    compared = compare(profile(node(ROOT, "1", version=old)), profile(node(ROOT, "2", version=new)))
    assert "compare.same_version_other_bytes" not in {each.rule for each in compared.findings}


@pytest.mark.parametrize(
    ("old", "new", "lower"),
    [
        ("1.10.0", "1.9.9", True),
        ("1.9.9", "1.10.0", False),
        ("v2.0", "1.99", True),
        ("1.0", "1.0.0", False),
        ("1.7.3", "1.7.3-hotfix", False),
        ("1.7.4", "1.7.3-hotfix", True),
        ("0x0F", "0x0E", True),
        ("0x0E", "0x0F", False),
        ("1.2.4", "1.2.3rc1", True),
        ("jammy", "1.0", False),
        ("1.0", "", False),
        ("9" * 5000, "1", False),
    ],
)
def test_downgrade_is_said_only_where_it_is_sure(old, new, lower):
    compared = compare(profile(node(ROOT, "2", version=new)), profile(node(ROOT, "1", version=old)))
    found = [each for each in compared.findings if each.rule == "compare.downgrade"]
    assert bool(found) is lower
    assert all(each.severity == "high" for each in found)


@pytest.mark.parametrize(
    ("new", "old", "answer"),
    [("1.0", "1.0.0", None), ("1.0-a", "1.0-b", None), ("1", "2", True), ("2", "1", False)],
)
def test_equal_numbers_give_no_answer(new, old, answer):
    assert is_lower(new, old) is answer


def test_downgrade_of_a_part_is_less_grave():
    path = f"{ROOT}!/lib.dll"
    compared = compare(profile(node(path, "2", version="1")), profile(node(path, "1", version="2")))
    assert [(each.rule, each.severity) for each in compared.findings] == [
        ("compare.downgrade", "medium")
    ]


@pytest.mark.parametrize(
    ("old_mode", "new", "severity"),
    [
        (0o755, {"mode": 0o4755}, "high"),
        (0o755, {"mode": 0o4755, "uid": None}, "high"),
        (0o755, {"mode": 0o4755, "uid": 1000}, "medium"),
        (0o755, {"mode": 0o2755}, "high"),
        (0o755, {"mode": 0o2755, "gid": 5}, "medium"),
        (None, {"mode": 0o4755}, "high"),
        (0o4755, {"mode": 0o4755}, None),
        (0o4755, {"mode": 0o0755}, None),
        (0o755, {"mode": 0o4755, "kind": "directory"}, None),
        (0o755, {"mode": None}, None),
    ],
)
def test_a_gained_setuid_bit_is_a_finding(old_mode, new, severity):
    old = profile(node(ROOT, "x", mode=old_mode))
    found = [
        each.severity
        for each in compare(profile(node(ROOT, "x", **new)), old).findings
        if each.rule == "compare.setuid"
    ]
    assert found == ([severity] if severity else [])


def test_an_added_or_moved_file_may_not_bring_a_setuid_bit_unseen():
    old = profile(node(f"{ROOT}!/a", "content"))
    new = profile(
        node(f"{ROOT}!/b", "content", mode=0o4755), node(f"{ROOT}!/c", "new", mode=0o4755)
    )
    compared = compare(new, old)
    assert rules_of(compared) == [
        ("compare.executable_added", f"{ROOT}!/b"),
        ("compare.setuid", f"{ROOT}!/b"),
        ("compare.executable_added", f"{ROOT}!/c"),
        ("compare.setuid", f"{ROOT}!/c"),
    ]
    assert [each.path for each in compared.delta.changed] == [f"{ROOT}!/b"]


def test_empty_files_do_not_move():
    delta = compare(profile(node(f"{ROOT}!/b", "")), profile(node(f"{ROOT}!/a", ""))).delta
    assert (delta.added, delta.removed, delta.moved) == ((f"{ROOT}!/b",), (f"{ROOT}!/a",), ())


def test_copies_pair_one_to_one():
    old = profile(node(f"{ROOT}!/a", "x"))
    new = profile(node(f"{ROOT}!/b", "x"), node(f"{ROOT}!/c", "x"))
    delta = compare(new, old).delta
    assert [each.target for each in delta.moved] == [f"{ROOT}!/b"]
    assert delta.added == (f"{ROOT}!/c",)


def test_a_new_capability_is_shown_for_the_product():
    new = profile(node(ROOT, "x"), findings=(finding(),))
    compared = compare(new, profile(node(ROOT, "x")))
    assert compared.delta.capabilities_added == ("remote.shell.telnet",)
    (found,) = compared.findings
    assert (found.rule, found.capability, found.path) == (
        "compare.capability_added",
        "remote.shell.telnet",
        finding().path,
    )
    assert (found.severity, found.confidence) == ("high", "high")
    assert found.evidence == ("remote.telnetd:telnetd -l /bin/sh",)


def test_a_known_capability_at_another_path_is_still_shown():
    elsewhere = finding(path=f"{ROOT}!/usr/share/doc/telnet.txt")
    old, new = profile(findings=(elsewhere,)), profile(findings=(elsewhere, finding()))
    compared = compare(new, old)
    assert compared.delta.capabilities_added == ()
    assert rules_of(compared) == [("compare.capability_added", finding().path)]
    assert finding().fingerprint not in compared.known


def test_a_file_that_moves_takes_no_quiet_along():
    at_old, at_new = finding(path=f"{ROOT}!/a"), finding(path=f"{ROOT}!/b")
    old = profile(node(f"{ROOT}!/a", "x"), findings=(at_old,))
    new = profile(node(f"{ROOT}!/b", "x"), findings=(at_new,))
    assert at_new.fingerprint not in compare(new, old).known


def test_other_evidence_at_the_same_path_is_not_known():
    other = finding(evidence=("telnetd -p 9530",))
    compared = compare(profile(findings=(other,)), profile(findings=(finding(),)))
    assert other.fingerprint not in compared.known


def test_a_weak_hint_does_not_become_strong_by_being_new():
    weak = finding(severity="low", confidence="low")
    (found,) = compare(profile(findings=(weak,)), profile()).findings
    assert (found.severity, found.confidence) == ("low", "low")


def test_removed_capabilities_are_kept_beside_the_delta():
    compared = compare(profile(), profile(findings=(finding(),)))
    assert compared.capabilities_removed == ("remote.shell.telnet",)


def test_endpoints_count_by_value_and_group_by_path():
    def endpoint(value, path="update.swu!/a", kind="host"):
        return Endpoint(kind=kind, value=value, path=path)

    old = profile(endpoints=(endpoint("known.example"),))
    new = profile(
        endpoints=(
            endpoint("known.example", path="update.swu!/b"),
            endpoint("known.example", kind="url"),
            endpoint("evil.example", path="update.swu!/b"),
            endpoint("evil.example", path="update.swu!/c"),
        )
    )
    compared = compare(new, old)
    assert {(each.kind, each.value, each.path) for each in compared.delta.endpoints_added} == {
        ("url", "known.example", "update.swu!/a"),
        ("host", "evil.example", "update.swu!/b"),
        ("host", "evil.example", "update.swu!/c"),
    }
    assert rules_of(compared) == [("compare.endpoint_added", f"{ROOT}!/{x}") for x in "abc"]


SERVICE = Service(name="agent", kind="init-script", starts="S50", listens=(), path=f"{ROOT}!/i")
ACCOUNT = Account(name="svc", uid=100, state="locked", path=f"{ROOT}!/etc/shadow")
KEY = Key(kind="certificate", fingerprint="ab", path=f"{ROOT}!/ca.pem")


@pytest.mark.parametrize(
    ("field", "known", "new", "severity"),
    [
        ("services", SERVICE, {"starts": "systemd"}, "medium"),
        ("services", SERVICE, {"listens": ("tcp/23",)}, "high"),
        ("services", SERVICE, {"path": f"{ROOT}!/other"}, "medium"),
        ("services", SERVICE, {"name": "telnetd"}, "medium"),
        ("accounts", ACCOUNT, {"state": "hash"}, "high"),
        ("accounts", ACCOUNT, {"state": "empty"}, "high"),
        ("accounts", ACCOUNT, {"uid": 0}, "high"),
        ("accounts", ACCOUNT, {"name": "other"}, "medium"),
        ("keys", KEY, {"fingerprint": "cd"}, "medium"),
        ("keys", KEY, {"path": f"{ROOT}!/other.pem"}, "medium"),
        ("keys", KEY, {"kind": "ssh-authorized"}, "high"),
        ("keys", KEY, {"kind": "private-rsa"}, "high"),
    ],
)
def test_services_accounts_and_keys_count_by_path_and_state(field, known, new, severity):
    fresh = msgspec.structs.replace(known, **new)
    old = profile(**{field: (known,)})
    compared = compare(profile(**{field: (known, fresh)}), old)
    assert getattr(compared.delta, f"{field}_added") == (fresh,)
    assert [each.severity for each in compared.findings] == [severity]
    assert compare(old, old).findings == ()


def test_an_incomplete_or_differently_ruled_baseline_is_a_problem():
    new = profile()
    assert [each.code for each in compare(new, profile(complete=False)).problems] == [
        "baseline.incomplete"
    ]
    other = profile(rules_sha256=sha("other rules"))
    assert [each.code for each in compare(new, other).problems] == ["baseline.rules_differ"]


@pytest.mark.parametrize(
    ("declared", "undeclared", "not_found"),
    [
        ((), (), ()),
        (("*",), (), ()),
        (("bin/a",), (f"{ROOT}!/bin/b",), ()),
        (("bin/?",), (), ()),
        (("bin/c",), (ROOT, f"{ROOT}!/bin/a", f"{ROOT}!/bin/b"), ("bin/c",)),
        (("*a", "*zzz*", f"{ROOT}!/bin/b"), (), ("*zzz*",)),
        (("bin/[ab]",), (ROOT, f"{ROOT}!/bin/a", f"{ROOT}!/bin/b"), ("bin/[ab]",)),
        (("b*/b", "bin*a"), (), ()),
        (("remote.shell.telnet", "bin/*"), (), ("remote.shell.telnet",)),
        (("",), (ROOT, f"{ROOT}!/bin/a", f"{ROOT}!/bin/b"), ("",)),
    ],
)
def test_declared_changes_are_held_against_the_found_ones(declared, undeclared, not_found):
    old = profile(node(ROOT, "1"), node(f"{ROOT}!/bin/a", "1"))
    new = profile(node(ROOT, "2"), node(f"{ROOT}!/bin/a", "2"), node(f"{ROOT}!/bin/b", "2"))
    delta = compare(new, old, declared).delta
    assert (delta.undeclared, delta.not_found) == (undeclared, not_found)


def test_a_hostile_pattern_ends_soon():
    old, new = profile(node(ROOT, "1")), profile(node("a" * 5000, "2"))
    pattern = "*a" * 50 + "b"
    assert compare(new, old, (pattern,)).delta.not_found == (pattern,)


def placed(made):
    return Placed(
        node=made,
        parent=None,
        extents=(),
        stored=False,
        regions=(),
        executable=False,
        complete=True,
        attributes=(),
    )


def test_profile_merges_findings_and_hides_no_problem():
    twice = finding()
    unpacked = Unpacked(image=Image(), nodes=(placed(node("b", "b")), placed(node("a", "a"))))
    analysed = Analysed(findings=(twice, finding(path="a")))
    made = profile_of(
        subject(), msgspec.structs.replace(unpacked, findings=(twice,)), analysed, sha("r"), True
    )
    assert [each.path for each in made.nodes] == ["a", "b"]
    assert [each.path for each in made.findings] == ["a", twice.path]
    assert made.complete
    trouble = (Problem(code="limit.files", path="", text="too many"),)
    for broken in (
        (msgspec.structs.replace(unpacked, problems=trouble), analysed, True),
        (unpacked, msgspec.structs.replace(analysed, problems=trouble), True),
        (unpacked, analysed, False),
    ):
        assert not profile_of(subject(), broken[0], broken[1], sha("r"), broken[2]).complete


NODES = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from("xyz"), st.sampled_from((0o644, 0o755))),
    max_size=5,
    unique_by=lambda row: row[0],
)


@settings(max_examples=120, derandomize=True, deadline=None)
@given(NODES, NODES)
def test_every_difference_ends_in_exactly_one_list(old_rows, new_rows):
    def build(rows):
        return profile(*(node(f"{ROOT}!/{name}", text, mode=mode) for name, text, mode in rows))

    old, new = build(old_rows), build(new_rows)
    delta = compare(new, old).delta
    targets = {each.target for each in delta.moved}
    sources = {each.source for each in delta.moved}
    changed = {each.path for each in delta.changed}
    old_by, new_by = ({each.path: each for each in side.nodes} for side in (old, new))
    assert set(new_by) - set(old_by) == set(delta.added) | targets
    assert set(old_by) - set(new_by) == set(delta.removed) | sources
    assert not set(delta.added) & targets
    assert {path for path in old_by.keys() & new_by if old_by[path] != new_by[path]} == {
        path for path in changed if path in old_by
    }
    assert canonical_json(delta) == canonical_json(compare(build(new_rows[::-1]), old).delta)
