"""Which model of the source devices is best? Held-out latencies of the devices themselves.

    python scripts/source_models.py     (published tables imported; extras train and evaluate)

Every model learns four fifths of the architectures and is scored on the rest: Spearman and median
absolute percentage error, averaged over the devices. No target is involved.
"""

import time

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel
from sklearn.linear_model import RidgeCV

from latkit import spaces
from latkit.features.physical import physical, variants
from latkit.features.positions import onehot
from latkit.lab import Lab
from latkit.metrics import spearman
from latkit.predictor.pretrain import pretrain

SEED = 0
HELD_OUT = 0.2
FITTED_ON = 500
MOST_ARCHS = 2500


def encode(space, operations):
    """One-hots of every variant of an architecture, and costs."""
    choices, positions = len(space.operations), space.positions
    parts = [physical(space, np.random.default_rng(SEED)).totals(operations)]
    parts += [onehot(cell, choices, positions) for cell in variants(space, operations).values()]
    found = np.concatenate(parts, axis=1).astype(float)
    return (found - found.mean(axis=0)) / np.maximum(found.std(axis=0), 1e-9)


def columnwise(make):
    """A model for every device, of log-latency."""

    def predict(space, operations, latency_ms, train):
        features = encode(space, operations)
        columns = []
        for values in latency_ms.T:
            rows = train & np.isfinite(values)
            columns.append(make().fit(features[rows], np.log(values[rows])).predict(features))
        return np.exp(np.stack(columns, axis=1))

    return predict


class GaussianProcess:
    """Linear and smooth kernels, their hyper-parameters by the likelihood of a part of the rows."""

    def fit(self, features, values):
        self.mean, width = values.mean(), features.shape[1] ** 0.5
        smooth = ConstantKernel() * RBF(width, (width / 10, width * 100))
        kernel = ConstantKernel(0.01) * DotProduct() + smooth + WhiteKernel(0.01)
        first = GaussianProcessRegressor(kernel)
        first.fit(features[:FITTED_ON], values[:FITTED_ON] - self.mean)
        self.process = GaussianProcessRegressor(first.kernel_, optimizer=None)
        self.process.fit(features, values - self.mean)
        return self

    def predict(self, features):
        return self.mean + self.process.predict(features)


def backbone(space, operations, latency_ms, train):
    """The graph network that latkit ships."""
    known = np.where(train[:, None], latency_ms, np.nan)
    devices = [str(number) for number in range(latency_ms.shape[1])]
    bundle = pretrain(space, operations, known, devices, seed=SEED)
    return bundle.features(operations).sources


MODELS = {
    "ridge": columnwise(lambda: RidgeCV(np.logspace(-2, 4, 13))),
    "boosting": columnwise(lambda: HistGradientBoostingRegressor(random_state=SEED)),
    "gp": columnwise(GaussianProcess),
    "backbone": backbone,
}


def main():
    """Print one row per space and model."""
    rng = np.random.default_rng(SEED)
    for name in ("nb201", "fbnet"):
        space = spaces.get(name)
        with Lab().store() as store:
            table = store.table(name)
        full = np.isfinite(table.latency_ms).mean(axis=0) > 0.5
        chosen = rng.permutation(len(table.subjects))[:MOST_ARCHS]
        operations = space.matrix(table.subjects[row] for row in chosen)
        latency_ms = table.latency_ms[chosen][:, full]
        train = rng.random(len(chosen)) > HELD_OUT
        for model, predict in MODELS.items():
            begun = time.perf_counter()
            found = predict(space, operations, latency_ms, train)
            order, errors = [], []
            for predicted, truth in zip(found[~train].T, latency_ms[~train].T, strict=True):
                scaled = predicted * np.median(truth) / np.median(predicted)
                order.append(spearman(predicted, truth))
                errors.append(np.median(np.abs(scaled / truth - 1)))
            seconds = time.perf_counter() - begun
            print(
                f"{name:6} {model:9} Spearman {np.mean(order):.4f} (least {np.min(order):.4f})  "
                f"error {np.mean(errors):.2%}  {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
