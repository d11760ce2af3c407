"""Faults at the n-th exchange of a call, for every n until the call is over before the fault.

Whatever the exchange, each rank ends in an error of the right class or with the right result, and
a rank that raised keeps its residual.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skimp
import skimp.testing

from tests.comparing import same_bits
from tests.faults.calls import CALLS, LARGE, SMALL, Call, values
from tests.faults.ranks import PROMPT, attempt, outcomes

RANKS = 3

FIRST, AGREED = 0, 2
"""Calls before the faulty one: with feedback, the plan's words are compared in the first two."""

CASES = [(call, count, AGREED) for call in CALLS for count in (SMALL, LARGE)]
CASES += [(call, LARGE, FIRST) for call in CALLS if call.algorithm in ("two_phase", "tree")]

EXPECTED = {
    "error": (skimp.TransportError, skimp.PeerFailed),
    "corrupt": (skimp.CorruptPayload,),
    "truncate": (skimp.CorruptPayload,),
    "silent": (skimp.TimeoutError,),
}
"""What a fault may be on some rank, and on all that hear of it."""


def run(call: Call, count: int, calls_before: int, fault: tuple | None, timeout: float):
    """Per rank: the outcome of the last call, the residual before and after it, the next call."""

    def worker(comm):
        feedback = call.feedback()
        for step in range(calls_before):
            call(comm, values(count, comm.rank, step), feedback)
        before = call.state(feedback) if calls_before else None
        if fault is not None and comm.rank == fault[0]:
            skimp.testing.inject_fault(comm, *fault[1:])
        last = attempt(call, comm, values(count, comm.rank, calls_before), feedback)
        assert feedback.step == calls_before + (last.error is None)
        return last, before, call.state(feedback), attempt(comm.barrier)

    ended = outcomes(RANKS, worker, timeout)
    for outcome in ended:
        if outcome.error is not None:  # of a call before the fault
            raise outcome.error
    return [outcome.result for outcome in ended]


def check(ranks, healthy, kind: str) -> bool:
    """Checks all ranks of a faulty run; whether the fault came after the call."""
    for rank, (last, before, after, _) in enumerate(ranks):
        if last.error is None:
            right, _, residual, _ = healthy[rank]
            assert same_bits(last.result, right.result)
            assert same_bits(after, residual)
        else:
            assert last.kind in EXPECTED[kind], last
            assert last.seconds < PROMPT
            np.testing.assert_array_equal(after, 0 if before is None else before)
    if all(last.error is None for last, *_ in ranks):
        return True
    if kind == "error":
        assert sum(last.kind is skimp.TransportError for last, *_ in ranks) == 1
    for last, *_, following in ranks:
        assert isinstance(following.error, skimp.Error), "the failure has left no trace"
        if last.error is not None:
            assert last.message in following.message
    return False


def first_clean(call: Call, count: int, calls_before: int, kind: str, rank: int, healthy) -> int:
    """Runs the fault at each exchange; the number of the first that the call does not have."""
    exchange = 0
    while not check(
        run(call, count, calls_before, (rank, kind, exchange), timeout=30), healthy, kind
    ):
        exchange += 1
    return exchange


@pytest.mark.parametrize(("call", "count", "calls_before"), CASES, ids=str)
def test_an_error_or_damage(call, count, calls_before):
    healthy = run(call, count, calls_before, None, timeout=30)
    assert all(last.error is None and next.error is None for last, *_, next in healthy)
    for rank in range(RANKS):
        for kind in ("error", "corrupt", "truncate"):
            exchanges = first_clean(call, count, calls_before, kind, rank, healthy)
            sends = kind == "error" or calls_before == FIRST or call.collective != "broadcast"
            assert exchanges > 0 or not sends


def test_silence():
    def each_exchange(case):
        healthy = run(*case, None, timeout=30)
        for exchange in range(first_clean(*case, "error", 1, healthy)):
            yield *case, exchange, healthy

    def check_silence(call, count, calls_before, exchange, healthy):
        fault = (1, "silent", exchange)
        check(run(call, count, calls_before, fault, timeout=0.3), healthy, "silent")

    with ThreadPoolExecutor(64) as pool:  # they sleep most of the time
        runs = [pool.submit(check_silence, *run) for case in CASES for run in each_exchange(case)]
    for each in runs:
        each.result()
