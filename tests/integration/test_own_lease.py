"""A campaign that somebody runs on this computer disturbs no test, and no test disturbs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from latkit.devices.lease import DeviceBusyError, Lease
from latkit.devices.profile import Profile, create, load
from latkit.measure.session import Session
from tests.integration.own_lease import USUAL, write_profile
from tests.integration.sshd import Sshd


def usual() -> Profile:
    """This computer with the usual folder, spelled so that a test may use it."""
    folder = USUAL.replace("~", os.environ["HOME"])
    return create({"name": "here", "transport": "local", "remote_dir": folder})


def require_a_free_device(profile: Profile) -> None:
    with Session(profile) as session:
        assert session.hello.runtime == "onnxruntime"


@pytest.fixture
def campaign(ssh_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Holds the lease that a user's campaign holds.

    All names of leases get an ending, or this test itself would keep a real campaign waiting.
    """
    name = Lease._name
    monkeypatch.setattr(Lease, "_name", lambda lease: f"{name(lease)}-of-test-{os.getpid()}")
    with Session(usual()):
        yield


@pytest.mark.usefixtures("campaign", "local")
def test_measuring_here_while_a_campaign_runs():
    require_a_free_device(load("local"))


@pytest.mark.usefixtures("campaign")
def test_measuring_over_ssh_while_a_campaign_runs(sshd: Sshd, tmp_path: Path):
    python = f'python = "{sys.executable}"'
    name = write_profile(tmp_path / "config", "board", python, remote=tmp_path / "remote")
    require_a_free_device(load(name))


@pytest.mark.usefixtures("campaign")
def test_the_usual_lease_is_held_meanwhile():
    with pytest.raises(DeviceBusyError), Session(usual()):
        pass


def test_a_test_without_a_folder_of_its_own_fails():
    with (
        pytest.raises(AssertionError, match="remote_dir of the test's own"),
        Session(create({"name": "here", "transport": "local"})),
    ):
        pass
