"""Measuring on this computer, with the real runner and the real runtime."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import venv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latkit import spaces
from latkit.condition import Condition, Runtime
from latkit.devices import check
from latkit.devices.lease import DeviceBusyError
from latkit.devices.profile import create
from latkit.devices.runners import runner_digest
from latkit.errors import RunnerError, UnknownNameError, UsageError
from latkit.measure.plan import MAX_ROUNDS, ROUNDS
from latkit.measure.readiness import DeviceNotReadyError
from latkit.measure.session import Session
from latkit.measurement import Measurement
from latkit.protocol import DeviceState
from latkit.sampling import sample
from latkit.store import Store
from tests.conformance.runner import ended
from tests.integration import campaign_process
from tests.integration.campaign_process import RULE, SPACE, Log, archs, run, unusable, url
from tests.unit.another_package import installed_runtime

COUNT = 6

# Behaves as onnxruntime does, but for the models that a file beside it names.
MISCHIEF = """
import json, os, signal, sys, time
from runtime_onnxruntime import FORMAT, NAME, providers, version
import runtime_onnxruntime

class Model(runtime_onnxruntime.Model):
    def __init__(self, path, threads, provider, seed, precision):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "mischief.json")) as f:
            behaviours = json.load(f)
        behaviour = behaviours.get(os.path.basename(path))
        if behaviour == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if behaviour == "hang":
            time.sleep(3600)
        if behaviour == "memory":
            raise MemoryError
        if behaviour == "take the runner along":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(3600)
        super().__init__(path, threads, provider, seed, precision)
        self.wrong = behaviour == "wrong output"

    def output(self):
        return [value + self.wrong for value in super().output()]
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("latkit.measure.campaign.CANARY_RULE", RULE)


@pytest.fixture
def device(tmp_path: Path) -> dict[str, object]:
    return {"name": "here", "transport": "local", "remote_dir": f"{tmp_path}/device"}


def dataset(folder: Path) -> list[Measurement]:
    with Store.open(url(folder)) as store:
        return list(store.find(samples=True))


def start(folder: Path, device: dict[str, object], *timings: int) -> subprocess.Popen[bytes]:
    """A campaign in a process of its own, which is held after so many timings if they are given."""
    module = campaign_process.__name__
    words = [str(folder), json.dumps(device), str(COUNT), *map(str, timings)]
    return subprocess.Popen([sys.executable, "-m", module, *words], stderr=subprocess.PIPE)


def test_a_campaign(tmp_path: Path, device: dict[str, object]):
    result = run(tmp_path, device, COUNT)
    assert [found.subject for found in result.measurements] == list(archs(COUNT))
    for found in result.measurements:
        assert found.usable, found.verdict
        assert ROUNDS <= len(found.blocks) <= MAX_ROUNDS
        assert found.lower_ms <= found.latency_ms <= found.upper_ms
        assert found.context["device"]["runtime"] == "onnxruntime"
        assert all(b["providers"] == ["CPUExecutionProvider"] for b in found.context["blocks"])
    assert {found.subject.collection for found in result.measurements} == {SPACE.name}
    assert {found.condition for found in result.measurements} == {result.condition}
    version = result.measurements[0].context["device"]["runtime_version"]
    assert result.condition == Condition(
        "here", Runtime("onnxruntime", version, "CPUExecutionProvider")
    )
    assert 0 < result.timing_share < 1
    assert not list((tmp_path / "journals").glob("*.jsonl"))


@pytest.fixture
def mischief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Another package's runtime, in which the models that are named misbehave."""
    monkeypatch.setattr("latkit.devices.transport.process.CLOSE_GRACE_S", 0.5)

    def behave(behaviours: dict[int, str]) -> None:
        models = campaign_process.ModelCache(tmp_path / "models")
        networks = [SPACE.network(a) for a in archs(COUNT)]
        names = {models.get(networks[n]).path.name: words for n, words in behaviours.items()}
        place = tmp_path / "device" / "runners" / runner_digest("mischief")[:16]
        place.mkdir(parents=True)
        (place / "mischief.json").write_text(json.dumps(names))

    with installed_runtime(tmp_path / "site", "mischief", {"runtime_mischief.py": MISCHIEF}):
        yield behave


def test_models_that_misbehave_are_marked_and_the_others_go_on(
    tmp_path: Path, device: dict[str, object], mischief
):
    mischief({0: "crash", 1: "hang", 2: "memory", 3: "take the runner along", 4: "wrong output"})
    result = run(tmp_path, {**device, "runtime": "mischief"}, COUNT, timeout_s=5.0)
    reasons = [found.verdict.reasons[0] for found in result.measurements[:5]]
    assert reasons[0] == "crash: died of SIGSEGV"
    assert reasons[1] == "timeout: no result within 5 s"
    assert reasons[2] == "memory: out of memory"
    assert reasons[3].startswith("runner: the runner on this computer ended without an answer")
    assert reasons[4].startswith("wrong output")
    levels = [found.verdict.level for found in result.measurements]
    assert levels[:5] == ["invalid"] * 5
    assert result.measurements[5].usable
    assert len(dataset(tmp_path)) == COUNT


def test_a_runner_that_breaks_over_every_model_is_itself_the_trouble(
    tmp_path: Path, device: dict[str, object], mischief
):
    mischief(dict.fromkeys(range(COUNT), "take the runner along"))
    profile = create({**device, "runtime": "mischief"})
    models = campaign_process.ModelCache(tmp_path / "models")
    networks = [SPACE.network(a) for a in archs(2)]
    with Session(profile, rule=RULE) as session:
        first = session.time(models.get(networks[0]))
        assert first.kind == "runner"
        with pytest.raises(RunnerError, match="ended without an answer"):
            session.time(models.get(networks[1]))


def test_a_missing_runtime_is_said_at_once(tmp_path: Path, device: dict[str, object]):
    venv.create(tmp_path / "bare", symlinks=True)
    python = str(tmp_path / "bare" / "bin" / "python")
    with pytest.raises(RunnerError, match="onnxruntime cannot be used on this computer") as caught:
        run(tmp_path, {**device, "python": python}, COUNT)
    assert (
        caught.value.hint == f"{python} -m ensurepip && {python} -m pip install onnxruntime numpy"
    )


def test_a_missing_runtime_that_nobody_publishes_for_that_machine(
    tmp_path: Path, device: dict[str, object], monkeypatch: pytest.MonkeyPatch
):
    venv.create(tmp_path / "bare", symlinks=True)
    tell = check._facts

    def of_a_raspberry(*asked: Any) -> Any:
        return tell(*asked).model_copy(update={"machine": "armv7l", "libc": "2.36"})

    monkeypatch.setattr(check, "_facts", of_a_raspberry)
    with pytest.raises(RunnerError) as caught:
        run(tmp_path, {**device, "python": str(tmp_path / "bare" / "bin" / "python")}, COUNT)
    assert "nobody publishes onnxruntime for armv7l" in (caught.value.hint or "")


def test_an_unknown_runtime_is_said_before_anything_is_done(tmp_path: Path):
    with pytest.raises(UnknownNameError, match="unknown runtime 'onxruntime'") as caught:
        run(tmp_path, {"name": "far", "host": "far.invalid", "runtime": "onxruntime"}, COUNT)
    assert "did you mean 'onnxruntime'?" in (caught.value.hint or "")


def test_a_missing_provider_is_said_at_once(tmp_path: Path, device: dict[str, object]):
    with pytest.raises(RunnerError, match="has no CUDAExecutionProvider"):
        run(tmp_path, {**device, "provider": "CUDAExecutionProvider"}, COUNT)


def test_a_precision_that_no_model_has_is_refused(tmp_path: Path, device: dict[str, object]):
    pytest.importorskip("torch")
    with pytest.raises(UsageError, match="no int8 models in the format torch"):
        run(tmp_path, {**device, "runtime": "torch", "precision": "int8"}, COUNT)


def test_a_device_that_is_slowed_down_is_refused(device: dict[str, object], monkeypatch):
    hot = DeviceState(limits=("too hot: cpufreq-cpu0",))
    monkeypatch.setattr("latkit.measure.session.read_state", lambda *_: hot)
    with pytest.raises(DeviceNotReadyError, match="too hot: cpufreq"), Session(create(device)):
        pass


def test_two_campaigns_do_not_disturb_each_other(device: dict[str, object]):
    with Session(create(device)), pytest.raises(DeviceBusyError), Session(create(device)):
        pass


def test_a_session_leaves_no_process(device: dict[str, object]):
    def children() -> set[str]:
        return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

    others = children()  # other tests' servers may live on
    with Session(create(device)):
        own = children() - others
    assert own
    assert all(ended(int(child)) for child in own)


def test_old_runners_and_models_are_cleared_out(tmp_path: Path, device: dict[str, object]):
    old, new = (tmp_path / "device" / "models" / name for name in ("old.onnx", "new.onnx"))
    stale = tmp_path / "device" / "runners" / "stale"
    for path in (old, new, stale / "harness.py"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    long_ago = time.time() - 40 * 86_400
    for path in (old, stale):
        os.utime(path, (long_ago, long_ago))
    with Session(create(device)):
        pass
    assert not old.exists()
    assert new.exists()
    assert [f.name for f in stale.parent.iterdir()] == [runner_digest("onnxruntime")[:16]]


def test_sigkill_at_any_moment(tmp_path: Path, device: dict[str, object]):
    rng = random.Random(0)
    log, kills = Log(tmp_path / "log"), 0
    while True:
        # A canary and four blocks: fewer than there are, so that the first two are surely killed.
        process = start(tmp_path, device, *([5] if kills < 2 else []))
        enough = len(log.read("timed")) + rng.randint(0, 4)
        wait_for(process, lambda enough=enough: len(log.read("timed")) >= enough)
        time.sleep(rng.random() * 0.2)
        if process.poll() is not None:
            break
        process.kill()
        process.communicate()
        kills += 1
        assert kills < 60
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    stored = dataset(tmp_path)
    assert Counter(m.subject for m in stored) == dict.fromkeys(archs(COUNT), 1)
    assert all(m.usable and ROUNDS <= len(m.blocks) <= MAX_ROUNDS for m in stored)
    # Every block that was known is in the dataset; at most the one under way was lost.
    timed = Counter(arch for arch, _ in log.read("timed"))
    blocks = Counter({m.subject.key: len(m.blocks) for m in stored})
    assert not timed - blocks
    assert (blocks - timed).total() <= kills


@pytest.mark.slow
def test_sigkill_of_the_command(tmp_path: Path, local: str):
    own = {f"LATKIT_{name}_DIR": f"{tmp_path}/{name.lower()}" for name in ("CONFIG", "DATA")}
    environment = os.environ | own | {"LATKIT_CACHE_DIR": f"{tmp_path}/cache"}
    environment.pop("LATKIT_DB", None)
    words = ["measure", "--device", local, "--n", "2", "--sampler", "random", "--json"]
    main = "from latkit.cli import main; main()"
    hold = f"from {campaign_process.__name__} import hold_after; hold_after(4); "
    python, options = [sys.executable, "-c"], [*words, "--wait", "60"]
    pipe = subprocess.PIPE
    for blocks in (0, 3):
        command = [*python, hold + main, *options]
        process = subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe)
        wait_for(process, lambda blocks=blocks: lines(tmp_path / "data" / "campaigns") >= blocks)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    command = [*python, main, *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)["measurements"]
    drawn = sample("random", spaces.get("nb201"), 2, np.random.default_rng(0))
    assert [m["arch"] for m in measured] == [arch.key for arch in drawn]
    assert all(ROUNDS <= m["processes"] <= MAX_ROUNDS for m in measured)
    with Store.open(f"sqlite:///{tmp_path}/data/latkit.db") as store:
        assert Counter(m.subject for m in store.find()) == dict.fromkeys(drawn, 1)


def lines(journals: Path) -> int:
    """Blocks in the journal of the one campaign there; stored ones are in it until it is tidied."""
    return sum(file.read_bytes().count(b"\n") for file in journals.glob("*.jsonl"))


def wait_for(process: subprocess.Popen[bytes], happened) -> None:
    for _ in range(20_000):
        if process.poll() is not None or happened():
            return
        time.sleep(0.01)
    raise AssertionError("nothing happened")


def test_ctrl_c_keeps_what_is_known(tmp_path: Path, device: dict[str, object]):
    log = Log(tmp_path / "log")
    process = start(tmp_path, device, 12)  # three canaries, and some networks for the second time
    wait_for(process, lambda: len(log.read("timed")) >= COUNT + 3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 130, errors.decode()
    known = len(log.read("timed"))
    result = run(tmp_path, device, COUNT)
    assert not unusable(result)
    assert len(dataset(tmp_path)) == COUNT
    assert sum(len(m.blocks) for m in dataset(tmp_path)) <= len(log.read("timed")) + 1
    assert known == COUNT + 3
