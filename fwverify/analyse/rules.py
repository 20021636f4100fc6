"""The rule set: which YARA rules judge, named by one digest.

Guarantees: every ``*.yar`` and ``*.yara`` file below the given folders is in the set, in
an order that depends on names and texts only; the digest covers every byte that the
engine compiles (``include`` is refused, since it would reach past the digest); a rule
that does not compile is an error that names file and line, never a rule left out; a set
without a rule is an error, because nothing would be looked for.

What it does not check: the quality of a rule (``lint_rules``) and its speed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from fwverify.analyse.lint import LintProblem, lint_source
from fwverify.analyse.rulefile import read_rules
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
    """Sources as (name, text), sorted; ``sha256`` is that of ``bundle()``."""

    sources: tuple[tuple[str, str], ...]
    sha256: str

    def bundle(self) -> bytes:
        """Return the bytes a worker compiles from: canonical JSON of the sources."""
        return canonical_json(self.sources)


@dataclass(frozen=True)
class RuleEntry:
    """One rule as ``fwverify rules list`` shows it."""

    file: str
    name: str
    capability: str
    threat: str
    severity: str
    confidence: str
    description: str
    reference: str


def load_rules(folders: tuple[Path, ...], *, compiled: bool = True) -> RuleSet:
    """Return the rules of ``folders``, compiled once to prove that they compile.

    Without ``compiled`` that is left out: for a command that names the rules in its report
    and looks for none of them.

    Raises ``RuleError`` for a folder or file that cannot be read, a rule that does not
    compile, and a set without rules.
    """
    files = _files(folders)
    if compiled:
        for file, _, text in files:
            check_source(str(file), text)
    sources = tuple(sorted({(name, text) for _, name, text in files}))
    if not any(read_rules(text) for _, text in sources):
        listed = ", ".join(str(folder) for folder in folders) or "no folder"
        raise RuleError(listed, 0, "holds no rule: nothing would be looked for")
    return RuleSet(sources=sources, sha256=sha256_hex(canonical_json(sources)))


def check_source(file: str, text: str) -> tuple[str, ...]:
    """Return the compiler's warnings about one source.

    Raises ``RuleError`` when it does not compile.
    """
    import yara

    try:
        compiled = yara.compile(source=text, includes=False)
    except yara.Error as error:
        found = _COMPILER_LINE.search(str(error))
        line, message = (int(found[1]), found[2]) if found else (0, str(error))
        raise RuleError(file, line, message) from error
    return tuple(str(warning) for warning in compiled.warnings)


def read_bundle(data: bytes) -> tuple[tuple[str, str], ...]:
    """Return the sources that ``RuleSet.bundle`` wrote."""
    return msgspec.json.decode(data, type=tuple[tuple[str, str], ...])


def describe_rules(folders: tuple[Path, ...]) -> tuple[RuleEntry, ...]:
    """Return every rule of ``folders`` with its metadata, sorted by name.

    Raises ``RuleError`` as ``load_rules`` does.
    """
    entries = [
        RuleEntry(
            file=name,
            name=rule.name,
            capability=rule.get("capability"),
            threat=rule.get("threat"),
            severity=rule.get("severity"),
            confidence=rule.get("confidence"),
            description=rule.get("description"),
            reference=rule.get("reference"),
        )
        for name, text in load_rules(folders).sources
        for rule in read_rules(text)
    ]
    return tuple(sorted(entries, key=lambda entry: (entry.name, entry.file)))


def lint_rules(folders: tuple[Path, ...]) -> tuple[LintProblem, ...]:
    """Return what is wrong with the rules of ``folders``, sorted by file and line.

    A file that does not compile is one problem. Raises ``RuleError`` only for a folder
    or file that cannot be read.
    """
    problems: list[LintProblem] = []
    seen: dict[str, str] = {}
    for file, _, text in _files(folders):
        try:
            warnings = check_source(str(file), text)
        except RuleError as error:
            problems.append(LintProblem(str(file), error.line, "-", error.text))
            continue
        problems.extend(lint_source(str(file), text, warnings))
        for rule in read_rules(text):
            if rule.name in seen:
                said = f"the name is taken by {seen[rule.name]}"
                problems.append(LintProblem(str(file), rule.line, rule.name, said))
            else:
                seen[rule.name] = f"{file}:{rule.line}"
    return tuple(sorted(problems, key=lambda item: (item.file, item.line, item.rule, item.text)))


def _files(folders: tuple[Path, ...]) -> tuple[tuple[Path, str, str], ...]:
    """Return (file, name relative to its folder, text) of each rule file."""
    found: list[tuple[Path, str, str]] = []
    for folder in folders:
        if not folder.is_dir():
            raise RuleError(str(folder), 0, "is not a folder of rules")
        found.extend(
            (file, file.relative_to(folder).as_posix(), _text(file))
            for file in sorted(folder.rglob("*"))
            if file.suffix in SUFFIXES and file.is_file()
        )
    return tuple(found)


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_SOURCE_BYTES:
            raise RuleError(str(file), 0, f"is larger than {MAX_SOURCE_BYTES} bytes")
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise RuleError(str(file), 0, f"is not UTF-8: {error}") from error
    except OSError as error:
        raise RuleError(str(file), 0, str(error)) from error
