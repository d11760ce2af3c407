"""A rank that stops answering: all others end in TimeoutError that names it, not who is stuck
behind it."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
import skimp

from tests.faults.calls import CALLS, LARGE, SMALL, values
from tests.faults.ranks import PROMPT, Outcome, attempt, outcomes

RANKS = 4
TIMEOUT = 1.0


def run(call, count: int, silent: int, calls_before: int) -> list[Outcome]:
    over = threading.Event()
    others = []

    def worker(comm):
        for _ in range(calls_before):
            call(comm, values(count, comm.rank))
        if comm.rank == silent:
            over.wait(PROMPT)
            return None
        try:
            call(comm, values(count, comm.rank))
            comm.barrier()  # who only sends small frames need not notice before
        finally:
            others.append(comm.rank)
            if len(others) == RANKS - 1:
                over.set()

    return outcomes(RANKS, worker, TIMEOUT)


def named(outcome: Outcome) -> set[int]:
    """The ranks that a TimeoutError blames."""
    blamed = re.search(r"ranks? ([\d, and]+) did not answer", outcome.message)
    return {int(rank) for rank in re.findall(r"\d+", blamed[1])} if blamed else set()


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_all_others_name_it(call):
    cases = list(product([SMALL, LARGE], range(RANKS), [0, 2]))
    with ThreadPoolExecutor(len(cases)) as pool:  # they sleep most of the time
        runs = pool.map(lambda case: run(call, *case), cases)
    for (_, silent, _), ranks in zip(cases, runs, strict=True):
        for rank, outcome in enumerate(ranks):
            if rank == silent:
                continue
            assert outcome.kind is skimp.TimeoutError, outcome
            assert isinstance(outcome.error, TimeoutError), "the built-in one too"
            # In the barrier after a broadcast or mix, who waits for the silent rank in the call is
            # silent itself.
            lets_ranks_part = call.collective in ("broadcast", "mix")
            assert silent in named(outcome), outcome
            assert named(outcome) == {silent} or lets_ranks_part, outcome
            assert outcome.seconds < PROMPT
            # Who came late to the call may hear of it at once from a rank that has waited.
            assert outcome.seconds > TIMEOUT * 0.9 or "[reported by" in outcome.message


def test_two_silent_ranks_are_both_named():
    def worker(comm):
        if comm.rank not in (1, 3):
            comm.barrier()

    ranks = outcomes(RANKS, worker, TIMEOUT)
    for rank in (0, 2):
        assert ranks[rank].kind is skimp.TimeoutError
        assert named(ranks[rank]) == {1, 3}


def test_a_late_rank_is_waited_for():
    def worker(comm):
        if comm.rank == 1:
            threading.Event().wait(0.5)
        return comm.allreduce(values(LARGE, comm.rank))

    assert all(outcome.error is None for outcome in outcomes(3, worker, timeout=20))


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_deadline_is_a_positive_number(seconds):
    def worker(comm):
        refused = attempt(comm.set_timeout, seconds)
        comm.barrier()  # as usable as before
        return refused

    for outcome in outcomes(2, worker):
        assert outcome.result.kind is skimp.InvalidArgument
