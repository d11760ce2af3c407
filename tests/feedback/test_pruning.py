"""Dynamic pruning: exact masks, schedules, sharing, limited precision."""

import io

import numpy as np
import pytest
import skimp

from tests.comparing import same_bits
from tests.oracle.feedback import largest, pruned
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES, array


def mask_of(weights, sparsity):
    return largest(weights, weights.size - pruned(weights.size, sparsity, 0, 0))


@parametrize(
    sparsity=(0.0, 0.5, 0.9, 0.999), data=tuple(DATA), count=(0, 1, 33, 5003), dtype=DTYPES
)
def test_keeps_exactly_the_largest(sparsity, data, count, dtype):
    weights = array(data, count, dtype)
    compressed = skimp.DynamicPruning(sparsity).step(weights)
    mask = mask_of(weights, sparsity)
    expected = np.where(mask, weights, np.zeros_like(weights))
    assert same_bits(compressed, expected.astype(weights.dtype))


def test_period_and_warm_up():
    pruning = skimp.DynamicPruning(0.8, period=5, warm_up=20)
    for step in range(40):
        weights = array("normal", 1000, "float32", seed=step)
        compressed = pruning.step(weights)
        if step % 5 == 0:
            mask = largest(weights, 1000 - pruned(1000, 0.8, step, warm_up=20))
        assert (pruning.mask == mask).all()
        assert ((compressed != 0) == mask).all()
    assert mask.sum() == 200


@pytest.mark.parametrize("sparsity", [0.0, 0.75])
def test_limited_precision(sparsity):
    weights = [array("normal", 300, "float32").reshape(30, 10), {"bias": np.ones(4, np.float64)}]
    codec = skimp.Quantize(4)
    matrix, rest = skimp.DynamicPruning(sparsity, precision=codec).step(weights)
    pruned = skimp.DynamicPruning(sparsity).step(weights)
    expected = skimp.decode(codec.encode(pruned), like=pruned)
    assert same_bits(matrix, expected[0])
    assert same_bits(rest["bias"], expected[1]["bias"])
    assert (matrix != 0).sum() <= np.ceil((1 - sparsity) * 304)


def test_masks_of_rank_0():
    """Ranks whose weights differ prune alike, and only changes travel."""

    def worker(comm):
        pruning, sent = skimp.DynamicPruning(0.9, period=2), []
        weights = array("normal", 4000, "float32", seed=comm.rank)
        for step in range(6):
            pruning.step(weights + np.float32(0.001 * step), comm)
            sent.append(comm.report.bytes_sent)
        return pruning.mask, sent, mask_of(weights + np.float32(0.004), 0.9)

    ranks = skimp.run_threads(3, worker, timeout=60)
    for mask, _, _ in ranks:
        assert (mask == ranks[0][2]).all()
    sent = ranks[0][1]
    assert sent[0] > 5 * sent[4] > 0


def test_pruned_weights_come_back():
    """The gradient at zero moves a pruned weight until it is among the largest."""
    target, weights = np.array([1, 1.5]), np.array([1.2, 1.0])
    pruning = skimp.DynamicPruning(0.5, period=4)
    masks = []
    for _ in range(60):
        weights -= 0.05 * (pruning.step(weights) - target)
        masks.append(pruning.mask.tolist())
    assert masks[0] == [True, False]
    assert [False, True] in masks


def test_resumed_it_gives_the_same_bits():
    one, two = (skimp.DynamicPruning(0.8, period=4, warm_up=12) for _ in range(2))
    weights = [array("normal", 100, "float32", seed=step) for step in range(20)]
    for w in weights[:6]:
        one.step(w)
    file = io.BytesIO()
    np.savez(file, **one.state_dict())
    file.seek(0)
    two.load_state_dict(np.load(file))
    assert two.steps == 6
    for w in weights[6:]:
        assert same_bits(one.step(w), two.step(w))


def test_refusals():
    pruning = skimp.DynamicPruning(0.5)
    pruning.step(np.ones(4, np.float32))
    with pytest.raises(skimp.InvalidArgument, match="mask has 4 elements"):
        pruning.step(np.ones(5, np.float32))
    for bad in ({"mask": np.ones(4, bool)}, {"mask": np.ones(4), "steps": 1}):
        with pytest.raises(skimp.InvalidArgument):
            pruning.load_state_dict(bad)
    for bad in ({"sparsity": 1}, {"period": 0}, {"warm_up": -1}, {"precision": 4}):
        with pytest.raises(skimp.InvalidArgument, match=str(*bad.values())):
            skimp.DynamicPruning(**{"sparsity": 0.5, **bad})
