"""The adapted predictors on this computer: one per device, collection and condition.

This is on the path that ``latkit predict`` takes, so it imports neither scipy nor the dataset.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote as quoted
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from latkit.condition import Condition, unversioned
from latkit.devices import profile_file
from latkit.devices.usual import usual
from latkit.errors import BundleError, UnknownNameError, UsageError, did_you_mean
from latkit.files import write_whole
from latkit.lab.options import asked_for, asked_words, listed, of_space, words
from latkit.predictor.runtime import FEW_SAMPLES
from latkit.reading import count_of, parse_json, read_bytes

if TYPE_CHECKING:
    from latkit.lab.workspace import Workspace

_MAX_NOTE_BYTES = 1 << 20
_DAMAGE = (OSError, ValueError, KeyError, TypeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Kept:
    """A predictor that was adapted, and what it is of.

    ``file`` is the predictor itself; ``last_stored`` is the number that the dataset gave to the
    last of its samples: it tells which of two predictors knows more recent ones.
    """

    file: Path
    space: str
    condition: Condition
    samples: int
    last_stored: int

    @property
    def device(self) -> str:
        """Name of the device."""
        return self.condition.board

    def what(self) -> tuple[str, Condition, int]:
        """Space, condition and number of samples, which the file itself tells too."""
        return self.space, self.condition, self.samples

    def note(self) -> None:
        """Write beside the predictor what it is of, so that it is found."""
        about = {
            "space": self.space,
            "condition": self.condition.values(),
            "samples": self.samples,
            "last_stored": self.last_stored,
        }
        content = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
        write_whole(self.file.with_suffix(".json"), content.encode("utf-8"), private=True)


def place(lab: Workspace, space: str, condition: Condition) -> Path:
    """Where the predictor of a space under a condition is kept."""
    plain = f"{condition.runtime.name}-{condition.precision}-{condition.digest()}"
    name = re.sub(r"[^\w.-]", "-", plain)
    return lab.predictors.joinpath(*place_of(space, condition), f"{name}.onnx")


def place_of(space: str, condition: Condition) -> tuple[str, str]:
    """The folders in which it is kept, of its device and its space."""
    return _folder(condition.board), _folder(space)


def _folder(name: str) -> str:
    """A name as one folder's, another for every other name: it may come from a stranger's table."""
    safe = quote(name, safe=" ", errors="surrogateescape")  # an argument may be no UTF-8
    return safe.replace(".", "%2E", 1) if safe.startswith(".") else safe


def kept(lab: Workspace, device: str | None = None, space: str | None = None) -> list[Kept]:
    """All predictors, of one device or space; one whose file or note is damaged is not there."""
    return [one for one in _notes(lab, device, space) if isinstance(one, Kept)]


def damaged(
    lab: Workspace, device: str | None = None, space: str | None = None
) -> list[BundleError]:
    """What is wrong with the notes that tell nothing, of one device or space."""
    return [one for one in _notes(lab, device, space) if isinstance(one, BundleError)]


def _notes(
    lab: Workspace, device: str | None, space: str | None
) -> Iterator[Kept | BundleError | None]:
    folders = (_folder(name) if name else "*" for name in (device, space))
    return map(_read, sorted(lab.predictors.glob("/".join([*folders, "*.json"]))))


def kept_spaces(lab: Workspace, device: str) -> list[str]:
    """Spaces that a device was adapted for."""
    return sorted({one.space for one in kept(lab, device)})


def _read(note: Path) -> Kept | BundleError | None:
    """What a note tells; why it tells nothing; None where there is no predictor."""
    try:
        about = parse_json(read_bytes(note, _MAX_NOTE_BYTES).decode("utf-8"))
        condition = Condition.from_json(about["condition"])
        # A note of an earlier latkit tells no number.
        numbers = count_of(about["samples"]), count_of(about.get("last_stored", 0))
        if place_of(about["space"], condition) != note.parent.parts[-2:]:
            raise ValueError("it lies in another's place")
    except _DAMAGE as problem:
        words = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
        hint = "delete it, or adapt again: latkit adapt --device NAME"
        return BundleError(f"{note} is no note of a predictor's: {words}", hint)
    file = note.with_suffix(".onnx")
    return Kept(file, about["space"], condition, *numbers) if file.exists() else None


def choose(lab: Workspace, device: str, space: str | None, options: Mapping[str, Any]) -> Kept:
    """The predictor of a device under its profile's own condition, changed by options.

    A published table does not tell its condition: it stands in where nothing else is asked for.
    Of several versions of a runtime, that whose samples were stored last; one of a few samples
    stands back behind one of enough.

    Raises:
        BundleError: the device was never adapted so; the hint says for which conditions it was.
        UsageError: it was adapted for several spaces, or has no profile and several conditions.
    """
    everything = kept(lab, device, space)
    if not everything:
        for problem in damaged(lab, device, space):
            raise problem
        raise _never_adapted(lab, device, space, options)
    own = usual(device)
    asked = asked_for(own, options)
    found = [one for one in everything if one.condition.matches(asked)]
    if not found and not options:
        found = [one for one in everything if not one.condition.protocol]
    if not found:
        raise _other_conditions(device, everything)
    _require_one_space(device, found)
    if own is None:
        _require_one_condition(device, found)
    return max(found, key=lambda one: (one.samples >= FEW_SAMPLES, one.last_stored))


def _never_adapted(
    lab: Workspace, device: str, space: str | None, options: Mapping[str, Any]
) -> Exception:
    if any((lab.predictors / _folder(device)).glob("*.onnx")):
        return BundleError(
            f"the predictors of device {device!r} were made by an earlier latkit",
            f"latkit adapt --device {quoted(device)}",
        )
    what = f" for {space}" if space else ""
    others = sorted({one.device for one in kept(lab, space=space)})
    meant, hint = meaning(device, others), making(device, space, options)
    if others:
        problem = UnknownNameError("adapted device", device, others)
        problem.message = f"device {device!r} was never adapted{what}"
        problem.hint = f"{meant}adapted: {', '.join(others)}; or: {hint}"
        return problem
    return BundleError(f"device {device!r} was never adapted{what}", meant + hint)


def meaning(device: str, known: Iterable[str]) -> str:
    """Which name may be meant where there is no such profile, as the beginning of a hint."""
    return did_you_mean(device, {*profile_file.files(), *known}) if usual(device) is None else ""


def making(device: str, space: str | None, options: Mapping[str, Any] | None = None) -> str:
    """How a predictor is made, as command lines, or what else to look at."""
    from latkit.predictor.bundle import Bundle

    if usual(device) is None:
        return "'latkit device list' shows what can be measured, 'latkit dataset info' what was"
    if space and not Bundle.is_shipped(space):
        return f"latkit ships no bundle of {space}; see 'latkit pretrain --help'"
    asked = ["--device", quoted(device), *asked_words(options or {})]
    measure = ["latkit measure", *asked, *of_space(space), "--n 20"]
    return " ".join([*measure, "&& latkit adapt", *asked])


def _other_conditions(device: str, found: list[Kept]) -> BundleError:
    known = listed(one.condition for one in found)
    options = " ".join(words(found[-1].condition))
    example = f", as with {options}" if options else ""
    return BundleError(
        f"device {device!r} was adapted for other conditions than that: {known}",
        f"ask for one of them{example}; or measure and adapt with the options given",
    )


def _require_one_space(device: str, found: list[Kept]) -> None:
    spaces = sorted({one.space for one in found})
    if len(spaces) > 1:
        raise UsageError(f"{device!r} was adapted for {', '.join(spaces)}", "choose with --space")


def _require_one_condition(device: str, found: list[Kept]) -> None:
    conditions = {unversioned(one.condition): one.condition for one in found}
    if len(conditions) > 1:
        known = "; ".join(sorted(condition.words() for condition in conditions.values()))
        raise UsageError(
            f"{device!r} has no profile and was adapted for several conditions: {known}",
            "choose one with --runtime, --precision, --threads, --batch, ...",
        )
