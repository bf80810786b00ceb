"""What a device is usually measured under: the same whether its profile is validated or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from latkit.condition import Condition, Runtime
from latkit.config import config_dir
from latkit.devices.profile import load
from latkit.devices.profile_file import builtin_dir
from latkit.devices.usual import provider_of, usual
from latkit.errors import UsageError
from tests.unit.another_package import installed_runtime

COMMAND = """
threads = 2
runtime = "command"
[command]
words = ["time-it", "{model}", "{threads}"]
format = "onnx"
yields = "mean"
pattern = 'took (?P<latency>\\d+) ms'
unit = "ms"
"""


def write(name: str, text: str) -> None:
    folder = config_dir() / "devices"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(text)


@pytest.mark.parametrize("name", sorted(f.stem for f in builtin_dir().glob("*.toml")))
def test_built_in_profiles(name: str):
    assert usual(name) == load(name).usual()


@pytest.mark.parametrize(
    "text",
    [
        "",
        'transport = "local"',
        'host = "10.0.0.7"\nkind = "rpi4"',
        'runtime = "tflite"',
        'runtime = "torch"\nprovider = "compile"',
        'provider = "CUDAExecutionProvider"',
        'threads = 4\naffinity = [4, 5]\nbatch = 8\nprecision = "int8"',
        'device_state = "15 W"',
        'runtime = "unheard-of"',
        COMMAND,
        f'provider = "GPU"\n{COMMAND}',
    ],
)
def test_odd_profiles(text: str):
    write("odd", text)
    assert usual("odd") == load("odd").usual()


def test_the_users_profile_wins():
    assert usual("rpi4")["threads"] != 3
    write("rpi4", "threads = 3")
    assert usual("rpi4") == load("rpi4").usual()
    assert usual("rpi4")["threads"] == 3


def test_another_packages_runtime_has_its_own_provider(tmp_path: Path):
    write("odd", 'runtime = "theirs"')
    with installed_runtime(tmp_path, "theirs", {"runtime_theirs.py": ""}):
        assert usual("odd") == load("odd").usual()
        assert usual("odd")["provider"] == provider_of("theirs")


def test_they_are_values_of_a_condition():
    found = usual("rpi4")
    own = Condition("", Runtime("")).values()
    assert own.keys() - found.keys() == {"kind", "runtime_version", "protocol"}
    assert Condition.from_values(own | found).matches(found)


def test_a_device_without_a_profile_has_none():
    assert usual("nobody") is None
    assert usual("../rpi4") is None


def test_a_file_that_is_no_toml_is_an_error():
    write("odd", "threads = ")
    with pytest.raises(UsageError, match=r"odd\.toml"):
        usual("odd")


@pytest.mark.parametrize(
    "line",
    ['threads = "many"', "precision = 3", "affinity = 5", 'affinity = ["a"]', "command = 1"],
)
def test_a_wrong_value_is_named_with_its_line(line):
    write("odd", f"batch = 2\n{line}")
    with pytest.raises(UsageError, match=f"line 2: {line.split()[0]}"):
        usual("odd")


def test_asking_imports_no_pydantic():
    program = (
        "import sys; from latkit.devices.usual import usual\n"
        "assert usual('rpi4'); print('pydantic' in sys.modules)"
    )
    output = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert output == "False\n"
