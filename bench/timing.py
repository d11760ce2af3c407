"""Times that can be compared.

The speed of a machine drifts more from minute to minute than what is compared differs. So the
contestants take turns, all of them in every iteration, and are compared iteration by iteration. A
turn is several calls if one is short; it begins at a barrier, and lasts until the slowest rank is
done, with what it has queued on a device, too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from skimp.bench.balance import Doubles
from skimp.bench.ranks import Ranks

SHORTEST_TURN_SECONDS = 2e-3
MOST_CALLS = 100
BUDGET_SECONDS = 5.0
FEWEST_ITERATIONS, MOST_ITERATIONS = 5, 20

Run = Callable[[], object]


@dataclass(frozen=True)
class Times:
    seconds: Doubles
    """A call, by contestant and iteration."""
    calls: list[int]
    """In each turn of a contestant."""

    @property
    def iterations(self) -> int:
        return len(self.seconds[0])

    def median(self, contestant: int) -> float:
        return float(np.median(self.seconds[contestant]))

    def speed(self, contestant: int, against: int) -> float:
        """How many times faster than another it is: the median over iterations."""
        return float(np.median(self.seconds[against] / self.seconds[contestant]))


def take_turns(
    runs: Sequence[Run],
    ranks: Ranks,
    warmup: int,
    iterations: int | None,
    prepare: Callable[[int], object] = lambda contestant: None,
    finish: Run = lambda: None,
    shortest_turn: float = SHORTEST_TURN_SECONDS,
) -> Times:
    """Times the contestants; iterations None makes as many as fit in the budget. `prepare` is
    called before the turn of each, and not timed; `finish` ends a turn, by waiting for what its
    calls have queued, and is."""
    meet = ranks.comm.barrier
    for _ in range(warmup):
        for number, run in enumerate(runs):
            prepare(number)
            run()
            finish()
    mine = []
    for number, run in enumerate(runs):
        prepare(number)
        meet()
        mine.append(_seconds_a_call(run, 1, finish))
    estimates = np.max(ranks.gather(mine), axis=0)
    calls = [_calls_a_turn(estimate, shortest_turn) for estimate in estimates]
    iterations = iterations or _iterations_for(float(np.dot(estimates, calls)))

    seconds = np.empty((len(runs), iterations))
    for iteration in range(iterations):
        for number, run in enumerate(runs):
            prepare(number)
            meet()
            seconds[number, iteration] = _seconds_a_call(run, calls[number], finish)
    return Times(np.max(ranks.gather(seconds), axis=0), calls)


def _seconds_a_call(run: Run, calls: int, finish: Run) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        run()
    finish()
    return (time.perf_counter() - start) / calls


def _calls_a_turn(seconds: float, shortest_turn: float) -> int:
    return min(MOST_CALLS, math.ceil(shortest_turn / seconds))


def _iterations_for(seconds: float) -> int:
    return max(FEWEST_ITERATIONS, min(MOST_ITERATIONS, int(BUDGET_SECONDS / seconds)))
