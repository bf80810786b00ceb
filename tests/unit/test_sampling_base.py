from dataclasses import replace

import numpy as np
import pytest

from latkit import sampling
from latkit.errors import LatkitError, UnknownNameError
from latkit.sampling import SAMPLERS, Choice
from tests.unit.toy_bundle import CELLS, SPACE, toy_bundle

CHOICE = Choice(SPACE, CELLS[::500], bundle=toy_bundle())


def test_unknown_sampler_names_the_nearest():
    with pytest.raises(UnknownNameError, match="randon") as caught:
        SAMPLERS.get("randon")
    assert "random" in str(caught.value.hint)


def test_what_looks_at_a_bundle():
    looking = [name for name in SAMPLERS.names() if sampling.looks_at_bundle(name)]
    assert looking == ["optimal", "kmeans", "cosine", "kmeans-cosine"]


class Liar:
    """Says that it does not look, and looks."""

    looks_at_bundle = False

    def __call__(self, choice, n, rng):
        return choice.open[:n] if choice.bundle is None else choice.open[-n:]


def silent(choice, n, rng):
    """Says nothing."""
    return choice.open[:n]


def test_who_says_no_is_shown_none(monkeypatch):
    monkeypatch.setitem(SAMPLERS._found, "liar", Liar())
    shown = Liar()(CHOICE, 2, np.random.default_rng(0))
    assert shown.tolist() != [0, 1], "it chooses others where it sees a bundle"
    rows = sampling.choose("liar", CHOICE, 2, np.random.default_rng(0))
    assert rows.tolist() == [0, 1]


@pytest.mark.parametrize("choice", [CHOICE, replace(CHOICE, bundle=None)])
def test_who_does_not_say_is_refused(monkeypatch, choice):
    monkeypatch.setitem(SAMPLERS._found, "silent", silent)
    with pytest.raises(LatkitError, match="'silent' does not say") as caught:
        sampling.choose("silent", choice, 2, np.random.default_rng(0))
    assert "looks_at_bundle" in str(caught.value.hint)
