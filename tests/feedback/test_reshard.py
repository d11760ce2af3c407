"""States for another number of ranks: sums are kept, and training goes on."""

import numpy as np
import pytest
import skimp

from tests.comparing import same_bits
from tests.pairwise import parametrize
from tests.tables import array


@parametrize(old=(1, 2, 3, 8), new=(1, 2, 5, 8), dtype=("float32", "float64"))
def test_residuals_keep_their_sum(old, new, dtype):
    states = [
        {"residual": array("heavy_tailed", 99, dtype, seed=rank), "step": np.uint64(5)}
        for rank in range(old)
    ]
    resharded = skimp.reshard(states, new)
    assert len(resharded) == new
    assert all(state["step"] == 5 and state["residual"].dtype == dtype for state in resharded)
    before = sum(state["residual"].astype(np.float64) for state in states)
    after = sum(state["residual"].astype(np.float64) for state in resharded)
    half_ulp = np.spacing(np.abs(before / new).astype(dtype)).astype(float)
    assert (np.abs(after - before) <= 1.01 * half_ulp + 1e-15 * np.abs(before) * new).all()


MAKERS = {
    "classic": lambda: skimp.ErrorFeedback(skimp.TopK(0.1)),
    "ef21": lambda: skimp.EF21(skimp.TopK(0.1)),
    "momentum": lambda: skimp.MomentumCorrection(skimp.TopK(0.1)),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_training_goes_on(kind):
    """4 ranks, then 3, then 5 that are told of both; keys and the order of ranks are kept."""

    def worker(comm, states):
        feedback = MAKERS[kind]()
        if states:
            feedback.load_state_dict(states[comm.rank])
        for step in range(3):
            for key in (None, "head.a"):
                x = array("normal", 200, "float64", seed=[step, comm.rank])
                comm.allreduce(x, codec=feedback, key=key)
        return feedback.state_dict()

    states = []
    for ranks, steps in ((4, 3), (3, 6), (5, 9)):
        states = skimp.run_threads(ranks, worker, states, timeout=60)
        assert all(state["head.a.step"] == steps for state in states)
        before, states = states, skimp.reshard(states, {4: 3, 3: 5, 5: 5}[ranks])
        for name in before[0]:
            field = name.rpartition(".")[2]
            if field == "residual":
                continue  # tested above
            mean = np.mean([state[name] for state in before], 0)
            assert all(np.allclose(state[name], mean, atol=1e-12) for state in states)


def test_local_sgd_and_pruning():
    def worker(comm):
        local, pruning = skimp.LocalSGD(2, skimp.Sign(), momentum=0.5), skimp.DynamicPruning(0.5)
        w = local.start(comm, np.zeros(10, np.float32))
        for _ in range(4):
            w = local.step(comm, w + comm.rank)
        pruning.step(w)
        return local.state_dict(), pruning.state_dict()

    ranks = skimp.run_threads(3, worker, timeout=60)
    for kind in range(2):
        before = [states[kind] for states in ranks]
        for state in skimp.reshard(before, 2):
            for name in state:
                assert name == "residual" or same_bits(state[name], before[0][name])


@pytest.mark.parametrize(
    ("states", "world_size", "says"),
    [
        ([], 2, "from 0 to 2"),
        ([{}], 0, "from 1 to 0"),
        ([{"step": 3}, {"step": 4}], 2, r"\[3, 4\]"),
        ([{"step": 3}, {}], 2, "rank 1"),
        ([{"residual": np.zeros(3)}, {"residual": np.zeros(4)}], 2, r"float64\(4,\) on rank 1"),
    ],
)
def test_refusals(states, world_size, says):
    with pytest.raises(skimp.InvalidArgument, match=says):
        skimp.reshard(states, world_size)
