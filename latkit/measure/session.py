"""One device, leased and perhaps tuned, with a runner that waits for models."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import asdict
from types import TracebackType
from typing import Any

from latkit.condition import Condition
from latkit.devices.deploy import deploy
from latkit.devices.lease import Lease
from latkit.devices.profile import Profile
from latkit.devices.runtimes import RUNTIMES
from latkit.devices.transport import open_transport
from latkit.devices.tune import Tuning, tuned
from latkit.errors import LatkitError, RunnerError
from latkit.measure.leftovers import clear_out
from latkit.measure.models import INPUT_SEED
from latkit.measure.readiness import read_state, wait_until_ready
from latkit.measure.runner import Runner
from latkit.protocol import (
    BlockEvent,
    DeviceState,
    Failed,
    Hello,
    MeasureRequest,
    StopRule,
)
from latkit.subjects import ModelFile

MODELS = "models"
"""The folder in a device's ``remote_dir`` for the model files of a session."""
MODEL_TIMEOUT_S = 300.0


class Session:
    """Context manager: connects, leases the device, deploys the runner and starts it.

    Args:
        profile: the device.
        rule: when a block has enough samples.
        wait_s: how long to wait for another holder of the device, and while it is slowed down.
        timeout_s: after so long one model is given up.
        memory_limit_mb: address space a model may use on the device.
        tuned: whether the device is held at full clocks meanwhile.

    Raises UnknownNameError for a runtime that latkit has no runner for, DeviceUnreachable,
    DeviceBusyError, DeviceNotReadyError, RunnerError where the runner cannot work there, or
    RemoteCommandError where the device cannot be tuned.
    """

    hello: Hello
    """What the runner said of itself and its device."""

    def __init__(
        self,
        profile: Profile,
        *,
        rule: StopRule | None = None,
        wait_s: float = 0.0,
        timeout_s: float = MODEL_TIMEOUT_S,
        memory_limit_mb: int | None = None,
        tuned: bool = False,
    ) -> None:
        RUNTIMES.get(profile.runtime)  # an unknown one is said before anything is done
        self.profile = profile
        self.rule = rule or StopRule()
        self._wait_s = wait_s
        self._timeout_s = timeout_s
        self._memory_limit_mb = memory_limit_mb
        self._tuned = tuned
        self._tuning: Tuning | None = None
        self._stack = ExitStack()
        self._uploaded: dict[str, str] = {}
        self._runner: Runner | None = None
        self._requests = 0
        self._broke_last_time = False

    def __enter__(self) -> Session:
        try:
            self._connect()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, problem, trace)

    def condition(self) -> Condition:
        """That of all measurements of this session."""
        return Condition.of(self.profile, self.hello, tuned=self._tuned)

    def context(self) -> dict[str, Any]:
        """What else should be remembered of the circumstances, as JSON would have it."""
        command = self.profile.command
        return {
            "runner": self._deployed.digest,
            "rule": asdict(self.rule),
            "command": command.model_dump() if command else None,
            "provider": self.profile.provider,
            "affinity": list(self.profile.affinity or ()),
            "device": asdict(self.hello),
        }

    def time(self, model: ModelFile, rule: StopRule | None = None) -> BlockEvent | Failed:
        """Time a model in one fresh process; a model that fails is an answer, not an error.

        A runner that breaks is started anew, and the model that it broke over has failed; one
        that breaks over two models in a row is itself the trouble.

        Raises DeviceUnreachable where the link died, RunnerError where the runner did, LatkitError
        where the lease was lost, or the device is not tuned any more.
        """
        self._lease.require()
        self._require_tuned()
        assert self._runner
        request = self._request(model, rule or self.rule)
        try:
            event = self._runner.measure(request)
        except RunnerError as problem:
            if self._broke_last_time:
                raise
            self._broke_last_time = True
            self._start_runner()
            return Failed(request.id, "runner", problem.message)
        self._broke_last_time = False
        self._require_tuned()
        return event

    def forget_models(self) -> None:
        """Remove the models that this session put on the device."""
        if self._uploaded:
            self._transport.run(["rm", "-f", *self._uploaded.values()])
            self._uploaded.clear()

    def _connect(self) -> None:
        profile = self.profile
        self._transport = self._stack.enter_context(open_transport(profile))
        # Files alone, which disturb nobody; the lease is held by one of them.
        self._deployed = deploy(self._transport, profile, MODELS)
        self._lease = self._stack.enter_context(Lease(self._deployed, wait_s=self._wait_s))
        self._folder = self._transport.expand(profile.remote_dir)
        clear_out(self._transport, self._folder)
        wait_until_ready(self._state, self._transport.description, self._wait_s)
        self._stack.callback(self._leave)
        self._start_runner()
        if self._tuned:
            self._tuning = self._stack.enter_context(tuned(profile))

    def _require_tuned(self) -> None:
        if self._tuning:
            self._tuning.wait(0.0)

    def _state(self) -> DeviceState:
        return read_state(self._deployed)

    def _start_runner(self) -> None:
        before = self._runner
        if before:
            before.close()
        self._runner = Runner(self._deployed)
        hello = self._runner.greet()
        if before and hello != self.hello:
            raise RunnerError(
                f"the runner on {self._transport.description} is another one than before",
                "was something installed there meanwhile? run the same command again to go on",
            )
        self.hello = hello

    def _leave(self) -> None:
        if self._runner:
            self._runner.close()
        # The device may be out of reach; what is left there goes when it is next used.
        with suppress(LatkitError):
            self.forget_models()

    def _request(self, model: ModelFile, rule: StopRule) -> MeasureRequest:
        self._requests += 1
        return MeasureRequest(
            id=str(self._requests),
            model=self._on_device(model),
            threads=self.profile.threads,
            provider=self.profile.provider,
            seed=INPUT_SEED,
            rule=rule,
            timeout_s=self._timeout_s,
            affinity=self.profile.affinity,
            memory_limit_mb=self._memory_limit_mb,
            precision=self.profile.precision,
        )

    def _on_device(self, model: ModelFile) -> str:
        if self.profile.transport == "local":
            return str(model.path)
        if model.sha256 not in self._uploaded:
            remote = f"{self._folder}/{MODELS}/{model.path.name}"
            # One of that name was left by a session that was killed, and may not be whole.
            self._transport.upload(model.path, remote)
            self._uploaded[model.sha256] = remote
        return self._uploaded[model.sha256]
