"""NaN and Inf where a call was asked to raise or to skip: nobody's residual or output changes."""

import numpy as np
import pytest
import skimp

from tests.comparing import same_bits
from tests.faults.calls import CALLS, LARGE, SMALL, values
from tests.faults.ranks import attempt, outcomes

RANKS = 3


@pytest.mark.parametrize("call", CALLS, ids=str)
@pytest.mark.parametrize("count", [SMALL, LARGE])
@pytest.mark.parametrize("policy", ["raise", "skip"])
@pytest.mark.parametrize("poison", [np.nan, -np.inf])
def test_nothing_changes_and_the_next_step_works(call, count, policy, poison):
    def worker(comm, bad_step):
        feedback = call.feedback()
        out = None
        for step in range(4):
            x = values(count, comm.rank, step)
            if step == bad_step and comm.rank == 0:  # the root of a broadcast
                x[count // 2] = poison
            if step != bad_step:
                out = call(comm, x, feedback, out=out, nonfinite=policy)
                continue
            step_before, state, before = feedback.step, call.state(feedback), out.copy()
            outcome = attempt(call, comm, x, feedback, out=out, nonfinite=policy)
            assert outcome.kind is (skimp.NonFiniteError if policy == "raise" else None)
            assert outcome.result is None
            assert comm.report.skipped or policy == "raise"
            assert feedback.step == step_before
            assert same_bits(call.state(feedback), state)
            assert same_bits(out, before)
        return out, call.state(feedback)

    skimp.run_threads(RANKS, worker, 2)
    healthy = skimp.run_threads(RANKS, worker, None)
    assert all(np.isfinite(out).all() for out, _ in healthy)


@pytest.mark.parametrize("policy", ["raise", "skip"])
def test_values_that_are_not_read_do_not_count(policy):
    """Only the root's input of a broadcast."""

    def worker(comm):
        x = np.full(8, 2.0 if comm.rank == 1 else np.nan, np.float32)
        return comm.broadcast(x, root=1, nonfinite=policy)

    np.testing.assert_array_equal(skimp.run_threads(RANKS, worker), np.full((RANKS, 8), 2.0))


@pytest.mark.parametrize("policy", ["raise", "skip"])
def test_a_residual_counts(policy):
    """It is added to the input, so what it holds would be sent."""

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Sign())
        comm.allreduce(values(SMALL), codec=feedback)
        if comm.rank == 1:
            feedback.residual()[5] = np.inf
        outcome = attempt(comm.allreduce, values(SMALL), codec=feedback, nonfinite=policy)
        comm.barrier()
        return outcome

    for outcome in outcomes(RANKS, worker):
        expected = skimp.NonFiniteError if policy == "raise" else None
        assert outcome.result.kind is expected
        assert outcome.result.result is None


def test_the_residual_of_who_does_not_give_is_kept():
    """A broadcast takes nothing from the other ranks, so it leaves nothing out."""

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Quantize(2))
        for step in range(3):
            comm.allreduce(values(SMALL, comm.rank, step), codec=feedback)
        before = feedback.residual().copy()
        for step in range(3):
            comm.broadcast(values(SMALL, step), root=1, codec=feedback)
        assert feedback.step == 6
        return same_bits(before, feedback.residual())

    assert skimp.run_threads(RANKS, worker) == [True, False, True]
