"""arc_topk: which rows a sketch finds, and that all ranks find the same."""

import numpy as np
import pytest
import skimp

from tests.comparing import square


def kept_rows(payload: skimp.Payload, x: np.ndarray, row: int) -> np.ndarray:
    return np.flatnonzero(skimp.decode(payload, like=x).reshape(-1, row).any(axis=1))


def test_rows_that_stand_out_are_found():
    """Ten times as large as the others: no sketch of four misses them."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 64)).astype(np.float32)
    large = np.sort(rng.choice(100, 7, replace=False))
    x[large] *= 10
    for seed in range(20):
        payload = skimp.ArcTopK(k=7, row=64, seed=seed).encode(x)
        assert np.array_equal(kept_rows(payload, x, 64), large)


def test_rows_of_the_sum_not_of_a_rank():
    """Every rank has a large row of its own that cancels, and a small one that does not."""

    def worker(comm):
        x = np.zeros((8, 32), np.float32)
        x[comm.rank // 2] = 100 * (-1) ** comm.rank
        x[7] = 1
        return comm.allreduce(x, codec=skimp.ArcTopK(k=1, row=32), op="sum")

    result = skimp.run_threads(4, worker)[0]
    assert (result[7] == 4).all() and not result[:7].any()


def test_better_than_rows_at_random():
    """Rows of very different sizes: the mean share of the energy that is kept."""
    x = np.random.default_rng(1).standard_normal((200, 32)).astype(np.float32)
    x *= np.exp2(np.arange(200) % 7)[:, None].astype(np.float32)
    shares = []
    for seed in range(30):
        payload = skimp.ArcTopK(0.1, row=32, seed=seed).encode(x)
        rest = x - skimp.decode(payload, like=x)
        shares.append(1 - square(rest.ravel()) / square(x.ravel()))
    assert np.mean(shares) > 3 * 0.1


def test_another_sketch_in_every_call():
    """Rows alike: which are kept is chance, so all have their turn."""
    x = np.random.default_rng(2).choice(np.float32([-1, 1]), (20, 32))
    residual, seen = skimp.Residual(x.size), set()
    for step in range(60):
        payload = skimp.ArcTopK(k=2, row=32).encode(x, residual=residual)
        seen |= set(kept_rows(payload, x, 32))
        residual.load(np.zeros(x.size, np.float32), step + 1)
    assert seen == set(range(20))


@pytest.mark.parametrize("world_size", [2, 5])
def test_bytes(world_size):
    """What a rank sends is its share of two dense sums: of the sketch and of the rows."""

    def worker(comm):
        comm.allreduce(np.ones(100_000, np.float32), codec=skimp.ArcTopK(0.01, row=128))
        return comm.report.bytes_sent

    rows, kept = 782, 8
    dense = 4 * (rows * 4 + kept * 128) * 2 * (world_size - 1) / world_size
    headers = 2 * 2 * (world_size - 1) * 64
    for sent in skimp.run_threads(world_size, worker):
        assert abs(sent - headers - dense) < 2 * 64 * (world_size - 1)
