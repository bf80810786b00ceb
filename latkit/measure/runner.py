"""The host's end of the conversation with a runner on a device."""

from __future__ import annotations

import json
import time

from latkit.devices.check import advice_by
from latkit.devices.deploy import Deployed
from latkit.devices.runtimes import RUNTIMES, offers, spelled
from latkit.errors import LatkitError, RunnerError
from latkit.formats import FORMATS, require_precision
from latkit.measure.plausible import Asked, overclaim
from latkit.protocol import (
    MAX_LINE_BYTES,
    PROTOCOL_VERSION,
    BlockEvent,
    Event,
    Failed,
    Hello,
    MeasureRequest,
    Unusable,
    parse_event,
)

START_TIMEOUT_S = 120.0
GRACE_S = 30.0


class Runner:
    """A started runner.

    Every failure of it is a RunnerError that says where, what, and what it said last.
    """

    def __init__(self, deployed: Deployed) -> None:
        self._deployed = deployed
        self._profile = profile = deployed.profile
        self._look = f"what is amiss there? latkit device check {profile.name}"
        self._where = deployed.transport.description
        words = deployed.words("harness.py", "--runtime", profile.runtime)
        if profile.command:
            program = profile.command.program(threads=profile.threads, batch=profile.batch)
            words += ["--program", json.dumps(program)]
        self._process = deployed.transport.spawn(words)
        self._cpus = 1

    def greet(self) -> Hello:
        """What the runner says of itself.

        Raises RunnerError where it cannot do this work, UsageError where there are no models in
        the profile's precision for it.
        """
        event = self._receive(START_TIMEOUT_S)
        if isinstance(event, Unusable):
            raise self._unusable(event)
        if not isinstance(event, Hello):
            raise self._broken(f"greeted with {type(event).__name__}")
        if event.protocol != PROTOCOL_VERSION:
            raise self._broken(f"speaks protocol {event.protocol}, not {PROTOCOL_VERSION}")
        if event.format not in FORMATS:
            raise self._broken(f"reads models in {event.format!r}, which latkit does not write")
        require_precision(event.format, self._profile.precision)
        self._require_provider(event)
        self._cpus = event.cpus
        return event

    def measure(self, request: MeasureRequest) -> BlockEvent | Failed:
        """Have a model timed; figures that cannot be true are a failure of that model."""
        begun_ns = time.monotonic_ns()
        self._process.send(request.encode())
        event = self._receive(request.timeout_s + GRACE_S)
        elapsed_ns = time.monotonic_ns() - begun_ns
        if not isinstance(event, BlockEvent | Failed) or event.id != request.id:
            raise self._broken(f"answered a request with {type(event).__name__}")
        if isinstance(event, Failed):
            return event
        times_itself = RUNTIMES.get(self._profile.runtime).times_itself
        asked = Asked(request.rule, elapsed_ns, self._cpus, times_itself)
        reason = overclaim(event, asked)
        return Failed(request.id, "implausible", reason) if reason else event

    def close(self) -> None:
        """End it."""
        self._process.close()

    def _receive(self, timeout_s: float) -> Event:
        try:
            line = self._process.receive(timeout_s, MAX_LINE_BYTES)
        except TimeoutError:
            raise self._broken(f"gave no answer within {timeout_s:g} s") from None
        if line is None:
            self._process.close()  # its last words are known once it has ended
            raise self._broken("ended without an answer")
        try:
            return parse_event(line)
        except RunnerError as problem:
            raise RunnerError(f"{self._where}: {problem.message}", problem.hint) from None

    def _broken(self, what: str) -> RunnerError:
        said = self._process.stderr_tail().strip().splitlines()
        last = f"; its last words: {said[-1][:300]!r}" if said else ""
        return RunnerError(
            f"the runner on {self._where} {what}{last}",
            self._look,
        )

    def _unusable(self, event: Unusable) -> RunnerError:
        runtime = self._profile.runtime
        if self._profile.command:
            hint = "are words and version in the profile's [command] right for that device?"
            return RunnerError(f"{self._where}: {event.detail}", hint)
        return RunnerError(
            f"{runtime} cannot be used on {self._where}: {event.detail}", self._advice(event.detail)
        )

    def _advice(self, detail: str) -> str:
        """What can be done about it on that machine, as far as it says what it is."""
        try:
            return advice_by(self._deployed, "error", detail)
        except LatkitError:
            return self._look

    def _require_provider(self, hello: Hello) -> None:
        wanted = self._profile.provider
        if hello.providers and not offers(hello.providers, wanted):
            raise RunnerError(
                f"the {hello.runtime} on {self._where} has no {wanted}, "
                f"only {', '.join(map(spelled, hello.providers))}",
                f"install one that has it, or set provider in the profile {self._profile.name}",
            )
