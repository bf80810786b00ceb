"""What a measurement was made under, told apart, asked for and said."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit.cli.condition import condition_options
from latkit.condition import OPTIONS, PRECISIONS, Condition, Runtime, State, device_name
from latkit.devices.profile import changed, create, load
from latkit.devices.profile_file import builtin_dir
from latkit.errors import UsageError
from latkit.lab.options import fields, words
from latkit.protocol import Hello
from tests.conformance.store import conditions

CPU = "CPUExecutionProvider"
BUILT_IN = sorted(file.stem for file in builtin_dir().glob("*.toml"))
CONDITION = Condition("board", Runtime("onnxruntime", "1.32.0", CPU))
UNLIKE = {
    "runtime": "tflite",
    "provider": "CUDAExecutionProvider",
    "threads": 4,
    "affinity": [4, 5],
    "precision": "int8",
    "batch": 8,
    "state": "15W",
    "tuned": True,
}
ALL_UNLIKE = UNLIKE | {"device": "other", "runtime_version": "1.33", "protocol": 2}


def hello(runtime: str = "onnxruntime", version: str = "1.32.0", protocol: int = 1) -> Hello:
    return Hello(protocol, runtime, version, "onnx", (CPU,), "3.8", "x", None, 1, None, None)


def unlike(**values: object) -> Condition:
    return Condition.from_values({**CONDITION.values(), **values})


class TestOfASession:
    def test_it_is_what_the_profile_asks_for_by_the_runtime_that_answered(self):
        profile = create(
            {
                "name": "board",
                "kind": "rpi4",
                "runtime": "tflite",
                "threads": 4,
                "affinity": [2, 3],
                "precision": "int8",
                "batch": 2,
                "device_state": "15W",
            }
        )
        found = Condition.of(profile, hello("tflite", "2.1", protocol=3), tuned=True)
        assert found.values() == {
            "device": "board",
            "kind": "rpi4",
            "runtime": "tflite",
            "runtime_version": "2.1",
            "provider": "XNNPACK",
            "threads": 4,
            "affinity": [2, 3],
            "precision": "int8",
            "batch": 2,
            "state": "15W",
            "tuned": True,
            "protocol": 3,
        }

    def test_a_board_that_says_nothing_of_its_kind_is_one_by_itself(self):
        assert Condition.of(create({"name": "board"}), hello()) == CONDITION
        assert Condition.of(create({"name": "board"}), hello()).kind == "board"

    def test_a_benchmark_program_is_named_by_what_answered(self):
        command = {"words": ["time", "{model}"], "format": "onnx", "yields": "mean"}
        command |= {"pattern": r"(?P<latency>\d+)", "unit": "ms"}
        profile = create({"name": "board", "runtime": "command", "command": command})
        name = profile.usual()["runtime"]
        assert name.startswith("time:")
        assert Condition.of(profile, hello(name)).matches(profile.usual())


class TestIdentity:
    @pytest.mark.parametrize(("name", "value"), ALL_UNLIKE.items())
    def test_every_value_tells_two_apart(self, name: str, value: object):
        other = unlike(**{name: value})
        assert other != CONDITION
        assert other.digest() != CONDITION.digest()

    def test_the_kind_tells_no_two_apart(self):
        other = replace(CONDITION, kind="rpi4")
        assert (other, hash(other)) == (CONDITION, hash(CONDITION))
        assert other.digest() == CONDITION.digest()
        assert other.kind == "rpi4"

    @given(conditions, conditions)
    def test_digests_differ_where_conditions_do(self, one: Condition, other: Condition):
        assert (one.digest() == other.digest()) == (one == other)

    def test_digests_do_not_change_between_versions(self):
        assert CONDITION.digest() == "58bd85df75e3"


class TestValues:
    @given(conditions)
    def test_they_round_trip(self, condition: Condition):
        found = Condition.from_values(json.loads(json.dumps(condition.values())))
        assert found == condition
        assert found.kind == condition.kind

    @pytest.mark.parametrize("name", CONDITION.values())
    def test_one_that_is_missing_is_an_error(self, name: str):
        values = {key: value for key, value in CONDITION.values().items() if key != name}
        with pytest.raises(KeyError, match=name):
            Condition.from_values(values)

    def test_a_row_says_it_in_words_too(self):
        assert CONDITION.row() == {**CONDITION.values(), "condition": CONDITION.words()}


class TestMatches:
    def test_what_is_wanted_must_all_be_there(self):
        assert CONDITION.matches({})
        assert CONDITION.matches(CONDITION.values())
        assert CONDITION.matches({"runtime": "onnxruntime", "threads": 1})
        assert not CONDITION.matches({"runtime": "onnxruntime", "threads": 2})

    @pytest.mark.parametrize(("name", "value"), ALL_UNLIKE.items())
    def test_one_that_differs_is_none(self, name: str, value: object):
        assert not CONDITION.matches({**CONDITION.values(), name: value})

    @pytest.mark.parametrize("affinity", [[4, 5], (4, 5), [5, 4], (4, 4, 5)])
    def test_processors_may_be_listed_in_any_way(self, affinity: object):
        assert unlike(affinity=(4, 5)).matches({"affinity": affinity})
        assert unlike(affinity=tuple(affinity)) == unlike(affinity=(4, 5))
        assert not unlike(affinity=(4, 6)).matches({"affinity": affinity})


class TestAsOptions:
    @pytest.mark.parametrize("name", BUILT_IN)
    def test_none_under_the_profiles_own_condition(self, name: str):
        profile = load(name)
        found = Condition.of(profile, hello(profile.runtime))
        assert found.as_options(profile.usual()) == []

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("runtime", ["--runtime", "tflite"]),
            ("provider", ["--provider", "CUDAExecutionProvider"]),
            ("threads", ["--threads", "4"]),
            ("affinity", ["--affinity", "4,5"]),
            ("precision", ["--precision", "int8"]),
            ("batch", ["--batch", "8"]),
            ("state", ["--state", "15W"]),
            ("tuned", ["--tune"]),
        ],
    )
    def test_what_is_unusual_is_asked_for(self, name: str, words: list[str]):
        assert unlike(**{name: UNLIKE[name]}).as_options(CONDITION.values()) == words

    def test_all_processors_are_asked_for_where_some_are_usual(self):
        assert CONDITION.as_options(unlike(affinity=[4]).values()) == ["--affinity", "all"]

    def test_what_no_option_sets_is_not_asked_for(self):
        other = unlike(device="other", runtime_version="2", protocol=9, kind="x")
        assert other.as_options(CONDITION.values()) == []

    def test_what_is_usual_is_asked_for_where_nothing_is_known(self):
        assert unlike(batch=2).as_options({}) == [
            *["--runtime", "onnxruntime", "--provider", CPU, "--threads", "1"],
            *["--affinity", "all", "--precision", "fp32", "--batch", "2", "--state", "default"],
            "--no-tune",
        ]

    def test_they_can_be_pasted_into_a_shell(self):
        written = unlike(state="15 W; rm *").as_options(CONDITION.values())
        assert shlex.split(" ".join(written)) == ["--state", "15 W; rm *"]

    @given(
        st.sampled_from(BUILT_IN),
        st.fixed_dictionaries(
            {},
            optional={
                "runtime": st.sampled_from(["onnxruntime", "tflite", "torch"]),
                "provider": st.sampled_from([CPU, "CUDAExecutionProvider", "eager", "XNNPACK"]),
                "threads": st.integers(1, 64),
                "affinity": st.lists(st.integers(0, 9), max_size=3),
                "precision": st.sampled_from(PRECISIONS),
                "batch": st.integers(1, 99),
                "state": st.sampled_from(["default", "15 W", "d'accord", "$HOME"]),
            },
        ),
        st.booleans(),
    )
    def test_the_command_line_reads_what_they_say(self, name, options, tuned):
        profile = load(name)
        other = changed(profile, fields(options))
        condition = Condition.of(other, hello(other.runtime), tuned=tuned)
        asked = read(shlex.split(" ".join(words(condition))))
        again = changed(profile, fields(asked))
        tune = asked.get("tune", False)
        assert Condition.of(again, hello(again.runtime), tuned=tune) == condition

    def test_they_name_all_that_may_be_asked_for(self):
        assert set(OPTIONS) == set(UNLIKE)


def read(arguments: list[str]) -> dict[str, object]:
    """The options that latkit's commands make of these words."""
    found: dict[str, object] = {}

    @click.command()
    @condition_options
    def command(options: dict[str, object]) -> None:
        found.update(options)

    command.main(arguments, standalone_mode=False)
    return found


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (CONDITION, "onnxruntime 1.32.0, fp32, 1 thread, batch 1"),
        (
            unlike(threads=4, affinity=[4, 5, 6, 7], batch=8, state="15W", tuned=True),
            "onnxruntime 1.32.0, fp32, 4 threads, processors 4,5,6,7, batch 8, state 15W, tuned",
        ),
        (
            unlike(provider="CUDAExecutionProvider", precision="fp16"),
            "onnxruntime 1.32.0 (CUDA), fp16, 1 thread, batch 1",
        ),
        (
            unlike(runtime="tflite", runtime_version="2.1", provider="XNNPACK", precision="int8"),
            "tflite 2.1 (XNNPACK), int8, 1 thread, batch 1",
        ),
        (
            unlike(runtime="benchmark_app:0123abcd", runtime_version="unknown"),
            "benchmark_app:0123abcd, fp32, 1 thread, batch 1",
        ),
        (
            Condition(
                "fpga",
                Runtime("published", "unknown", "unknown"),
                threads=0,
                precision="unknown",
                batch=0,
                state=State("unknown"),
                protocol=0,
            ),
            "published",
        ),
    ],
)
def test_words_read_as_a_person_says_it(condition: Condition, words: str):
    assert condition.words() == words


class TestNamesOfDevices:
    @pytest.mark.parametrize(
        "name", ["rpi4", "pi.local", "Pixel 4", "titan_rtx_32", "S10 (1+3)", "Gerät", "a" * 64]
    )
    def test_names(self, name: str):
        assert device_name(name) == name

    @pytest.mark.parametrize(
        "name",
        [
            *("", " ", "../..", "/etc", "a/b", "a\\b", ".", ".x", "-x", "--help", "_", "=1+1"),
            *("a\n", "a\0", "a\tb", "\x1b[31mred", "a ", " a", "rpi4@3", "a,b", "a" * 300),
            *("\u202eevil", "\ud800"),
        ],
    )
    def test_what_no_device_is_called(self, name: str):
        with pytest.raises(UsageError, match="cannot be the name of a device") as caught:
            device_name(name)
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 100
