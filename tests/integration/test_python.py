"""latkit in Python: the README's lines, and every block of docs/python.md, on this computer."""

import re
from pathlib import Path

import numpy as np
import pytest

import latkit
from tests.integration import postgres

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.S)


def run(page: str, device: str, lab: str = "latkit.Lab()") -> dict[str, object]:
    """All blocks of a page, one after the other; fewer networks than a person would measure."""
    names: dict[str, object] = {}
    for block in blocks(page):
        code = block.replace('"local"', repr(device)).replace("n=20", "n=4")
        exec(compile(code.replace("latkit.Lab()", lab), page, "exec"), names)
    return names


def test_everything_that_is_promised_is_there():
    assert sorted(latkit.__all__) == sorted(name for name in dir(latkit) if name[0] != "_")
    for name in latkit.__all__:
        assert getattr(latkit, name)
    with pytest.raises(AttributeError, match="no attribute 'Laboratory'"):
        latkit.Laboratory  # noqa: B018


@pytest.mark.slow
def test_the_page_on_python(local, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    names = run("docs/python.md", local)
    assert len(names["latencies"]) == 1000
    assert (tmp_path / "latencies.csv").read_text().count("\n") == 1001
    assert (tmp_path / "measurements.parquet").is_file()
    assert len(names["raw"]) > 10
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_the_readmes_lines_with_a_dataset_in_postgresql(local, tmp_path):
    with postgres.running() as server:
        url = server.format(database="postgres").replace("postgresql:", "postgresql+psycopg:")
        names = run("README.md", local, f"latkit.Lab({str(tmp_path / 'here')!r}, db={url!r})")
        assert names["lab"].dataset.summary()[0].subjects == 4
        assert not (tmp_path / "here" / "latkit.db").exists()
        (row,) = names["lab"].predict(names["net"], local).rows()
    assert row["lower_ms"] < row["mean_ms"] < row["upper_ms"]


class TestPredictor:
    @pytest.fixture
    def predictor(self, tmp_path) -> latkit.Predictor:
        space = latkit.space("nb201")
        archs = space.sample(np.random.default_rng(0), 6)
        table = tmp_path / "table.csv"
        rows = [f"{arch},{1 + space.network(arch).flops / 1e8}" for arch in archs]
        table.write_text("\n".join(["arch,board", *rows, ""]))
        lab = latkit.Lab(data=tmp_path / "lab")
        assert lab.dataset.import_(table).added == 6
        lab.adapt("board")
        return lab.predictor("board")

    def test_every_form_of_a_network_says_the_same(self, predictor):
        space = predictor.space
        archs = space.sample(np.random.default_rng(1), 3)
        expected = predictor.predict(archs)
        assert expected.subjects == tuple(archs)
        assert expected.condition == predictor.condition
        for form in (
            [arch.key for arch in archs],
            [{"space": "nb201", "arch": arch.key} for arch in archs],
            space.matrix(archs),
            space.matrix(archs).tolist(),
            list(space.matrix(archs)),
        ):
            found = predictor.predict(form)
            assert found.subjects == expected.subjects
            assert (found.mean_ms == expected.mean_ms).all()
        row = space.indices(archs[0])
        for alone in (archs[0].key, row, row.tolist()):
            found = predictor.predict(alone)
            assert found.subjects == expected.subjects[:1]
            # The last digits of a sum of 32-bit numbers depend on how many rows are summed at once.
            np.testing.assert_allclose(found.mean_ms, expected.mean_ms[:1], rtol=1e-5)
        assert len(predictor.predict([])) == 0

    @pytest.mark.parametrize(
        ("network", "message"),
        [
            ("|nonsense~0|", "expected 3 nodes"),
            (latkit.Subject("fbnet", "_".join("8" * 22)), "is of nb201, the network of fbnet"),
            (latkit.Subject("darts", "x"), "unknown space 'darts'"),
            ({"arch": "x"}, "needs the keys 'space' and 'arch', this has arch"),
            (np.array([[0, 1, 2]]), r"expected \(n, 6\) operations"),
            (np.array([9, 0, 0, 0, 0, 0]), "operation indices must be 0 to 4"),
            (np.array([3.9, 0, 0, 0, 0, 0]), "float64 numbers of shape"),
            ([3, 3, 3], r"int64 numbers of shape \(3,\) are no network"),
        ],
    )
    def test_what_is_no_network_is_one_message(self, predictor, network, message):
        with pytest.raises(latkit.UsageError, match=message):
            predictor.predict(network)

    def test_a_file_that_is_no_predictor(self, tmp_path):
        (tmp_path / "x.onnx").write_bytes(b"garbage")
        with pytest.raises(latkit.BundleError, match="damaged, or no predictor"):
            latkit.Predictor.open(tmp_path / "x.onnx")

    def test_a_device_that_was_never_adapted(self, predictor):
        with pytest.raises(latkit.BundleError, match="'rpi4' was never adapted") as caught:
            latkit.Predictor.load("rpi4")
        assert "latkit measure --device rpi4" in caught.value.hint
