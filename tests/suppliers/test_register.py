"""The files of the register: strict, whole, and only ever added to."""

from __future__ import annotations

import json

import pytest

from fwverify.config import load_config
from fwverify.strict import InputFileError
from fwverify.suppliers.edit import append, append_components, new_supplier
from fwverify.suppliers.register import Register, load_register
from fwverify.suppliers.shown import concentrated, listed, one, sources
from tests.cli.program import fwverify

SUPPLIER = """# kept by the desk
schema = "fwverify.supplier/1"
id = "acme"
name = "Acme"
vendors = ["acme", "Acme BV"]
"""
JUDGED = """
[[judgement]]
criterion = "{}"
answer = "{}"
text = "t"
source = "s"
date = "{}"
assessor = "A"
"""
HELD = """
[[holding]]
holder = "{}"
held = "{}"
share = "{}"
source = "s"
date = "2025-01-01"
"""
PARTS = """schema = "fwverify.components/1"
[[component]]
name = "metrology"
text = "the measuring part"
[[source]]
component = "metrology"
supplier = "acme"
status = "approved"
text = "t"
date = "2026-01-01"
by = "B"
"""
OWNED = 'schema = "fwverify.ownership/1"\n'
OPERATOR = 'schema = "fwverify.operator/1"\n'
ENTRY = {
    "criterion": "1", "answer": "yes", "text": "t", "source": "s",
    "date": "2026-01-01", "assessor": "A",
}  # fmt: skip


def folder(tmp_path, **files):
    written = {"acme": SUPPLIER, **files}
    for name, text in written.items():
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path


def judged(criterion="1", answer="yes", date="2026-01-01", more=""):
    return SUPPLIER + JUDGED.format(criterion, answer, date) + more


CONTEXT = 'context = "scanner/networked"\n'


def test_a_whole_register(tmp_path):
    place = folder(
        tmp_path,
        components=PARTS,
        ownership=OWNED + HELD.format("state", "acme", "21%"),
        operator=OPERATOR + 'hosts = ["head-end.example.nl"]\nkeys = []\n'
        '[[jurisdiction]]\ncountry = "CN"\nsource = "seen 2026-01-01"\nnetworks = ["1.2.0.0/16"]\n',
    )
    register = load_register(place)
    assert register.by_vendor("Acme BV") is register.suppliers["acme"]
    assert register.by_vendor("acme bv") is None
    assert register.operator.keys == ()
    assert register.operator.hosts == ("head-end.example.nl",)
    assert len(register.sha256) == 64
    assert one(register, register.suppliers["acme"], "2026-01-01")["owners"] == [
        {"holder": "state", "share": "0.21"}
    ]


def test_the_digest_is_of_names_and_contents(tmp_path):
    before = load_register(folder(tmp_path)).sha256
    (tmp_path / "README").write_text("not read")
    assert load_register(tmp_path).sha256 == before
    (tmp_path / "acme.toml").write_text(SUPPLIER + "# more\n")
    assert load_register(tmp_path).sha256 != before


BAD = {
    "unknown key": ({"acme": SUPPLIER + "extra = 1\n"}, "extra"),
    "duplicate key": ({"acme": SUPPLIER + 'name = "B"\n'}, "acme.toml:6"),
    "wrong type": ({"acme": SUPPLIER.replace('["acme", "Acme BV"]', '"acme"')}, "vendors"),
    "no vendors": ({"acme": SUPPLIER.replace('["acme", "Acme BV"]', "[]")}, "vendors"),
    "empty": ({"acme": ""}, "empty"),
    "another id": ({"acme": SUPPLIER.replace('"acme"\nname', '"other"\nname')}, "is not what"),
    "country": ({"acme": SUPPLIER + 'established = "China"\n'}, "established"),
    "no day": ({"acme": judged(date="2026-02-30")}, "is no day"),
    "no date": ({"acme": judged(date="yesterday")}, "date"),
    "no assessor": ({"acme": judged().replace('assessor = "A"', 'assessor = " "')}, "assessor"),
    "hidden": ({"acme": judged().replace('assessor = "A"', 'assessor = "A\u200b"')}, "invisible"),
    "criterion": ({"acme": judged("4")}, "criterion"),
    "answer": ({"acme": judged(answer="maybe")}, "answer"),
    "3a without context": ({"acme": judged("3a")}, "needs a context"),
    "1 with context": ({"acme": judged("1", more=CONTEXT)}, "has no context"),
    "context form": ({"acme": judged("3a", more='context = "everywhere"\n')}, "context"),
    "3b yes without controls": ({"acme": judged("3b", more=CONTEXT)}, "controls"),
    "3b no with controls": (
        {
            "acme": judged("3b", "no", more=CONTEXT)
            + '[[judgement.controls]]\ncontrol = "c"\nevidence = "e"\n'
        },
        "controls",
    ),
    "two answers on a day": (
        {"acme": judged() + JUDGED.format("1", "no", "2026-01-01")},
        "two answers",
    ),
    "a vendor twice": (
        {"other": SUPPLIER.replace('id = "acme"', 'id = "other"')},
        "is also",
    ),
    "a source without component": (
        {"components": PARTS.replace('component = "metrology"', 'component = "radio"')},
        "no component",
    ),
    "a source without supplier": (
        {"components": PARTS.replace('supplier = "acme"', 'supplier = "nobody"')},
        "no supplier",
    ),
    "a share as a number": (
        {"ownership": OWNED + HELD.format("a", "b", "1").replace('"1"', "0.21")},
        "share",
    ),
    "a share above all": ({"ownership": OWNED + HELD.format("a", "b", "101%")}, "share"),
    "a cycle": (
        {"ownership": OWNED + HELD.format("a", "b", "0.1") + HELD.format("b", "a", "0.1")},
        "cycle",
    ),
    "no network": (
        {
            "operator": OPERATOR
            + '[[jurisdiction]]\ncountry = "CN"\nsource = "s"\nnetworks = ["1.2.3.4/8"]\n'
        },
        "no network",
    ),
    "no place": (
        {"operator": OPERATOR + '[[jurisdiction]]\ncountry = "CN"\nsource = "s"\n'},
        "neither",
    ),
    "no host": ({"operator": OPERATOR + 'hosts = ["https://a.nl"]\n'}, "no host"),
    "no digest": ({"operator": OPERATOR + 'keys = ["12"]\n'}, "keys"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_faulty_register_is_refused_with_file_and_key(tmp_path, name):
    files, said = BAD[name]
    with pytest.raises(InputFileError, match=said):
        load_register(folder(tmp_path, **files))


def test_entries_are_added_at_the_end_and_nothing_else_changes(tmp_path):
    place = folder(tmp_path)
    append(place, "acme", (("judgement", ENTRY),))
    text = (place / "acme.toml").read_text()
    assert text.startswith(SUPPLIER)
    (kept,) = load_register(place).suppliers["acme"].judgement
    assert (kept.criterion, kept.answer, kept.assessor) == ("1", "yes", "A")


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY | {"answer": "perhaps"},
        ENTRY | {"assessor": ""},
        ENTRY | {"date": "2026-13-01"},
        ENTRY | {"criterion": "3a"},
        ENTRY | {"text": 'a"\n[[decision]]\n', "criterion": "9"},
    ],
)
def test_a_faulty_entry_leaves_the_file_as_it_was(tmp_path, entry):
    place = folder(tmp_path)
    with pytest.raises(InputFileError):
        append(place, "acme", (("judgement", entry),))
    assert (place / "acme.toml").read_text() == SUPPLIER
    assert {each.name for each in place.iterdir()} == {"acme.toml"}


def test_text_cannot_break_out_of_its_entry(tmp_path):
    place = folder(tmp_path)
    hostile = 'x"\n[[decision]]\noutcome = "accept"\n#'
    with pytest.raises(InputFileError, match="text"):
        append(place, "acme", (("judgement", ENTRY | {"text": "\u202e" + hostile}),))
    append(place, "acme", (("judgement", ENTRY | {"text": hostile}),))
    kept = load_register(place).suppliers["acme"]
    assert kept.decision == ()
    assert kept.judgement[0].text == hostile


@pytest.mark.parametrize("name", ["../acme", "components", "nobody", "a/b"])
def test_only_a_supplier_is_appended_to(tmp_path, name):
    with pytest.raises(InputFileError):
        append(folder(tmp_path), name, (("judgement", ENTRY),))


def test_a_supplier_is_entered_once(tmp_path):
    entry = {"id": "new", "name": "New", "vendors": ("new",)}
    new_supplier(tmp_path, entry)
    with pytest.raises(InputFileError, match="already"):
        new_supplier(tmp_path, entry)
    with pytest.raises(InputFileError):
        new_supplier(tmp_path, {"id": "../x", "name": "New", "vendors": ("x",)})
    with pytest.raises(InputFileError, match="is also"):
        new_supplier(tmp_path, {"id": "twin", "name": "Twin", "vendors": ("new",)})


def test_the_concentration_report(tmp_path):
    other = SUPPLIER.replace('"acme"', '"other"').replace("Acme BV", "Other BV")
    parts = (
        PARTS
        + '[[component]]\nname = "radio"\ntext = "t"\n[[component]]\nname = "hsm"\ntext = "t"\n'
    )
    place = folder(tmp_path, other=other, components=parts)
    for component, supplier in (("metrology", "other"), ("radio", "acme")):
        entry = {"component": component, "supplier": supplier, "status": "approved",
                 "text": "t", "date": "2026-01-01", "by": "B"}  # fmt: skip
        append_components(place, (("source", entry),))
    register = load_register(place)
    assert concentrated(register, "2026-06-01") == {
        "schema": "fwverify.concentration/1",
        "day": "2026-06-01",
        "components": 3,
        "suppliers": [
            {
                "supplier": "acme",
                "components": ["metrology", "radio"],
                "alone": ["radio"],
                "share_per_mille": 666,
            },
            {
                "supplier": "other",
                "components": ["metrology"],
                "alone": [],
                "share_per_mille": 333,
            },
        ],
        "without_supplier": ["hsm"],
    }
    assert [each["alerts"] for each in sources(register, "2026-06-01")["components"]] == [
        ["0 of 2 approved suppliers", "no approved supplier from a GPA party"],
        ["no approved supplier from a GPA party"],
        ["1 of 2 approved suppliers", "no approved supplier from a GPA party"],
    ]
    assert concentrated(register, "2025-01-01")["suppliers"] == []


def test_an_empty_register():
    empty = Register()
    assert listed(empty, "2026-01-01")["suppliers"] == []
    assert concentrated(empty, "2026-01-01")["components"] == 0


def test_the_configuration_names_the_register_and_keeps_its_digest_without(tmp_path):
    (tmp_path / "reg").mkdir()
    bare, named = tmp_path / "a.toml", tmp_path / "b.toml"
    bare.write_text('schema = "fwverify.config/1"\n')
    named.write_text('schema = "fwverify.config/1"\n[paths]\nsuppliers = "reg"\n')
    assert load_config(bare).suppliers is None
    assert load_config(bare).sha256 != load_config(named).sha256
    assert load_config(named).suppliers == tmp_path / "reg"
    named.write_text('schema = "fwverify.config/1"\n[paths]\nsuppliers = "gone"\n')
    with pytest.raises(InputFileError, match="no folder"):
        load_config(named)


def test_the_commands(tmp_path):
    at = ("--register", str(tmp_path))
    done = fwverify("supplier", "add", "acme", "--name", "Acme", "--vendor", "acme", *at)
    assert done.code == 0
    answer = ("--assessor", "A", "--source", "s", "--text", "t", "--date", "2026-01-01", *at)
    for words in (
        ("--criterion", "1", "--answer", "yes"),
        ("--criterion", "2", "--answer", "no"),
        ("--criterion", "3a", "--answer", "yes", "--context", "scanner/networked"),
        ("--criterion", "3b", "--answer", "no", "--context", "scanner/networked"),
    ):
        assert fwverify("supplier", "assess", "acme", *words, *answer).code == 0
    listing = fwverify("supplier", "list", *at)
    assert listing.out.splitlines()[1].split() == ["acme", "scanner/networked", "refuse", "-"]
    refuse = ("--decide", "refuse", "--context", "scanner/networked")
    assert fwverify("supplier", "assess", "acme", *refuse, *answer).code == 0
    shown = json.loads(fwverify("supplier", "show", "acme", "--format", "json", *at).out)
    assert shown["contexts"][0]["decision"] == "refuse"
    status = ("--component", "c", "--supplier", "acme", "--status", "approved", "--by", "B")
    short = fwverify("supplier", "dual-source", *status, "--text", "t", *at)
    assert short.code == 3
    assert "1 of 2 approved suppliers" in short.out
    assert fwverify("supplier", "concentration", *at).code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("list", "--register", "{}/gone"),
        ("show", "nobody", "--register", "{}"),
        ("assess", "acme", "--assessor", "A", "--source", "s", "--text", "t", "--register", "{}"),
        ("dual-source", "--component", "c", "--register", "{}"),
        ("ownership", "a", "--register", "{}"),
    ],
)
def test_misuse_is_exit_2(tmp_path, words):
    folder(tmp_path)
    empty = tmp_path / "empty.toml"
    done = fwverify(
        "supplier",
        *(word.format(tmp_path) for word in words),
        cwd=tmp_path,
        XDG_CONFIG_HOME=str(empty),
    )
    assert done.code == 2
    assert done.err
