"""``latkit compare`` and ``latkit dataset verify`` on a small dataset."""

import io
import json
import re
import shlex
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latkit import spaces
from latkit.cli import run
from latkit.condition import Condition, Runtime, State, unversioned
from latkit.lab import Lab
from latkit.measure import stats
from latkit.measurement import Block, Measurement, Verdict
from latkit.store.io import flat

SPACE = spaces.get("nb201")
ARCHS = SPACE.sample(np.random.default_rng(0), 20)
CPU = "CPUExecutionProvider"
BOARD = Condition("rpi4", Runtime("onnxruntime", "1.20", CPU), threads=4, kind="rpi4")
NEWER = replace(BOARD, runtime=Runtime("onnxruntime", "1.21", CPU))
OTHER = replace(BOARD, board="jetson", precision="fp16", threads=1)


def campaign(condition, factor=1.0, day=1, seed=0, count=20):
    """Measurements of the same networks, with a noise of 1 %, on a day of November 2026."""
    rng = np.random.default_rng(seed)
    made = []
    for n, arch in enumerate(ARCHS[:count]):
        samples = tuple(int(x) for x in (5 + n) * factor * 1e6 * rng.normal(1, 0.01, 64))
        label = stats.calm(samples).median / 1e6
        made.append(
            Measurement(
                arch,
                condition,
                Verdict("valid"),
                label,
                noise=0.01,
                blocks=(Block(samples[0], samples, sum(samples), 0),),
                context={"blocks": [{"drift": None}]},
                measured_at=f"2026-11-{day:02}T12:00:{n:02}.000000+00:00",
            )
        )
    return made


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def stored(capsys, *measurements):
    flat.write(measurements, Path("made.json"))
    assert run(["dataset", "import", "made.json"]) == 0
    capsys.readouterr()


@pytest.fixture
def dataset(capsys):
    stored(
        capsys,
        *campaign(BOARD, day=1),
        *campaign(BOARD, 1.05, day=10, seed=1),
        *campaign(NEWER, 0.9, day=20, seed=2),
        *campaign(OTHER, 0.2, day=21, seed=3, count=12),
    )


def document(capsys, *arguments):
    assert run(["compare", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("dataset")
class TestCompare:
    def test_before_and_after(self, capsys):
        found = document(capsys, "rpi4@1.20,..2026-11-05", "rpi4@1.20,2026-11-05..")
        assert found["networks"] == 20
        assert found["ratio"] == pytest.approx(1.05, abs=0.005)
        assert found["lower"] < 1.05 < found["upper"]
        assert found["differs"]
        assert found["kendall"] == pytest.approx(1)
        assert found["p_value"] < 0.001
        words = r"is \d\.\d % slower \(95 %: .*\), the order is the same"
        assert re.search(words, found["verdict"])
        assert [row["arch"] for row in found["ratios"]] == [arch.key for arch in ARCHS]

    def test_two_runtime_versions(self, capsys):
        found = document(capsys, "rpi4@onnxruntime-1.20", "rpi4@onnxruntime-1.21")
        assert found["ratio"] == pytest.approx(0.9 / 1.05, rel=0.01)  # the newest of each count
        assert "% faster" in found["verdict"]
        assert found["a"]["conditions"][0]["runtime_version"] == "1.20"

    def test_two_boards_by_a_large_factor(self, capsys):
        found = document(capsys, "rpi4@1.21", "jetson")
        assert found["networks"] == 12
        assert found["verdict"].startswith("jetson takes 0.22")
        assert "times as long" in found["verdict"]

    def test_a_set_and_itself(self, capsys):
        found = document(capsys, "jetson", "jetson")
        assert (found["ratio"], found["differs"]) == (1, False)
        assert "do not differ measurably" in found["verdict"]

    def test_a_set_and_itself_is_told(self, capsys):
        assert run(["compare", "jetson", "jetson"]) == 0
        assert "A and B are the same measurements\n" in capsys.readouterr().err
        assert run(["compare", "jetson", "rpi4@1.21"]) == 0
        assert "the same measurements" not in capsys.readouterr().err

    def test_settings_by_their_number(self, capsys):
        assert run(["dataset", "info", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        numbers = {r["runtime_version"]: r["number"] for r in rows if r["device"] == "rpi4"}
        found = document(capsys, f"rpi4@{numbers['1.20']}", f"rpi4@{numbers['1.21']}")
        assert found["b"]["conditions"][0]["runtime_version"] == "1.21"

    @pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
    def test_a_file_says_what_the_dataset_says(self, capsys, suffix):
        assert run(["dataset", "export", f"all{suffix}"]) == 0
        capsys.readouterr()
        inside = document(capsys, "rpi4@1.20", "rpi4@1.21")
        outside = document(capsys, "rpi4@1.20", f"all{suffix}@device=rpi4,1.21")
        assert outside["ratio"] == pytest.approx(inside["ratio"])
        assert outside["ratios"] == inside["ratios"]

    def test_every_row_carries_both_conditions(self, capsys):
        found = document(capsys, "rpi4@1.20", "rpi4@1.21")
        for row in found["ratios"]:
            versions = [row[side]["runtime_version"] for side in ("a", "b")]
            assert versions == ["1.20", "1.21"]
            assert row["a"]["condition"].startswith("onnxruntime 1.20")

    def test_the_same_seed_gives_the_same_figures(self, capsys):
        words = ("rpi4@1.20", "rpi4@1.21", "--seed", "7")
        assert document(capsys, *words) == document(capsys, *words)

    def test_plain_output_tells_all_and_warns_of_other_differences(self, capsys):
        assert run(["compare", "rpi4@1.21", "jetson", "--rows"]) == 0
        out, err = capsys.readouterr()
        assert out.count("|") > 20
        for words in ("networks in common", "95 % interval", "Kendall", "12 of 12", "as long"):
            assert words in out
        assert "A and B differ in precision: fp32 and fp16" in err

    @pytest.mark.parametrize("width", [34, 60, 200])
    def test_terminals_of_any_width(self, monkeypatch, width):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr("sys.stdout", terminal := Terminal())
        assert run(["compare", "rpi4@1.20", "rpi4@1.21", "--rows"]) == 0
        text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
        table, verdict = text.rstrip().rsplit("\n\n", 1)
        assert max(len(line) for line in table.splitlines()) <= width
        assert "0.8" in table
        assert "faster" in verdict

    def test_several_settings_must_be_told_apart(self, capsys):
        assert run(["compare", "rpi4", "jetson"]) == 2
        err = capsys.readouterr().err
        assert "several conditions" in err
        assert re.search(r"choose one: rpi4@\d \(onnxruntime 1\.20, .*; rpi4@\d \(.*1\.21", err)

    def test_nothing_that_matches(self, capsys):
        assert run(["compare", "rpi4@1.19", "jetson"]) == 2
        err = capsys.readouterr().err
        assert "names no measurements" in err
        assert "rpi4 has rpi4@" in err
        assert "2026-11-01 to 2026-11-10" in err
        assert "of nb201, 2026-11-20)" in err

    def test_each_condition_of_a_file_has_a_selector_to_be_typed(self, capsys):
        assert run(["dataset", "export", "all of it.json"]) == 0
        assert run(["compare", "all of it.json", "jetson"]) == 2
        (listed,) = re.findall("choose one: (.*)", capsys.readouterr().err)
        selectors = re.findall(r"'all of it\.json@[^']*'", listed)
        assert len(selectors) > 2
        for selector in selectors:
            assert run(["compare", *shlex.split(selector), *shlex.split(selector)]) == 0

    def test_a_device_that_is_not_there(self, capsys):
        assert run(["compare", "rpi5", "jetson"]) == 2
        assert "did you mean 'rpi4'?" in capsys.readouterr().err

    def test_a_file_that_is_not_there(self, capsys):
        assert run(["compare", "before.csv", "jetson"]) == 2
        assert "there is no file before.csv" in capsys.readouterr().err

    def test_a_condition_that_the_summary_does_not_tell_of(self, capsys):
        with Lab().store() as store:
            path = store.place
        with closing(sqlite3.connect(path)) as dataset, dataset:
            dataset.execute("UPDATE measurement SET measured_at = x'ff' WHERE id = 1")
        assert run(["compare", "rpi4", "jetson"]) == 2
        assert "names measurements under several conditions" in capsys.readouterr().err

    def test_too_few_networks_in_common(self, capsys):
        assert run(["compare", "rpi4@1.21,2026-11-20T12:00:00", "jetson"]) == 4
        assert "1 network in common" in capsys.readouterr().err


def verified(capsys, *arguments):
    status = run(["dataset", "verify", *arguments])
    return (status, *capsys.readouterr())


class TestVerify:
    def test_an_empty_dataset(self, capsys):
        status, out, err = verified(capsys)
        assert (status, out) == (0, "")
        assert "0 measurements, 0 findings" in err

    def test_clean(self, capsys):
        stored(capsys, *campaign(BOARD))
        status, out, err = verified(capsys)
        assert (status, out) == (0, "")
        assert "20 measurements, 0 findings" in err

    def test_suspect_ones_leave_the_exit_code_alone(self, capsys):
        made = campaign(BOARD)
        doubts = ("steal: the hypervisor took 5% of the time", "trend: +7% within one process")
        made[3] = replace(made[3], verdict=Verdict("suspect", doubts))
        stored(capsys, *made)
        status, out, err = verified(capsys)
        assert status == 0
        assert re.search(r"suspect +rpi4 +1 +steal +steal: the hypervisor", out)
        assert "trend" in out
        assert "next: latkit dataset verify --device rpi4 --space nb201 --output" in err

    def test_invalid_ones_do_not(self, capsys):
        made = campaign(BOARD)
        crash = Verdict("invalid", ("crash: died of SIGILL",))
        made[3] = replace(made[3], verdict=crash, latency_ms=None)
        made[4] = replace(made[4], latency_ms=1.0)
        stored(capsys, *made)
        status, out, err = verified(capsys, "--rows")
        assert status == 4
        assert "crash: died of SIGILL" in out
        assert "label: the samples say" in out
        assert "measurements of 2 networks are invalid" in err

    def test_what_to_measure_again_is_an_arch_file(self, capsys, tmp_path):
        made = campaign(BOARD)
        made[3] = replace(made[3], verdict=Verdict("suspect", ("trend: +7%",)))
        stored(capsys, *made)
        status, _, err = verified(capsys, "--output", "again.json")
        assert status == 0
        # rpi4's profile measures so of itself: no option is needed.
        assert "next: latkit measure --device rpi4 --archs again.json --again\n" in err
        assert spaces.read_archs((tmp_path / "again.json").read_text(), "again") == [ARCHS[3]]

    def test_several_devices_need_several_files(self, capsys, tmp_path):
        doubt = Verdict("suspect", ("trend: +7%",))
        stored(capsys, *(replace(campaign(s)[0], verdict=doubt) for s in (BOARD, OTHER)))
        status, _, err = verified(capsys, "--output", "again.json")
        assert status == 2
        assert "choose one, as with --device rpi4 --space nb201" in err
        assert verified(capsys, "--output", "again.json", "--device", "jetson")[0] == 0
        assert (tmp_path / "again.json").is_file()

    @pytest.mark.parametrize(
        ("changes", "options"),
        [
            ({"precision": "int8"}, "--precision int8"),
            ({"threads": 1, "batch": 8}, "--threads 1 --batch 8"),
            ({"runtime": Runtime("tflite", "2.3", "XNNPACK")}, "--runtime tflite"),
            ({"runtime": Runtime("torch", "2", "compile")}, "--runtime torch --provider compile"),
            ({"state": State("default", tuned=True)}, "--tune"),
            ({"state": State("low power")}, "--state 'low power'"),
            ({"affinity": (2, 3)}, "--affinity 2,3"),
        ],
    )
    def test_the_command_measures_as_it_was_measured(self, capsys, tmp_path, changes, options):
        doubt = Verdict("suspect", ("trend: +7%",))
        other = replace(BOARD, **changes)
        stored(capsys, *(replace(campaign(c)[0], verdict=doubt) for c in (BOARD, other)))
        status, _, err = verified(capsys, "--output", "again.json")
        assert status == 2, "two conditions in one file"
        assert unversioned(other).words() in err
        status, _, err = verified(capsys, "--output", "again.json", *shlex.split(options))
        assert status == 0
        assert f"next: latkit measure --device rpi4 {options} --archs again.json --again\n" in err
        assert spaces.read_archs((tmp_path / "again.json").read_text(), "again") == [ARCHS[0]]

    def test_the_next_step_of_a_finding_asks_for_its_condition(self, capsys):
        doubt = Verdict("suspect", ("trend: +7%",))
        stored(capsys, replace(campaign(replace(BOARD, precision="int8"))[0], verdict=doubt))
        _, _, err = verified(capsys)
        assert (
            "next: latkit dataset verify --device rpi4 --space nb201 --output again.json\n" in err
        )

    def test_of_several_conditions_the_next_step_chooses_one(self, capsys):
        doubt = Verdict("suspect", ("trend: +7%",))
        tuned = replace(BOARD, state=State(tuned=True))
        stored(capsys, *(replace(campaign(c)[0], verdict=doubt) for c in (BOARD, tuned)))
        _, _, err = verified(capsys)
        (command,) = re.findall(r"next: latkit dataset verify (.*)", err)
        status, _, err = verified(capsys, *shlex.split(command))
        assert status == 0
        assert Path("again.json").is_file()
        assert "next: latkit measure --device rpi4" in err

    def test_two_versions_are_measured_again_together(self, capsys):
        doubt = Verdict("suspect", ("trend: +7%",))
        stored(capsys, *(replace(campaign(c)[0], verdict=doubt) for c in (BOARD, NEWER)))
        assert verified(capsys, "--output", "again.json")[0] == 0

    def test_two_spaces_of_one_condition_are_no_mixture(self, capsys):
        small = SPACE.with_skeleton(channels=8)
        made = campaign(BOARD)[0]
        stored(capsys, made, replace(made, subject=small.from_indices(SPACE.indices(ARCHS[0]))))
        assert "0 findings" in verified(capsys)[2]

    def test_nothing_to_measure_again_writes_nothing(self, capsys, tmp_path):
        stored(capsys, *campaign(BOARD))
        assert verified(capsys, "--output", "again.json")[0] == 0
        assert not (tmp_path / "again.json").exists()

    def test_a_file_that_cannot_be_written(self, capsys):
        made = campaign(BOARD, count=1)
        stored(capsys, replace(made[0], verdict=Verdict("suspect", ("trend: +7%",))))
        status, _, err = verified(capsys, "--output", "absent/again.json")
        assert status == 1
        assert "cannot write" in err

    def test_published_labels_are_not_to_be_measured_again(self, capsys, tmp_path):
        values = [0.001, *range(6, 25)]
        rows = "\n".join(f"{arch},{ms}" for arch, ms in zip(ARCHS, values, strict=True))
        (tmp_path / "table.csv").write_text(f"arch,phone\n{rows}\n")
        assert run(["dataset", "import", "table.csv"]) == 0
        capsys.readouterr()
        status, out, err = verified(capsys)
        assert status == 0
        assert "near zero" in out
        assert "next:" not in err

    @pytest.mark.usefixtures("dataset")
    def test_mixed_versions_and_repeats_that_differ(self, capsys):
        status = run(["dataset", "verify", "--json"])
        document = json.loads(capsys.readouterr().out)
        kinds = {row["kind"]: row for row in document["counts"]}
        assert status == 0
        assert kinds["mixture"]["verdict"] == "note"
        assert "onnxruntime-1.20 and onnxruntime-1.21" in kinds["mixture"]["example"]
        assert kinds["repeats"]["device"] == "rpi4"
        assert (document["measurements"], document["invalid"]) == (72, 0)

    @pytest.mark.usefixtures("dataset")
    def test_an_unknown_device(self, capsys):
        status, _, err = verified(capsys, "--device", "rpi5")
        assert status == 2
        assert "did you mean 'rpi4'?" in err
