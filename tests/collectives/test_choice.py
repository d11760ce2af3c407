"""Which algorithm runs when the choice is left to Skimp, and which cannot run."""

import numpy as np
import pytest
import skimp

from tests.collectives.methods import METHODS


@pytest.mark.parametrize(
    ("codec", "count", "algorithm"),
    [
        ("identity", 1000, "dense_direct"),
        ("sign", 100_000, "two_phase"),
        ("quantize(bits=4)", 1000, "two_phase"),
        ("topk(density=0.01)", 10_000, "two_phase"),
        ("topk(k=8)", 1000, "two_phase"),
        ("topk(k=4)", 1000, "gather"),  # shards of whole blocks are uneven: one gets no share
        ("topk(k=3)", 1000, "gather"),
        ("topk(density=0.001)", 1000, "gather"),
        ("random_k(density=0.1)", 1000, "linear"),
    ],
)
def test_default_at_four_ranks(codec, count, algorithm):
    def worker(comm):
        comm.allreduce(np.ones(count, np.float32), codec=skimp.codec(codec))
        return comm.report.algorithm

    assert skimp.run_threads(4, worker) == [algorithm] * 4


@pytest.mark.parametrize(
    ("codec", "algorithm"),
    [
        ("sign", "dense_direct"),
        ("sign", "dense_ring"),
        ("sign", "linear"),
        ("topk(k=3)", "two_phase"),
        ("random_k(k=100)", "two_phase"),
        ("identity", "nothing"),
        ("identity", "tree"),
        ("identity", "direct"),
    ],
)
def test_refused(codec, algorithm):
    """Before anything is sent, so the communicator goes on."""

    def worker(comm):
        x = np.ones(1000, np.float32)
        with pytest.raises(skimp.InvalidArgument, match=algorithm):
            comm.allreduce(x, codec=skimp.codec(codec), algorithm=algorithm)
        assert comm.allreduce(x)[0] == 1

    skimp.run_threads(4, worker)


def test_broadcast_codec_that_cannot_be_cut():
    def worker(comm):
        with pytest.raises(skimp.InvalidArgument):
            comm.allreduce(
                np.ones(1000, np.float32),
                codec=skimp.Sign(),
                broadcast_codec=skimp.RandomK(0.1),
                algorithm="two_phase",
            )

    skimp.run_threads(2, worker)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_plan_says_what_will_run(method):
    def worker(comm):
        x = np.ones(1000, np.float32)
        plan = comm.plan_allreduce(like=x, codec=skimp.codec(method.codec), **method.options())
        assert plan.report.algorithm == method.algorithm and method.algorithm in plan.text
        assert np.array_equal(plan.run(x), plan.run(x)) or method.keeps_at_random
        with pytest.raises(skimp.InvalidArgument):
            plan.run(np.ones(999, np.float32))

    if not method.refuses(1000, 2):
        skimp.run_threads(2, worker)
