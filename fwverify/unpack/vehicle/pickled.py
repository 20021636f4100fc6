"""Python pickles: disassembled, never loaded.

Guarantees: only the opcodes are read (``pickletools``); nothing is imported, called or
built. Every bytes constant, and every long or odd string, is a child, named by the keys
under which the program puts it into dictionaries; every opcode that would import or call
something when the pickle is loaded is an observation. What stands behind the STOP opcode
is unexplained.

Specification: CPython, ``Lib/pickletools.py`` (protocols 0 to 5).

Not checked: what the program would build. Names are a help for readers, no proof.
"""

from __future__ import annotations

import pickletools
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from fwverify.model import Entry, Identity, Opened
from fwverify.reader import Buffer, Malformed
from fwverify.unpack.gather import Gathered
from fwverify.unpack.source import Format, LimitHit, Source
from fwverify.unpack.vehicle.prose import shown

NAME: Final = "python-pickle"
MAX_CONSTANT_BYTES: Final = 64 * 1024 * 1024
MAX_LINE_BYTES: Final = 64 * 1024
MAX_OPCODES: Final = 1_000_000
MAX_STACK: Final = 50_000
MAX_CHILDREN: Final = 8192
_SMALL_BYTES: Final = 16
_MIN_OPCODES: Final = 8
_LONG_CHARS: Final = 256
_LINE_CHARS: Final = 64
"""A text of several lines is content when it is longer than this."""

_MAX_LABEL: Final = 40
_MAX_KEPT: Final = 64
_MAX_LEVELS: Final = 6

_HEAD: Final = re.compile(
    rb"\x80[\x00-\x05][\x95\x8c\x8e\x96\]\}\)\(cCXUBTKMJIGNq\x88\x89\x8f]|"
    rb"\((?:d|l|t)?(?:p[0-9]+\n|S['\"]|V|I[0-9]+\n)|[di]p0\n|c[A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n|"
    rb"[\]\}]q\x00"
)
_NAMES: Final = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*")
_MAX_TEXT_BYTES: Final = 1024 * 1024
_IMPORTS: Final = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"})
_CALLS: Final = frozenset({"REDUCE", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD", "INST"})
_TUPLES: Final = frozenset({"TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "MARK"})
_PERSISTENT: Final = frozenset({"PERSID", "BINPERSID", "NEXT_BUFFER"})
_DANGEROUS: Final = re.compile(
    r"(?:builtins|__builtin__|os|posix|nt|subprocess|sys|importlib|runpy|shutil|socket|"
    r"pty|commands|platform|ctypes|code|codeop|pickle|_pickle|types|marshal|webbrowser|"
    r"asyncio|multiprocessing|timeit|cProfile|pdb|bdb|pip|torch|numpy\.testing)(?:\.|$)"
)
_HARMLESS: Final = frozenset(
    {
        ("_codecs", "encode"),
        ("builtins", "set"), ("builtins", "frozenset"), ("builtins", "bytearray"),
        ("builtins", "complex"), ("builtins", "range"), ("__builtin__", "set"),
        ("__builtin__", "frozenset"), ("__builtin__", "bytearray"),
    }
)  # fmt: skip


class _File:
    """The blob as the disassembler reads a file, with bounded reads."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._offset = 0

    def tell(self) -> int:
        return self._offset

    def read(self, count: int = -1) -> bytes:
        if count < 0 or count > MAX_CONSTANT_BYTES:
            raise Malformed(self._offset, "pickle.constant", f"{count} bytes")
        data = bytes(self._buffer[self._offset : self._offset + count])
        self._offset += len(data)
        return data

    def readline(self) -> bytes:
        head = bytes(self._buffer[self._offset : self._offset + MAX_LINE_BYTES])
        end = head.find(b"\n") + 1
        if not end and len(head) == MAX_LINE_BYTES:
            raise Malformed(self._offset, "pickle.line", "is too long")
        line = head[:end] if end else head
        self._offset += len(line)
        return line


class Step(Struct, frozen=True):
    """One opcode in ``[start, end)`` with its argument."""

    name: str
    code: Any
    argument: Any
    start: int
    end: int


def steps(buffer: Buffer) -> Iterator[Step]:
    """Yield the opcodes up to STOP. Raises ``Malformed``."""
    file = _File(buffer)
    position, held = 0, None
    try:
        for count, (code, argument, at) in enumerate(pickletools.genops(file)):  # type: ignore[arg-type]
            if count >= MAX_OPCODES:
                raise Malformed(position, "pickle", f"more than {MAX_OPCODES} opcodes")
            if held is not None:
                yield Step(held[0].name, held[0], held[1], held[2], at or 0)
            held = (code, argument, at or 0)
            position = file.tell()
    except (Malformed, ValueError, OverflowError, IndexError, KeyError) as error:
        if held is not None:  # a loader has done this one before it breaks
            yield Step(held[0].name, held[0], held[1], held[2], position)
        if isinstance(error, Malformed):
            raise
        past_end = file.tell() >= len(buffer)
        raise Malformed(position, "pickle.opcode", str(error)[:120], past_end=past_end) from error
    if held is not None:
        yield Step(held[0].name, held[0], held[1], held[2], position)


class _Item(Struct):
    """What stands on the stack: a label for readers, and the children inside it."""

    label: str = ""
    text: str = ""
    children: tuple[int, ...] = ()


_MARK: Final = object()


class _Machine(Struct):
    """Follows where constants go, on a stack of labels. Nothing is built."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, _Item] = field(default_factory=dict)
    keys: dict[int, list[str]] = field(default_factory=dict)

    def run(self, step: Step, item: _Item) -> None:
        """Do what ``step`` does to the stack; ``item`` is what it pushes."""
        name = step.name
        if name in ("MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"):
            number = len(self.memo) if name == "MEMOIZE" else step.argument
            if len(self.memo) >= MAX_STACK:
                raise Malformed(step.start, "pickle.memo", f"more than {MAX_STACK} items")
            self.memo[number] = self._top()
            return
        if name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo.get(step.argument, _Item("?")))
            return
        if name == "MARK":
            self.stack.append(_MARK)
            return
        taken = self._pop(step.code.stack_before)
        if name in ("SETITEM", "SETITEMS"):
            container, pairs = taken[0], taken[1:]
            for key, value in zip(pairs[::2], pairs[1::2], strict=False):
                self._put(key, value)
                container = self._join(container, value)
            taken = [container]
        elif name == "DICT":
            for key, value in zip(taken[::2], taken[1::2], strict=False):
                self._put(key, value)
        for _ in step.code.stack_after[:1]:
            self.stack.append(self._result(item, taken))
        for _ in step.code.stack_after[1:]:
            self.stack.append(_Item("?"))

    def names(self) -> tuple[str, str]:
        """Return the two strings on top of the stack, ``?`` for what is none."""
        texts = [each.text if isinstance(each, _Item) else "" for each in self.stack[-2:]]
        module, name = (["", "", *texts])[-2:]
        return module or "?", name or "?"

    def _top(self) -> _Item:
        top = self.stack[-1] if self.stack else None
        return top if isinstance(top, _Item) else _Item("?")

    def _pop(self, before: list[Any]) -> list[_Item]:
        """Take what an opcode takes; a mark takes all down to the last one."""
        taken: list[_Item] = []
        if any(each is pickletools.markobject for each in before):
            while self.stack and self.stack[-1] is not _MARK:
                taken.append(self.stack.pop())
            if self.stack:
                self.stack.pop()
            if before[0] is not pickletools.markobject:
                taken.append(self._take())
        else:
            taken = [self._take() for _ in before]
        return taken[::-1]

    def _take(self) -> _Item:
        top = self.stack.pop() if self.stack else None
        return top if isinstance(top, _Item) else _Item("?")

    def _put(self, key: _Item, value: _Item) -> None:
        for child in value.children:
            levels = self.keys.setdefault(child, [])
            if len(levels) < _MAX_LEVELS:
                levels.append(key.label)

    @staticmethod
    def _join(left: _Item, right: _Item) -> _Item:
        return _Item(left.label, "", (*left.children, *right.children)[:_MAX_KEPT])

    def _result(self, item: _Item, taken: list[_Item]) -> _Item:
        if item.label or item.children:
            return item
        labels = [each.label for each in taken[:4] if each.label]
        children = [child for each in taken[:_MAX_KEPT] for child in each.children]
        return _Item(".".join(labels)[:_MAX_LABEL], "", tuple(children[:_MAX_KEPT]))


class _Read:
    """Claims opcodes that stand beside each other in one go."""

    def __init__(self, found: Gathered) -> None:
        self._found = found
        self._start = self._end = 0

    def add(self, start: int, end: int) -> None:
        """Claim ``[start, end)`` as parsed, now or with what follows."""
        if start != self._end:
            self.flush()
            self._start = start
        self._end = end

    def flush(self) -> None:
        """Claim what waits."""
        self._found.claim(self._start, self._end)
        self._start = self._end


@contextmanager
def _unwarned() -> Iterator[None]:
    """Keep Python from warning of escapes in the strings of a hostile program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _recognise(buffer: Buffer, name: str) -> bool:
    """Return whether the first opcodes are those of a pickle that ends with STOP.

    Protocols before 2 have no mark of their own: there the whole is read.
    """
    del name
    head = bytes(buffer[:256])
    known = _HEAD.match(head) is not None
    with _unwarned():
        if head[:1] == b"\x80":
            return known and _begins_well(buffer)
        return len(buffer) <= _MAX_TEXT_BYTES and _is_program(buffer, known=known)


def _begins_well(buffer: Buffer) -> bool:
    """Return whether the first opcodes are opcodes, or the whole of them is."""
    seen = 0
    try:
        for step in steps(buffer):
            seen += 1
            if seen >= _MIN_OPCODES or step.name == "STOP":
                return True
    except Malformed as error:
        return error.past_end and seen > 1
    return False


def _is_program(buffer: Buffer, *, known: bool) -> bool:
    """Return whether ``buffer`` begins with a program of a protocol before 2.

    Either it is whole and its first bytes are ``known`` ones or it imports something by
    a name that can be one (a line of prose that begins with a full stop is whole, too);
    or it imports and calls before it breaks, because a loader has then called already.
    """
    seen: set[str] = set()
    imports = False
    try:
        for step in steps(buffer):
            seen.add(step.name)
            if step.name in ("GLOBAL", "INST"):
                imports = imports or _NAMES.fullmatch(str(step.argument)) is not None
    except Malformed:
        return imports and bool(seen & _CALLS) and bool(seen & _TUPLES)
    return "STOP" in seen and (known or imports)


def open_pickle(source: Source) -> Opened:
    """Return the constants as children. Raises ``Malformed`` where the first opcode is none."""
    found = Gathered(source, NAME)
    machine, read = _Machine(), _Read(found)
    waiting: list[Entry] = []
    end = 0
    try:
        with _unwarned():
            for step in steps(source.buffer):
                end = step.end
                item = _take_constant(found, read, step, waiting)
                _judge_step(found, step, machine)
                machine.run(step, item)
                if len(machine.stack) > MAX_STACK:
                    raise Malformed(step.start, "pickle.stack", f"more than {MAX_STACK} items")
    except Malformed as error:
        if end == 0:
            raise
        found.malformed(error)
    except LimitHit as error:
        found.limit(error)
    read.flush()
    try:
        for number, entry in enumerate(waiting):
            found.add(_named(entry, number, machine.keys.get(number, [])))
    except LimitHit as error:
        found.limit(error)
    if end < source.size:
        text = f"{source.size - end} bytes stand behind the program's end"
        found.observe("pickle.trailing", text, offset=end)
    return found.finish(identity=Identity())


def _take_constant(found: Gathered, read: _Read, step: Step, waiting: list[Entry]) -> _Item:
    """Claim one opcode; store its constant where it is content. Raises ``LimitHit``."""
    value = step.argument
    data = _content(value)
    if data is None:
        if isinstance(value, int) and value.bit_length() > 8 * _SMALL_BYTES * 4:
            return _Item("?")  # a number that long is no number: it stays unexplained
        read.add(step.start, step.end)
        text = value if isinstance(value, str) else ""
        return _Item("" if value is None else _label(value), text)
    if len(waiting) >= MAX_CHILDREN:
        raise LimitHit("files", f"more than {MAX_CHILDREN} constants")
    digest, size = found.source.put(data)
    start = step.end - len(data)
    verbatim = start >= step.start and bytes(found.buffer[start : step.end]) == data
    extent = (start if verbatim else step.start, step.end)
    read.add(step.start, extent[0])
    read.flush()
    found.claim(*extent, "extracted")
    waiting.append(
        Entry(
            name=b"",
            sha256=digest,
            size=size,
            extents=(extent,) if size else (),
            stored=verbatim,
            generated=True,
        )
    )
    return _Item("", "", (len(waiting) - 1,))


def _content(value: object) -> bytes | None:
    """Return what of a constant is content of its own, None where it is a mere value.

    Python 3 writes bytes in protocols before 3 as text of the characters 0 to 255.
    """
    if isinstance(value, (bytes, bytearray)):
        return bytes(value) if len(value) > _SMALL_BYTES else None
    if not isinstance(value, str):
        return None
    if len(value) <= _LONG_CHARS and value.isprintable():
        return None
    if len(value) <= _LINE_CHARS and all(char.isprintable() or char in "\r\n\t" for char in value):
        return None
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def _label(value: object) -> str:
    """Return a value as a part of a name."""
    text = value.hex() if isinstance(value, (bytes, bytearray)) else str(value)
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text[:_MAX_LABEL]).strip(".")


def _named(entry: Entry, number: int, keys: list[str]) -> Entry:
    """Return ``entry`` with its number and the keys under which it stands."""
    words = [f"data-{number:04}", *(key for key in reversed(keys) if key)]
    return msgspec.structs.replace(entry, name=".".join(words)[:200].encode())


def _judge_step(found: Gathered, step: Step, machine: _Machine) -> None:
    """Observe an opcode that imports, calls or asks for something outside."""
    if step.name in _IMPORTS:
        _judge_import(found, step, machine)
    elif step.name in _CALLS:
        text = f"loading it calls what it has imported ({step.name})"
        found.observe("pickle.call", text, offset=step.start, severity="high")
    elif step.name in _PERSISTENT:
        text = f"it refers to data outside of it ({step.name})"
        found.observe("pickle.external", text, offset=step.start)
        found.trouble("unsupported", text)


def _judge_import(found: Gathered, step: Step, machine: _Machine) -> None:
    if step.name == "STACK_GLOBAL":
        module, name = machine.names()
    else:
        module, _, name = str(step.argument).partition(" ")
    if (module, name) in _HARMLESS:
        found.attribute("import", shown(f"{module}.{name}"))
        return
    dangerous = _DANGEROUS.match(module) is not None or module == "?"
    text = f"loading it imports {shown(module)}.{shown(name)}"
    found.observe(
        "pickle.import",
        text,
        offset=step.start,
        severity="critical" if dangerous else "high",
        evidence=(f"import:{shown(module)}.{shown(name)}",),
    )


PICKLE: Final = Format(
    name=NAME,
    title="Python pickle",
    family="meter update",
    specification="https://docs.python.org/3/library/pickletools.html",
    limitations="never loaded: constants are children, objects are not built; strings of up to "
    "256 printable characters and numbers are facts of the program",
    recognise=_recognise,
    open=open_pickle,
)
