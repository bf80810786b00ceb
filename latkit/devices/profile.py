"""Device profiles: how to reach a device, what runs there, and how it is to be measured.

A profile is a TOML file whose file name is the device's name. The user's own files stand in
``config_dir()/devices`` and win over the built-in ones of the same name.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from latkit.condition import Precision
from latkit.devices import profile_file, ssh_config, ssh_hosts
from latkit.devices.command import Command
from latkit.devices.profile_file import faults
from latkit.devices.runtimes import RUNTIMES
from latkit.devices.usual import USUAL, usual_of
from latkit.errors import UnknownNameError, UsageError

Origin = Literal["yours", "built-in", "ssh configuration"]
_MISNAMED = "a device's name is up to 64 letters, digits, - and _, beginning with no - or _"
_Name = Annotated[
    str, Field(pattern=profile_file.NAME, description="must be letters, digits, - and _ only")
]
_Text = Annotated[str, Field(min_length=1, max_length=1000)]
# What starts with a dash would be read as an option by the programs it is handed to.
_WORD_PATTERN = r"^[^\s\x00-\x1f-][^\s\x00-\x1f]{0,254}$"
_WORD = "must be one word, not starting with a dash"
_Word = Annotated[str, Field(pattern=_WORD_PATTERN)]
_Path = Annotated[str, Field(pattern=r"^(/|~/)[^\x00-\x1f]*$")]
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Cpus = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=8192, strict=True)], ...], Field(min_length=1, strict=False)
]


class Profile(BaseModel):
    """One device and the way it is measured.

    ``kind`` is what sort of board it is, as ``rpi4``; absent, it is the profile's name.
    ``host`` is what one would type after ``ssh``: an alias of the ssh configuration or an
    address; absent, it is the profile's name. ``command`` describes the benchmark program that the
    runtime ``command`` starts; ``provider`` is by default the runtime's usual one. ``user``,
    ``port`` and ``identity_file`` win over the ssh configuration. ``~`` in ``python`` and
    ``remote_dir`` is the home on the device.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: _Name
    kind: _Name | None = None
    description: str = ""
    transport: Literal["local", "ssh", "openssh"] = "ssh"
    host: _Word | None = Field(None, description=_WORD)
    user: _Word | None = Field(None, description=_WORD)
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    identity_file: _Text | None = None
    python: _Text = "python3"
    runtime: _Word = Field(USUAL["runtime"], description=_WORD)
    provider: _Word = Field("CPUExecutionProvider", description=_WORD)
    threads: Annotated[int, Field(ge=1, le=1024)] = USUAL["threads"]
    affinity: _Cpus | None = Field(None, description="must be a list of processor numbers")
    precision: Precision = USUAL["precision"]
    batch: Annotated[int, Field(ge=1, le=65_536)] = USUAL["batch"]
    remote_dir: _Path = Field("~/.cache/latkit", description="must start with / or ~/")
    device_state: _Text = USUAL["device_state"]
    connect_timeout_s: _Seconds | None = None
    command_timeout_s: _Seconds = 30.0
    command: Command | None = None

    @model_validator(mode="before")
    @classmethod
    def _local_python_is_this_one(cls, values: Any) -> Any:
        # latkit's own environment has the runtime; whichever python3 comes first may not.
        if isinstance(values, dict) and values.get("transport") == "local":
            return {"python": sys.executable, **values}
        return values

    @model_validator(mode="before")
    @classmethod
    def _provider_is_the_runtimes(cls, values: Any) -> Any:
        runtime = values.get("runtime") if isinstance(values, dict) else None
        if isinstance(runtime, str) and runtime in RUNTIMES:
            return {"provider": RUNTIMES.get(runtime).provider, **values}
        return values

    @model_validator(mode="after")
    def _local_has_no_address(self) -> Profile:
        if self.transport == "local":
            for field in ("host", "user", "port", "identity_file"):
                if getattr(self, field) is not None:
                    raise ValueError(f"{field!r} has no meaning for transport = 'local'")
        return self

    @model_validator(mode="after")
    def _command_is_told(self) -> Profile:
        if self.runtime == "command" and self.command is None:
            raise ValueError("runtime = 'command' needs a table [command] that describes it")
        if self.runtime != "command" and self.command is not None:
            raise ValueError("the table [command] has no meaning without runtime = 'command'")
        return self

    def usual(self) -> dict[str, Any]:
        """What it is measured under unless something else is asked for, as ``Condition.values``."""
        program = {"runtime": self.command.name} if self.command else {}
        return usual_of(self.name, self.model_dump() | program)

    @property
    def login_command(self) -> list[str]:
        """The command that opens a shell on the device, to be shown in hints; [] if local."""
        if self.transport == "local":
            return []
        return ssh_config.login_command(
            self.host or self.name, user=self.user, port=self.port, identity=self.identity_file
        )


def create(values: Mapping[str, Any]) -> Profile:
    """A profile from given values; raises UsageError naming every wrong field."""
    try:
        return Profile.model_validate(dict(values))
    except ValidationError as problem:
        said = faults(problem, Profile.model_fields)
        raise UsageError(f"device {values.get('name')!r}{said}") from None


def changed(profile: Profile, values: Mapping[str, Any]) -> Profile:
    """The profile with these fields; another runtime loses what was told of the one before it.

    Raises UsageError naming every wrong field.
    """
    kept = profile.model_dump()
    if values.get("runtime", profile.runtime) != profile.runtime:
        del kept["provider"], kept["command"]
    return create(kept | dict(values))


def load(name: str) -> Profile:
    """The profile of that name; a host of the ssh configuration without one has the usual one.

    Raises UnknownNameError suggesting the nearest name, or UsageError saying in which file,
    line and field a profile is malformed.
    """
    files = profile_file.files()
    if name in files:
        return _read(files[name])
    if ssh_hosts.is_device(name):
        return create({"name": name})
    known = [*files, *ssh_hosts.devices()]
    raise UnknownNameError("device", name, known, ssh_hosts.hint(name, known))


def origin_of(name: str) -> Origin:
    """Where the profile of a device comes from."""
    file = profile_file.files().get(name)
    if file is None:
        return "ssh configuration"
    return "yours" if file.parent == profile_file.user_dir() else "built-in"


@dataclass(frozen=True, slots=True)
class Shelf:
    """All devices by name, each with where its profile comes from; what is wrong with others."""

    profiles: tuple[tuple[Profile, Origin], ...]
    broken: tuple[UsageError, ...]


def available() -> list[tuple[Profile, Origin]]:
    """All devices by name, each with where its profile comes from."""
    return list(shelf().profiles)


def shelf() -> Shelf:
    """All devices that there are, and what is wrong with the profiles that are broken."""
    hosts = ssh_hosts.devices()
    found: dict[str, tuple[Profile, Origin]] = {
        name: (create({"name": name}), "ssh configuration") for name in hosts
    }
    broken: list[UsageError] = []
    for name, file in sorted(profile_file.files().items()):
        found.pop(name, None)
        try:
            own = file.parent == profile_file.user_dir()
            found[name] = _read(file), "yours" if own else "built-in"
        except UsageError as problem:
            broken.append(problem)
    broken += [UsageError(f"{file}: {_MISNAMED}") for file in profile_file.misnamed()]
    return Shelf(tuple(found[name] for name in sorted(found)), tuple(broken))


def add(profile: Profile) -> Path:
    """Write the user's profile; raises UsageError where one of that name is there already."""
    file = profile_file.user_dir() / f"{profile.name}.toml"
    if file.exists():
        raise UsageError(
            f"there is a profile of yours named {profile.name!r} already: {file}",
            "edit that file, or remove it first",
        )
    values = profile.model_dump(exclude={"name"}, exclude_defaults=True)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as target:
            target.write(profile_file.dumps({"transport": profile.transport, **values}))
    except OSError as problem:
        raise UsageError(f"cannot write {file}: {problem.strerror}") from None
    return file


def _read(file: Path) -> Profile:
    text, values = profile_file.load(file)
    named = values.setdefault("name", file.stem)
    if named != file.stem:
        where = profile_file.position(text, "name")
        raise UsageError(
            f"{file}{where}: name: is {profile_file.shown(named)}, but the file's name decides"
        )
    try:
        return Profile.model_validate(values)
    except ValidationError as problem:
        raise UsageError(f"{file}{faults(problem, Profile.model_fields, text)}") from None
