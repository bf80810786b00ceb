"""Whatever a board says: the campaign ends in time, with a verdict or a message, the lease is free,
and the next campaign with an honest board gives honest values.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from latkit.devices import tune
from latkit.devices.profile import create
from latkit.measure.campaign import CampaignResult
from tests.integration.hostile_board import HostileBoard
from tests.integration.hostile_campaign import (
    outcome,
    require_message,
    require_recovery,
    require_untouched,
)


@pytest.fixture
def board(tmp_path: Path, impatient: None) -> HostileBoard:
    return HostileBoard(tmp_path)


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


def test_a_claim_that_cannot_be_true_is_a_verdict(board, measure):
    for name, claim in IMPOSSIBLE.items():
        change = f"dict(event, {claim}) if event['event'] == 'block' else event"
        board.play("harness.py", f"relay(lambda request, event: {change})")
        result = outcome(lambda: measure(board.device))
        assert isinstance(result, CampaignResult), (name, result)
        for measurement in result.measurements:
            assert measurement.verdict.level == "invalid", name
            assert measurement.verdict.reasons[0].startswith("implausible: "), name
        assert result.timing_share <= 1, name
    require_recovery(measure, board.honest)


LIES = {
    "all a hundred times faster": "max(1000, each // 100)",
    "all a thousandfold of a nanosecond": "1000",
    "the canary alone": (
        "max(1000, each // 30) if request['model'] == first.setdefault('model', request['model']) "
        "else each"
    ),
}


# The shorter, the more: their sum stays what it was, as far as as many can be had.
CONSISTENT = """
def lied(request, event):
    if event["event"] != "block":
        return event
    true = event["samples_ns"]
    false = [{lie} for each in true]
    false = (false * max(1, sum(true) // sum(false)))[:19999]
    return dict(event, samples_ns=false, thread_cpu_ns=sum(false))

relay(lied)
"""


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_that_could_be_true_spoils_nothing_after_it(board, measure, lie: str):
    board.play("harness.py", CONSISTENT.format(lie=lie))
    outcome(lambda: measure(board.device))
    require_recovery(measure, board.honest)


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
    require_untouched(board.honest, board.folder)


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
    require_untouched(board.honest, board.folder)


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
    if isinstance(found, CampaignResult) or list(board.folder.glob("journals/*.jsonl")):
        require_recovery(measure, board.honest)
    else:
        require_untouched(board.honest, board.folder)


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
