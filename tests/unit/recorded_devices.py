"""Kernel files of devices, recorded as ``tail -n +1 FILES`` prints them, laid out in a folder."""

from __future__ import annotations

import re
from pathlib import Path

RECORDED = Path(__file__).parent / "recorded" / "devices"
DEVICES = sorted(file.stem for file in RECORDED.glob("*.txt"))


def contents(name: str) -> dict[str, str]:
    """The recorded files: path below the root to content."""
    parts = re.split(r"^==> /(.*) <==\n", (RECORDED / f"{name}.txt").read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def lay_out(root: Path, files: dict[str, str]) -> None:
    """Write them; those that are there already change."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
