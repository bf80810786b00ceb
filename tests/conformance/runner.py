"""What every runtime must do behind the harness. Subclass it in the runtime's own test module.

LATKIT_RUNNER_PYTHON names another Python to run the harness with, such as the oldest supported.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from latkit.measure.reference import same_output
from latkit.protocol import (
    PROTOCOL_VERSION,
    BlockEvent,
    Failed,
    Hello,
    MeasureRequest,
    Output,
    StopRule,
    parse_event,
)

RUNNERS = Path(__file__).parents[2] / "runners"
QUICK = StopRule(min_samples=8, min_s=0.01, max_s=0.1, half_width=0.5, warm_up_s=0.02)
ANSWER_S = 60.0


class Harness:
    """The harness as a process, spoken with as the host does."""

    def __init__(self, runtime: str, *, path: Path | None = None, python: str | None = None):
        environment = {**os.environ, "PYTHONPATH": str(path or "")}
        python = python or os.environ.get("LATKIT_RUNNER_PYTHON", sys.executable)
        command = [python, "-u", str(RUNNERS / "harness.py"), "--runtime", runtime]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        )

    def say(self, line: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def hear(self, timeout_s: float = ANSWER_S) -> bytes:
        """The next line; fails the test where none comes."""
        assert self.process.stdout
        assert select.select([self.process.stdout], [], [], timeout_s)[0], "no answer"
        return self.process.stdout.readline()

    def ask(self, request: MeasureRequest) -> BlockEvent | Failed:
        """What comes of a request, be it that the runtime hung until its time was over."""
        self.say(request.encode())
        event = parse_event(self.hear(request.timeout_s + ANSWER_S))
        assert isinstance(event, BlockEvent | Failed)
        assert event.id == request.id
        return event

    def children(self) -> list[int]:
        pid = self.process.pid
        with contextlib.suppress(FileNotFoundError):
            return [
                int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            ]
        return []

    def close(self) -> int:
        """Close its standard input; its exit status."""
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process.stderr.close()


@contextlib.contextmanager
def running(runtime: str, **options) -> Iterator[Harness]:
    harness = Harness(runtime, **options)
    try:
        yield harness
    finally:
        harness.close()


def ended(pid: int) -> bool:
    """Whether no such process runs any more, within a minute."""
    for _ in range(3000):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


class RunnerConformance:
    """Needs the fixtures ``model`` (a good file), ``expected`` (its output for seed 0).

    Set ``runtime``, ``provider`` and ``format``.
    """

    runtime: ClassVar[str]
    provider: ClassVar[str]
    format: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def harness(cls) -> Iterator[Harness]:
        with running(cls.runtime) as harness:
            harness.hello = parse_event(harness.hear())
            yield harness

    @pytest.fixture
    def request_(self, model: Path) -> MeasureRequest:
        return MeasureRequest("a", str(model), 1, self.provider, 0, QUICK, 60.0)

    def test_greets(self, harness: Harness):
        hello = harness.hello
        assert isinstance(hello, Hello)
        assert hello.protocol == PROTOCOL_VERSION
        assert (hello.runtime, hello.format) == (self.runtime, self.format)
        assert hello.runtime_version
        assert not hello.providers or self.provider in hello.providers

    def test_waits_without_threads_of_its_own(self, harness: Harness):
        # Forking is safe, and timing undisturbed, only so.
        status = Path(f"/proc/{harness.process.pid}/status").read_text()
        assert "\nThreads:\t1\n" in status

    def test_times_a_model(self, harness: Harness, request_: MeasureRequest, expected: Output):
        block = harness.ask(request_)
        assert isinstance(block, BlockEvent), block
        assert len(block.samples_ns) >= QUICK.min_samples
        assert block.warm_up >= 1
        assert 0 < sum(block.samples_ns) + block.cold_ns <= block.timing_ns
        assert block.thread_cpu_ns > 0
        assert block.providers[:1] in ((), (self.provider,))
        assert same_output(block.output, expected, "fp32")

    def test_every_block_is_a_fresh_process_with_the_same_input(
        self, harness: Harness, request_: MeasureRequest
    ):
        one, two = harness.ask(request_), harness.ask(replace(request_, id="b"))
        other = harness.ask(replace(request_, seed=1))
        assert isinstance(one, BlockEvent)
        assert isinstance(two, BlockEvent)
        assert isinstance(other, BlockEvent)
        assert one.output == two.output != other.output
        assert harness.children() == []

    def test_stops_at_the_cap(self, harness: Harness, request_: MeasureRequest):
        rule = StopRule(min_samples=10**6, min_s=0.0, max_s=0.05, half_width=-1.0, warm_up_s=0.0)
        block = harness.ask(replace(request_, rule=rule))
        assert isinstance(block, BlockEvent)
        assert not block.converged

    def test_takes_threads_and_affinity(self, harness: Harness, request_: MeasureRequest):
        cpu = min(os.sched_getaffinity(0))
        two = harness.ask(replace(request_, threads=2))
        assert isinstance(two, BlockEvent), two
        assert isinstance(harness.ask(replace(request_, affinity=(cpu,))), BlockEvent)
        for lacking in ((60_000,), (cpu, 60_000)):
            failed = harness.ask(replace(request_, affinity=lacking))
            assert isinstance(failed, Failed)
            assert "60000" in failed.detail

    @pytest.mark.parametrize("content", [b"", b"garbage", None])
    def test_a_bad_model_fails_alone(
        self,
        harness: Harness,
        request_: MeasureRequest,
        model: Path,
        tmp_path: Path,
        content: bytes | None,
    ):
        bad = tmp_path / model.name
        whole = model.read_bytes()
        bad.write_bytes(whole[: len(whole) // 2] if content is None else content)
        failed = harness.ask(replace(request_, model=str(bad)))
        assert isinstance(failed, Failed)
        assert failed.detail
        assert isinstance(harness.ask(request_), BlockEvent)

    def test_a_missing_model_fails_alone(self, harness: Harness, request_: MeasureRequest):
        failed = harness.ask(replace(request_, model="/no/such/model"))
        assert isinstance(failed, Failed)
        assert isinstance(harness.ask(request_), BlockEvent)

    def test_an_unknown_provider_is_no_silent_fallback(
        self, harness: Harness, request_: MeasureRequest
    ):
        if not harness.hello.providers:
            pytest.skip("this runtime has no providers to choose from")
        assert isinstance(harness.ask(replace(request_, provider="NoSuchProvider")), Failed)

    @pytest.mark.parametrize(
        "line",
        [
            b"",
            b"garbage",
            b"[]",
            b'{"op":"measure"}',
            b"\xff",
            b"1",
            b"[" * 100_000,
            b'{"id":"","timeout_s":1e300}',
            b'{"id":"","timeout_s":NaN}',
        ],
        ids=lambda line: repr(line[:30]),
    )
    def test_what_is_no_request_is_refused(
        self, harness: Harness, request_: MeasureRequest, line: bytes
    ):
        harness.say(line)
        refused = parse_event(harness.hear())
        assert isinstance(refused, Failed)
        assert (refused.id, refused.kind) == ("", "error")
        assert isinstance(harness.ask(request_), BlockEvent)

    def test_requests_may_come_ahead_and_in_pieces(
        self, harness: Harness, request_: MeasureRequest
    ):
        whole = b"\n".join(replace(request_, id=str(number)).encode() for number in range(3))
        harness.process.stdin.write(whole[:100])
        harness.process.stdin.flush()
        time.sleep(0.05)
        harness.say(whole[100:])
        assert [parse_event(harness.hear()).id for _ in range(3)] == ["0", "1", "2"]

    def test_ends_with_its_input(self):
        with running(self.runtime) as harness:
            harness.hear()
            assert harness.close() == 0

    @pytest.mark.parametrize("end", ["close", "kill"])
    def test_no_child_outlives_it(self, request_: MeasureRequest, end: str):
        endless = StopRule(min_samples=10**9, min_s=60.0, max_s=60.0)
        with running(self.runtime) as harness:
            harness.hear()
            harness.say(replace(request_, rule=endless).encode())
            while not (children := harness.children()):
                time.sleep(0.01)
            if end == "kill":
                harness.process.send_signal(signal.SIGKILL)
            harness.close()
            assert all(map(ended, children))

    def test_a_runtime_that_is_missing_is_named(self):
        with running("no_such_runtime") as harness:
            event = json.loads(harness.hear())
            assert event["event"] == "unusable"
            assert "no_such_runtime" in event["detail"]
            assert harness.close() == 1
