"""Every failure that a user or a device can cause, as one family of exceptions.

A message says what happened and where; the hint says what to do next. The command line
prints both and leaves with ``exit_code``; only ``--debug`` shows a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TypeVar

Own = TypeVar("Own", bound="LatkitError")


class LatkitError(Exception):
    """Base of all failures that are reported in one message."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def at(self: Own, where: str) -> Own:
        """The same failure, with the place where it happened in front."""
        self.message = f"{where}: {self.message}"
        self.args = (self.message,)
        return self


class LeftOut(UserWarning):
    """Something damaged or foreign was left out, so that the rest could be used."""


class UsageError(LatkitError):
    """What was asked for cannot be: a bad value, an unknown name, a malformed file."""

    exit_code = 2


class ArchError(UsageError):
    """An architecture that its space does not know; the message names token and position."""


class UnknownNameError(UsageError):
    """A name that is not registered; the hint suggests the nearest one that is."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str | None = None) -> None:
        names = sorted(known)
        listing = f"known: {', '.join(names) or 'none yet'}"
        said = did_you_mean(name, names) + (hint or listing)
        super().__init__(f"unknown {kind} {name!r}", said.strip())


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The known name that is nearest to one that is not, as the beginning of a hint, or nothing."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean {near[0]!r}? " if near else ""


class DeviceUnreachable(LatkitError):
    """The device cannot be connected to, or the link to it died."""

    exit_code = 3


class HostKeyError(DeviceUnreachable):
    """The device's host key is unknown, or is not the one that was recorded."""


class RemoteCommandError(LatkitError):
    """A command on the device failed: it is missing, was refused, or ran past its limit."""


class RunnerError(LatkitError):
    """The runner on the device broke the protocol, or cannot work there."""


class MeasurementsUnusable(LatkitError):
    """There are measurements, or there should be, but nothing can be learned from them."""

    exit_code = 4


class StoreError(LatkitError):
    """The dataset cannot be read or written."""


class BundleError(LatkitError):
    """A pretrained or adapted predictor is missing, damaged, or of another version."""


class MissingDependency(LatkitError):
    """An optional package is needed here; the hint names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed",
            f"pip install 'latkit[{extra}]'",
        )
