"""Programs that run on the device: standard library alone, Python 3.8 or newer.

They are sent there as files or text and never imported here; nothing of latkit may be
imported by them.
"""

from __future__ import annotations

from pathlib import Path


def program(name: str) -> Path:
    """File of one of the programs, e.g. ``probe.py``."""
    return Path(__file__).with_name(name)
