"""Names, latkit's own and those of other packages."""

import sys
from importlib.metadata import EntryPoint

import pytest

from latkit.errors import LatkitError, UnknownNameError
from latkit.registry import Registry

OWN = {"path": "pathlib:Path", "here": "os:curdir"}


@pytest.fixture
def others(monkeypatch):
    """Entry points of other packages, by their group."""
    groups: dict[str, list[EntryPoint]] = {}
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: groups.get(group, []))
    return groups


def test_latkits_own_come_first_and_are_made_once(others):
    known = Registry("place", OWN)
    assert known.names() == ["path", "here"]
    assert known.get("here") == "."
    assert known.get("path") is known.get("path")


def test_nothing_is_imported_before_it_is_asked_for(others):
    known = Registry("place", {"rare": "this_module_is_not_there:x"})
    assert known.names() == ["rare"]
    assert "rare" in known
    assert "this_module_is_not_there" not in sys.modules


def test_another_package_adds_by_an_entry_point(others):
    others["latkit.places"] = [EntryPoint("theirs", "collections:OrderedDict", "latkit.places")]
    known = Registry("place", OWN)
    assert known.names() == ["path", "here", "theirs"]
    assert known.get("theirs") == {}


def test_another_package_replaces_none_of_latkits_own(others):
    others["latkit.places"] = [EntryPoint("here", "os:sep", "latkit.places")]
    assert Registry("place", OWN).get("here") == "."


def test_an_unknown_name_suggests_the_nearest(others):
    with pytest.raises(UnknownNameError, match="unknown place 'hare'") as caught:
        Registry("place", OWN).get("hare")
    assert "here" in str(caught.value.hint)


def test_another_packages_failure_names_what_failed(others):
    others["latkit.places"] = [EntryPoint("broken", "this_is_not_there:x", "latkit.places")]
    with pytest.raises(LatkitError, match="'broken' of this_is_not_there:x cannot be loaded"):
        Registry("place", OWN).get("broken")
