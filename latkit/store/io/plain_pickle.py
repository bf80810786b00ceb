"""Reading the plain data in a ``torch.save`` file without executing any of it.

A pickle is a program for a small stack machine. Only its instructions that build numbers, text,
lists, tuples and dictionaries are carried out here; the ones that import, call or construct
anything do not exist in this reader, so a hostile file can at worst be refused.
"""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import Any

from latkit.errors import StoreError

MAX_BYTES = 64 * 1024 * 1024

_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NUMBERS = ("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_TEXTS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_LITERALS = frozenset((*_NUMBERS, *_TEXTS))
_EMPTY: dict[str, type] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = frozenset({"PROTO", "FRAME"})


def load(path: Path) -> Any:
    """The data in a file that ``torch.save`` (either of its formats) or pickle wrote.

    Raises StoreError where the file is damaged, too large, or holds anything but plain data.
    """
    try:
        content = _pickled(path)
        return _Machine(path).run(content)
    except OSError as problem:
        raise StoreError(f"cannot read {path}: {problem.strerror}") from None
    except (zipfile.BadZipFile, ValueError, IndexError, KeyError, TypeError, EOFError) as problem:
        raise StoreError(f"{path} is damaged, or no file of plain data ({problem})") from None


def _pickled(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise StoreError(f"{path} is larger than {MAX_BYTES >> 20} MiB")
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        member = next((i for i in archive.infolist() if i.filename.endswith("/data.pkl")), None)
        if member is None:
            raise ValueError("the archive has no data.pkl")
        if member.file_size > MAX_BYTES:
            raise StoreError(f"{path} unpacks to more than {MAX_BYTES >> 20} MiB")
        return archive.read(member)


class _Machine:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(content):
            self.step(opcode.name, argument)
        return self.stack.pop()

    def step(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            self.stack.append(tuple(self.take(len(self.stack) - _TUPLES[name])))
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in _IGNORED and name != "STOP":
            raise StoreError(
                f"{self.path} holds more than plain numbers and text ({name}); it was not read",
                "convert it to a CSV with a column 'arch' and one column per device",
            )

    def take(self, start: int) -> list[Any]:
        if start < 0:
            raise ValueError("an instruction finds too little on the stack")
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def since_mark(self) -> list[Any]:
        start = next(i for i in range(len(self.stack) - 1, -1, -1) if self.stack[i] is _MARK)
        return self.take(start)[1:]

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise TypeError(f"expected a {kind.__name__}")
        return self.stack[-1]

    def append_one(self) -> None:
        value = self.stack.pop()
        self.top(list).append(value)

    def append_many(self) -> None:
        values = self.since_mark()
        self.top(list).extend(values)

    def set_one(self) -> None:
        key, value = self.take(len(self.stack) - 2)
        self.top(dict)[key] = value

    def set_many(self) -> None:
        values = self.since_mark()
        self.top(dict).update(zip(values[::2], values[1::2], strict=True))

    def remember(self, number: int) -> None:
        self.memo[number] = self.stack[-1]


_STEPS: dict[str, Any] = {
    "MARK": lambda machine, _: machine.stack.append(_MARK),
    "LIST": lambda machine, _: machine.stack.append(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.since_mark())),
    "APPEND": lambda machine, _: machine.append_one(),
    "APPENDS": lambda machine, _: machine.append_many(),
    "SETITEM": lambda machine, _: machine.set_one(),
    "SETITEMS": lambda machine, _: machine.set_many(),
    "PUT": lambda machine, number: machine.remember(number),
    "BINPUT": lambda machine, number: machine.remember(number),
    "LONG_BINPUT": lambda machine, number: machine.remember(number),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    "GET": lambda machine, number: machine.stack.append(machine.memo[number]),
    "BINGET": lambda machine, number: machine.stack.append(machine.memo[number]),
    "LONG_BINGET": lambda machine, number: machine.stack.append(machine.memo[number]),
}
