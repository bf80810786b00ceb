"""Skeletons in the names of spaces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latkit import spaces
from latkit.errors import LatkitError, UnknownNameError, UsageError
from latkit.spaces.fbnet import FBNet
from latkit.spaces.nb201 import NB201

COUNT = st.integers(1, 10**9 - 1)
NB201_SKELETONS = st.fixed_dictionaries(
    {},
    optional={
        "channels": COUNT,
        "cells": COUNT,
        "resolution": st.integers(1, 10**8).map(lambda n: 4 * n),
        "classes": COUNT,
    },
)
FBNET_SKELETONS = st.fixed_dictionaries(
    {},
    optional={
        "resolution": st.sampled_from([32, 224]),
        "classes": COUNT | st.sampled_from([100, 1000]),
    },
)
SPACES = NB201_SKELETONS.map(lambda o: NB201(**o)) | FBNET_SKELETONS.map(lambda o: FBNet(**o))


@given(SPACES)
def test_names_round_trip(space: spaces.Space):
    found = spaces.get(space.name)
    assert type(found) is type(space)
    assert found.skeleton == space.skeleton
    assert found.name == space.name


@given(SPACES, SPACES)
def test_names_differ_where_skeletons_do(one: spaces.Space, other: spaces.Space):
    same = (one.family, one.skeleton) == (other.family, other.skeleton)
    assert (one.name == other.name) == same


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("nb201", "nb201"),
        ("nb201:c16-n5-r32-k10", "nb201"),
        ("nb201:c16-n1", "nb201:n1"),
        ("nb201:n1-c8", "nb201:c8-n1"),
        ("fbnet:r224-k1000", "fbnet:r224"),
        ("fbnet:r32-k1000", "fbnet:k1000"),
    ],
)
def test_a_name_tells_what_is_unusual_only(asked: str, name: str):
    assert spaces.get(asked).name == name


def test_a_space_without_skeleton_is_the_usual_one():
    assert NB201().with_skeleton().name == NB201(channels=16).name == "nb201"


@pytest.mark.parametrize(
    ("name", "kind", "fragments"),
    [
        ("nb201:x8", UsageError, ["'x8' in nb201:x8", "c (channels), n (cells)"]),
        ("nb201:c8-", UsageError, ["''"]),
        ("nb201:c", UsageError, ["'c'"]),
        ("nb201:8", UsageError, ["'8'"]),
        ("nb201:c0", UsageError, ["'c0'"]),
        ("nb201:c-8", UsageError, ["'c'"]),
        ("nb201:c8.5", UsageError, ["'c8.5'"]),
        ("nb201:c8:n1", UsageError, ["'c8:n1'"]),
        ("nb201:c8-c9", UsageError, ["'c9'", "each once"]),
        ("nb201:c9999999999", UsageError, ["'c9999999999'"]),
        ("nb201:r30", UsageError, ["multiple of 4"]),
        ("fbnet:r64", UsageError, ["32 or 224"]),
        ("fbnet:c8", UsageError, ["'c8'", "r (resolution), k (classes)"]),
        ("nb202:c8", UnknownNameError, ["'nb202'", "'nb201'"]),
        (":c8", UnknownNameError, ["''"]),
    ],
)
def test_a_wrong_one_is_one_clear_error(name: str, kind: type[LatkitError], fragments: list[str]):
    with pytest.raises(kind) as caught:
        spaces.get(name)
    for fragment in fragments:
        assert fragment in f"{caught.value.message} {caught.value.hint}"


@given(st.text("cnrk-0123456789:x"))
def test_any_name_is_a_space_or_one_error(text: str):
    try:
        space = spaces.get(f"nb201:{text}")
    except LatkitError:
        return
    assert spaces.get(space.name).skeleton == space.skeleton
