"""NaN and Inf on one rank: what every rank gets, by policy."""

import numpy as np
import pytest
import skimp

from tests.collectives.methods import METHODS
from tests.pairwise import parametrize
from tests.tables import array

COUNT, WORLD, WHERE = 300, 3, 123
VALUES = (np.nan, np.inf, -np.inf)
DTYPES = ("float32", "float16", "bfloat16", "float64")


def spoilt(rank: int, guilty: int, value: float, dtype: str) -> np.ndarray:
    x = array("normal", COUNT, dtype, seed=rank)
    if rank == guilty:
        x[WHERE] = value
    return x


@parametrize(method=METHODS, value=VALUES, guilty=range(WORLD), dtype=DTYPES)
def test_propagate(method, value, guilty, dtype):
    """The result is not finite where a dense one would not be; residuals stay finite."""
    if method.keeps_at_random or method.refuses(COUNT, WORLD):
        return  # it may not look at the element

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.codec(method.codec))
        x = spoilt(comm.rank, guilty, value, dtype)
        output = comm.allreduce(x, codec=feedback, **method.options())
        return output.astype(np.float64), feedback.residual().copy(), comm.report.nonfinite

    ranks = skimp.run_threads(WORLD, worker)
    for output, residual, noticed in ranks:
        assert not np.isfinite(output[WHERE])
        assert np.isfinite(residual).all()
        assert noticed
    assert ranks[guilty][1][WHERE] == 0


@parametrize(method=METHODS, value=VALUES, guilty=range(WORLD), policy=("raise", "skip"))
def test_raise_and_skip(method, value, guilty, policy):
    """Nobody steps: outputs and residuals are as before, and the communicator goes on."""
    if method.refuses(COUNT, WORLD):
        return

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.codec(method.codec))
        options = {"codec": feedback, "nonfinite": policy, **method.options()}
        good = array("normal", COUNT, "float32", seed=comm.rank)
        comm.allreduce(good, **options)
        before, out = feedback.residual().copy(), np.full(COUNT, 7, np.float32)
        bad = spoilt(comm.rank, guilty, value, "float32")
        if policy == "raise":
            with pytest.raises(skimp.NonFiniteError):
                comm.allreduce(bad, out=out, **options)
        else:
            assert comm.allreduce(bad, out=out, **options) is None
            assert comm.report.skipped and comm.report.nonfinite
        assert (out == 7).all()
        assert np.array_equal(feedback.residual(), before) and feedback.step == 1
        comm.allreduce(good, out=out, **options)
        assert feedback.step == 2
        return out

    first, *others = skimp.run_threads(WORLD, worker)
    assert np.isfinite(first).all()
    assert all(np.array_equal(first, other) for other in others)


def test_report_of_a_call_that_raised():
    def worker(comm):
        comm.allreduce(np.ones(COUNT, np.float32))
        with pytest.raises(skimp.NonFiniteError):
            comm.allreduce(spoilt(comm.rank, 0, np.nan, "float32"), nonfinite="raise")
        return comm.report.nonfinite

    assert skimp.run_threads(WORLD, worker) == [True] * WORLD


@pytest.mark.parametrize("policy", ["raise", "skip"])
@pytest.mark.parametrize("call", ["allgather", "broadcast", "reduce_scatter"])
def test_the_others_have_the_policies_too(call, policy):
    def worker(comm):
        x = spoilt(comm.rank, 0, np.inf, "float32")
        if policy == "skip":
            assert getattr(comm, call)(x, codec=skimp.Sign(), nonfinite=policy) is None
        else:
            with pytest.raises(skimp.NonFiniteError):
                getattr(comm, call)(x, codec=skimp.Sign(), nonfinite=policy)

    skimp.run_threads(WORLD, worker)


def test_a_residual_is_looked_at_too():
    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Sign())
        x = np.ones(COUNT, np.float32)
        comm.allreduce(x, codec=feedback)
        feedback.residual()[:] = np.nan
        with pytest.raises(skimp.NonFiniteError):
            comm.allreduce(x, codec=feedback, nonfinite="raise")

    skimp.run_threads(2, worker)
