import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from latkit.errors import UsageError
from latkit.evaluation.engine import Suite
from latkit.evaluation.summary import summarise
from latkit.evaluation.trial import Outcome, Trial
from latkit.lab.evaluate import Evaluation, Missing
from latkit.metrics import Scores
from latkit.report.page import write
from latkit.report.plot import plot
from latkit.report.results import as_json, as_markdown
from tests.unit.toy_trials import toy_data

FACTS = {
    "command": "latkit evaluate --task toy",
    "date": "2026-11-23",
    "versions": {"latkit": "0.1.0"},
    "machine": "x86_64, 2 processors",
    "seeds": 2,
}


def outcome(method, n, seed, spearman, interval=True):
    known = (0.9, 0.25, 0.4) if interval else (math.nan,) * 3
    scores = Scores(spearman, 0.8, 0.0345, 0.75, *known)
    return Outcome(Trial("ND", method, "random", "target", n, seed), scores, 0.5, 0.1)


OUTCOMES = [
    outcome(method, n, seed, spearman + n / 1000, interval=method == "bayes")
    for method, spearman in (("bayes", 0.95), ("flops", 0.85))
    for n in (3, 20)
    for seed in (0, 1)
]
EVALUATION = Evaluation(
    Suite([toy_data()], ["bayes", "flops"]),
    OUTCOMES,
    [Missing("toy", ("gone",), skipped=False), Missing("N1", ("far",), skipped=True)],
)


@pytest.fixture
def page():
    return as_markdown(EVALUATION, FACTS, "results.svg", per_device=True)


def test_the_page_says_where_its_figures_come_from(page):
    for words in ("`latkit evaluate --task toy`", "2026-11-23", "latkit 0.1.0", "over 2 seeds"):
        assert words in page


def test_the_best_of_a_column_stands_out(page):
    assert "| bayes | **.970 ±.000** |" in page
    assert "| flops | .870 ±.000 |" in page


def test_published_figures_stand_beside_and_are_marked(page):
    assert "| *NASFLAT, quoted* | *.959* |" in page
    assert page.count("NASFLAT, quoted") == 1


def test_who_published_nothing_on_these_tasks_is_not_quoted():
    outcomes = [replace(each, trial=replace(each.trial, task="mine")) for each in OUTCOMES]
    page = as_markdown(replace(EVALUATION, outcomes=outcomes), FACTS, "results.svg", False)
    assert "quoted" not in page.lower()


def test_a_method_without_interval_has_no_row_of_coverage(page):
    inside = page.split("Inside:")[1].split("Width:")[0]
    assert "| bayes | 90.0 % |" in inside
    assert "flops" not in inside


def test_absent_devices_and_skipped_tasks_are_named(page):
    assert "gone |" in page
    assert "Not run: N1 (lacks far)." in page


def test_every_target_is_there_on_request(page):
    assert "| ND | target | bayes | .970 ±.000 | 3.5 % | 90.0 % |" in page
    assert "Every target" not in as_markdown(EVALUATION, FACTS, "x.svg", per_device=False)


def test_tables_are_rectangles(page):
    for block in page.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1


def test_json_holds_every_figure():
    document = as_json(EVALUATION, FACTS, per_device=True)
    assert len(document["rows"]) == 8
    row = document["rows"][0]
    assert (row["task"], row["method"], row["n"], row["seeds"]) == ("ND", "bayes", 3, 2)
    assert row["spearman"] == pytest.approx(0.953)
    assert row["spearman_sd"] == 0
    json.dumps(document)


def test_the_plot_is_the_same_each_time(tmp_path):
    pytest.importorskip("matplotlib")
    rows = summarise(OUTCOMES)
    contents = []
    for name in ("one.svg", "other.svg"):
        plot(rows, tmp_path / name)
        contents.append((tmp_path / name).read_text())
    assert contents[0] == contents[1]
    for words in ("ND", "bayes", "flops", "NASFLAT, quoted"):
        assert f">{words}<" in contents[0]


def test_only_panels_of_tasks_have_axes(tmp_path):
    pytest.importorskip("matplotlib")
    rows = [
        replace(row, key=row.key._replace(task=task))
        for task in ("A", "B", "C", "D", "E")
        for row in summarise(OUTCOMES)
    ]
    plot(rows, tmp_path / "five.svg")
    assert (tmp_path / "five.svg").read_text().count('id="matplotlib.axis_') == 2 * 5


EVIL = "\x1b[5mx\x9b\u202e|[a](javascript:x)<script>`$\\frac$\n# forged"


def test_names_of_anybodys_are_only_text_in_a_report(tmp_path):
    outcomes = [replace(each, trial=replace(each.trial, task=EVIL)) for each in OUTCOMES]
    missing = [Missing(EVIL, (EVIL,), skipped=True)]
    found = replace(EVALUATION, outcomes=outcomes, missing=missing)
    write(tmp_path / "r.md", found, {**FACTS, "command": f"latkit {EVIL}"}, per_device=True)
    texts = {file.suffix: file.read_text() for file in tmp_path.iterdir()}
    assert set(texts) == {".md", ".json", ".svg"}
    for text in texts.values():
        assert not set("\x1b\x9b\u202e") & set(text)
    assert "<script>" not in texts[".md"].replace("\\<script>", "").split("\n\n", 2)[2]
    assert "\n# forged" not in texts[".md"]
    assert "[a](" not in texts[".md"].replace("\\[a\\](", "").split("\n\n", 2)[2]
    assert json.loads(texts[".json"])["rows"][0]["task"] == EVIL
    ElementTree.fromstring(texts[".svg"])


@pytest.mark.parametrize("suffix", [".md", ".json", ".svg"])
def test_a_report_that_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch, suffix):
    pytest.importorskip("matplotlib")
    output = tmp_path / "report.md"
    for name in (".md", ".json", ".svg"):
        output.with_suffix(name).write_text("of yesterday")
    replace_file = Path.replace

    def full(path, target):
        if target.suffix == suffix:
            raise OSError(28, "No space left on device")
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match="No space left"):
        write(output, EVALUATION, FACTS, per_device=False)
    assert output.with_suffix(suffix).read_text() == "of yesterday"
    assert not list(tmp_path.glob(".*"))
