"""Faults at the n-th exchange of a call with sparse arrays, and ranks that disagree in one."""

import numpy as np
import pytest
import skimp
import skimp.testing

from tests.comparing import same_bits
from tests.faults.ranks import PROMPT, attempt, outcomes

RANKS, COUNT = 3, 30_000
CALLS = {
    "doubling": lambda comm, x: comm.allreduce(x),
    "gather": lambda comm, x: comm.allreduce(x, algorithm="gather"),
    "reduce_scatter": lambda comm, x: comm.reduce_scatter(x),
    "allgather": lambda comm, x: comm.allgather(x)[1],
}
EXPECTED = {
    "error": (skimp.TransportError, skimp.PeerFailed),
    "corrupt": skimp.CorruptPayload,
    "truncate": skimp.CorruptPayload,
}


def entries(rank: int, n: int) -> skimp.Sparse:
    rng = np.random.default_rng(rank)
    return skimp.Sparse(rng.integers(0, COUNT, n), rng.standard_normal(n, np.float32), COUNT)


def run(name, n, guilty=None, kind=None, exchange=0):
    def worker(comm):
        x = entries(comm.rank, n + comm.rank)
        first = CALLS[name](comm, x)
        if comm.rank == guilty:
            skimp.testing.inject_fault(comm, kind, exchange)
        return first, attempt(CALLS[name], comm, x), attempt(comm.barrier)

    return [outcome.result for outcome in outcomes(RANKS, worker)]


@pytest.mark.parametrize("n", [20, 3000])  # one message; header and payload
@pytest.mark.parametrize("kind", EXPECTED)
@pytest.mark.parametrize("name", CALLS)
def test_each_exchange(name, kind, n):
    for guilty in (0, RANKS - 1):
        for exchange in range(100):
            ranks = run(name, n, guilty, kind, exchange)
            for first, last, following in ranks:
                if last.error is None:
                    assert same_bits(last.result.values, first.values)
                else:
                    assert isinstance(last.error, EXPECTED[kind]) and last.seconds < PROMPT
                    assert last.message in following.message
            if all(last.error is None for _, last, _ in ranks):
                break
        assert 2 <= exchange < 99


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (lambda comm, x: comm.allreduce(x, op="sum"), "op = sum"),
        (lambda comm, x: comm.allreduce(x, algorithm="gather"), "algorithm = gather"),
        (lambda comm, x: comm.allgather(x), "call = allgather_sparse"),
        (lambda comm, x: comm.allreduce(x.to_dense()), "call = allreduce"),
        (lambda comm, x: comm.allreduce(skimp.Sparse([], x.values[:0], 9)), "count = 9"),
    ],
)
def test_ranks_that_disagree(odd, words):
    def worker(comm):
        x = entries(comm.rank, 10)
        call = odd if comm.rank == 1 else CALLS["doubling"]
        return call(comm, x), comm.barrier()

    for outcome in outcomes(RANKS, worker):
        assert outcome.kind is skimp.MismatchError and words in outcome.message, outcome
        assert "rank 1" in outcome.message
