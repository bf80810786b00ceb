"""Taking apart the strings in which settings were kept before version 0003.

History like a migration: it also reads the files that a latkit of then has exported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_USUAL_PROVIDER = {"onnxruntime": "CPUExecutionProvider", "tflite": "XNNPACK", "torch": "eager"}
_USUAL_SKELETON = {"nb201": "c16-n5-r32-k10", "fbnet": "r32-k100"}
_USUAL_CLASSES = {("fbnet", "r224"): "k1000"}  # those of ImageNet at its resolution
_PUBLISHED = "published"
# A benchmark program had a digest of its description in its name.
_RUNTIME = re.compile(r"(?P<name>[^:]*(?::[0-9a-f]{8}(?=:|$))?)(?::(?P<provider>.*))?", re.DOTALL)
_STATE = re.compile(r"(?P<label>.*?)(?P<tuned> tuned)?(?: cpus=(?P<cpus>\d+(?:,\d+)*))?", re.DOTALL)


def condition(setting: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a condition from that of a setting."""
    runtime, provider = _runtime(setting["runtime"])
    state = _STATE.fullmatch(setting["device_state"])
    assert state, "the pattern matches every text"
    same = ("device", "runtime_version", "threads", "precision", "batch", "protocol")
    return {
        **{name: setting[name] for name in same},
        "kind": setting["device"],
        "runtime": runtime,
        "provider": provider,
        "affinity": ",".join(sorted(set(filter(None, (state["cpus"] or "").split(","))), key=int)),
        "state": state["label"],
        "tuned": bool(state["tuned"]),
    }


def collection(space: str, skeleton: str) -> str:
    """The collection of a space's architectures under a skeleton."""
    parts = skeleton.split("-")
    usual = _USUAL_CLASSES.get((space, parts[0])) or _USUAL_SKELETON.get(space, "")
    unusual = [part for part in parts if part and part not in usual.split("-")]
    return f"{space}:{'-'.join(unusual)}" if unusual else space


def _runtime(text: str) -> tuple[str, str]:
    if text == _PUBLISHED:
        return text, "unknown"
    found = _RUNTIME.fullmatch(text)
    assert found, "the pattern matches every text"
    usual = _USUAL_PROVIDER.get(found["name"], "CPUExecutionProvider")
    return found["name"], found["provider"] or usual
