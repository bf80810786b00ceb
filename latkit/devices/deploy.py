"""Putting on a device what runs there, and telling by its content whether it is there already."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import RootModel, StringConstraints, ValidationError

from latkit.devices.profile import Profile
from latkit.devices.runners import digest, runner_digest, runner_file, runner_files
from latkit.devices.transport.base import CommandResult, Transport
from latkit.errors import RemoteCommandError

_DIGITS = 16


class _Digests(RootModel[dict[str, Annotated[str, StringConstraints(max_length=64)]]]):
    """What ``digests.py`` says of the files that are there."""


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
        own = ",".join(sorted(Path(name).stem for name in runner_files(self.profile.runtime)))
        return [python, "-u", self.path("start.py"), program, own, *arguments]

    def run(self, program: str, *arguments: str) -> CommandResult:
        """Run one of them to its end."""
        words = self.words(program, *arguments)
        return self.transport.run(words, timeout_s=self.profile.command_timeout_s)


def deploy(transport: Transport, profile: Profile) -> Deployed:
    """Put there what the profile's runtime needs, unless it is there: once for each version.

    Raises RemoteCommandError where the Python there does not run or the files cannot be put
    there, UnknownNameError for an unknown runtime.
    """
    name = runner_digest(profile.runtime)[:_DIGITS]
    folder = posixpath.join(transport.expand(profile.remote_dir), "runners", name)
    put(transport, profile, folder, runner_files(profile.runtime))
    return Deployed(transport, profile, folder)


def put(transport: Transport, profile: Profile, folder: str, files: Mapping[str, Path]) -> None:
    """Put files into a folder on a device, by their names there; those that it has are left alone.

    A file that is empty, cut short or changed there is replaced.
    """
    there = _digests(transport, profile, folder, list(files))
    for name, file in files.items():
        if there.get(name) != digest(file):
            transport.upload(file, posixpath.join(folder, name))


def _digests(
    transport: Transport, profile: Profile, folder: str, names: list[str]
) -> Mapping[str, str]:
    python = transport.expand(profile.python)
    answer = transport.run(
        [python, "-I", "-", folder, *names],
        stdin=runner_file("digests.py").read_bytes(),
        timeout_s=profile.command_timeout_s,
    )
    try:
        return _Digests.model_validate_json(answer.stdout.strip()).root
    except ValidationError:
        said = answer.stderr.strip()[-300:] or answer.stdout.strip()[:80]
        raise RemoteCommandError(
            f"nothing can be run on {transport.description}: {python} ended with "
            f"{said or 'no message'}",
            "is Python 3.8 or newer there? `latkit device check` tells",
        ) from None
