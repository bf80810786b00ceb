import pytest

from latkit.evaluation.families import FAMILIES
from latkit.evaluation.tasks import PUBLISHED
from tests import needs

KINDS = ("nvidia", "xeon", "phone", "pi", "accelerator")
RUNTIMES = ("onnxruntime", "tflite", "torch", "openvino", "ncnn")


def test_names():
    names = [f"{letter}-{name}" for letter in "NF" for name in (*KINDS, *RUNTIMES)]
    assert list(FAMILIES) == names
    assert all(name == task.name for name, task in FAMILIES.items())


@pytest.mark.parametrize("letter", "NF")
def test_a_runtime_left_out_is_so_in_all_its_settings(letter):
    for runtime in RUNTIMES:
        task = FAMILIES[f"{letter}-{runtime}"]
        assert all(device.startswith(f"x86_{runtime}") for device in task.targets)
        assert not any(device.startswith(f"x86_{runtime}") for device in task.sources)
        assert len(task.sources) + len(task.targets) == 27 + 12


def test_the_settings_are_those_that_are_measured(sources):
    left_out = [device for name in RUNTIMES for device in FAMILIES[f"N-{name}"].targets]
    assert sorted(left_out) == sorted(sources.SETTINGS)


@pytest.mark.parametrize("letter", "NF")
def test_families_of_a_space_share_out_all_its_devices(letter):
    tasks = [FAMILIES[f"{letter}-{kind}"] for kind in KINDS]
    targets = [device for task in tasks for device in task.targets]
    assert len(targets) == len(set(targets)) == 27
    assert all({*task.sources, *task.targets} == set(targets) for task in tasks)
    assert all(not set(task.sources) & set(task.targets) for task in tasks)


def test_no_published_device_of_fbnet_is_forgotten():
    known = {*FAMILIES["F-pi"].sources, *FAMILIES["F-pi"].targets}
    published = (t for t in PUBLISHED.values() if t.space == "fbnet")
    assert {device for task in published for device in (*task.sources, *task.targets)} <= known


@pytest.mark.parametrize("space", ["nb201", "fbnet"])
def test_the_devices_are_those_of_the_published_tables(space):
    folder = needs.published_data()
    from pyarrow.parquet import read_schema

    names = read_schema(folder / f"{space}_latency_ms.parquet").names
    task = next(task for task in FAMILIES.values() if task.space == space)
    assert {*task.sources, *task.targets} == set(names) - {"index", "arch"}
