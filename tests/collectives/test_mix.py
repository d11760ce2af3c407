"""Gossip: the oracle's bits, the rates of theory, the mean kept, and bytes to neighbours only."""

import pickle
import threading

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits, sent_as_predicted, square
from tests.oracle import gossip as model
from tests.pairwise import parametrize
from tests.tables import CODECS, DTYPES, SOME_DATA, array, exceeds

GRAPHS = ("ring", "torus", "exponential", "complete")
CONTRACTIONS = tuple(
    text for text in CODECS if oracle.codec(text).is_contraction and not oracle.codec(text).unbiased
)
STEPS = 3


def random_weights(world_size: int) -> np.ndarray:
    """A connected graph with weights of its own: a mean of two permutations and their inverses."""
    rng = np.random.default_rng(world_size)
    ring = np.roll(np.eye(world_size), 1, axis=0)
    other = np.eye(world_size)[rng.permutation(world_size)]
    matrix = 0.5 * ring + 0.25 * other + 0.25 * np.eye(world_size)
    return (matrix + matrix.T) / 2


def gossip_of(codec, graph, world_size, **options) -> skimp.Gossip:
    graph = random_weights(world_size) if graph == "random" else graph
    return skimp.Gossip(skimp.codec(codec), graph=graph, **options)


@parametrize(
    codec=CONTRACTIONS,
    data=SOME_DATA,
    count=(0, 1, 5, 33, 257, 2049),
    world_size=(1, 2, 3, 4, 6, 8, 9),
    dtype=DTYPES,
    graph=(*GRAPHS, "random"),
    step_size=(None, 1.0, 0.3),
)
def test_bits_of_the_oracle(codec, data, count, world_size, dtype, graph, step_size):
    if graph == "torus" and world_size in (2, 3):
        graph = "ring"
    inputs = [array(data, count, dtype, seed=rank) for rank in range(world_size)]

    def worker(comm):
        gossip, x, results = gossip_of(codec, graph, world_size, step_size=step_size), None, []
        for _ in range(STEPS):
            x = comm.mix(inputs[comm.rank] if x is None else x, gossip)
            assert sent_as_predicted(codec, comm.report)
            results.append((x, gossip.state().ravel().copy() if gossip.keeps_state else None))
        return results, gossip.graph(world_size)

    if exceeds(codec, count):
        with pytest.raises(skimp.InvalidArgument):
            skimp.run_threads(world_size, worker)
        return
    ranks = skimp.run_threads(world_size, worker)
    is_random = graph == "random"
    matrix = random_weights(world_size) if is_random else model.weights(graph, world_size)
    step = step_size or ranks[0][1].step_size(skimp.codec(codec), count)
    lossy = codec != "identity"
    states = [model.State.zeros(count, inputs[0].dtype) for _ in inputs] if lossy else None
    x = inputs
    for number in range(STEPS):
        call = number  # a state's steps are the calls of its communicator here
        x, states = model.mix(x, matrix, oracle.codec(codec), step, states, call)
        for rank in range(world_size):
            output, state = ranks[rank][0][number]
            assert same_bits(output, x[rank])
            assert not lossy or same_bits(state, states[rank].stacked())


@pytest.mark.parametrize("segment", [0, 512, 1000])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("codec", ["sign(block=32)", "topk(density=0.1)", "identity"])
def test_segments_and_threads_change_no_bit(segment, threads, codec):
    def worker(comm, cut):
        if cut:
            comm.set_pipeline(segment, window=2)
            comm.set_threads(threads)
        gossip, x = gossip_of(codec, "ring", 4), array("normal", 5003, "float32", seed=comm.rank)
        for _ in range(STEPS):
            x = comm.mix(x, gossip, out=x if cut else None)
            assert comm.report.bytes_sent == comm.report.predicted_bytes
        return x

    plain, cut = (skimp.run_threads(4, worker, cut) for cut in (False, True))
    assert all(same_bits(a, b) for a, b in zip(plain, cut, strict=True))


def distances(codec, graph, world_size, steps, *, count=500, data="normal", dtype="float32"):
    """The squared distance to the mean after each step, relative to the first; how far the mean
    moved; and the graph."""
    inputs = [array(data, count, dtype, seed=rank) for rank in range(world_size)]
    mean = np.mean(inputs, axis=0, dtype=np.float64)

    def worker(comm):
        gossip, x, seen = gossip_of(codec, graph, world_size), inputs[comm.rank], []
        for _ in range(steps):
            x = comm.mix(x, gossip)
            seen.append(x)
        return seen, gossip.graph(world_size)

    ranks = skimp.run_threads(world_size, worker)
    start = sum(square(x - mean) for x in inputs)
    left = [sum(square(seen[step] - mean) for seen, _ in ranks) / start for step in range(steps)]
    drift = np.abs(np.mean([seen[-1] for seen, _ in ranks], axis=0, dtype=np.float64) - mean).max()
    return np.array(left), drift, ranks[0][1]


@pytest.mark.parametrize("graph", [*GRAPHS, "random"])
@pytest.mark.parametrize("world_size", [2, 4, 9])
def test_plain_gossip_contracts_at_the_rate_of_the_gap(graph, world_size):
    if graph == "torus" and world_size == 2:
        graph = "ring"
    left, drift, made = distances("identity", graph, world_size, 12, dtype="float64")
    rate = (1 - made.spectral_gap) ** 2
    before = np.concatenate([[1.0], left[:-1]])
    assert (left <= before * rate * (1 + 1e-9) + 1e-28).all()
    assert drift < 1e-14


# Steps, and how many times slower than (1 − γ·gap)², the rate of plain gossip with steps of γ, the
# codec may be: what it delivers late. Theorem 2 of the paper allows thousands of times.
CONVERGENT = {
    "sign(block=32)": (300, 4),
    "quantize(bits=8)": (60, 1.1),
    "quantize(bits=4)": (60, 1.1),
    "quantize(bits=2)": (200, 1.5),
    "topk(density=0.1)": (800, 1.5),
    "topk(density=0.1,values=float16)": (800, 1.5),
    "random_k(density=0.2)": (400, 1.5),
}


@pytest.mark.parametrize("codec", CONVERGENT)
@pytest.mark.parametrize("data", ["normal", "heavy_tailed", "mostly_zero"])
def test_compressed_gossip_converges_linearly(codec, data):
    steps, slower = CONVERGENT[codec]
    left, drift, graph = distances(codec, "ring", 8, steps, data=data, dtype="float64")
    step_size = graph.step_size(skimp.codec(codec), 500)
    rate = (1 - step_size * graph.spectral_gap) ** (2 / slower)
    for step in (steps // 3, 2 * steps // 3, steps):
        assert left[step - 1] < 10 * rate**step + 1e-25
    assert drift < 1e-12


@pytest.mark.parametrize("codec", ["quantize(bits=8)", "topk(density=0.1)"])
def test_rounding_does_not_carry_the_mean_away(codec):
    """At rest an error in the state would move it by the same amount in every step."""
    _, early, _ = distances(codec, "ring", 4, 600, count=200)
    _, late, _ = distances(codec, "ring", 4, 1800, count=200)
    assert late < 4e-6
    assert late < early + 1e-6


@pytest.mark.parametrize("world_size", [2, 3, 5, 8])
@pytest.mark.parametrize("codec", ["identity", "sign", "topk(density=0.1)"])
def test_a_ring_costs_two_frames_at_any_size(world_size, codec):
    def worker(comm):
        gossip = gossip_of(codec, "ring", world_size)
        comm.mix(array("normal", 3000, "float32", seed=comm.rank), gossip)
        return comm.report

    payload = oracle.codec(codec).payload_bytes(3000, np.dtype(np.float32))
    neighbours = min(2, world_size - 1)
    for report in skimp.run_threads(world_size, worker):
        assert report.bytes_sent == neighbours * (payload + oracle.HEADER_BYTES)
        assert report.bytes_received == report.bytes_sent
        assert report.messages_sent == neighbours
        assert report.algorithm == ("plain" if codec == "identity" else "choco")


def test_only_neighbours_are_waited_for():
    """Rank 2 of a ring of 5 comes last; 0 and 4 are not beside it and leave their first steps."""

    def worker(comm):
        gossip = gossip_of("sign", "ring", 5)
        x = comm.mix(np.ones(10, np.float32), gossip)  # the ranks compare the plan here
        comm.mix(x, gossip)
        if comm.rank == 2:
            left.wait(20)
        x = comm.mix(x, gossip)
        if comm.rank in (0, 4):
            gone.append(comm.rank)
            if len(gone) == 2:
                left.set()
        comm.barrier()
        return left.is_set()

    gone, left = [], threading.Event()
    assert all(skimp.run_threads(5, worker))


# ---- Graphs ----


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 30])
def test_graphs(name, world_size):
    if name == "torus" and world_size in (2, 3, 5, 7):
        with pytest.raises(skimp.InvalidArgument, match=f"torus of {world_size} ranks"):
            skimp.Graph(name, world_size)
        return
    graph = skimp.Graph(name, world_size)
    expected = model.weights(name, world_size)
    np.testing.assert_allclose(graph.weights, expected, rtol=0, atol=1e-15)
    assert (graph.weights == graph.weights.T).all()
    assert graph.spectral_gap == pytest.approx(gap_of(expected), abs=1e-13)


def gap_of(weights: np.ndarray) -> float:
    magnitudes = np.sort(np.abs(np.linalg.eigvalsh(weights)))
    return 1.0 if len(weights) == 1 else 1 - magnitudes[-2]


@pytest.mark.parametrize("world_size", [2, 3, 7, 20, 61])
def test_the_gap_of_any_matrix(world_size):
    weights = random_weights(world_size)
    graph = skimp.Graph(weights)
    assert graph.spectral_gap == pytest.approx(gap_of(weights), abs=1e-13)
    np.testing.assert_array_equal(graph.weights, weights)
    again = pickle.loads(pickle.dumps(graph))
    np.testing.assert_array_equal(again.weights, weights)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ("star", "'star' is none of ring, torus"),
        (np.ones((2, 3)), r"shape \(2, 3\)"),
        (np.ones(4), r"shape \(4,\)"),
        ([[0.5, 0.5], [0.25, 0.75]], r"weight \[0\]\[1\] = 0.5 is not that of \[1\]\[0\] = 0.25"),
        ([[1.5, -0.5], [-0.5, 1.5]], r"\[0\]\[1\] = -0.5"),
        ([[np.nan, 0.5], [0.5, 0.5]], r"\[0\]\[0\] = nan"),
        ([[0.5, 0.4], [0.4, 0.6]], "weights of rank 0 sum to 0.9"),
        (np.eye(3), "rank 1 is not connected to rank 0"),
    ],
)
def test_refused_graphs(weights, says):
    with pytest.raises(skimp.InvalidArgument, match=says):
        skimp.Graph(weights, 4 if isinstance(weights, str) else None)


def test_a_graph_is_of_one_world_size():
    def worker(comm):
        comm.mix(np.ones(3, np.float32), skimp.Gossip(skimp.Sign(), graph=random_weights(4)))

    with pytest.raises(skimp.InvalidArgument, match="weights of 4 ranks, not of 3"):
        skimp.run_threads(3, worker)
    with pytest.raises(skimp.InvalidArgument, match="of how many ranks"):
        skimp.Graph("ring")


# ---- State, and what is refused ----


@pytest.mark.parametrize("in_place", [False, True])
def test_saved_and_loaded_it_continues_alike(in_place):
    def worker(comm, reload):
        gossip = gossip_of("sign", "ring", 3, in_place=in_place)
        x = {"a": array("normal", 50, "float32", seed=comm.rank), "b": np.ones(3, np.float32)}
        for step in range(4):
            if step == 2 and reload == "pickled":
                gossip = pickle.loads(pickle.dumps(gossip))
            if step == 2 and reload == "loaded":
                state = gossip.state_dict()
                assert set(state) == {"key.gossip", "key.step"}
                gossip = gossip_of("sign", "ring", 3)
                gossip.load_state_dict(state)
            x = comm.mix(x, gossip, key="key")
        assert gossip.step == 4
        assert gossip.state("key").shape == (3, 53)
        return x["a"]

    runs = [skimp.run_threads(3, worker, reload) for reload in ("no", "pickled", "loaded")]
    for other in runs[1:]:
        assert all(same_bits(a, b) for a, b in zip(runs[0], other, strict=True))


def test_nan_comes_and_goes():
    """It is in the outputs of the rank and its neighbours, and in no state."""

    def worker(comm):
        gossip = gossip_of("quantize(bits=8,block=32)", "ring", 5)
        x = array("normal", 96, "float32", seed=comm.rank)
        comm.mix(x, gossip)
        bad = x.copy()
        bad[40] = np.nan if comm.rank == 0 else bad[40]
        y = comm.mix(bad, gossip)
        assert comm.report.nonfinite == (comm.rank in (4, 0, 1))
        assert np.isfinite(gossip.state()).all()
        for _ in range(200):
            x = comm.mix(x, gossip)
        return np.isnan(y), x

    ranks = skimp.run_threads(5, worker)
    block = np.arange(96) // 32 == 1
    for rank, (broken, _) in enumerate(ranks):
        np.testing.assert_array_equal(broken, block if rank in (4, 0, 1) else False)
    assert np.ptp([x for _, x in ranks], axis=0).max() < 1e-5


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        ({"graph": "complete"}, "graph = complete"),
        ({"graph": np.full((4, 4), 0.25)}, "graph = weights"),
        ({"step_size": 0.3000000001}, "step_size = 0.3000000001"),
        ({"codec": skimp.Sign(64)}, "codec = sign"),
    ],
)
def test_ranks_that_disagree(odd, says):
    def worker(comm):
        options = {"codec": skimp.Sign(), "graph": "ring", "step_size": 0.3}
        gossip = skimp.Gossip(**(options | (odd if comm.rank == 2 else {})))
        with pytest.raises(skimp.MismatchError, match=f"rank 2 has {says}"):
            comm.mix(np.ones(300, np.float32), gossip)

    skimp.run_threads(4, worker)


def test_a_state_that_was_lost_on_one_rank():
    def worker(comm):
        x, gossip = np.ones(300, np.float32), gossip_of("sign", "ring", 3)
        comm.mix(x, gossip)
        if comm.rank == 1:
            gossip = gossip_of("sign", "ring", 3)
        with pytest.raises(skimp.MismatchError):
            comm.mix(x, gossip)
            comm.mix(x, gossip)
            comm.barrier()

    skimp.run_threads(3, worker, timeout=30)


def test_what_cannot_be_is_refused():
    def worker(comm):
        x = np.ones(300, np.float32)
        for call, says in (
            (lambda: comm.mix(x, skimp.Sign()), "pass skimp.Gossip"),
            (lambda: comm.mix(x, skimp.Gossip("sign")), "is not a codec"),
            (lambda: comm.mix(x, skimp.Gossip(skimp.Sign(), step_size=0)), "step_size = 0"),
            (lambda: comm.mix(x, skimp.Gossip(skimp.Sign(), step_size=1.01)), "step_size = 1.01"),
            (
                lambda: comm.mix(x, skimp.Gossip(skimp.Quantize(4, rounding="stochastic"))),
                "needs a contraction",
            ),
        ):
            with pytest.raises(skimp.InvalidArgument, match=says):
                call()
        comm.barrier()  # as usable as before

    skimp.run_threads(2, worker)
