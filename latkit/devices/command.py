"""How a profile describes a benchmark program that is on the board already."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

PLACEHOLDERS = ("model", "threads", "batch", "iterations", "seconds", "result")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_Argument = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
_Words = Annotated[tuple[_Argument, ...], Field(min_length=1, max_length=100, strict=False)]


class Command(BaseModel):
    """A program that times a model file and tells the latency; the table ``[command]``.

    Args:
        words: the program and its arguments, never seen by a shell. Replaced in every word are
            ``{model}``, ``{threads}``, ``{batch}``; ``{iterations}``, how often it should run the
            model, or ``{seconds}``, for how long; and ``{result}``, a file that it should write,
            which is then read instead of what it prints.
        format: of the model files that it reads.
        yields: what it tells: the latency of every inference, or their median or mean.
        pattern: regular expression with a group ``latency``, and perhaps ``unit``. Every match
            is an inference if it yields samples, else the last match counts.
        json_path: instead of a pattern, where in a JSON document: ``latency.median_ms``,
            ``*.latencyMs`` for one of every item of a list.
        unit: of the figures, unless the group says.
        version: words of a command that prints the program's version.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    words: _Words
    format: Literal["onnx", "tflite"]
    yields: Literal["samples", "median", "mean"]
    pattern: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    json_path: Annotated[str, Field(pattern=r"^[^.]+(\.[^.]+)*$", max_length=1000)] | None = None
    unit: Literal["ns", "us", "ms", "s"] | None = None
    version: _Words | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Command:
        used = {name for word in self.words for name in _PLACEHOLDER.findall(word)}
        for name in sorted(used - set(PLACEHOLDERS)):
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise ValueError(f"there is no placeholder {{{name}}}, only {known}")
        if "model" not in used:
            raise ValueError("no word of words has the placeholder {model}")
        if (self.pattern is None) == (self.json_path is None):
            raise ValueError("needs either pattern or json_path, to find the latency by")
        groups = _groups(self.pattern or "")
        if self.pattern and "latency" not in groups:
            raise ValueError("pattern has no group (?P<latency>...)")
        if self.unit is None and "unit" not in groups:
            raise ValueError("needs unit, or a group (?P<unit>...) in pattern")
        return self

    @property
    def name(self) -> str:
        """The runtime's name: the program's, with a digest, since other options time otherwise."""
        text = json.dumps(self.model_dump(), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"{PurePosixPath(self.words[0]).name}:{digest[:8]}"

    def program(self, *, threads: int, batch: int) -> dict[str, Any]:
        """What the runner is told."""
        given = {"{threads}": str(threads), "{batch}": str(batch)}
        words = [_filled(word, given) for word in self.words]
        return {**self.model_dump(), "name": self.name, "words": words}


def _groups(pattern: str) -> tuple[str, ...]:
    try:
        return tuple(re.compile(pattern).groupindex)
    except re.error as problem:
        raise ValueError(f"pattern is no regular expression: {problem}") from None


def _filled(word: str, given: dict[str, str]) -> str:
    for placeholder, value in given.items():
        word = word.replace(placeholder, value)
    return word
