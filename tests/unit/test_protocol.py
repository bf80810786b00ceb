"""Whatever a device sends, RunnerError is all that it can cause."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.errors import RunnerError
from latkit.protocol import (
    MAX_LINE_BYTES,
    MAX_SAMPLES,
    MAX_TEXT,
    BlockEvent,
    DeviceState,
    Failed,
    Hello,
    MeasureRequest,
    Output,
    StopRule,
    Unusable,
    parse_event,
    parse_state,
)

STATE = DeviceState(1500.0, 61.5, "ondemand", 0.5, 10**9, 2.5, 3)
JETSON = DeviceState(
    over_current_count=52,
    power_mode="MAXN_SUPER",
    gpu_mhz=1020.0,
    gpu_temperature_c=54.5,
    limits=("GPU power cap",),
    limits_since_boot=(),
)
HELLO = Hello(
    1, "onnxruntime", "1.20", "onnx", ("CPU",), "3.11.2", "aarch64", "Cortex", 4, 3793, "b1"
)
BLOCK = BlockEvent(
    "7",
    9,
    3,
    (5, 6, 7),
    True,
    18,
    0,
    40,
    ("CPU",),
    Output(2, (0.5, 1.5), 1.0, 0.5),
    STATE,
    JETSON,
    12.5,
    "VDD_IN",
)
EXAMPLES: dict[str, Any] = {
    "hello": HELLO,
    "block": BLOCK,
    "failed": Failed("7", "crash", "died of SIGSEGV"),
    "unusable": Unusable("No module named 'onnxruntime'", "/usr/bin/python3"),
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def message(kind: str) -> dict[str, Any]:
    return json.loads(json.dumps({"event": kind, **asdict(EXAMPLES[kind])}))


def parse(content: Any) -> Any:
    return parse_event(json.dumps(content).encode())


def events(line: bytes) -> None:
    refusal = None
    try:
        event = parse_event(line)
    except RunnerError as problem:
        refusal = problem.message
    if refusal is not None:
        assert len(refusal) < 1000
        assert refusal.isprintable()
        return
    assert isinstance(event, Hello | BlockEvent | Failed | Unusable)
    json.dumps(asdict(event), allow_nan=False).encode()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_round_trip(kind: str):
    assert parse(message(kind)) == EXAMPLES[kind]


@given(st.binary(max_size=300))
def test_any_bytes(line: bytes):
    events(line)


@given(JSON)
def test_any_json(content: Any):
    events(json.dumps(content).encode())


@given(st.sampled_from(sorted(EXAMPLES)), JSON, st.data())
def test_any_field_replaced(kind: str, value: Any, data: st.DataObject):
    content = message(kind)
    path = [data.draw(st.sampled_from(sorted(content)))]
    target = content
    while isinstance(target[path[-1]], dict) and data.draw(st.booleans()):
        target = target[path[-1]]
        path.append(data.draw(st.sampled_from(sorted(target))))
    target[path[-1]] = value
    events(json.dumps(content).encode())


@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_any_field_missing(kind: str, data: st.DataObject):
    content = message(kind)
    name = data.draw(st.sampled_from(sorted(content)))
    del content[name]
    if name in ("processor", "memory_mb", "boot_id", "energy_mj", "energy_of"):
        assert getattr(parse(content), name) is None
        return
    with pytest.raises(RunnerError):
        parse(content)


@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_any_line_cut_short(kind: str, data: st.DataObject):
    line = json.dumps(message(kind)).encode()
    with pytest.raises(RunnerError):
        parse_event(line[: data.draw(st.integers(0, len(line) - 1))])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("samples_ns", []),
        ("samples_ns", [1] * (MAX_SAMPLES + 1)),
        ("samples_ns", [0]),
        ("samples_ns", [-5]),
        ("samples_ns", [True]),
        ("samples_ns", [1.0]),
        ("samples_ns", [10**15]),
        ("samples_ns", "12"),
        ("cold_ns", 0),
        ("cold_ns", float("nan")),
        ("converged", 1),
        ("providers", ["x"] * 65),
        ("providers", [1]),
        ("id", "x" * (MAX_TEXT + 1)),
        ("output", {"count": 1, "values": [float("inf")], "mean": 0.0, "std": 0.0}),
        ("output", {"count": 1, "values": [0.0] * 257, "mean": 0.0, "std": 0.0}),
        ("output", []),
        ("before", {"load": "low"}),
        ("before", {"throttle_count": -1}),
        ("before", []),
    ],
)
def test_out_of_range(field: str, value: Any):
    with pytest.raises(RunnerError, match="not in its language"):
        parse({**message("block"), field: value})


def test_an_unknown_event_or_kind_of_failure():
    with pytest.raises(RunnerError):
        parse({"event": "bye"})
    with pytest.raises(RunnerError, match="kind"):
        parse({**message("failed"), "kind": "tired"})


def test_a_state_that_is_not_told_is_unknown():
    block = parse({**message("block"), "before": {}, "after": {"load": None}})
    assert block.before == block.after == DeviceState()


def test_an_output_that_was_not_seen_is_unknown():
    assert parse(message("block") | {"output": None}).output is None


@pytest.mark.parametrize("value", [0, -1.0, 1e10, "3", True, [3]])
def test_energy_that_cannot_be(value: Any):
    with pytest.raises(RunnerError):
        parse({**message("block"), "energy_mj": value})


def test_what_the_state_program_prints():
    line = b'{"limits": ["throttled"], "governor": "x", "temperature_c": 41.5}'
    assert parse_state(line) == DeviceState(limits=("throttled",), governor="x", temperature_c=41.5)
    for wrong in (b"", b"[]", b'{"limits": "throttled"}', b'{"limits": [1]}', b'{"load": "much"}'):
        with pytest.raises(RunnerError):
            parse_state(wrong)


def test_fields_of_later_versions_are_passed_over():
    assert parse({**message("block"), "colour": 3.5}) == BLOCK


def test_a_line_too_long_is_not_even_looked_at():
    with pytest.raises(RunnerError, match="bytes"):
        parse_event(b"[" * (MAX_LINE_BYTES + 1))


def test_deep_nesting_and_endless_numbers():
    for line in (b"[" * 10**6, b'{"event":' * 10**5, b'{"event":' + b"9" * 10**6 + b"}"):
        with pytest.raises(RunnerError):
            parse_event(line)


def test_text_cannot_drive_a_terminal_nor_break_an_encoding():
    detail = "line\nnext\x1b[2J\x00\ud800\u202eé"
    failed = parse({**message("failed"), "detail": detail})
    assert failed.detail == "line next\N{REPLACEMENT CHARACTER}[2J" + 3 * "\ufffd" + "é"


def test_a_request_is_one_line_of_json():
    request = MeasureRequest("1", "/m\n.onnx", 2, "CPU", 0, StopRule(), 60.0, (0, 2), 512)
    line = request.encode()
    assert b"\n" not in line
    content = json.loads(line)
    assert content.pop("op") == "measure"
    assert content["rule"] == asdict(StopRule())
    assert content["affinity"] == [0, 2]
