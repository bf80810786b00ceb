import json

import numpy as np
import onnxruntime
import pytest
from scipy.stats import spearmanr

from latkit import spaces
from latkit.errors import MeasurementsUnusable, MissingDependency
from latkit.features.encoder import encoder
from latkit.features.physical import physical

torch = pytest.importorskip("torch")

from latkit.predictor import adapt as adapter  # noqa: E402
from latkit.predictor.backbone import Backbone, Shape, weights_of  # noqa: E402
from latkit.predictor.bundle import Bundle  # noqa: E402
from latkit.predictor.featuriser import Featuriser, inputs, principal  # noqa: E402
from latkit.predictor.inference import run  # noqa: E402
from latkit.predictor.pretrain import pretrain  # noqa: E402
from latkit.predictor.trace import Graph  # noqa: E402
from latkit.predictor.training import Schedule, loss  # noqa: E402
from tests.unit import toy_space  # noqa: E402

TINY = Shape(width=12, keys=4, layers=2)
QUICK = Schedule(epochs=8, batch=64)
DEVICES = ["compute", "memory", "launches"]


def population(name, n=400, seed=0):
    space = spaces.get(name)
    rows = space.matrix(space.sample(np.random.default_rng(seed), min(n, space.size)))
    return space, rows


def latencies(space, rows, seed=0):
    """Three devices, each bound by one cost of the raw network, with 2 % noise."""
    tables = physical(space, np.random.default_rng(0))
    columns = [tables.names.index(name) for name in ("flops", "bytes", "launches")]
    costs = tables.totals(rows)[:, columns].astype(float)
    clean = 1 + 3 * costs / costs.mean(axis=0)
    return clean * np.random.default_rng(seed).normal(1, 0.02, clean.shape)


@pytest.fixture(scope="module", params=["nb201", "fbnet"])
def trained(request):
    space, rows = population(request.param)
    latency_ms = latencies(space, rows)
    return pretrain(space, rows, latency_ms, DEVICES, schedule=QUICK, shape=TINY)


def test_sources_are_learned(trained):
    space, rows = population(trained.space, 300, seed=7)
    found = trained.features(rows).sources
    truth = latencies(space, rows, seed=1)
    assert found.min() > 0
    for column in range(len(DEVICES)):
        assert spearmanr(found[:, column], truth[:, column]).statistic > 0.9
    assert np.median(np.abs(found / (truth / np.median(truth, axis=0)) - 1)) < 0.1


def test_bundle_round_trips_and_adapts(trained, tmp_path):
    trained.save(tmp_path)
    bundle = Bundle.load(tmp_path)
    space, rows = population(trained.space, 200, seed=3)
    latency_ms = latencies(space, rows, seed=3).sum(axis=1)
    predicted = adapter.adapt(bundle, rows[:20], latency_ms[:20]).predict(rows)
    assert spearmanr(predicted.mean_ms[20:], latency_ms[20:]).statistic > 0.9


@pytest.mark.parametrize("name", ["wired", "alive"])
def test_latencies_that_edges_decide_are_learned(name):
    """Two devices on which nothing but the number of edges into nodes takes time, or half of it."""
    space, rows = population(name)
    edges = space.adjacency(rows).sum(axis=(1, 2))[:, None] - 5.0
    latency_ms = 1 + edges + np.hstack([0 * edges, rows[:, [0]]])
    bundle = pretrain(
        space, rows, latency_ms, ["edges", "both"], schedule=Schedule(30, 64), shape=TINY
    )
    found = bundle.features(rows).sources
    for column in range(2):
        assert np.corrcoef(found[:, column], latency_ms[:, column])[0, 1] > 0.9
    predicted = adapter.adapt(bundle, rows[:20], latency_ms[:20, 0]).predict(rows)
    assert np.corrcoef(predicted.mean_ms[20:], latency_ms[20:, 0])[0, 1] > 0.9


def test_a_device_that_adds_up_layers_is_learned_from_all_samples(trained):
    space, rows = population(trained.space, 500, seed=7)
    table = np.random.default_rng(3).uniform(0.5, 1.5, (space.positions, len(space.operations)))
    latency_ms = table[np.arange(space.positions), rows].sum(axis=1)
    found = adapter.adapt(trained, rows[:300], latency_ms[:300]).predict(rows[300:])
    assert np.median(np.abs(found.mean_ms / latency_ms[300:] - 1)) < 5e-3


def test_manifest_tells_the_origin(trained):
    manifest = json.loads(json.dumps(trained.manifest))
    assert manifest["devices"] == DEVICES
    assert manifest["samples"] == [400, 400, 400]
    assert manifest["schedule"]["epochs"] == QUICK.epochs
    assert {"seed", "command", "created", "latkit", "torch", "costs", "blocks"} <= set(manifest)


def test_same_seed_same_bundle():
    space, rows = population("nb201", 120)
    latency_ms = latencies(space, rows)

    def make(seed):
        short = Schedule(epochs=2, batch=64)
        state = torch.random.get_rng_state()
        made = pretrain(space, rows, latency_ms, DEVICES, seed=seed, schedule=short, shape=TINY)
        assert torch.equal(torch.random.get_rng_state(), state)
        return made

    one, same, other = make(1), make(1), make(2)
    assert one.features_onnx == same.features_onnx
    assert (one.prior.hypotheses.shares == same.prior.hypotheses.shares).all()
    assert one.features_onnx != other.features_onnx


def test_broken_and_missing_values_do_no_harm():
    space, rows = population("nb201")
    latency_ms = latencies(space, rows)
    clean = latency_ms.copy()
    latency_ms[::50, 0] = 1e-5
    latency_ms[1::50, 1] *= 300
    latency_ms[2::3, 2] = np.nan
    bundle = pretrain(space, rows, latency_ms, DEVICES, schedule=QUICK, shape=TINY)
    found = bundle.features(rows).sources
    for column in range(len(DEVICES)):
        assert spearmanr(found[:, column], clean[:, column]).statistic > 0.9


def test_a_source_of_few_architectures_is_completed_by_the_others():
    space, rows = population("fbnet", 1200)
    clean = latencies(space, rows)
    latency_ms = np.column_stack([clean, 5 * clean[:, 0] + clean[:, 2]])
    told, few = [], 60
    latency_ms[few:, 3] = np.nan
    bundle = pretrain(
        space,
        rows,
        latency_ms,
        [*DEVICES, "narrow"],
        schedule=QUICK,
        shape=TINY,
        progress=lambda done, total: told.append(done / total),
    )
    unseen = rows[few:]
    truth = 5 * clean[few:, 0] + clean[few:, 2]
    assert spearmanr(bundle.features(unseen).sources[:, 3], truth).statistic > 0.97
    assert bundle.manifest["samples"] == [1200, 1200, 1200, few]
    assert np.isnan(latency_ms[few:, 3]).all()  # the caller's own
    assert told == [epoch / 16 for epoch in range(1, 17)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(devices=["a"], latency_ms=d["latency_ms"][:, :1]), "2 different"),
        (lambda d: d.update(devices=["a", "a", "b"]), "different devices"),
        (lambda d: d.update(latency_ms=d["latency_ms"][:-1]), "do not fit"),
        (lambda d: d["latency_ms"].__setitem__((0, 0), 0.0), "positive"),
        (lambda d: d["latency_ms"].__setitem__((0, 0), np.inf), "positive"),
        (lambda d: d["latency_ms"].__setitem__((slice(30, None), 1), np.nan), "'memory'"),
    ],
)
def test_unusable_data_are_refused(change, words):
    space, rows = population("nb201", 100)
    data = {"latency_ms": latencies(space, rows), "devices": DEVICES}
    change(data)
    with pytest.raises(MeasurementsUnusable, match=words):
        pretrain(space, rows, **data)


def test_operations_out_of_range_are_refused():
    space, rows = population("nb201", 100)
    rows[3, 2] = 5
    with pytest.raises(MeasurementsUnusable, match="operation"):
        pretrain(space, rows, np.ones((100, 3)), DEVICES)


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    space, rows = population("nb201", 100)
    with pytest.raises(MissingDependency) as caught:
        pretrain(space, rows, latencies(space, rows), DEVICES)
    assert "latkit[train]" in str(caught.value.hint)


def backbone_of(space):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = Backbone(len(space.nodes) + 2, space.node_labels, 8, 3, TINY)
        for weights in (backbone.linear.weight, backbone.own, backbone.head.weight):
            torch.nn.init.normal_(weights)
    return backbone


def read(space, rows):
    """What a backbone reads of architectures, with random numbers for joint one-hots."""
    joint = np.random.default_rng(0).normal(size=(len(rows), 8)).astype(np.float32)
    edges = space.adjacency(rows).astype(np.float32)
    return space.labels(rows), space.labels(space.live(rows)), joint, edges


@pytest.mark.parametrize("name", ["nb201", "fbnet", "wired", "alive"])
def test_numpy_and_torch_agree(name):
    space, rows = population(name, 40)
    backbone = backbone_of(space)
    scores, _ = run(weights_of(backbone), *read(space, rows))
    expected = backbone(*map(torch.from_numpy, read(space, rows))).detach().numpy()
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-4)


def test_the_backbone_reads_the_edges_of_each_architecture():
    """The same operations, otherwise wired: other scores, whatever else is in the batch."""
    space = toy_space.Alive()
    rows = np.array([[0, 1, 2, 0, 0], [0, 1, 2, 1, 0], [0, 1, 2, 0, 2]])
    weights = weights_of(backbone_of(space))
    raw, live, joint, edges = read(space, rows)
    scores, _ = run(weights, raw, live, 0 * joint, edges)
    assert np.ptp(scores, axis=0).min() > 1e-3
    for row in range(3):
        alone, _ = run(weights, raw[[row]], live[[row]], 0 * joint[[row]], edges[[row]])
        np.testing.assert_allclose(alone[0], scores[row], rtol=1e-4)


@pytest.mark.parametrize("name", ["nb201", "fbnet", "wired", "alive"])
def test_the_graph_of_a_bundle_computes_what_numpy_does(name):
    space, rows = population(name, 40)
    tables = encoder(space, rows, np.random.default_rng(0))
    columns = tables.joint(rows).shape[1]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = Backbone(len(space.nodes) + 2, space.node_labels, columns, 3, TINY)
        torch.nn.init.normal_(backbone.head.weight)
    weights = weights_of(backbone)
    projection = principal(run(weights, *inputs(tables, rows))[1])
    featuriser = Featuriser(
        tables, weights, np.float32([2, 3, 4]), np.float32([1, 1, 1]), projection
    )
    graph = Graph()
    traced = featuriser(graph.input("operations", np.int64, ["n", space.positions]))
    session = onnxruntime.InferenceSession(graph.model(traced).SerializeToString())
    found = dict(zip(traced, session.run(list(traced), {"operations": rows}), strict=True))
    for output, values in featuriser(rows).items():
        np.testing.assert_allclose(found[output], values, rtol=1e-3, atol=1e-3, err_msg=output)


def test_attention_stays_among_neighbours():
    """On a chain, one layer carries a change one node far and no farther."""
    space, rows = population("fbnet", 1)
    layer = backbone_of(space).layers[0]
    inflow = torch.from_numpy(space.adjacency(rows)).float().transpose(1, 2)
    near = inflow + inflow.transpose(1, 2) + torch.eye(24)
    mask = torch.where(near > 0, 0.0, -torch.inf)
    states = torch.zeros(1, 24, TINY.width)
    changed = states.clone()
    changed[0, 10] = torch.linspace(-1, 1, TINY.width)
    difference = (
        (layer(changed, states, inflow, mask) - layer(states, states, inflow, mask))
        .abs()
        .sum(dim=2)[0]
    )
    assert difference[10] > 0
    assert difference[9] + difference[11] > 0
    assert difference[[*range(9), *range(12, 24)]].max() == 0


def test_loss_rewards_order_and_ignores_the_unknown():
    targets = torch.arange(40.0)[:, None].repeat(1, 2)
    known = torch.ones(40, 2, dtype=torch.bool)
    known[:, 1] = False
    right, wrong = loss(targets, targets, known), loss(-targets, targets, known)
    assert right < wrong
    garbage = targets.clone()
    garbage[:, 1] = 1e6
    assert loss(garbage, targets, known) == right
