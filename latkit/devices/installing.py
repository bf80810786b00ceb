"""Commands that put on a device what it lacks, as one types them on the host."""

from __future__ import annotations

import re
import shlex

from latkit.devices.facts import Facts, Packages
from latkit.devices.profile import Profile, origin_of
from latkit.devices.runtimes import CUDA, has_wheels, requirements

VENV = "~/.local/share/latkit/venv"
_PLAIN = re.compile(r"[\w ./=+:-]+")
_UV = "~/.local/bin/uv"
_GET_UV = "curl -LsSf https://astral.sh/uv/install.sh | sh"
_PYTHON_OF = {
    "apt-get": "sudo apt-get install python3 python3-venv python3-pip",
    "dnf": "sudo dnf install python3 python3-pip",
    "apk": "apk add python3 py3-pip",
    "pacman": "sudo pacman -S python python-pip",
    "zypper": "sudo zypper install python3 python3-pip",
}
MANAGERS = tuple(_PYTHON_OF)
_OF_A_PROGRAM = 'runtime = "command" with a benchmark program built for it (docs/commands.md)'


def typed(profile: Profile, script: str) -> str:
    """The command line that runs a line of shell on the device."""
    login = shlex.join(profile.login_command)
    if not login:
        return script
    # What this computer's shell would read itself is kept for that of the device.
    return f"{login} {script if _PLAIN.fullmatch(script) else shlex.quote(script)}"


def python(profile: Profile, manager: str | None) -> str:
    """How to get a Python where there is none."""
    command = _PYTHON_OF.get(manager or "")
    how = typed(profile, command) if command else "install Python 3.8 or newer there"
    return f"{how}, or set `python` in the profile to the path of a Python 3.8 or newer"


def newer_python(profile: Profile, others: tuple[str, ...]) -> str:
    """How to get a newer one; ``others`` are there already."""
    if others:
        return f"{_telling_profile(profile, others[-1])}, then check again"
    return _with_uv(profile, requirements(profile.runtime, profile.provider))


def install(profile: Profile, facts: Facts, packages: Packages, words: str = "") -> str:
    """How to install ``words``, by default the runtime and numpy."""
    needed = words or requirements(
        profile.runtime, profile.provider, python=facts.python, machine=facts.machine
    )
    if facts.externally_managed:
        made = f"{profile.python} -m venv {VENV} && {VENV}/bin/python -m pip install {needed}"
        command = typed(profile, _after(facts, packages.ensurepip, made))
        return _then(profile, command, f"{VENV}/bin/python")
    command = f"{profile.python} -m pip install {needed}"
    if packages.venv and not packages.pip:
        return typed(profile, f"{profile.python} -m ensurepip && {command}")
    return typed(profile, _after(facts, packages.pip, command))


def runtime(profile: Profile, facts: Facts, packages: Packages) -> str:
    """How to get the runtime, or what there is instead."""
    if profile.provider in CUDA and facts.machine == "aarch64":
        return "install NVIDIA's build for this JetPack: https://pypi.jetson-ai-lab.io has them"
    if has_wheels(profile.runtime, facts.machine, facts.python, facts.libc):
        return install(profile, facts, packages)
    return f"{_missing(profile, facts)}: {'; or '.join(_instead(profile, facts, packages))}"


def _missing(profile: Profile, facts: Facts) -> str:
    version = ".".join(map(str, facts.python[:2]))
    libc = "musl" if facts.libc == "musl" else "Linux"
    return f"nobody publishes {profile.runtime} for {facts.machine}, {libc}, Python {version}"


def _instead(profile: Profile, facts: Facts, packages: Packages) -> list[str]:
    """What can be had for such a machine, the nearest first."""
    found = []
    if profile.runtime == "onnxruntime" and facts.libc == "musl":
        found.append(typed(profile, "apk add py3-onnxruntime py3-numpy") + " as root")
    elif has_wheels("tflite", facts.machine, facts.python, facts.libc):
        needed = requirements("tflite", "", python=facts.python, machine=facts.machine)
        tflite = install(profile, facts, packages, needed)
        found.append(f"tflite-runtime can be had: {tflite}, and measure with --runtime tflite")
    elif has_wheels("tflite", facts.machine, (3, 11), facts.libc):
        needed = requirements("tflite", "", python=(3, 11), machine=facts.machine)
        tflite = _with_uv(profile, needed)
        found.append(f"tflite-runtime needs Python 3.11: {tflite}, with --runtime tflite")
    if facts.kernel != facts.machine:
        found.append(f"a 64-bit system, which this processor runs, has {profile.runtime}")
    return [*found, _OF_A_PROGRAM]


def _after(facts: Facts, there: bool, command: str) -> str:
    """The command, after that which installs what it needs itself."""
    system = _PYTHON_OF.get(facts.manager or "")
    return command if there or not system else f"{system} && {command}"


def _with_uv(profile: Profile, needed: str) -> str:
    steps = [
        _GET_UV,
        f"{_UV} venv --python 3.11 {VENV}",
        f"{_UV} pip install --python {VENV}/bin/python {needed}",
    ]
    return _then(profile, typed(profile, " && ".join(steps)), f"{VENV}/bin/python")


def _then(profile: Profile, command: str, path: str) -> str:
    return f"{command}, then {_telling_profile(profile, path)}"


def _telling_profile(profile: Profile, python: str) -> str:
    """How its profile gets that Python: a line for the user's file, or what writes one."""
    origin = origin_of(profile.name)
    if origin == "yours":
        return f'put python = "{python}" into its profile'
    like = ["--like", profile.name] if origin == "built-in" else []
    words = ["latkit", "device", "add", profile.name, *like, "--python", python]
    return shlex.join(words)
