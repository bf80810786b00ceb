"""The same evaluation on a real Dask cluster."""

import pytest

from latkit.errors import UsageError
from latkit.evaluation.archive import Archive
from latkit.evaluation.engine import Suite, evaluate
from latkit.lab.evaluate import on_dask
from tests.unit.toy_trials import toy_data

distributed = pytest.importorskip("distributed")


def silent(stage, done, total):
    """Progress that nobody watches."""


def test_a_cluster_finds_what_one_process_finds(tmp_path):
    suite = Suite([toy_data()], ["flops", "layerwise"], counts=(10,), seeds=2)
    alone = evaluate(suite, Archive(tmp_path / "alone"), 1, silent)
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as own,
        on_dask(own.scheduler_address),
    ):
        together = evaluate(suite, Archive(tmp_path / "cluster"), 1, silent)
    assert [(o.trial, o.unseen) for o in together] == [(o.trial, o.unseen) for o in alone]


def test_no_scheduler_there():
    with pytest.raises(UsageError, match="no Dask scheduler"), on_dask("tcp://127.0.0.1:9"):
        pass
