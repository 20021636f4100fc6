"""Rule folders of others: own namespaces, licences, and what they may not reach for."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwverify.analyse import analyse
from fwverify.analyse.rulefile import read_directives, read_rules
from fwverify.analyse.rules import MODULES, RuleError, describe_rules, load_rules
from fwverify.limits import Limits
from fwverify.store import Store
from fwverify.workers import Pool
from tests.builders.linuxfs import tree

PLAIN = 'rule same { strings: $a = "marker-of-%s" condition: $a }\n'


def folder(tmp_path: Path, **files: str) -> Path:
    made = tmp_path / "others"
    for name, text in files.items():
        place = made / name.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return made


def rules_in(tmp_path: Path, text: str) -> Path:
    return folder(tmp_path, **{"own.yar": text})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'import "cuckoo"\n' + PLAIN,
            r"own\.yar:1: module 'cuckoo' is refused: it needs the record",
        ),
        ('\nimport "console"\n' + PLAIN, r"own\.yar:2: module 'console' is refused: it writes"),
        ('import "time"\n' + PLAIN, r"own\.yar:1: module 'time' is refused: it reads the clock"),
        ('import "magic"\n' + PLAIN, r"own\.yar:1: module 'magic' is refused"),
        ('import "nosuch"\n' + PLAIN, r"own\.yar:1: module 'nosuch' is refused: it is not avail"),
        ('import\n  "vt"\n' + PLAIN, r"own\.yar:1: module 'vt' is refused"),
        ('include "./more.yar"\n' + PLAIN, r"own\.yar:1: include '\./more\.yar' is refused"),
        ('/* x */ include "/etc/passwd"\n', r"own\.yar:1: include '/etc/passwd' is refused"),
        ("rule a { condition: filename == 3 }", r'own\.yar:1: .*"filename".*from outside'),
        ("rule a { condition: pe.is_dll() }", r'own\.yar:1: undefined identifier "pe"'),
        ("rule a {\n  condition:\n    any of them\n}", r"own\.yar:3: "),
    ],
)
def test_what_reaches_outside_stops_the_run_with_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(RuleError, match=said):
        load_rules((rules_in(tmp_path, text),))


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("engine", ["yara-python", "both"])
def test_the_modules_named_are_there_in_both_engines(
    tmp_path: Path, name: str, engine: str
) -> None:
    if engine == "both":
        pytest.importorskip("yara_x", reason="SKIPPED: yara-x is not installed")
    load_rules((rules_in(tmp_path, f'import "{name}"\n' + PLAIN % "x"),), engine)


def test_words_in_comments_and_texts_are_no_directives() -> None:
    text = (
        '// import "cuckoo"\n/* include "x" */\nimport "pe"\n'
        'rule a { meta: d = "import \\"time\\"" strings: $i = "include" $j = "x" '
        "condition: any of them }"
    )
    assert [(each.word, each.name, each.line) for each in read_directives(text)] == [
        ("import", "pe", 3)
    ]


def test_each_file_is_a_namespace_of_its_own(tmp_path: Path, store: Store, pool: Pool) -> None:
    made = folder(
        tmp_path,
        **{"a.yar": PLAIN % "a", "b__c.yara": "global rule g { condition: false }\n" + PLAIN % "b"},
    )
    rules = load_rules((made,))
    result = analyse(tree(store, {"x": b"marker-of-a marker-of-b"}), store, pool, rules, Limits())
    assert [finding.evidence for finding in result.findings] == [("marker-of-a",)]
    assert [(f.capability, f.severity, f.confidence) for f in result.findings] == [
        (None, "medium", "low")
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("LICENSE", "MIT License\n\nCopyright", "MIT"),
        ("LICENSE.txt", "\n\n   GNU GENERAL PUBLIC LICENSE\n Version 2", "GNU GPL"),
        ("COPYING", "GNU LESSER GENERAL PUBLIC LICENSE", "GNU LGPL"),
        ("licence.md", "# X\nSPDX-License-Identifier: CC-BY-4.0\n", "CC-BY-4.0"),
        ("LICENSE", "Ask  Bob\nfirst", "Ask Bob first"),
        ("LICENSE", "", "LICENSE"),
        ("LICENSE", "\x1b[2J evil \u202e", ".[2J evil ?"),
    ],
)
def test_a_licence_file_names_the_licence(tmp_path: Path, name: str, text: str, said: str) -> None:
    made = folder(tmp_path, **{"deep__own.yar": PLAIN % "a", name: text})
    assert [entry.licence for entry in describe_rules((made,))] == [said]
    assert load_rules((made,)).described()["rules.others"] == f"licence: {said}"


def test_the_nearest_licence_and_the_rule_s_own_count(tmp_path: Path) -> None:
    own = 'rule own { meta: license = "DRL 1.1" condition: true }\n'
    made = folder(
        tmp_path,
        **{
            "LICENSE": "MIT License",
            "deep__LICENSE": "Elastic License 2.0",
            "deep__a.yar": PLAIN % "a",
            "b.yar": own,
        },
    )
    licences = {entry.name: entry.licence for entry in describe_rules((made,))}
    assert licences == {"same": "Elastic License", "own": "DRL 1.1"}
    (said,) = [v for k, v in load_rules((made,)).described().items() if k == "rules.others"]
    assert said == "licence: DRL 1.1, Elastic License, MIT"


@pytest.mark.parametrize("name", ["LICENSES.yarx", "unlicensed", "NOTICE"])
def test_other_files_are_no_licence(tmp_path: Path, name: str) -> None:
    made = folder(tmp_path, **{"own.yar": PLAIN % "a", name: "MIT License"})
    assert [entry.licence for entry in describe_rules((made,))] == [""]
    assert "rules.others" not in load_rules((made,)).described()


def test_a_licence_above_the_folder_is_not_its_licence(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("MIT License")
    assert describe_rules((rules_in(tmp_path, PLAIN % "a"),))[0].licence == ""


def test_the_digest_is_that_of_the_texts_alone(tmp_path: Path) -> None:
    made = rules_in(tmp_path, PLAIN % "a")
    before = load_rules((made,))
    (made / "LICENSE").write_text("MIT License")
    assert load_rules((made,)).sha256 == before.sha256


def test_strings_keep_their_bodies_and_lines() -> None:
    source = (
        "rule a {\n strings:\n  $h = { 6A ?? [2-4]\n    ( 90 | 91 ) }\n"
        '  $t = "x}y" wide fullword\n  $r = /a[}]b/i\n condition:\n  all of them\n}\n'
        "rule b { condition: true }"
    )
    first, second = read_rules(source)
    assert [(each.id, each.line, each.body) for each in first.strings] == [
        ("$h", 3, "{ 6A ?? [2-4] ( 90 | 91 ) }"),
        ("$t", 5, '"x}y"'),
        ("$r", 6, "/a[}]b/"),
    ]
    assert first.strings[1].modifiers == ("wide", "fullword")
    assert (first.text.startswith("rule a"), first.text.endswith("}")) == (True, True)
    assert (second.line, second.text) == (10, "rule b { condition: true }")
