"""One predictor per device, collection and condition, from the command line."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import latkit as latkit_package
from latkit import spaces
from latkit.cli import run
from latkit.condition import Condition, Runtime, State
from latkit.errors import LatkitError, MeasurementsUnusable, UsageError
from latkit.lab import Lab
from latkit.lab.predictor import Predictor
from latkit.measurement import Measurement, Verdict

SPACE = spaces.get("nb201")
ARCHS = SPACE.sample(np.random.default_rng(0), 20)
EXAMPLE = str(Path(__file__).parents[2] / "examples" / "arch.json")
DRAW = "latkit space sample nb201 --n 5 | latkit predict - --device rpi4"
CPU = "CPUExecutionProvider"
OWN = Condition("rpi4", Runtime("onnxruntime", "1.20", CPU), threads=4, kind="rpi4")
INT8 = replace(OWN, precision="int8")
BATCH_8 = replace(OWN, batch=8)
COMPILED = replace(OWN, runtime=Runtime("torch", "2.13", "compile"))
TUNED = replace(OWN, state=State(tuned=True))


def measured(condition, factor=1.0, count=20, day=1, space=SPACE, archs=ARCHS):
    """Latencies that follow the FLOPs, measured on a day of November 2026."""
    return [
        Measurement(
            arch,
            condition,
            Verdict("valid"),
            factor * (1 + space.network(arch).flops / 1e8),
            noise=0.01,
            measured_at=f"2026-11-{day:02}T12:00:{number:02}.000000+00:00",
        )
        for number, arch in enumerate(archs[:count])
    ]


@pytest.fixture
def lab():
    return Lab()


def rename(lab, name, other):
    """As an earlier latkit, which minded no names, would have stored it."""
    with closing(sqlite3.connect(lab.data / "latkit.db")) as dataset, dataset:
        dataset.execute("UPDATE condition SET device = ? WHERE device = ?", (other, name))


def store(lab, *campaigns):
    with lab.store() as opened:
        for campaign in campaigns:
            opened.add_many(campaign)


def latkit(capsys, *words, status=0):
    """Standard output as JSON, and standard error, of a command that ends so."""
    assert run([*words, "--json"]) == status, capsys.readouterr().err
    shown = capsys.readouterr()
    return json.loads(shown.out or "null"), shown.err


def predicted(capsys, *words):
    rows, _ = latkit(capsys, "predict", EXAMPLE, *words)
    return rows


class TestAdapt:
    def test_three_conditions_are_three_predictors_each_named(self, lab, capsys):
        campaigns = (OWN, 1.0), (INT8, 0.5), (BATCH_8, 8.0)
        store(lab, *(measured(condition, factor) for condition, factor in campaigns))
        rows, _ = latkit(capsys, "adapt", "--device", "rpi4")
        assert {(row["precision"], row["batch"]) for row in rows} == {
            ("fp32", 1),
            ("int8", 1),
            ("fp32", 8),
        }
        assert len({row["path"] for row in rows}) == 3
        assert all(Path(row["path"]).is_file() for row in rows)
        assert {row["condition"] for row in rows} == {c.words() for c in (OWN, INT8, BATCH_8)}

    def test_a_few_trials_replace_no_other_predictor(self, lab, capsys):
        store(lab, measured(OWN))
        latkit(capsys, "adapt", "--device", "rpi4")
        (before,) = predicted(capsys, "--device", "rpi4")
        store(lab, measured(INT8, 0.5, count=3, day=2), measured(BATCH_8, 8.0, count=3, day=3))
        rows, _ = latkit(capsys, "adapt", "--device", "rpi4")
        assert [row["samples"] for row in rows] == [20, 3, 3]
        (after,) = predicted(capsys, "--device", "rpi4")
        assert after == before
        (quantised,) = predicted(capsys, "--device", "rpi4", "--precision", "int8")
        assert quantised["mean_ms"] < 0.8 * before["mean_ms"]

    def test_the_options_choose_a_condition(self, lab, capsys):
        store(lab, measured(OWN), measured(COMPILED, 0.5, day=2), measured(TUNED, 0.9, day=3))
        for words, condition in (
            (["--runtime", "torch"], COMPILED),
            (["--provider", "compile"], COMPILED),
            (["--tune"], TUNED),
        ):
            (row,), _ = latkit(capsys, "adapt", "--device", "rpi4", *words)
            assert row["condition"] == condition.words()

    def test_too_few_are_told_and_the_others_adapted(self, lab, capsys):
        store(lab, measured(OWN), measured(INT8, count=2, day=2))
        rows, _ = latkit(capsys, "adapt", "--device", "rpi4")
        assert [bool(row["path"]) for row in rows] == [True, False]
        assert "at least 3 measured networks, there are 2" in rows[1]["notes"][0]

    def test_a_space_without_a_bundle_does_not_stop_the_others(self, lab, capsys):
        small = SPACE.with_skeleton(channels=8)
        archs = small.sample(np.random.default_rng(1), 5)
        store(lab, measured(OWN), measured(OWN, space=small, archs=archs, day=2))
        rows, _ = latkit(capsys, "adapt", "--device", "rpi4")
        assert {row["space"]: bool(row["path"]) for row in rows} == {
            "nb201": True,
            "nb201:c8": False,
        }

    def test_a_condition_that_was_not_measured(self, lab, capsys):
        store(lab, measured(OWN), measured(INT8))
        _, err = latkit(capsys, "adapt", "--device", "rpi4", "--runtime", "tflite", status=4)
        assert "no usable measurement of 'rpi4' was taken with runtime tflite" in err
        assert OWN.words() in err
        assert INT8.words() in err

    def test_the_next_step_is_of_the_profiles_own_condition_where_there_is_one(self, lab, capsys):
        store(lab, measured(OWN), measured(INT8, day=2))
        assert run(["adapt", "--device", "rpi4"]) == 0
        assert f"next: {DRAW}\n" in capsys.readouterr().err
        assert run(["adapt", "--device", "rpi4", "--precision", "int8"]) == 0
        said = capsys.readouterr().err
        assert f"next: {DRAW} --precision int8\n" in said
        assert "latkit validate --device rpi4 --precision int8 --n 40" in said


class TestPredict:
    @pytest.fixture(autouse=True)
    def _adapted(self, lab, capsys):
        store(lab, measured(OWN), measured(INT8, 0.5, day=2), measured(BATCH_8, 8.0, day=3))
        lab.adapt("rpi4")

    def test_the_profiles_own_condition(self, capsys):
        (row,) = predicted(capsys, "--device", "rpi4")
        assert (row["precision"], row["batch"]) == ("fp32", 1)
        assert row["condition"] == "onnxruntime 1.20, fp32, 4 threads, batch 1"
        assert predicted(capsys) == [row], "also where all devices stand side by side"

    def test_the_table_names_the_condition(self, capsys):
        assert run(["predict", EXAMPLE, "--device", "rpi4", "--batch", "8"]) == 0
        assert "onnxruntime 1.20, fp32, 4 threads, batch 8" in capsys.readouterr().out

    def test_all_conditions_side_by_side(self, capsys):
        rows = predicted(capsys, "--all-conditions")
        assert {row["condition"] for row in rows} == {c.words() for c in (OWN, INT8, BATCH_8)}
        means = {row["condition"]: row["mean_ms"] for row in rows}
        assert means[INT8.words()] < means[OWN.words()] < means[BATCH_8.words()]

    def test_a_condition_without_a_predictor_says_which_have_one(self, capsys):
        _, err = latkit(capsys, "predict", EXAMPLE, "--device", "rpi4", "--threads", "1", status=1)
        assert "'rpi4' was adapted for other conditions than that" in err
        assert INT8.words() in err

    @pytest.mark.parametrize("day", [4, 1])
    def test_of_several_versions_the_one_stored_last(self, lab, capsys, day):
        newer = replace(OWN, runtime=Runtime("onnxruntime", "1.21", CPU))
        store(lab, measured(newer, 0.1, day=day))
        lab.adapt("rpi4")
        (row,) = predicted(capsys, "--device", "rpi4")
        assert row["runtime_version"] == "1.21"

    def test_a_profile_that_changed_is_followed(self, lab, capsys, tmp_path):
        folder = tmp_path / "config" / "devices"
        folder.mkdir(parents=True)
        (folder / "rpi4.toml").write_text('threads = 4\nprecision = "int8"\n')
        (row,) = predicted(capsys, "--device", "rpi4")
        assert row["precision"] == "int8"

    def test_a_damaged_note_hides_its_predictor_alone(self, lab, capsys):
        for note in (lab.predictors / "rpi4" / "nb201").glob("*int8*.json"):
            note.write_text("{")
        assert len(predicted(capsys, "--all-conditions")) == 2

    def test_export_is_of_a_condition_too(self, lab, capsys, tmp_path):
        from latkit import Predictor

        folder = str(tmp_path / "out")
        found, _ = latkit(capsys, "export", "--device", "rpi4", "-o", folder, "--precision", "int8")
        assert found["precision"] == "int8"
        assert Predictor.open(f"{folder}/predictor.onnx").condition == INT8


class TestVersions:
    NEWER = replace(OWN, runtime=Runtime("onnxruntime", "1.21", CPU))

    def test_a_few_samples_of_a_new_version_do_not_take_over(self, lab, capsys):
        store(lab, measured(OWN), measured(self.NEWER, 0.1, count=3, day=2))
        lab.adapt("rpi4")
        (row,) = predicted(capsys, "--device", "rpi4")
        assert (row["runtime_version"], row["samples"]) == ("1.20", 20)
        store(lab, measured(self.NEWER, 0.1, day=3))
        lab.adapt("rpi4")
        (row,) = predicted(capsys, "--device", "rpi4")
        assert (row["runtime_version"], row["samples"]) == ("1.21", 20)

    def test_without_a_profile_versions_are_no_choice_to_make(self, lab, capsys):
        for condition in (OWN, self.NEWER):
            store(lab, measured(replace(condition, board="stranger")))
        lab.adapt("stranger")
        assert len(predicted(capsys, "--device", "stranger")) == 1


class TestPublished:
    @pytest.fixture
    def imported(self, tmp_path):
        """A table of somebody's rpi4, for which latkit has a profile, and of other devices."""

        def table(*devices):
            path = tmp_path / "table.csv"
            rows = [
                ",".join([arch.key, *(str(1 + 2 * n % 7) for _ in devices)])
                for n, arch in enumerate(ARCHS)
            ]
            path.write_text("\n".join([",".join(["arch", *devices]), *rows]))
            Lab().dataset.import_(path)
            for device in devices:
                Lab().adapt(device)

        return table

    def test_of_a_device_with_a_profile_it_can_be_asked(self, imported, capsys):
        imported("rpi4")
        (row,) = predicted(capsys, "--device", "rpi4")
        assert row["condition"] == "published"
        assert run(["adapt", "--device", "rpi4"]) == 0
        said = capsys.readouterr().err
        assert f"next: {DRAW}\n" in said
        assert "validate" not in said, "nobody's device can be measured"

    def test_a_name_of_an_earlier_dataset_leaves_its_folder_alone(self, lab, capsys):
        names = ["../../evil", "a b", "..", "x/y", "[z]*", "\x1b[2J\n\u202e"]
        for name in names:
            store(lab, measured(replace(OWN, board="earlier")))
            rename(lab, "earlier", name)
            lab.adapt(name)
        assert {row["device"] for row in predicted(capsys, "--all-conditions")} == set(names)
        inside = list(lab.predictors.rglob("*.onnx"))
        assert len(inside) == len(names)
        assert not list(lab.data.parent.rglob("evil"))

    @pytest.mark.parametrize("name", ["/tmp", "a**", "..", "../..", "\x1b[2J", "x" * 65, "-x"])
    @pytest.mark.parametrize("words", [["predict", EXAMPLE], ["adapt"], ["export"], ["validate"]])
    def test_a_device_that_cannot_be_is_one_message(self, capsys, words, name):
        assert run([*words, f"--device={name}"]) == 2
        shown = capsys.readouterr().err
        assert "cannot be the name of a device" in shown
        assert "\x1b" not in shown

    def test_a_device_that_could_be_was_never_adapted(self, capsys):
        _, err = latkit(capsys, "predict", EXAMPLE, "--device", "rpi 4", status=1)
        assert "was never adapted" in err

    def test_a_name_that_is_no_utf_8_is_none_of_ours(self):
        with pytest.raises(LatkitError, match="was never adapted"):
            Predictor.load("\udcff")

    @pytest.mark.parametrize("words", [["adapt"], ["validate"], ["dataset", "verify"]])
    def test_no_name_is_the_name_of_no_device(self, capsys, words):
        assert run([*words, "--device", ""]) == 2
        assert "--device is empty" in capsys.readouterr().err

    def test_what_cannot_be_measured_is_not_suggested_to_be(self, lab):
        with pytest.raises(MeasurementsUnusable) as caught:
            lab.adapt("rpi 4")
        assert "latkit measure" not in caught.value.hint


class TestSideBySide:
    def test_a_device_that_cannot_be_asked_is_told(self, lab, capsys, tmp_path):
        store(lab, measured(OWN), measured(replace(INT8, board="rpi5")))
        lab.adapt("rpi4")
        lab.adapt("rpi5")
        rows, err = latkit(capsys, "predict", EXAMPLE)
        assert [row["device"] for row in rows] == ["rpi4"]
        assert "'rpi5' was adapted for other conditions than that" in err

    def test_a_predictor_that_is_gone_or_damaged_hides_itself_alone(self, lab, capsys):
        store(lab, measured(OWN), measured(replace(OWN, board="rpi5")))
        (gone,), (damaged,) = lab.adapt("rpi4"), lab.adapt("rpi5")
        damaged.path.write_bytes(b"x")
        rows, err = latkit(capsys, "predict", EXAMPLE)
        assert [row["device"] for row in rows] == ["rpi4"]
        assert "damaged" in err
        gone.path.unlink()
        _, err = latkit(capsys, "predict", EXAMPLE, "--device", "rpi4", status=2)
        assert "was never adapted" in err

    def test_predictors_of_an_earlier_latkit(self, lab, capsys):
        folder = lab.predictors / "rpi4"
        folder.mkdir(parents=True)
        (folder / "nb201.onnx").write_bytes(b"x")
        _, err = latkit(capsys, "predict", EXAMPLE, "--device", "rpi4", status=1)
        assert "were made by an earlier latkit" in err
        assert "hint: latkit adapt --device rpi4" in err


class TestBundles:
    SHIPPED = Path(latkit_package.__file__).parent / "predictor" / "bundles"

    def test_a_bundle_of_another_space_is_refused(self, lab, capsys):
        small = SPACE.with_skeleton(channels=8)
        archs = small.sample(np.random.default_rng(1), 5)
        store(lab, measured(OWN), measured(OWN, space=small, archs=archs, day=2))
        bundle = ("--bundle", str(self.SHIPPED / "nb201"))
        rows, _ = latkit(capsys, "adapt", "--device", "rpi4", *bundle)
        assert [row["space"] for row in rows] == ["nb201"]
        words = ("adapt", "--device", "rpi4", "--space", "nb201:c8", *bundle)
        assert "the bundle is of nb201, not of nb201:c8" in latkit(capsys, *words, status=2)[1]

    def test_a_space_may_be_named_in_any_way(self, lab, capsys):
        small = SPACE.with_skeleton(channels=8, cells=1)
        archs = small.sample(np.random.default_rng(1), 5)
        store(lab, measured(OWN, space=small, archs=archs))
        words = ("adapt", "--device", "rpi4", "--space", "nb201:n1-c8")
        assert "no pretrained predictor for nb201:c8-n1" in latkit(capsys, *words, status=1)[1]

    def test_a_predictor_of_more_measurements_is_not_replaced_without_a_word(self, lab, tmp_path):
        store(lab, measured(OWN))
        lab.adapt("rpi4")
        other = Lab(data=lab.data, db=f"sqlite:///{tmp_path}/other.db")
        store(other, measured(OWN, count=4))
        (found,) = other.adapt("rpi4")
        assert "replaced a predictor of 20 measurements" in found.notes


class TestOptions:
    def test_an_unknown_option_suggests_the_nearest(self, lab):
        store(lab, measured(OWN))
        lab.adapt("rpi4")
        for ask in (
            lambda: lab.predict(ARCHS[0], "rpi4", precison="int8"),
            lambda: lab.adapt("rpi4", precison="int8"),
            lambda: lab.verify("rpi4", precison="int8"),
            lambda: lab.measure("rpi4", precison="int8"),
        ):
            with pytest.raises(UsageError, match="unknown option 'precison'") as caught:
                ask()
            assert "precision" in str(caught.value.hint)

    def test_none_is_as_the_profile_has_it(self, lab):
        store(lab, measured(OWN))
        lab.adapt("rpi4")
        assert lab.predictor("rpi4", precision=None, affinity=None).condition == OWN

    def test_not_tuned_can_be_asked_for(self, lab, capsys):
        store(lab, measured(OWN), measured(TUNED))
        (row,), _ = latkit(capsys, "adapt", "--device", "rpi4", "--no-tune")
        assert not row["tuned"]

    def test_a_program_that_the_profile_no_longer_describes(self, lab, capsys):
        program = replace(OWN, board="bench", runtime=Runtime("trtexec:0123abcd", "8", CPU))
        store(lab, measured(program))
        lab.adapt("bench")
        _, err = latkit(capsys, "validate", "--device", "bench", status=2)
        assert "describes no benchmark program trtexec:0123abcd any more" in err


class TestWithoutAProfile:
    def test_one_condition_is_the_condition(self, lab, capsys):
        store(lab, measured(replace(OWN, board="stranger")))
        lab.adapt("stranger")
        (row,) = predicted(capsys, "--device", "stranger")
        assert row["device"] == "stranger"

    def test_several_must_be_told_apart(self, lab, capsys):
        for condition in (OWN, INT8):
            store(lab, measured(replace(condition, board="stranger")))
        lab.adapt("stranger")
        _, err = latkit(capsys, "predict", EXAMPLE, "--device", "stranger", status=2)
        assert "'stranger' has no profile and was adapted for several conditions" in err
        (row,) = predicted(capsys, "--device", "stranger", "--precision", "int8")
        assert row["precision"] == "int8"


class TestSeveralSpaces:
    @pytest.fixture
    def chain(self, lab):
        """A chain of fbnet; rpi4 was adapted for both spaces."""
        fbnet = spaces.get("fbnet")
        chains = fbnet.sample(np.random.default_rng(0), 5)
        store(lab, measured(OWN), measured(OWN, space=fbnet, archs=chains))
        lab.adapt("rpi4")
        return chains[0]

    def test_a_network_tells_its_space(self, lab, chain):
        for network in (chain, chain.key, {"space": "fbnet", "arch": chain.key}, [chain.key]):
            assert lab.predict(network, "rpi4").subjects == (chain,)
        assert lab.predict(ARCHS[0].key, "rpi4").subjects == (ARCHS[0],)

    def test_a_predictor_is_of_one(self, lab, chain):
        with pytest.raises(UsageError, match="adapted for fbnet, nb201"):
            lab.predictor("rpi4")
        assert lab.predictor("rpi4", space="fbnet").space.name == "fbnet"

    def test_a_file_of_both_is_predicted_in_its_order(self, lab, chain, capsys, tmp_path):
        lines = [{"space": a.collection, "arch": a.key} for a in (ARCHS[0], chain, ARCHS[0])]
        (tmp_path / "both.jsonl").write_text("\n".join(map(json.dumps, lines)))
        rows, _ = latkit(capsys, "predict", str(tmp_path / "both.jsonl"))
        assert [row["arch"] for row in rows] == [line["arch"] for line in lines]
