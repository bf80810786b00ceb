"""What another package brings is found by name, listed, and used as latkit's own is."""

import numpy as np
import pytest

from latkit import sampling, spaces
from latkit.cli import run
from latkit.errors import UsageError
from latkit.evaluation.archive import Archive
from latkit.evaluation.engine import Suite, evaluate
from latkit.evaluation.methods import METHODS
from latkit.formats import FORMATS
from latkit.formats.cache import ModelCache
from latkit.lab.measure import draw
from latkit.predictor.bundle import Bundle
from latkit.sampling import SAMPLERS, Choice
from latkit.spaces import SPACES
from latkit.subjects import Recipe, Subject
from tests.unit.another_package import installed
from tests.unit.toy_trials import toy_data

SPACE = spaces.get("nb201")


@pytest.fixture(autouse=True)
def _installed(tmp_path):
    with installed(tmp_path / "site-packages"):
        yield


def silent(stage, done, total):
    """Progress that nobody watches."""


@pytest.mark.parametrize(
    ("known", "names"),
    [
        (SPACES, ["cells"]),
        (SAMPLERS, ["first", "peeking"]),
        (METHODS, ["median"]),
        (FORMATS, ["plain"]),
    ],
)
def test_it_is_listed_after_latkits_own(known, names):
    assert known.names()[-len(names) :] == names
    assert all(name in known for name in names)


def test_a_mistyped_name_suggests_theirs():
    with pytest.raises(UsageError) as caught:
        draw(SPACE, 3, 0, "peking")
    assert "did you mean 'peeking'" in str(caught.value.hint)


def test_measuring_draws_with_their_sampler():
    assert len(set(draw(SPACE, 7, 0, "first"))) == 7


def test_measuring_shows_theirs_the_shipped_bundle():
    drawn = SPACE.matrix(draw(SPACE, 5, 0, "peeking"))
    bundle = Bundle.shipped("nb201")
    cheapest = bundle.features(SPACE.enumerate_indices()).costs[:, 0]
    assert bundle.features(drawn).costs[:, 0].max() <= np.quantile(cheapest, 0.02)


def test_theirs_is_not_shown_the_shipped_bundle_elsewhere():
    choice = Choice(SPACE, SPACE.enumerate_indices()[::100])
    with pytest.raises(UsageError, match="'peeking' looks at a bundle"):
        sampling.choose("peeking", choice, 5, np.random.default_rng(0))


def test_their_method_is_evaluated_with_their_sampler(tmp_path):
    suite = Suite([toy_data()], ["median"], samplers=["first"], counts=(10,), seeds=1)
    found = evaluate(suite, Archive(tmp_path), 1, silent)
    assert {outcome.trial.method for outcome in found} == {"median"}
    assert 0 < found[0].unseen.median_ape < 1


def test_the_command_line_knows_theirs(capsys):
    assert run(["evaluate", "--method", "medain", "--sampler", "first"]) == 2
    assert "did you mean 'median'" in capsys.readouterr().err


def test_a_model_file_in_their_format(tmp_path):
    network = SPACE.network(SPACE.from_indices([0] * 6))
    found = ModelCache(tmp_path).get(network, Recipe("plain"), seed=2)
    assert found.path.suffix == ".txt"
    assert found.path.read_text() == f"{network.digest()} 2 1 fp32"
    with pytest.raises(UsageError, match="no int8 models in the format plain"):
        ModelCache(tmp_path).get(network, Recipe("plain", precision="int8"))


def test_their_space_is_drawn_from_and_pretrained_for_in_its_own_name(capsys):
    space = spaces.get("cells")
    assert draw(space, 5, 0) == draw(space, 5, 0, "random"), "latkit ships no bundle for it"
    assert {subject.collection for subject in draw(space, 5, 0)} == {"cells"}
    assert spaces.get("cells:c8").name == "cells:c8"
    assert run(["space", "sample", "cells"]) == 0
    (read,) = spaces.read_archs(capsys.readouterr().out, "here")
    assert read == Subject("cells", read.key)
    assert run(["measure", "--device", "local", "--space", "cels"]) == 2
    assert "did you mean 'cells'" in capsys.readouterr().err
