"""Sparse arrays: lossless, whatever the order of the entries, and the bytes that this takes."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.oracle.sparse import SparseArray, allreduce_sparse, entry_bytes
from tests.pairwise import parametrize
from tests.tables import DTYPES, array

HEADER = oracle.HEADER_BYTES
KINDS = ("unsorted", "repeated", "empty on some", "full", "zeros")


def entries(kind: str, data: str, count: int, dtype: str, rank: int) -> SparseArray:
    """What a rank gives; ranks differ in how many entries they have."""
    rng = np.random.default_rng([count, rank, *kind.encode()])
    some = min(count, 3 + 2 * rank)
    indices = rng.permutation(count)[:some]
    if kind == "repeated":
        indices = rng.integers(0, count, 3 * some)
    elif kind == "full":
        indices = rng.permutation(count)
    elif kind == "empty on some" and rank % 2 == 0:
        indices = indices[:0]
    values = array(data, len(indices), dtype, seed=rank)
    if kind == "zeros":
        values[::2] = -0.0
    return SparseArray(indices.astype((np.int32, np.int64)[rank % 2]), values, count)


def check_result(result: skimp.Sparse, expected: np.ndarray) -> None:
    """The same bits, an entry for every element that is not zero, in order."""
    where = np.flatnonzero(expected != 0)
    assert np.array_equal(result.indices, where) and result.count == len(expected)
    assert same_bits(result.values, expected[where])


@parametrize(
    kind=KINDS,
    data=("normal", "heavy_tailed", "ties", "with_nonfinite"),
    count=(1, 2, 40, 5000),
    world_size=range(1, 10),
    dtype=DTYPES,
    op=("sum", "mean"),
    algorithm=("sparse_doubling", "gather"),
)
def test_allreduce(kind, data, count, world_size, dtype, op, algorithm):
    given = [entries(kind, data, count, dtype, rank) for rank in range(world_size)]

    def worker(comm):
        mine = given[comm.rank]
        x = skimp.Sparse(mine.indices, mine.values, count)
        result = comm.allreduce(x, op=op, algorithm=algorithm)
        report = comm.report
        dense = comm.allreduce(x, op=op, algorithm=algorithm, out=np.empty_like(result.to_dense()))
        return result, dense, report

    expected, sent = allreduce_sparse(given, algorithm, op)
    for rank, (result, dense, report) in enumerate(skimp.run_threads(world_size, worker)):
        # The sum decides what is zero; the mean of a tiny one may round to it.
        kept = result.values != 0
        assert op == "mean" or kept.all()
        check_result(skimp.Sparse(result.indices[kept], result.values[kept], count), expected)
        assert same_bits(np.abs(dense), np.abs(expected))
        assert report.bytes_sent == sent[rank] <= report.predicted_bytes
        assert report.algorithm == algorithm and report.count == count
        nonfinite = any(not np.isfinite(mine.values.astype(np.float64)).all() for mine in given)
        assert report.nonfinite == nonfinite


@parametrize(kind=KINDS, world_size=range(1, 10), dtype=DTYPES, share=(1, 7, 600))
def test_reduce_scatter(kind, world_size, dtype, share):
    count = share * world_size
    given = [entries(kind, "heavy_tailed", count, dtype, rank) for rank in range(world_size)]

    def worker(comm):
        mine = given[comm.rank]
        result = comm.reduce_scatter(skimp.Sparse(mine.indices, mine.values, count), op="sum")
        return result, comm.report

    expected, _ = allreduce_sparse(given, "gather", "sum")
    for rank, (result, report) in enumerate(skimp.run_threads(world_size, worker)):
        check_result(result, expected[rank * share : (rank + 1) * share])
        places = np.unique(given[rank].indices) // share
        width = oracle.accumulator(given[0].values.dtype).itemsize
        parts = [int((places == r).sum()) for r in range(world_size) if r != rank]
        sent = sum(2 * HEADER + entry_bytes(share, part, width) for part in parts)
        assert report.bytes_sent == report.predicted_bytes == sent


@parametrize(kind=KINDS, world_size=range(1, 10), dtype=DTYPES, count=(1, 300))
def test_allgather(kind, world_size, dtype, count):
    given = [entries(kind, "normal", count, dtype, rank) for rank in range(world_size)]

    def worker(comm):
        mine = given[comm.rank]
        return comm.allgather(skimp.Sparse(mine.indices, mine.values, count)), comm.report

    own = [mine.partial() for mine in given]
    for rank, (results, report) in enumerate(skimp.run_threads(world_size, worker)):
        for result, partial in zip(results, own, strict=True):
            values = oracle.narrow(partial.values[partial.has], given[0].values.dtype)
            assert np.array_equal(result.indices, np.flatnonzero(partial.has))
            assert same_bits(result.values, values)
        sent = (world_size - 1) * (2 * HEADER + own[rank].payload_bytes())
        assert report.bytes_sent == report.predicted_bytes == sent


def test_nothing_is_sent_of_nothing():
    def worker(comm):
        empty = skimp.Sparse([], np.empty(0, np.float32), 0)
        results = [comm.allreduce(empty), comm.reduce_scatter(empty), *comm.allgather(empty)]
        assert all(result.entries == result.count == 0 for result in results)
        return comm.report.bytes_sent

    assert skimp.run_threads(3, worker) == [0, 0, 0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"codec": skimp.Sign()}, "without loss"),
        ({"key": "a"}, "without loss"),
        ({"nonfinite": "skip"}, "nonfinite"),
        ({"algorithm": "two_phase"}, "sparse_doubling or gather"),
        ({"out": np.empty(3, np.float32)}, "shape"),
        ({"out": np.empty(8, np.float64)}, "float64"),
    ],
)
def test_options_that_do_not_fit(options, words):
    def worker(comm):
        x = skimp.Sparse([1], np.ones(1, np.float32), 8)
        with pytest.raises(skimp.InvalidArgument, match=words):
            comm.allreduce(x, **options)
        assert comm.allreduce(x).entries == 1

    skimp.run_threads(2, worker)


def test_reduce_scatter_that_does_not_divide():
    def worker(comm):
        with pytest.raises(skimp.InvalidArgument, match="cannot deal 8 elements to 3 ranks"):
            comm.reduce_scatter(skimp.Sparse([1], np.ones(1, np.float32), 8))

    skimp.run_threads(3, worker)
