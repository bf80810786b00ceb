"""What a device says of itself when it is looked at: the answers of programs in ``runners/``.

Whatever it says is untrusted: bounded, and checked for its type, before anything else sees it.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from latkit.devices.deploy import Deployed
from latkit.devices.runners import runner_file
from latkit.devices.runtimes import RUNTIMES
from latkit.devices.transport import CommandResult, Transport
from latkit.errors import RunnerError

IMPORT_TIMEOUT_S = 240.0
_Word = Annotated[str, Field(max_length=300)]
_Text = Annotated[str, Field(max_length=4000)]
_Processors = Annotated[tuple[int, ...], Field(max_length=4096)]
Answer = TypeVar("Answer", bound=BaseModel)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Facts(_Answer):
    """What ``probe.py`` says; None where it could not tell.

    ``machine`` is that of its Python, which a 64-bit ``kernel`` may run as a 32-bit program;
    ``others`` are Pythons there that are new enough, where it is not; ``pinned`` the processors
    that it ran on after it had asked for those of the profile.
    """

    python: tuple[int, int, int]
    others: tuple[_Word, ...] = ()
    machine: _Word | None = None
    kernel: _Word | None = None
    processor: _Word | None = None
    libc: _Word | None = None
    externally_managed: bool = False
    program: _Word | None = None
    program_exists: bool = False
    free_bytes: int | None = None
    writable: bool = True
    manager: _Word | None = None
    cpus: _Processors = ()
    pinned: _Processors | None = None
    governors: tuple[_Word, ...] | None = None
    load: float | None = None


class Package(_Answer):
    """One package: its file there, or None; ``detail`` is why it cannot be imported.

    ``kind`` is that of the failure, as ``protocol.Failed`` has it.
    """

    name: _Word
    place: _Word | None = None
    version: _Word | None = None
    providers: tuple[_Word, ...] | None = None
    kind: _Word | None = None
    detail: _Text | None = None

    @property
    def works(self) -> bool:
        """Whether it was imported."""
        return self.place is not None and self.detail is None


class Packages(_Answer):
    """What ``packages.py`` says of numpy and the runtime, and of what could install them.

    ``venv`` is whether the Python is that of a virtual environment.
    """

    modules: tuple[Package, ...] = ()
    pip: bool = True
    ensurepip: bool = True
    venv: bool = False

    def version(self, name: str) -> tuple[int, ...]:
        """Of one of them, in numbers; () where it is not there or has none."""
        said = next((each.version for each in self.modules if each.name == name), None) or ""
        words = said.split("+")[0].split(".")[:2]
        return tuple(map(int, words)) if all(map(str.isdecimal, words)) else ()


class Limits(_Answer):
    """What ``limits.py`` says; None where there is no limit, or none is known."""

    cpus: Annotated[float, Field(gt=0)] | None = None
    cpus_of: _Word | None = None
    memory_mb: int | None = None


def ask_probe(
    transport: Transport, python: str, *arguments: str, timeout_s: float
) -> CommandResult:
    """Run ``probe.py``, which need not be there.

    A status above 128 names the signal that ended it, on every transport: a shell waits for it.
    """
    words = ["sh", "-c", '"$@"; exit $?', "sh", python, "-I", "-", *arguments]
    return transport.run(words, stdin=runner_file("probe.py").read_bytes(), timeout_s=timeout_s)


def packages(deployed: Deployed) -> Packages:
    """Those that the profile's runtime needs; none for one that is no Python package.

    Raises RunnerError where something else is answered.
    """
    modules = RUNTIMES.get(deployed.profile.runtime).modules
    if not modules:
        return Packages()
    return _asked(deployed, Packages, "packages.py", "numpy", ",".join(modules))


def limits(deployed: Deployed) -> Limits:
    """What programs there may use; unknown where something else is answered."""
    try:
        return _asked(deployed, Limits, "limits.py")
    except RunnerError:
        return Limits()


def _asked(deployed: Deployed, kind: type[Answer], program: str, *arguments: str) -> Answer:
    words = deployed.words(program, *arguments)
    answer = deployed.transport.run(words, timeout_s=IMPORT_TIMEOUT_S)
    try:
        return kind.model_validate_json(answer.stdout.strip().splitlines()[-1])
    except (ValidationError, IndexError):
        said = answer.stderr.strip()[-300:] or answer.stdout.strip()[:80]
        where = deployed.transport.description
        raise RunnerError(f"{program} on {where} answered {said!r}") from None
