"""One device, leased, with a runner that waits for models."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from types import TracebackType
from typing import Any

from latkit.build.cache import ModelFile
from latkit.devices.lease import Lease
from latkit.devices.profile import Profile
from latkit.devices.transport import RemoteProcess, open_transport
from latkit.errors import RunnerError
from latkit.measure.deploy import deploy_runner, model_path, runner_digest
from latkit.protocol import (
    MAX_LINE_BYTES,
    PROTOCOL_VERSION,
    BlockEvent,
    Event,
    Failed,
    Hello,
    MeasureRequest,
    StopRule,
    Unusable,
    parse_event,
)
from latkit.types import Setting

INPUT_SEED = 0
START_TIMEOUT_S = 120.0
GRACE_S = 30.0


class Session:
    """Context manager: connects, leases the device, deploys the runner and starts it.

    Args:
        profile: the device.
        rule: when a block has enough samples.
        wait_s: how long to wait for another holder of the device.
        timeout_s: after so long one model is given up.
        memory_limit_mb: address space a model may use on the device.

    Raises DeviceUnreachable, DeviceBusyError, or RunnerError where the runner cannot work there.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        rule: StopRule | None = None,
        wait_s: float = 0.0,
        timeout_s: float = 300.0,
        memory_limit_mb: int | None = None,
    ) -> None:
        self.profile = profile
        self.rule = rule or StopRule()
        self._wait_s = wait_s
        self._timeout_s = timeout_s
        self._memory_limit_mb = memory_limit_mb
        self._stack = ExitStack()
        self._uploaded: dict[str, str] = {}
        self._requests = 0

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
        self._stack.close()

    def setting(self, skeleton: str) -> Setting:
        """The setting of all measurements of this session."""
        profile = self.profile
        return Setting(
            device=profile.name,
            skeleton=skeleton,
            runtime=self.hello.runtime,
            runtime_version=self.hello.runtime_version,
            threads=profile.threads,
            precision=profile.precision,
            batch=profile.batch,
            device_state=profile.device_state,
            protocol=PROTOCOL_VERSION,
        )

    def context(self) -> dict[str, Any]:
        """What else should be remembered of the circumstances, as JSON would have it."""
        return {
            "runner": runner_digest()[:16],
            "rule": asdict(self.rule),
            "provider": self.profile.provider,
            "affinity": list(self.profile.affinity or ()),
            "device": asdict(self.hello),
        }

    def time(self, model: ModelFile, rule: StopRule | None = None) -> BlockEvent | Failed:
        """Time a model in one fresh process; a model that fails is an answer, not an error.

        Raises DeviceUnreachable where the link died, RunnerError where the runner did, LatkitError
        where the lease was lost.
        """
        self._lease.require()
        self._requests += 1
        request = MeasureRequest(
            id=str(self._requests),
            model=self._on_device(model),
            threads=self.profile.threads,
            provider=self.profile.provider,
            seed=INPUT_SEED,
            rule=rule or self.rule,
            timeout_s=self._timeout_s,
            affinity=self.profile.affinity,
            memory_limit_mb=self._memory_limit_mb,
        )
        self._runner.send(request.encode())
        event = self._receive(self._timeout_s + GRACE_S)
        if not isinstance(event, BlockEvent | Failed) or event.id != request.id:
            raise self._broken(f"answered a request with {type(event).__name__}")
        return event

    def forget_models(self) -> None:
        """Remove the models that this session put on the device."""
        if self._uploaded:
            self._transport.run(["rm", "-f", *self._uploaded.values()])
            self._uploaded.clear()

    def _connect(self) -> None:
        profile = self.profile
        self._transport = self._stack.enter_context(open_transport(profile))
        self._folder = self._transport.expand(profile.remote_dir)
        lease = Lease(
            self._transport, profile.remote_dir, python=profile.python, wait_s=self._wait_s
        )
        self._lease = self._stack.enter_context(lease)
        harness = deploy_runner(self._transport, self._folder)
        self._runner = self._start(harness)
        self.hello = self._greet()

    def _start(self, harness: str) -> RemoteProcess:
        python = self._transport.expand(self.profile.python)
        runner = self._transport.spawn([python, "-u", harness, "--runtime", self.profile.runtime])
        self._stack.callback(runner.close)
        return runner

    def _greet(self) -> Hello:
        event = self._receive(START_TIMEOUT_S)
        if isinstance(event, Unusable):
            raise self._unusable(event)
        if not isinstance(event, Hello):
            raise self._broken(f"greeted with {type(event).__name__}")
        if event.protocol != PROTOCOL_VERSION:
            raise self._broken(f"speaks protocol {event.protocol}, not {PROTOCOL_VERSION}")
        return event

    def _receive(self, timeout_s: float) -> Event:
        try:
            line = self._runner.receive(timeout_s, MAX_LINE_BYTES)
        except TimeoutError:
            raise self._broken(f"gave no answer within {timeout_s:g} s") from None
        if line is None:
            raise self._broken("ended without an answer")
        return parse_event(line)

    def _broken(self, what: str) -> RunnerError:
        said = self._runner.stderr_tail().strip().splitlines()
        last = f"; its last words: {said[-1][:300]}" if said else ""
        where = self._transport.description
        return RunnerError(
            f"the runner on {where} {what}{last}",
            f"latkit device check {self.profile.name}",
        )

    def _unusable(self, event: Unusable) -> RunnerError:
        runtime = self.profile.runtime
        where = self._transport.description
        words = [*self.profile.login_command, self.profile.python, "-m pip install", runtime]
        return RunnerError(
            f"{runtime} cannot be used on {where}: {event.detail}",
            f"install it there: {' '.join(words)} numpy",
        )

    def _on_device(self, model: ModelFile) -> str:
        if self.profile.transport == "local":
            return str(model.path)
        if model.sha256 not in self._uploaded:
            remote = model_path(self._folder, model)
            if not self._transport.exists(remote):
                self._transport.upload(model.path, remote)
            self._uploaded[model.sha256] = remote
        return self._uploaded[model.sha256]
