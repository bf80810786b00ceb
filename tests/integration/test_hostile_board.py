"""Whatever a board says: the campaign ends in time, with a verdict or a message, the lease is free,
and the next campaign with an honest board gives honest values.
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latkit.devices import tune
from latkit.devices.profile import create
from latkit.errors import LatkitError
from latkit.formats.cache import ModelCache
from latkit.measure.campaign import Campaign, CampaignResult
from latkit.measure.plan import Plan, canary
from latkit.measure.session import Session
from latkit.measurement import Measurement
from latkit.progress import Progress
from latkit.store import Store
from tests.integration.campaign_process import RULE, SPACE, archs
from tests.integration.hostile_board import HostileBoard

IN_TIME_S = 120.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {
        "latkit.devices.transport.process.CLOSE_GRACE_S": 0.3,
        "latkit.devices.transport.process.QUIET_S": 0.2,
        "latkit.measure.runner.START_TIMEOUT_S": 8.0,
        "latkit.measure.runner.GRACE_S": 1.0,
        "latkit.devices.lease._ANSWER_TIMEOUT_S": 5.0,
        "latkit.devices.tune._ANSWER_TIMEOUT_S": 5.0,
    }.items():
        monkeypatch.setattr(name, seconds)
    monkeypatch.setattr("latkit.measure.campaign.CANARY_RULE", RULE)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelCache:
    return ModelCache(tmp_path_factory.mktemp("models"))


@pytest.fixture
def board(tmp_path: Path) -> HostileBoard:
    return HostileBoard(tmp_path)


@pytest.fixture
def measure(tmp_path: Path, models: ModelCache) -> Callable[[dict[str, Any]], CampaignResult]:
    """A campaign over two networks, on a dataset of the test's own."""

    def run(device: dict[str, Any]) -> CampaignResult:
        url = f"sqlite:///{tmp_path}/dataset.db"
        with Store.open(url) as store, Session(create(device), rule=RULE, timeout_s=4.0) as session:
            campaign = Campaign(SPACE, session, store, models, tmp_path / "journals", Progress())
            return campaign.run(Plan(archs(2), canary(SPACE), again=True))

    return run


def outcome(action: Callable[[], Any]) -> Any:
    """What came of it in time: a result, or the one error that is no defect."""
    found: list[Any] = []

    def act() -> None:
        try:
            found.append(action())
        except BaseException as problem:
            found.append(problem)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(IN_TIME_S)
    assert found, "it did not end"
    if isinstance(found[0], BaseException) and not isinstance(found[0], LatkitError):
        raise found[0]
    return found[0]


def require_message(problem: Any) -> None:
    assert isinstance(problem, LatkitError)
    assert 10 < len(problem.message) < 2000
    assert problem.exit_code in (1, 3, 4)


def require_honest(measurement: Measurement) -> None:
    """Its figure is what its own samples say, and no reference of a liar's is in it."""
    assert measurement.usable, measurement.verdict
    raw_ms = min(statistics.median(block.samples_ns) for block in measurement.blocks) / 1e6
    assert measurement.latency_ms is not None
    assert raw_ms / 3 < measurement.latency_ms < raw_ms * 3


def require_recovery(board: HostileBoard, measure: Callable[..., CampaignResult]) -> None:
    result = outcome(lambda: measure(board.honest))
    assert isinstance(result, CampaignResult), result
    for measurement in result.measurements:
        require_honest(measurement)


IMPOSSIBLE = {
    "a nanosecond": "samples_ns=[1] * 64",
    "a moment, and days": "samples_ns=[1] * 50001 + [DAY_NS] * 49999",
    "days": "samples_ns=[DAY_NS] * 64",
    "more time than passed": "samples_ns=[10**8] * 640, timing_ns=7 * 10**10",
    "a cold run of a day": "cold_ns=DAY_NS",
    "a day of timing": "timing_ns=DAY_NS",
    "a century of CPU time": "thread_cpu_ns=3 * 10**18",
    "too few samples": "samples_ns=event['samples_ns'][:3]",
    "no output": "output=None",
    "the energy of a power station": "energy_mj=1e9, energy_of='all'",
    "hotter than the sun": "after=dict(event['after'], temperature_c=6000.0)",
    "a clock of light": "before=dict(event['before'], frequency_mhz=5e14)",
    "a clock that runs backwards": "before=dict(event['before'], frequency_mhz=-1.0)",
    "a load below zero": "after=dict(event['after'], load=-7.0)",
}


@pytest.mark.parametrize("claim", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_claim_that_cannot_be_true_is_a_verdict(board, measure, claim: str):
    change = f"dict(event, {claim}) if event['event'] == 'block' else event"
    board.play("harness.py", f"relay(lambda request, event: {change})")
    result = outcome(lambda: measure(board.device))
    assert isinstance(result, CampaignResult), result
    for measurement in result.measurements:
        assert measurement.verdict.level == "invalid"
        assert measurement.verdict.reasons[0].startswith("implausible: ")
    assert result.timing_share <= 1
    require_recovery(board, measure)


LIES = {
    "all a hundred times faster": "max(1000, each // 100)",
    "all a thousandfold of a nanosecond": "1000",
    "the canary alone": (
        "max(1000, each // 30) if request['model'] == first.setdefault('model', request['model']) "
        "else each"
    ),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_that_could_be_true_spoils_nothing_after_it(board, measure, lie: str):
    change = f"dict(event, samples_ns=[{lie} for each in event['samples_ns']])"
    change = f"{change} if event['event'] == 'block' else event"
    board.play("harness.py", f"relay(lambda request, event: {change})")
    outcome(lambda: measure(board.device))
    require_recovery(board, measure)


ANSWERS = {
    "zero": "dict(event, samples_ns=[0] * 64)",
    "negative": "dict(event, samples_ns=[-5] * 64)",
    "nothing": "dict(event, samples_ns=[])",
    "no numbers": "dict(event, samples_ns='many')",
    "no finite numbers": "dict(event, output={'count': 1, 'values': [1e999], 'mean': 0, 'std': 0})",
    "5,000 digits": "b'{\"event\":\"block\",\"cold_ns\":' + b'9' * 5000 + b'}\\n'",
    "another request's": "dict(event, id='0')",
    "a greeting": "{'event': 'hello'}",
    "not JSON": "b'Segmentation fault\\n'",
    "not text": "bytes(range(128, 256)) + b'\\n'",
    "deep": "b'[' * 200000 + b'\\n'",
    "long": "b'x' * 100_000_000",
    "none": "None",
    "endless": "flood(1, b'{}\\n')",
    "trickling": "[time.sleep(0.05) or os.write(1, b'.') for _ in iter(int, 1)]",
    "progress for ever": "[time.sleep(0.05) or say({'event': 'progress'}) for _ in iter(int, 1)]",
    "complaints for ever": "flood(2, b'no\\n' * 999)",
    "one that stays": "(os.close(1), stay())",
    "its own end": "os._exit(9)",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_none(board, measure, answer: str):
    board.play("harness.py", f"relay(lambda request, event: {answer} if request else event)")
    require_message(outcome(lambda: measure(board.device)))
    require_recovery(board, measure)


GREETINGS = {
    "nothing": "stay()",
    "garbage": "say('Welcome!'); stay()",
    "an end": "sys.exit('sorry')",
    "a line without end": "flood(1, b'x' * 65536)",
    "lines without end": 'flood(1, b\'{"event":"hello"}\\n\')',
    "a trickle": "[time.sleep(0.05) or os.write(1, b' ') for _ in iter(int, 1)]",
    "no processors": "relay(lambda request, event: dict(event, cpus=0))",
    "a book": "relay(lambda request, event: dict(event, machine='x' * 10**6))",
    "NaN": "relay(lambda request, event: dict(event, memory_mb=float('nan')))",
    "again and again": "relay(lambda request, event: [say(event) for _ in range(99)] and event)",
    "each time another": (
        "relay(lambda request, event: b'oops\\n' if request "
        "else dict(event, boot_id=str(time.time())))"
    ),
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
def test_a_greeting_that_is_none(board, measure, greeting: str):
    board.play("harness.py", greeting)
    require_message(outcome(lambda: measure(board.device)))
    require_recovery(board, measure)


OTHER_PROGRAMS = {
    "lease_holder.py": {
        "silent": "stay()",
        "garbage": "say('held'); stay()",
        "deep": "say('[' * 200000); stay()",
        "long": "flood(1, b'x' * 65536)",
        "an end": "pass",
        "busy": "say({'state': 'busy', 'holder': '\\x1b[2J' * 999}); stay()",
        "failed": "say({'state': 'failed', 'reason': '\\x1b[2J' * 9999}); stay()",
        "held, and gone": "say({'state': 'held'})",
        "held, and chatters": "say({'state': 'held'}); flood(1, b'hello\\n')",
        "held, and a line without end": "say({'state': 'held'}); flood(1, b'x' * 65536)",
    },
    "state.py": {
        "silent": "stay()",
        "garbage": "say('cold')",
        "endless": "flood(1, b'x' * 65536)",
        "infinite": "say({'temperature_c': float('inf')})",
        "slowed down": "say({'limits': ['\\x1b[2J'] * 60})",
    },
    "sent as text": {
        "silent": "stay()",
        "garbage": "say('Python 3.11')",
        "endless": "flood(1, b'x' * 65536)",
        "deep": "say('{\"digests\":' * 50000)",
        "refuses": "say({'refused': '\\x1b[2J' * 99})",
        "claims that all is there": (
            "say({'digests': {name: __import__('hashlib').sha256(b'').hexdigest() "
            "for name in words[4:]}})"
        ),
    },
}


@pytest.mark.parametrize(
    ("program", "piece"),
    [
        pytest.param(program, piece, id=f"{program}: {name}")
        for program, pieces in OTHER_PROGRAMS.items()
        for name, piece in pieces.items()
    ],
)
def test_another_program_that_misbehaves(board, measure, program: str, piece: str):
    board.play(program, piece)
    found = outcome(lambda: measure(board.device))
    if piece != OTHER_PROGRAMS["sent as text"]["claims that all is there"]:
        require_message(found)
    require_recovery(board, measure)


TUNERS = {
    "silent": "stay()",
    "garbage": "say('tuned'); stay()",
    "long": "flood(1, b'x' * 65536)",
    "gone": "say({'state': 'tuned', 'changed': {'a': 'b'}})",
    "restores nothing": "say({'state': 'tuned', 'changed': {'a': 'b'}}); stay()",
    "untrusted": "say({'state': 'untrusted', 'reason': '\\x1b[2J' * 99})",
}


@pytest.mark.parametrize("piece", TUNERS.values(), ids=TUNERS)
def test_a_tuner_that_misbehaves(board: HostileBoard, piece: str):
    board.play("tuner.py", piece)

    def hold() -> None:
        with tune.tuned(create(board.device)):
            pass

    require_message(outcome(hold))
