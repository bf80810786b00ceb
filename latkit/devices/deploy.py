"""Putting on a device what runs there, and telling by its content whether it is there already."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, StringConstraints, ValidationError, model_validator

from latkit.devices.profile import Profile
from latkit.devices.runners import digest, runner_digest, runner_file, runner_files
from latkit.devices.transport.base import CommandResult, Transport
from latkit.errors import RemoteCommandError

_DIGITS = 16
_Reason = Annotated[str, StringConstraints(max_length=2000)]


class _Answer(BaseModel):
    """What ``digests.py`` says of the files that are there, or why it looks at none.

    ``refused``: others could put something there; ``failed``: the system lets nothing be put there.
    """

    digests: dict[str, Annotated[str, StringConstraints(max_length=64)]] = {}
    refused: _Reason | None = None
    failed: _Reason | None = None

    @model_validator(mode="after")
    def _says_something(self) -> _Answer:
        if not self.model_fields_set:
            raise ValueError("neither digests nor why there are none")
        return self


@dataclass(frozen=True, slots=True)
class Deployed:
    """latkit's programs on a device.

    Args:
        transport: connected to the device.
        profile: of the device.
        folder: where they are there; its name is the digest of their content.
    """

    transport: Transport
    profile: Profile
    folder: str

    @property
    def digest(self) -> str:
        """Of all of them."""
        return posixpath.basename(self.folder)

    def path(self, program: str) -> str:
        """Where one of them is on the device, e.g. ``harness.py``."""
        return posixpath.join(self.folder, program)

    def words(self, program: str, *arguments: str) -> list[str]:
        """The command that starts one of them with the profile's Python, its output unbuffered."""
        python = self.transport.expand(self.profile.python)
        return [python, "-u", self.path(program), *arguments]

    def run(self, program: str, *arguments: str) -> CommandResult:
        """Run one of them to its end."""
        words = self.words(program, *arguments)
        return self.transport.run(words, timeout_s=self.profile.command_timeout_s)


def deploy(transport: Transport, profile: Profile, *others: str) -> Deployed:
    """Put there what the profile's runtime needs, unless it is there: once for each version.

    Other folders in ``remote_dir``, by their names, are made too.

    Raises RemoteCommandError where the Python there does not run, the files cannot be put there, or
    others could put something there too, UnknownNameError for an unknown runtime.
    """
    name = runner_digest(profile.runtime)[:_DIGITS]
    base = transport.expand(profile.remote_dir)
    folder = posixpath.join(base, "runners", name)
    paths = [posixpath.join(base, name) for name in others]
    put(transport, profile, folder, runner_files(profile.runtime), *paths)
    return Deployed(transport, profile, folder)


def put(
    transport: Transport, profile: Profile, folder: str, files: Mapping[str, Path], *others: str
) -> None:
    """Put files into a folder on a device, by their names there; those that it has are left alone.

    A file that is empty, cut short or changed there is replaced. The folder, and ``others``, are
    made for the login user alone where they are not there; all are in the profile's ``remote_dir``.
    """
    there = _digests(transport, profile, [folder, *others], list(files))
    for name, file in files.items():
        if there.get(name) != digest(file):
            transport.upload(file, posixpath.join(folder, name))


def _digests(
    transport: Transport, profile: Profile, folders: list[str], names: list[str]
) -> Mapping[str, str]:
    python = transport.expand(profile.python)
    base = transport.expand(profile.remote_dir)
    answer = transport.run(
        [python, "-I", "-", base, json.dumps(folders), *names],
        stdin=runner_file("digests.py").read_bytes(),
        timeout_s=profile.command_timeout_s,
    )
    try:
        said = _Answer.model_validate_json(answer.stdout.strip())
    except ValidationError:
        words = answer.stderr.strip()[-300:] or answer.stdout.strip()[:80]
        raise RemoteCommandError(
            f"nothing can be run on {transport.description}: {python} ended with "
            f"{words or 'no message'}",
            "is Python 3.8 or newer there? `latkit device check` tells",
        ) from None
    if said.refused is not None:
        raise RemoteCommandError(
            f"nothing is run from {profile.remote_dir} on {transport.description}: {said.refused}",
            "point remote_dir in the profile at a folder that is yours alone",
        )
    if said.failed is not None:
        raise RemoteCommandError(
            f"nothing can be put into {profile.remote_dir} on {transport.description}: "
            f"{said.failed}",
            "point remote_dir in the profile at a folder of yours there, as /var/tmp/latkit",
        )
    return said.digests
