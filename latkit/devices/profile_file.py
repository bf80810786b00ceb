"""Finding, reading and writing TOML profiles, with messages that name the line and the field.

Without pydantic, so that predicting stays quick: it asks what a device is usually measured under.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import latkit
from latkit.config import config_dir
from latkit.errors import UsageError
from latkit.reading import read_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
"""What a device may be called."""
_MAX_BYTES = 64 * 1024
_MAX_DOTS = 200
_SHOWN = 80


def user_dir() -> Path:
    """Where the user's profiles stand."""
    return config_dir() / "devices"


def builtin_dir() -> Path:
    """Where the built-in profiles stand: in the wheel, or beside the package in a checkout."""
    package = Path(latkit.__file__).parent
    installed = package / "_device_profiles"
    return installed if installed.is_dir() else package.parent / "device_profiles"


def files() -> dict[str, Path]:
    """All profiles by name; the user's own win over the built-in ones."""
    found: dict[str, Path] = {}
    for directory in (builtin_dir(), user_dir()):
        found.update({file.stem: file for file in sorted(directory.glob("*.toml"))})
    return {name: file for name, file in found.items() if re.fullmatch(NAME, name)}


def misnamed() -> list[Path]:
    """Files of the user's that look like profiles, but whose names no device can have."""
    found = sorted(user_dir().glob("*.toml"))
    return [file for file in found if not file.match(".*") and not re.fullmatch(NAME, file.stem)]


def load(file: Path) -> tuple[str, dict[str, Any]]:
    """The file's text and its values; raises UsageError where it is no TOML, or too much of it."""
    try:
        content = read_bytes(file, _MAX_BYTES)
        text = content.decode("utf-8")
        _require_shallow(file, text)
        return text, tomllib.loads(text)
    except OSError as problem:
        raise UsageError(f"cannot read {file}: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise UsageError(f"{file}, line {line}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"{file}{_syntax_position(str(problem), text)}: {problem}") from None
    except RecursionError:
        raise UsageError(f"{file}: nested too deeply for a device profile") from None
    except ValueError:  # Python's bound on the digits of a number
        raise UsageError(f"{file}: has a number of too many digits") from None


def _require_shallow(file: Path, text: str) -> None:
    # The parser's time grows with the square of the parts of a dotted key.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > _MAX_DOTS:
            raise UsageError(f"{file}, line {number}: nested too deeply for a device profile")


def dumps(values: Mapping[str, Any]) -> str:
    """A table, perhaps with tables in it, as TOML; None is left out, for TOML has no such value."""
    given = {key: value for key, value in values.items() if value is not None}
    tables = {key: value for key, value in given.items() if isinstance(value, Mapping)}
    lines = [f"{key} = {_value(value)}\n" for key, value in given.items() if key not in tables]
    return "".join(lines) + "".join(f"\n[{key}]\n{dumps(each)}" for key, each in tables.items())


def position(text: str, field: str) -> str:
    """``, line N`` of the line that sets a field, or nothing where it is not set."""
    pattern = re.compile(rf"^\s*\[*\s*[\"']?{re.escape(field)}[\"']?\s*[=.\]]")
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern.match(line):
            return f", line {number}"
    return ""


def faults(problem: ValidationError, fields: Mapping[str, FieldInfo], text: str = "") -> str:
    """Every wrong field as ``, line N: field: what is wrong``, to follow the file's name."""
    found: dict[str, str] = {}
    for error in problem.errors(include_url=False):
        names = [name for name in error["loc"] if isinstance(name, str)]
        field = ".".join(names)
        plain = field if re.fullmatch(r"[\w.-]{1,80}", field) else shown(field)
        where = f"{position(text, names[-1])}: {plain}" if field else ""
        found.setdefault(field, f"{where}: {_said(error, field, fields)}")
    return "; ".join(found.values()).replace("; , ", "; ")


def _said(error: ErrorDetails, field: str, fields: Mapping[str, FieldInfo]) -> str:
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, fields, n=1)
        return "no such field" + (f", did you mean {near[0]!r}?" if near else "")
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    wanted = field in fields and fields[field].description
    return f"{wanted or _lower(error['msg'])}, found {shown(error['input'])}"


def shown(value: Any) -> str:
    """A value of a profile as a message quotes it, cut short."""
    try:
        return json.dumps(value, default=str, ensure_ascii=False)[:_SHOWN]
    except (ValueError, RecursionError):
        return "a number of thousands of digits" if isinstance(value, int) else "too much"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _syntax_position(message: str, text: str) -> str:
    # The parser names the line itself, except at the end of the file.
    match = re.search(r"at line (\d+)", message)
    return f", line {match[1] if match else len(text.splitlines())}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
