"""A policy that is not exactly right never loads, and the error says where."""

from __future__ import annotations

import hashlib
import tomllib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.model import Finding
from fwverify.policy.conditions import ConditionError, applies, check, holds
from fwverify.policy.load import (
    BUILTIN,
    DEFAULT_CLASS,
    MAX_POLICY_BYTES,
    load_class,
    load_policy,
    parse_policy,
    select_policy,
)
from fwverify.policy.model import Condition, Policy, Rule
from fwverify.strict import InputFileError
from tests.builders.profiles import finding

TEXT = """\
schema = "fwverify.policy/1"
name = "test"
class = "generic"
version = "1"
unexplained_max_bytes = 100
unexplained_entropy_milli = 7000

[signatures]
required = true

[baseline]
approved_required = true

[strength]
min_rsa_bits = 3072
digests = ["sha256"]

[otherwise]
at_least = "low"
verdict = "REVIEW"
next = { owner = "lab", action = "look" }

[[rules]]
id = "first"
overlays = ["type_approval_rules"]
verdict = "DENY"
text = "a text"
next = { owner = "vendor", action = "remove it" }
when = [{ field = "severity", op = "at_least", value = "high" }]

[[rules]]
id = "second"
overlays = ["type_approval_rules", "national_security_rules"]
verdict = "REVIEW"
knock_out = false
text = "a text"
next = { owner = "policy", action = "decide" }
when = [
  { field = "rule", op = "in", value = ["a", "b"] },
  { field = "in_baseline", op = "equals", value = false },
]
"""


def parse(text, capabilities=()):
    return parse_policy(text.encode(), "policy.toml", capabilities)


def refused(text, capabilities=()) -> InputFileError:
    with pytest.raises(InputFileError) as caught:
        parse(text, capabilities)
    return caught.value


def test_a_right_policy_loads_with_the_digest_of_its_file():
    loaded = parse(TEXT)
    assert loaded.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert loaded.policy.device == "generic"
    assert [each.id for each in loaded.policy.rules] == ["first", "second"]
    assert loaded.policy.strength.min_rsa_bits == 3072


FAULTS = [
    # what is replaced, by what, line, key, words of the text
    ('name = "test"\n', 'name = "test"\nmode = "lax"\n', 3, "mode", "unknown field"),
    ("required = true", "required = 1", 9, "signatures.required", "Expected `bool`"),
    ("required = true", 'required = "false"', 9, "signatures.required", "Expected `bool`"),
    ("required = true", "required = false", 8, "signatures.reason", "needs a reason"),
    ("required = true", 'required = false\nreason = ""', 10, "signatures.reason", "length"),
    ("max_bytes = 100", "max_bytes = -1", 5, "unexplained_max_bytes", ">= 0"),
    ("max_bytes = 100", "max_bytes = 1.5", 5, "unexplained_max_bytes", "Expected `int`"),
    ("max_bytes = 100", "max_bytes = true", 5, "unexplained_max_bytes", "Expected `int`"),
    ("unexplained_max_bytes = 100\n", "", None, "", "missing required"),
    ("entropy_milli = 7000", "entropy_milli = 7201", 6, "unexplained_entropy_milli", "<= 7200"),
    ("max_bytes = 100", "max_bytes = 1\nunexplained_max_bytes = 2", 6, "", "Cannot overwrite"),
    ('at_least = "low"', 'at_least = "high"', 19, "otherwise.at_least", "Invalid enum"),
    ('verdict = "DENY"', 'verdict = "ALLOW"', 26, "rules.0.verdict", "Invalid enum"),
    ('verdict = "DENY"', 'verdict = "INCOMPLETE"', 26, "rules.0.verdict", "Invalid enum"),
    ('verdict = "DENY"\n', "", 23, "rules.0", "missing required"),
    ('id = "second"', 'id = "first"', 32, "rules.1.id", "a second rule"),
    ('id = "second"', 'id = "trust.unsigned"', 32, "rules.1.id", "program itself"),
    ('id = "second"', 'id = "allow"', 32, "rules.1.id", "program itself"),
    ('id = "second"', 'id = "Has Space"', 32, "rules.1.id", "matching regex"),
    ("knock_out = false", "knock_out = true", 35, "rules.1.knock_out", "must be DENY"),
    ("knock_out = false", "knockout = false", 35, "rules.1.knockout", "unknown field"),
    ('"type_approval_rules", "nat', '"national_security_rules", "nat', 33, "rules.1.overlays", ""),
    ('["type_approval_rules"]', "[]", 25, "rules.0.overlays", "length"),
    ('["type_approval_rules"]', '["both"]', 25, "rules.0.overlays.0", "Invalid enum"),
    ('field = "severity"', 'field = "severty"', 29, "rules.0.when.0.field", "Invalid enum"),
    ('op = "at_least"', 'op = "matches"', 29, "rules.0.when.0.op", "Invalid enum"),
    ('op = "at_least"', 'op = "prefix"', 29, "rules.0.when", "cannot be asked"),
    ('value = "high" }', 'value = "grave" }', 29, "rules.0.when", "no severity"),
    ('value = "high" }', "value = 3 }", 29, "rules.0.when.0.value", "Expected"),
    ('value = ["a", "b"]', "value = []", 38, "rules.1.when", "not empty"),
    ('value = ["a", "b"]', 'value = "a"', 38, "rules.1.when", "list"),
    ('value = ["a", "b"]', 'value = ["a", ""]', 38, "rules.1.when", "empty string"),
    ("value = false }", 'value = "false" }', 38, "rules.1.when", "true or false"),
    ('action = "remove it"', 'action = " "', 28, "rules.0.next", "empty"),
    ('owner = "vendor"', 'owner = "nobody"', 28, "rules.0.next.owner", "Invalid enum"),
    ("[[rules]]\n", "[[rules]\n", 23, "", ""),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "words"), FAULTS)
def test_each_fault_names_file_line_and_key(old, new, line, key, words):
    error = refused(TEXT.replace(old, new, 1))
    assert (error.file, error.line, error.key) == ("policy.toml", line, key)
    assert words in error.why
    assert "\n" not in str(error)


def test_a_condition_list_must_not_be_empty():
    start = TEXT.index('when = [{ field = "severity"')
    end = TEXT.index("\n", start)
    assert refused(TEXT[:start] + "when = []" + TEXT[end:]).key == "rules.0.when"


def test_a_knock_out_may_not_depend_on_the_baseline():
    text = TEXT.replace(
        'verdict = "REVIEW"\nknock_out = false', 'verdict = "DENY"\nknock_out = true'
    )
    error = refused(text)
    assert (error.key, error.why) == (
        "rules.1.when",
        "a knock-out must not depend on in_baseline",
    )


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_an_empty_policy_is_an_error(text):
    assert refused(text).why == "is empty"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe",
        b"name = 'a'\n\xff",
        b"\xef\xbb\xbf" + TEXT.encode(),
        b"a = " + b"[" * 5000,
        b"x" * (MAX_POLICY_BYTES + 1),
        TEXT.encode("utf-16"),
        b"\x00",
    ],
)
def test_bytes_that_are_no_policy(data):
    with pytest.raises(InputFileError):
        parse_policy(data, "policy.toml")


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(InputFileError) as caught:
            load_policy(path)
        assert caught.value.file == str(path)


def test_a_file_is_loaded(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(TEXT)
    assert load_policy(path) == msgspec.structs.replace(parse(TEXT), file=str(path))


@pytest.mark.parametrize("end", range(0, len(TEXT), 7))
def test_a_truncated_policy_never_loads_in_part(end):
    """Cut between two whole rules a policy is whole, and its digest is another one."""
    try:
        loaded = parse(TEXT[:end])
    except InputFileError:
        return
    whole = parse(TEXT)
    assert end >= TEXT.index('\n\n[[rules]]\nid = "second"')
    rules = whole.policy.rules[: len(loaded.policy.rules)]
    assert loaded.policy == msgspec.structs.replace(whole.policy, rules=rules)
    assert loaded.sha256 != whole.sha256


def _required(values, path=()):
    """Yield the path of each key of TEXT that a policy must have."""
    optional = {("strength",), ("unexplained_entropy_milli",)}
    for key, value in values.items():
        here = (*path, key)
        if here not in optional and key not in ("knock_out", "strength"):
            yield here
        if isinstance(value, dict) and key != "strength":
            yield from _required(value, here)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for index, item in enumerate(value):
                yield from _required(item, (*here, index))


REQUIRED = list(_required(tomllib.loads(TEXT)))


def _at(values, path):
    for step in path:
        values = values[step]
    return values


@pytest.mark.parametrize("path", REQUIRED, ids=str)
def test_a_missing_or_mistyped_key_never_loads(path):
    values = tomllib.loads(TEXT)
    del _at(values, path[:-1])[path[-1]]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, Policy)
    for wrong in (None, 1.5, {"x": 1}, [[1]], -7):
        values = tomllib.loads(TEXT)
        _at(values, path[:-1])[path[-1]] = wrong
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(values, Policy)


def test_the_capabilities_of_rules_are_held_against_the_taxonomy():
    taxonomy = ("remote.shell.ssh", "remote.shell.telnet")

    def text(op, value):
        condition = f'{{ field = "capability", op = "{op}", value = {value} }}'
        return TEXT.replace('{ field = "severity", op = "at_least", value = "high" }', condition)

    for op, value in (
        ("equals", '"remote.shell.shh"'),
        ("in", '["remote.shell.ssh", "remote.shel"]'),
        ("prefix", '"remote.shells."'),
    ):
        assert "taxonomy" in refused(text(op, value), taxonomy).why
        assert parse(text(op, value)).policy.rules
    assert parse(text("prefix", '"remote.shell."'), taxonomy).policy.rules


# DETECTION, "Capability taxonomy"
TAXONOMY = tuple(
    f"{family}.{name}"
    for family, names in (
        ("tunnel", "reverse vpn mesh dns covert proxy anon"),
        ("remote", "desktop maintenance"),
        ("remote.shell", "bind reverse telnet ssh web trigger"),
        ("cred", "static uid0 empty sshkey token url"),
        ("update", "thirdparty_fota download_exec no_verify flash remote_mgmt"),
        ("modem", "apn sms_cmd tcp"),
        ("exfil", "cloud chat upload nfs smtp identity"),
        ("net", "hardcoded_ip endpoint listener firewall_open tls_off"),
        ("can", "inject remote_bridge"),
        ("diag", "uds doip j1939"),
        ("veh", "kill geofence immobilise"),
        ("meter", "disconnect limiter push factory capture_period comms"),
        ("power", "kill"),
        ("surv", "audio video location sniff keylog"),
        ("evade", "packed antidebug log_wipe masquerade"),
        ("logic", "timebomb"),
        ("persist", "cron systemd init ld_preload udev"),
        ("win", "rdp user_add psremoting encoded_ps defender_off service scheduled_task"),
        ("key", "private test weak foreign_ca"),
        ("lateral", "smb domain cross_vendor"),
    )
    for name in names.split()
)


@pytest.mark.parametrize("name", BUILTIN)
def test_built_in_policies_are_right_and_strict(name):
    loaded = load_class(name, capabilities=TAXONOMY)
    policy = loaded.policy
    assert policy.device == name
    assert policy.signatures.required
    assert policy.baseline.approved_required
    assert loaded.file == f"builtin:{name}"
    assert {"severity.critical", "strong.new", "medium.new"} <= {each.id for each in policy.rules}


def test_the_default_class_is_built_in():
    assert DEFAULT_CLASS in BUILTIN


@pytest.mark.parametrize("name", ["", "crane", "../generic", "Generic", "generic\n", "a" * 99])
def test_an_unknown_class_never_falls_back(name):
    with pytest.raises(InputFileError) as caught:
        load_class(name)
    assert caught.value.key == "class"


def test_a_new_class_is_a_new_file(tmp_path):
    (tmp_path / "crane.toml").write_text(TEXT.replace('class = "generic"', 'class = "crane"'))
    (tmp_path / "meter.toml").write_text(TEXT)
    assert load_class("crane", (tmp_path,)).policy.device == "crane"
    with pytest.raises(InputFileError, match="the file of class meter says generic"):
        load_class("meter", (tmp_path,))


# --- conditions ----------------------------------------------------------------------

PLAIN = finding(rule="a.rule", capability=None, severity="medium", path="u!/p")


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("rule", "equals", "a.rule", True),
        ("rule", "equals", "a.rul", False),
        ("rule", "not_equals", "a.rule", False),
        ("rule", "not_equals", "other", True),
        ("rule", "prefix", "a.", True),
        ("rule", "prefix", "b.", False),
        ("rule", "in", ("x", "a.rule"), True),
        ("rule", "in", ("x",), False),
        ("rule", "not_in", ("x",), True),
        ("rule", "not_in", ("a.rule",), False),
        ("capability", "equals", "remote.desktop", False),
        ("capability", "not_equals", "remote.desktop", True),
        ("capability", "prefix", "None", False),
        ("capability", "in", ("None",), False),
        ("capability", "not_in", ("remote.desktop",), True),
        ("severity", "at_least", "medium", True),
        ("severity", "at_least", "low", True),
        ("severity", "at_least", "high", False),
        ("confidence", "at_least", "high", True),
        ("confidence", "equals", "low", False),
        ("threat", "in", ("none", "both"), True),
        ("path", "prefix", "u!/", True),
        ("in_baseline", "equals", False, True),
        ("in_baseline", "equals", True, False),
        ("in_baseline", "not_equals", False, False),
    ],
)
def test_what_a_condition_means(field, op, value, expected):
    assert holds(Condition(field=field, op=op, value=value), PLAIN) is expected


FIELDS = ("rule", "capability", "threat", "severity", "confidence", "path", "in_baseline", "zzz")
OPS = ("equals", "not_equals", "in", "not_in", "prefix", "at_least", "zzz")
VALUES = st.one_of(
    st.booleans(),
    st.sampled_from(("", "high", "both", "a.rule", "zzz")),
    st.lists(st.sampled_from(("high", "none", "", "zzz")), max_size=3).map(tuple),
    st.integers(),
    st.none(),
)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.sampled_from(FIELDS), st.sampled_from(OPS), VALUES)
def test_a_condition_is_true_false_or_refused_and_nothing_else(field, op, value):
    condition = Condition(field=field, op=op, value=value)
    if check(condition) is None:
        assert isinstance(holds(condition, PLAIN), bool)
    else:
        with pytest.raises(ConditionError):
            holds(condition, PLAIN)


def test_every_condition_of_a_rule_is_evaluated():
    """A false one in front must not hide a meaningless one behind it."""
    rule = parse(TEXT).policy.rules[0]
    false = Condition(field="rule", op="equals", value="other")
    broken = Condition(field="rule", op="at_least", value="x")
    for when in ((false, broken), (broken, false), ()):
        with pytest.raises(ConditionError):
            applies(msgspec.structs.replace(rule, when=when), PLAIN)


def test_a_finding_of_unknown_severity_is_refused():
    strange = msgspec.structs.replace(PLAIN, severity="apocalyptic")
    assert isinstance(strange, Finding)
    with pytest.raises(ConditionError):
        holds(Condition(field="severity", op="at_least", value="low"), strange)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.sampled_from('x"=[]{}\n# 0'))
def test_a_mutated_policy_loads_whole_or_is_refused(at, character):
    try:
        loaded = parse(TEXT[:at] + character + TEXT[at + 1 :])
    except InputFileError as refusal:
        error = refusal
    else:
        assert isinstance(loaded.policy.rules[0], Rule)
        assert loaded.policy.unexplained_entropy_milli <= 7200
        return
    assert error.line is None or 1 <= error.line <= TEXT.count("\n") + 2
    assert error.why


def test_a_named_file_comes_before_the_class(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    (tmp_path / "meter.toml").write_text(TEXT.replace('"generic"', '"meter"'))
    assert select_policy("meter", tmp_path, path).label == "test 1"
    assert select_policy("meter", tmp_path, None).file == str(tmp_path / "meter.toml")
    assert select_policy("meter", None, None).label == "builtin-meter 2"
    with pytest.raises(InputFileError):
        select_policy("meter", None, tmp_path / "absent.toml")


def test_an_ad_hoc_policy_states_only_what_differs(tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(
        "unexplained_max_bytes = 7\n[signatures]\nrequired = false\nreason = 'a test'\n"
    )
    loaded = select_policy("meter", None, path)
    meter = load_class("meter")
    assert loaded.policy.rules == meter.policy.rules
    assert loaded.policy.device == "meter"
    assert loaded.policy.unexplained_max_bytes == 7
    assert not loaded.policy.signatures.required
    assert loaded.policy.baseline.approved_required
    assert loaded.sha256 not in (meter.sha256, sha256_of(path))


def sha256_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("", "", "is empty"),
        ("[signatures]\nrequired = false\n", "signatures.reason", "needs a reason"),
        ("[signatures]\nrequired = 3\n", "signatures.required", "Expected `bool`"),
        ("[signature]\nrequired = false\n", "signature", "unknown field"),
        ("signatures = 4\n", "signatures", "Expected `object`"),
        ("rules = []\n", "rules", "length >= 1"),
    ],
)
def test_an_ad_hoc_policy_is_as_strict(text, key, why, tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(text)
    with pytest.raises(InputFileError) as caught:
        select_policy("meter", None, path)
    assert caught.value.key == key
    assert why in caught.value.why
