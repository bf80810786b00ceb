"""The optimal design: valid, reproducible, and better than chance by its own measure."""

import subprocess
import sys

import numpy as np

from latkit import sampling, spaces
from latkit.predictor.adapt import adapt
from latkit.predictor.bundle import Bundle
from latkit.sampling.optimal import covariance
from tests.conformance.sampler import SamplerConformance
from tests.unit.toy_bundle import CELLS, SPACE, latencies, toy_bundle

BUNDLE = toy_bundle()
POOL = CELLS[::20]


class TestOptimal(SamplerConformance):
    name = "optimal"


def remaining(rows):
    """Mean posterior variance over the pool when some of its rows are measured."""
    latent, noise = covariance(BUNDLE.prior, BUNDLE.prior.design(BUNDLE.features(POOL)))
    among = latent[np.ix_(rows, rows)] + noise * np.eye(len(rows))
    explained = latent[:, rows] @ np.linalg.solve(among, latent[rows])
    return (latent - explained).diagonal().mean()


def draw(name, n, seed, measured=()):
    measured = np.array(measured, dtype=np.int64)
    choice = sampling.Choice(SPACE, POOL, measured, BUNDLE)
    return sampling.choose(name, choice, n, np.random.default_rng(seed))


def test_covariance_is_that_of_latencies_drawn_from_the_prior():
    cells = CELLS[::400]
    prior, rng = BUNDLE.prior, np.random.default_rng(0)
    every = prior.hypotheses
    design = prior.design(BUNDLE.features(cells))
    drawn = []
    for _ in range(4000):
        chosen = rng.integers(len(every))
        residual = sum(
            np.sqrt(variance) * block @ rng.standard_normal(block.shape[1])
            for variance, block in zip(every.variances[chosen], design.ms, strict=True)
        )
        latency = design.shares @ every.shares[chosen] + residual
        drawn.append(latency - latency.mean())
    latent, noise = covariance(prior, design)
    assert np.abs(np.cov(np.array(drawn).T) - latent).max() < 0.15 * latent.diagonal().max()
    assert noise == np.median(every.noise) ** 2


def test_less_variance_remains_than_after_a_random_draw():
    for n in (3, 10):
        optimal = [remaining(draw("optimal", n, seed)) for seed in range(3)]
        random = [remaining(draw("random", n, seed)) for seed in range(10)]
        assert max(optimal) < min(random)


def test_a_longer_draw_extends_a_shorter_one():
    for name in ("nb201", "fbnet"):
        space = spaces.get(name)
        bundle = Bundle.shipped(name)
        short, long = (
            sampling.sample("optimal", space, n, np.random.default_rng(4), bundle=bundle)
            for n in (5, 20)
        )
        assert long[:5] == short


def test_what_is_measured_need_not_be_asked_again():
    twin = draw("optimal", 1, 0)
    alone = draw("optimal", 6, 0)
    after = draw("optimal", 5, 0, measured=twin)
    assert twin[0] not in after
    assert remaining([*twin, *after]) < 1.1 * remaining(alone)
    blind = draw("optimal", 5, 0)
    assert remaining([*twin, *after]) < remaining([*twin, *blind])


def test_the_adapter_does_better_than_with_a_random_draw():
    def error(name, seed):
        rows, rng = draw(name, 8, seed), np.random.default_rng(seed)
        found = adapt(BUNDLE, POOL[rows], latencies(POOL[rows], rng)).predict(POOL)
        truth = latencies(POOL, rng, noise=0)
        return np.median(np.abs(found.mean_ms / truth - 1))

    optimal, random = (
        np.mean([error(name, seed) for seed in range(8)]) for name in ("optimal", "random")
    )
    assert optimal < random


def test_no_torch_is_needed():
    program = (
        "import sys; from latkit import spaces; from latkit.lab.measure import draw\n"
        "for name in ('optimal', 'kmeans', 'cosine:costs'):\n"
        "    draw(spaces.get('nb201'), 3, 0, name)\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
