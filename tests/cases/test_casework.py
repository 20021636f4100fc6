"""Cases are kept, carried and continued; a record that does not hold is refused."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys

import pytest

from fwverify.case import load_case
from fwverify.casework.events import Event, faults
from fwverify.casework.store import CaseStore
from fwverify.strict import InputFileError
from tests.cases.test_case_file import TEXT
from tests.cli.program import ROOT, fwverify

AT = "2026-11-21T12:00:00Z"
FINGERPRINT = "ab" * 32
NEW = (
    "case", "new", "--id", "c-1", "--vendor", "acme", "--product", "gateway", "--class",
    "scanner-port-stand-alone", "--submitter", "Intake Desk", "--update-kind", "planned",
    "--site", "Hall 3", "--connectivity", "stand-alone", "--operator", "Customs",
    "--rxswin", "R1", "R2", "--declare", "bin/*", "--claim", "NO_SWITCH", "--at", AT,
)  # fmt: skip


def note(**changes):
    values = {"number": 0, "at": AT, "person": "P", "kind": "note", "previous": "0" * 64}
    return Event(**(values | changes))


@pytest.fixture
def store(tmp_path):
    found = CaseStore(tmp_path / "cases")
    found.add(TEXT.encode(), person="Intake", at=AT)
    return found


def test_a_colleague_continues_with_notes_and_states_intact(store, tmp_path):
    store.append("2026-001", note(text="asked the vendor"))
    store.append("2026-001", note(kind="state", finding=FINGERPRINT, state="asked-vendor"))
    store.append("2026-001", note(kind="assigned", assignee="Q"))
    data = store.export("2026-001")
    there = CaseStore(tmp_path / "there")
    held = there.take(data, "case.json")
    assert held == store.get("2026-001")
    there.append("2026-001", note(text="explained by phone"))
    back = store.take(there.export("2026-001"), "back.json")
    assert [each.text for each in back.events] == [
        "",
        "asked the vendor",
        "",
        "",
        "explained by phone",
    ]
    assert store.export("2026-001") == there.export("2026-001")
    assert store.take(data, "old.json") == back


def test_two_continuations_are_never_merged_in_silence(store, tmp_path):
    there = CaseStore(tmp_path / "there")
    there.take(store.export("2026-001"), "x")
    there.append("2026-001", note(text="here"))
    store.append("2026-001", note(text="there"))
    before = store.get("2026-001")
    with pytest.raises(InputFileError, match="continued in both places"):
        store.take(there.export("2026-001"), "x")
    assert store.get("2026-001") == before


def test_every_changed_byte_of_an_export_is_refused_or_the_same(store, tmp_path):
    store.append("2026-001", note(kind="state", finding=FINGERPRINT, state="fixed", text="t"))
    data = store.export("2026-001")
    accepted = 0
    for at in range(0, len(data), 7):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            CaseStore(tmp_path / f"s{at}").take(changed, "x")
        except InputFileError:
            continue
        accepted += 1
    assert accepted == 0
    for end in range(0, len(data), 31):
        with pytest.raises(InputFileError):
            CaseStore(tmp_path / "cut").take(data[:end], "x")


def test_a_tampered_store_is_noticed(store):
    folder = store.root / "2026-001"
    store.append("2026-001", note(text="first"))
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "events.jsonl").write_bytes(lines[0])
    assert len(store.get("2026-001").events) == 1
    (folder / "events.jsonl").write_bytes(lines[1])
    with pytest.raises(InputFileError):
        store.get("2026-001")
    (folder / "events.jsonl").write_bytes(lines[0] + lines[1].replace(b"first", b"worst") * 2)
    with pytest.raises(InputFileError):
        store.get("2026-001")
    (folder / "events.jsonl").write_bytes(b"".join(lines))
    (folder / "case.toml").write_text(TEXT.replace("acme", "evil"))
    with pytest.raises(InputFileError, match="not the file of its record"):
        store.get("2026-001")


def test_a_note_that_does_not_fit_on_the_disk_leaves_the_record_whole(store):
    file = store.root / "2026-001" / "events.jsonl"
    store.append("2026-001", note(text="first"))
    before = file.read_bytes()
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from fwverify.casework.events import Event\n"
        "from fwverify.casework.store import CaseStore\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 40},) * 2)\n"
        f"event = Event(number=0, at={AT!r}, person='P', kind='note', previous='0' * 64)\n"
        f"CaseStore(Path({str(store.root)!r})).append('2026-001', event)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, cwd=ROOT)
    assert b"File too large" in done.stderr and b"InputFileError" in done.stderr
    assert file.read_bytes() == before
    assert store.append("2026-001", note(text="second")).events[-1].text == "second"


def test_two_who_write_at_once_do_not_break_the_chain(store):
    folder = os.open(store.root / "2026-001", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(InputFileError, match="another command"):
            store.append("2026-001", note(text="x"))
        with pytest.raises(InputFileError, match="another command"):
            store.take(store.export("2026-001"), "x")
    finally:
        os.close(folder)
    assert len(store.append("2026-001", note(text="x")).events) == 2
    with pytest.raises(InputFileError, match="no case"):
        store.append("absent", note(text="x"))


@pytest.mark.parametrize(
    "events",
    [
        (),
        (note(),),
        (note(kind="created"),),
        (note(kind="created", case_sha256=FINGERPRINT, person="a\u200bb"),),
        (note(kind="created", case_sha256=FINGERPRINT, at="2026-11-21T12:00:00+01:00"),),
        (note(kind="created", case_sha256=FINGERPRINT, number=1),),
        (note(kind="created", case_sha256=FINGERPRINT, previous=FINGERPRINT),),
    ],
)
def test_a_chain_that_does_not_hold(events):
    assert list(faults(events))


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", ".hidden", "x" * 90, "a\n"])
def test_an_id_is_no_path(store, name):
    with pytest.raises(InputFileError):
        store.get(name)


def test_a_second_case_of_one_id_is_refused(store):
    with pytest.raises(InputFileError, match="already"):
        store.add(TEXT.encode(), person="Intake", at=AT)
    with pytest.raises(InputFileError, match="needs an id"):
        store.add(TEXT.replace('id = "2026-001"\n', "").encode(), person="I", at=AT)


def test_the_commands(tmp_path):
    place = ("--store", tmp_path / "cases")
    made = fwverify(*NEW, *place, "--out", tmp_path / "case.toml", "--format", "json")
    assert made.code == 0
    assert made.json["case"]["context"]["connectivity"] == "stand-alone"
    assert 'class = "scanner-port-stand-alone"' in (tmp_path / "case.toml").read_text()
    assert fwverify(*NEW, *place).code == 2
    who = ("--by", "A. Analyst", "--at", AT)
    assert fwverify("case", "note", "c-1", "--text", "seen", *who, *place).code == 0
    state = ("--finding", FINGERPRINT, "--state", "confirmed")
    assert fwverify("case", "note", "c-1", "--text", "t", *state, *who, *place).code == 0
    assert fwverify("case", "assign", "c-1", "--to", "B. Second", *who, *place).code == 0
    listed = fwverify("case", "list", *place, "--format", "json").json["cases"]
    assert [(each["assignee"], each["open"], each["findings"]) for each in listed] == [
        ("B. Second", 1, 1)
    ]
    assert fwverify("case", "export", "c-1", "--out", tmp_path / "c.json", *place).code == 0
    there = ("--store", tmp_path / "there")
    assert fwverify("case", "import", tmp_path / "c.json", *there).code == 0
    shown = fwverify("case", "show", "c-1", *there)
    assert "A. Analyst: note seen" in shown.out
    assert f"{FINGERPRINT[:16]} confirmed" in shown.out
    assert (
        fwverify("case", "export", "c-1", *there).out.encode() == (tmp_path / "c.json").read_bytes()
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("case", "new", "--id", "x"), "--vendor is needed"),
        ((*NEW, "--threat-level", "dire"), "--threat-level"),
        ((*NEW[:-2], "--at", "noon"), "not an RFC 3339 time"),
        ((*NEW, "--claim", "NO_NOTHING"), "claim"),
        (("case", "show", "absent"), "no case absent"),
        (("case", "show", "../etc"), "is no case id"),
        (("case", "note", "x", "--text", "t", "--by", "P", "--state", "open"), "--finding"),
        (("case", "import", "pyproject.toml"), "is no exported case"),
        (("case", "import", "absent.json"), "No such file"),
    ],
)
def test_misuse_is_one_line_and_exit_2(arguments, words, tmp_path):
    ran = fwverify(*arguments, "--store", tmp_path / "cases")
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") <= 1
    assert not (tmp_path / "cases" / "x").exists()


def test_the_configuration_says_where_cases_are(tmp_path):
    (tmp_path / "fwverify.toml").write_text(
        'schema = "fwverify.config/1"\n[paths]\ncases = "kept"\n'
    )
    ran = fwverify("--config", tmp_path / "fwverify.toml", *NEW)
    assert ran.code == 0
    assert (tmp_path / "kept" / "c-1" / "case.toml").is_file()
    assert json.loads((tmp_path / "kept" / "c-1" / "events.jsonl").read_text())["number"] == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("--class", "scaner"), "fwverify: --class: scaner is no class that is configured"),
        (("--profile", "airprt"), "fwverify: --profile: airprt is not among the sites"),
        (("--update-kind", "plan"), "'plan' is not one of 'planned', 'corrective'"),
        (("--site-class", "hi"), "'hi' is not one of 'low', 'medium', 'high'"),
        (("--claim", "NO_SWICH"), "--claim 'NO_SWICH': is none of BACKEND_ALLOW_LIST, "),
        (("--claim", "CAPTURE_PERIOD"), "CAPTURE_PERIOD takes one value (whole seconds), not 0"),
        (("--claim", "CAPTURE_PERIOD=soon"), "CAPTURE_PERIOD: 'soon' is not whole seconds"),
        (("--claim", "MEASURE_ONLY=1"), "MEASURE_ONLY takes no values"),
        (("--hardware-id", ""), "hardware_id"),
    ],
    ids=" ".join,
)
def test_a_wrong_answer_makes_no_case(wrong, says, tmp_path):
    ran = fwverify(*NEW, "--store", tmp_path / "cases", *wrong)
    assert ran.code == 2
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "cases" / "c-1").exists()


def test_a_claim_is_declared_with_its_values(tmp_path):
    more = ("--claim", "CAPTURE_PERIOD=900", "--claim", "BACKEND_ALLOW_LIST=a.example,b.example")
    fwverify(*NEW, "--store", tmp_path / "cases", *more, "--out", tmp_path / "c.toml")
    declared = load_case(tmp_path / "c.toml").declared_claims
    assert [(each.claim, each.values) for each in declared] == [
        ("NO_SWITCH", ()),
        ("CAPTURE_PERIOD", ("900",)),
        ("BACKEND_ALLOW_LIST", ("a.example", "b.example")),
    ]


def test_a_class_of_the_operators_own_makes_a_case(tmp_path):
    (tmp_path / "policies").mkdir()
    shipped = (ROOT / "fwverify" / "policy" / "builtin" / "meter.toml").read_text()
    own = shipped.replace('class = "meter"', 'class = "heat-meter"')
    (tmp_path / "policies" / "heat-meter.toml").write_text(own)
    (tmp_path / "fwverify.toml").write_text(
        'schema = "fwverify.config/1"\n[paths]\npolicies = "policies"\ncases = "cases"\n'
    )
    assert fwverify(*NEW, "--class", "heat-meter", cwd=tmp_path).code == 0
    assert fwverify(*NEW, "--id", "c-2", "--class", "heat-metre", cwd=tmp_path).code == 2


def test_a_terminal_asks_again_for_a_wrong_answer(tmp_path):
    """A real terminal: what no case may have is said at once, and asked for once more."""
    master, slave = os.openpty()
    typed = "c-9\nacme\ngateway\nmetr\nmeter\nDesk\n\nbad\nplanned\n\n\n\n\nairprt\ngrid\n\n\n\n\n"
    os.write(master, typed.encode())
    done = subprocess.run(
        [sys.executable, "-m", "fwverify", "case", "new", "--store", str(tmp_path / "cases")],
        check=False, capture_output=True, text=True, timeout=60, stdin=slave, cwd=ROOT,
    )  # fmt: skip
    os.close(slave)
    os.close(master)
    assert done.returncode == 0, done.stderr
    assert "metr is no class that is configured" in done.stdout
    assert "'bad' is none of planned, corrective" in done.stdout
    assert "airprt is not among the sites" in done.stdout
    case = load_case(tmp_path / "cases" / "c-9" / "case.toml")
    assert (case.class_name, case.update_kind) == ("meter", "planned")
    assert case.context is not None
    assert case.context.profile == "grid"
