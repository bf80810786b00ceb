"""The words that name a set of measurements."""

from dataclasses import replace

import pytest

from latkit.errors import UsageError
from latkit.lab.selection import Numbered, parse
from tests.conformance.store import measurement

AT = {
    "old": "2026-11-19T23:59:59.000000+00:00",
    "new": "2026-11-20T14:30:00.000000+00:00",
    "last": "2026-12-01T00:00:00.000000+00:00",
    "published": "",
}
FOUND = [
    Numbered(replace(measurement(name, threads=4 if name == "last" else 1), measured_at=at), n)
    for n, (name, at) in enumerate(AT.items(), start=1)
]


def named(text):
    return [one.measurement.subject.key for one in parse(text).matching(FOUND)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("board", ["old", "new", "last", "published"]),
        ("board@3", ["last"]),
        ("board@2026-11", ["old", "new"]),
        ("board@2026-11-20", ["new"]),
        ("board@2026-11-20T14", ["new"]),
        ("board@2026-11-20T14:31", []),
        ("board@2026-11-20..", ["new", "last"]),
        ("board@..2026-11-20", ["old"]),
        ("board@2026-11-20..2026-12-01", ["new"]),
        ("board@2026-11-20T14:30..2026-12", ["new"]),
        ("board@onnxruntime", ["old", "new", "last", "published"]),
        ("board@onnxruntime-1.20", ["old", "new", "last", "published"]),
        ("board@1.20,fp32,default,CPUExecutionProvider,nb201", ["old", "new", "last", "published"]),
        ("board@tflite", []),
        ("board@threads=4", ["last"]),
        ("board@threads=4, 2026-11", []),
        ("board@runtime_version=1.20,threads=1,2026", ["old"][:0]),
        ("board@provider=cpuexecutionprovider,affinity=all,tuned=false", list(AT)),
        ("board@tuned", []),
        ("board@affinity=0+1", []),
        ("board@space=fbnet", []),
        ("board@verdict=valid,..2026-11-20", ["old"]),
    ],
)
def test_conditions(text, expected):
    assert named(text) == expected


@pytest.mark.parametrize("cut", ["2026-11-19", "2026-11-20T14:30", "2026-12"])
def test_before_and_after_part_what_was_measured(cut):
    assert named(f"board@..{cut}") + named(f"board@{cut}..") == ["old", "new", "last"]


@pytest.mark.parametrize(
    ("text", "source", "is_file"),
    [
        ("rpi4", "rpi4", False),
        ("rpi4@int8", "rpi4", False),
        ("a.csv", "a.csv", True),
        ("/a@b/export.parquet", "/a@b/export.parquet", True),
        ("/a@b/export.json@device=x", "/a@b/export.json", True),
    ],
)
def test_sources(text, source, is_file):
    assert (parse(text).source, parse(text).is_file) == (source, is_file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@3", "names no measurements"),
        ("rpi4@", "names no measurements"),
        ("rpi4@int8,", "a condition is empty"),
        ("rpi4@..", "no span of times"),
        ("rpi4@2026-11-20..soon", "no span of times"),
        ("rpi4@20.11.2026..", "no span of times"),
        ("rpi4@thread=4", "'thread' is no field"),
    ],
)
def test_what_is_no_selector(text, words):
    with pytest.raises(UsageError, match=words) as caught:
        parse(text)
    assert caught.value.hint
