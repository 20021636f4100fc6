"""The rule set: which YARA rules judge, named by one digest.

Guarantees: every ``*.yar`` and ``*.yara`` file below the given folders is in the set, in
an order that depends on names and texts only; the digest covers every byte that the
engine compiles (``include`` is refused, since it would reach past the digest); a rule
that does not compile is an error that names file and line, never a rule left out; a set
without a rule is an error, because nothing would be looked for.

A rule may use the modules of ``MODULES`` and no variable from outside: what is not there
would make it hold never, or depend on the machine. With yara-x among the engines the
rules are compiled by it, too.

What it does not check: the quality of a rule (``lint_rules``) and its speed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from fwverify.analyse.licences import folder_licence, may_state, stated
from fwverify.analyse.lint import LintProblem, lint_source
from fwverify.analyse.rulefile import holds_rule, read_directives, read_rules
from fwverify.analyse.values import Engine
from fwverify.canonical import canonical_json, sha256_hex

__all__ = [
    "LintProblem",
    "RuleEntry",
    "RuleError",
    "RuleSet",
    "describe_rules",
    "lint_rules",
    "load_rules",
]

SUFFIXES: Final = (".yar", ".yara")
MAX_SOURCE_BYTES: Final = 64 * 1024 * 1024
MODULES: Final = ("dotnet", "elf", "hash", "math", "pe", "string")
"""What a rule may import: the same content gives the same answer, in both engines."""

_WHY_NOT: Final = {
    "console": "it writes while it scans",
    "cuckoo": "it needs the record of a sandbox, which there is none of here",
    "magic": "it depends on the machine's database",
    "time": "it reads the clock, so that a rule could sleep until a date",
    "vt": "it needs a service elsewhere",
}
_OUTSIDE: Final = re.compile(r'undefined identifier "(\w+)"|unknown identifier `(\w+)`')
_LINE_OF_X: Final = re.compile(r"--> .*?:(\d+):\d+")
_COMPILER_LINE: Final = re.compile(r"(?:line |\()(\d+)\)?:\s*(.*)", re.DOTALL)


class RuleError(Exception):
    """A rule file cannot be used; ``line`` counts from 1, 0 where there is none."""

    def __init__(self, file: str, line: int, text: str) -> None:
        super().__init__(f"{file}:{line}: {text}" if line else f"{file}: {text}")
        self.file = file
        self.line = line
        self.text = text


@dataclass(frozen=True)
class RuleSet:
    """Sources as (name, text), sorted; ``sha256`` is that of ``bundle()``.

    ``engine`` is what matches them; ``licences`` are (folder, licence) of the folders
    that state one.
    """

    sources: tuple[tuple[str, str], ...]
    sha256: str
    engine: Engine = "yara-python"
    licences: tuple[tuple[str, str], ...] = ()

    def bundle(self) -> bytes:
        """Return the bytes a worker compiles from: canonical JSON of the sources."""
        return canonical_json(self.sources)

    def described(self) -> dict[str, str]:
        """Return what the report's ``tools`` say of the rules: engine and licences."""
        return {"rules.engine": self.engine} | {
            f"rules.{folder}": f"licence: {licence}" for folder, licence in self.licences
        }


@dataclass(frozen=True)
class RuleEntry:
    """One rule as ``fwverify rules list`` shows it; ``licence`` is empty where none is stated."""

    file: str
    name: str
    family: str
    capability: str
    threat: str
    severity: str
    confidence: str
    description: str
    reference: str
    licence: str


@dataclass(frozen=True)
class _File:
    """A rule file: where it lies, its name inside its folder, its text and licence."""

    path: Path
    folder: Path
    name: str
    text: str
    licence: str


def load_rules(
    folders: tuple[Path, ...], engine: Engine = "yara-python", *, compiled: bool = True
) -> RuleSet:
    """Return the rules of ``folders``, compiled once to prove that they compile.

    Without ``compiled`` that is left out: for a command that names the rules in its report
    and looks for none of them.

    Raises ``RuleError`` for a folder or file that cannot be read, a rule that does not
    compile under ``engine``, and a set without rules.
    """
    files = _files(folders)
    for file in files if compiled else ():
        check_source(str(file.path), file.text)
        if engine != "yara-python":
            check_source_x(str(file.path), file.text)
    sources = tuple(sorted({(file.name, file.text) for file in files}))
    if not any(holds_rule(text) for _, text in sources):
        listed = ", ".join(str(folder) for folder in folders) or "no folder"
        raise RuleError(listed, 0, "holds no rule: nothing would be looked for")
    return RuleSet(
        sources=sources,
        sha256=sha256_hex(canonical_json(sources)),
        engine=engine,
        licences=_licences(files),
    )


def _licences(files: tuple[_File, ...]) -> tuple[tuple[str, str], ...]:
    """Return (name of the folder, its licences) of the folders that state any."""
    found: dict[str, set[str]] = {}
    for file in files:
        rules = read_rules(file.text) if may_state(file.text) else ()
        named = {file.licence, *(stated(rule) for rule in rules)} - {""}
        if named:
            found.setdefault(file.folder.resolve().name, set()).update(named)
    return tuple((name, ", ".join(sorted(found[name]))) for name in sorted(found))


def check_source(file: str, text: str) -> tuple[str, ...]:
    """Return the compiler's warnings about one source.

    Raises ``RuleError`` when it does not compile, or reaches outside itself.
    """
    import yara

    _check_directives(file, text)
    try:
        compiled = yara.compile(source=text, includes=False)
    except yara.Error as error:
        found = _COMPILER_LINE.search(str(error))
        line, message = (int(found[1]), found[2]) if found else (0, str(error))
        raise RuleError(file, line, message + _hint(message)) from error
    return tuple(str(warning) for warning in compiled.warnings)


def check_source_x(file: str, text: str) -> None:
    """Raise ``RuleError`` when yara-x is absent or does not compile ``text``."""
    try:
        import yara_x
    except ImportError as error:
        raise RuleError("engine yara-x", 0, "is not installed: fwverify[yara-x]") from error
    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    compiler.enable_includes(False)
    try:
        compiler.add_source(text, origin="rules")
    except yara_x.CompileError as error:
        found = _LINE_OF_X.search(str(error))
        said = " ".join(str(error).splitlines()[0].split())
        line = int(found[1]) if found else 0
        raise RuleError(file, line, f"yara-x: {said}{_hint(said)}") from error


def _check_directives(file: str, text: str) -> None:
    for directive in read_directives(text):
        if directive.word == "include":
            said = f"include {directive.name!r} is refused: it reaches past the rules' digest"
            raise RuleError(file, directive.line, said)
        if directive.name not in MODULES:
            why = _WHY_NOT.get(directive.name, "it is not available")
            said = f"module {directive.name!r} is refused: {why}"
            raise RuleError(file, directive.line, said)


def _hint(message: str) -> str:
    outside = _OUTSIDE.search(message)
    return " (variables from outside the rules are not given)" if outside else ""


@lru_cache(maxsize=256)
def bodies(bundle: bytes, namespace: str) -> Mapping[tuple[str, str], str]:
    """Return each string of a file of the bundle as written, by (rule, string)."""
    _, text = read_bundle(bundle)[int(namespace)]
    return {
        (rule.name, string.id): string.body for rule in read_rules(text) for string in rule.strings
    }


def read_bundle(data: bytes) -> tuple[tuple[str, str], ...]:
    """Return the sources that ``RuleSet.bundle`` wrote."""
    return msgspec.json.decode(data, type=tuple[tuple[str, str], ...])


def describe_rules(folders: tuple[Path, ...]) -> tuple[RuleEntry, ...]:
    """Return every rule of ``folders`` with its metadata, sorted by name.

    Raises ``RuleError`` as ``load_rules`` does.
    """
    files = _files(folders)
    load_rules(folders)
    entries = {
        RuleEntry(
            file=file.name,
            name=rule.name,
            family=Path(file.name).stem,
            capability=rule.get("capability"),
            threat=rule.get("threat"),
            severity=rule.get("severity"),
            confidence=rule.get("confidence"),
            description=rule.get("description"),
            reference=rule.get("reference"),
            licence=stated(rule) or file.licence,
        )
        for file in files
        for rule in read_rules(file.text)
    }
    return tuple(sorted(entries, key=lambda entry: (entry.name, entry.file, entry.licence)))


def lint_rules(folders: tuple[Path, ...]) -> tuple[LintProblem, ...]:
    """Return what is wrong with the rules of ``folders``, sorted by file and line.

    A file that does not compile is one problem. Raises ``RuleError`` only for a folder
    or file that cannot be read.
    """
    problems: list[LintProblem] = []
    seen: dict[str, str] = {}
    for each in _files(folders):
        file, text = str(each.path), each.text
        try:
            warnings = check_source(file, text)
        except RuleError as error:
            problems.append(LintProblem(file, error.line, "-", error.text))
            continue
        problems.extend(lint_source(file, text, warnings))
        for rule in read_rules(text):
            if rule.name in seen:
                said = f"the name is taken by {seen[rule.name]}"
                problems.append(LintProblem(file, rule.line, rule.name, said))
            else:
                seen[rule.name] = f"{file}:{rule.line}"
    return tuple(sorted(problems, key=lambda item: (item.file, item.line, item.rule, item.text)))


def _files(folders: tuple[Path, ...]) -> tuple[_File, ...]:
    """Return each rule file below ``folders``."""
    return tuple(file for folder in folders for file in _below(folder))


def _below(folder: Path) -> Iterator[_File]:
    if not folder.is_dir():
        raise RuleError(str(folder), 0, "is not a folder of rules")
    for path in sorted(folder.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            name = path.relative_to(folder).as_posix()
            try:
                licence = folder_licence(path, folder)
            except OSError as error:
                raise RuleError(str(path), 0, str(error)) from error
            yield _File(path, folder, name, _text(path), licence)


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_SOURCE_BYTES:
            raise RuleError(str(file), 0, f"is larger than {MAX_SOURCE_BYTES} bytes")
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise RuleError(str(file), 0, f"is not UTF-8: {error}") from error
    except OSError as error:
        raise RuleError(str(file), 0, str(error)) from error
