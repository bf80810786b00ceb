"""Leases of the tests' own: whatever is measured on this computer meanwhile, they do not meet.

A lease belongs to a device's folder, so every device of a test has a folder of the test's own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from latkit.devices.profile import Profile
from latkit.measure.session import Session

USUAL = Profile.model_fields["remote_dir"].default


def write_profile(config: Path, name: str, *lines: str, remote: Path) -> str:
    """A profile of the user's with that folder on the device; returns its name."""
    folder = config / "devices"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text("\n".join([*lines, f'remote_dir = "{remote}"', ""]))
    return name


@pytest.fixture
def local(tmp_path: Path) -> str:
    """The device ``local``, with a folder of the test's own."""
    config, remote = tmp_path / "config", tmp_path / "device"
    return write_profile(config, "local", 'transport = "local"', remote=remote)


@pytest.fixture(autouse=True)
def usual_lease_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that asks for the usual lease fails at once, and not when a campaign has it."""
    begin = Session.__enter__

    def guarded(session: Session) -> Session:
        folder = session.profile.remote_dir
        assert folder != USUAL, "this device needs a remote_dir of the test's own"
        return begin(session)

    monkeypatch.setattr(Session, "__enter__", guarded)
