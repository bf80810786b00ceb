"""Reading the plain data in a pickle without executing any of it.

A pickle is a program for a small stack machine, and a hostile one runs whatever it likes when
``pickle`` executes it. This reader executes nothing: it is a machine of its own that knows only
the instructions that build numbers, text, lists, tuples and dictionaries. No name is ever looked
up or imported: an instruction that asks for one gets a stand-in from the caller's short table,
or the file is refused. Nothing is called but those stand-ins, no attribute is set, no object
constructed. Work and memory are bounded: so many instructions, each of which takes next to no
time (keys are short, a stand-in gets few values), and a value that is not larger than that either
once everything it shares with itself is written out ("billion laughs").
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from latkit.errors import StoreError

MAX_STEPS = 1_000_000
MAX_KEY = 4096
"""Characters of a key."""
_HINT = "convert it to a CSV file with a column 'arch' and one column of milliseconds per device"


class Refused(StoreError):
    """The pickle asks for more than plain data."""

    def __init__(self, wish: str) -> None:
        super().__init__(f"it holds more than plain data (it wants {wish}); nothing was run", _HINT)


@dataclass(frozen=True, slots=True)
class Maker:
    """Stands for something callable in the pickle; ``make`` takes so many plain values at most."""

    make: Callable[..., Any]
    most: int


StandIns = Mapping[str, Any]
"""What ``"module name"`` in a pickle stands for: a Maker, or a plain value."""


def read(stream: BinaryIO, stand_ins: StandIns, storage: Callable[[Any], Any]) -> Any:
    """The value of the pickle that begins here; the stream is left behind its end.

    ``storage`` gives the value of a persistent id. Raises Refused where the pickle asks for more
    than plain data, StoreError where it is damaged or too large.
    """
    machine = _Machine(stand_ins, storage)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count >= MAX_STEPS:
                raise _too_large()
            machine.step(opcode.name, argument)
        (value,) = machine.stack
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as problem:
        raise StoreError(f"it is damaged, or no pickle ({str(problem)[:80]})") from None
    _require_bounded(value)
    return value


def is_key(value: Any) -> bool:
    """Whether it is a key that is found at once, however many there are: short, or of 64 bits.

    Longer texts would be compared letter by letter, longer numbers can all have the same hash.
    """
    if isinstance(value, str):
        return len(value) <= MAX_KEY
    return isinstance(value, int) and value.bit_length() < 64


def _require_bounded(value: Any) -> None:
    """Refuse what is much larger than its file, as a list of ten times the same list of ten."""
    waiting = [value]
    for _ in range(MAX_STEPS):
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        if not waiting:
            return
        if len(waiting) > MAX_STEPS:
            break
    raise _too_large()


def _too_large() -> StoreError:
    return StoreError(f"it holds more than {MAX_STEPS:,} values", _HINT)


class _Machine:
    def __init__(self, stand_ins: StandIns, storage: Callable[[Any], Any]) -> None:
        self.stand_ins = stand_ins
        self.storage = storage
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in _IGNORED:
            raise Refused(f"the instruction {name}")

    def take(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise ValueError("an instruction finds too little on the stack")
        return self.take_from(len(self.stack) - count)

    def take_from(self, start: int) -> list[Any]:
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def since_mark(self) -> list[Any]:
        return self.take_from(self.marks.pop())

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise TypeError(f"expected a {kind.__name__}")
        return self.stack[-1]

    def extend(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def update(self, values: list[Any]) -> None:
        keys = values[::2]
        if not all(map(is_key, keys)):
            raise Refused("a key that is neither a short text nor a number of 64 bits")
        self.top(dict).update(zip(keys, values[1::2], strict=True))

    def remember(self, number: int) -> None:
        self.memo[number] = self.stack[-1]

    def name(self, wanted: str) -> None:
        if wanted not in self.stand_ins:
            raise Refused(repr(wanted[:200].replace(" ", ".")))
        self.stack.append(self.stand_ins[wanted])

    def reduce(self) -> None:
        maker, arguments = self.take(2)
        if not isinstance(maker, Maker) or not isinstance(arguments, tuple):
            raise Refused("to call something")
        if len(arguments) > maker.most:
            raise Refused(f"to call something with {len(arguments):,} values")
        self.stack.append(maker.make(*arguments))


# Protocol 2 and later. Integers longer than LONG1's 255 bytes could take forever to print.
_LITERALS = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
    | {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, type] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_IGNORED = frozenset({"PROTO", "FRAME", "STOP"})

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "LIST": lambda machine, _: machine.stack.append(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.stack.append(tuple(machine.take(1))),
    "TUPLE2": lambda machine, _: machine.stack.append(tuple(machine.take(2))),
    "TUPLE3": lambda machine, _: machine.stack.append(tuple(machine.take(3))),
    "APPEND": lambda machine, _: machine.extend(machine.take(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.update(machine.take(2)),
    "SETITEMS": lambda machine, _: machine.update(machine.since_mark()),
    "BINPUT": lambda machine, number: machine.remember(number),
    "LONG_BINPUT": lambda machine, number: machine.remember(number),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    "BINGET": lambda machine, number: machine.stack.append(machine.memo[number]),
    "LONG_BINGET": lambda machine, number: machine.stack.append(machine.memo[number]),
    "GLOBAL": lambda machine, wanted: machine.name(wanted),
    "STACK_GLOBAL": lambda machine, _: machine.name(" ".join(machine.take(2))),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BINPERSID": lambda machine, _: machine.stack.append(machine.storage(*machine.take(1))),
}
