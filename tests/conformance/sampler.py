"""What every sampler must do. Subclass it in the sampler's own test module."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, NoReturn

import numpy as np
import pytest

from latkit import sampling, spaces
from latkit.errors import ArchError, UsageError
from latkit.predictor.bundle import Bundle
from latkit.sampling import SAMPLERS, Choice


class Untouchable:
    """A bundle that nobody may look at."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"looked at the bundle's {name}")


class SamplerConformance:
    """Set ``name``."""

    name: ClassVar[str]

    @pytest.fixture(params=["nb201", "fbnet"])
    def choice(self, request: pytest.FixtureRequest) -> Choice:
        space = spaces.get(request.param)
        candidates = space.matrix(space.sample(np.random.default_rng(0), 300))
        return Choice(space, candidates, np.arange(0, 300, 3), Bundle.shipped(space.name))

    def test_is_registered(self):
        assert self.name in SAMPLERS.names()

    def test_says_truly_whether_it_looks_at_the_bundle(self, choice, monkeypatch):
        for source in ("shipped", "load", "from_files"):
            monkeypatch.setattr(Bundle, source, Untouchable())
        sampler, blind = SAMPLERS.get(self.name), replace(choice, bundle=None)
        shown = sampler(choice, 20, np.random.default_rng(1))
        if sampling.looks_at_bundle(self.name):
            with pytest.raises(UsageError, match="no bundle"):
                sampler(blind, 20, np.random.default_rng(1))
            with pytest.raises(UsageError, match=f"{self.name}.*looks at a bundle"):
                sampling.choose(self.name, blind, 20, np.random.default_rng(1))
            return
        for other in (blind, replace(choice, bundle=Untouchable())):
            rows = sampler(other, 20, np.random.default_rng(1))
            assert (rows == shown).all()

    @pytest.mark.parametrize("n", [0, 1, 2, 20])
    def test_rows_are_open_and_different(self, choice, n):
        rows = sampling.choose(self.name, choice, n, np.random.default_rng(1))
        assert rows.shape == (n,)
        assert len(set(rows.tolist())) == n
        assert set(rows.tolist()) <= set(choice.open.tolist())

    def test_same_generator_same_rows(self, choice):
        one, other, third = (
            sampling.choose(self.name, choice, 20, np.random.default_rng(seed))
            for seed in (5, 5, 6)
        )
        assert (one == other).all()
        assert set(one.tolist()) != set(third.tolist())

    def test_everything_open_can_be_chosen(self, choice):
        rows = sampling.choose(self.name, choice, 200, np.random.default_rng(1))
        assert set(rows.tolist()) == set(choice.open.tolist())

    @pytest.mark.parametrize("n", [-1, 201])
    def test_too_many_are_refused(self, choice, n):
        with pytest.raises(UsageError, match=f"{n} of 200"):
            sampling.choose(self.name, choice, n, np.random.default_rng(1))

    def test_sample_leaves_out_what_is_measured(self, choice):
        space = choice.space
        known = space.sample(np.random.default_rng(2), 30)
        rng = np.random.default_rng(3)
        found = sampling.sample(self.name, space, 25, rng, known, choice.bundle)
        assert len(set(found)) == 25
        assert not set(found) & set(known)

    def test_measured_of_another_space_are_refused(self):
        other = spaces.get("fbnet").sample(np.random.default_rng(0), 1)
        with pytest.raises(ArchError):
            sampling.sample(self.name, spaces.get("nb201"), 5, np.random.default_rng(0), other)
