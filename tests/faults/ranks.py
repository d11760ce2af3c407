"""Runs ranks as threads and keeps what became of each, so that a test can look at all of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import skimp

PATIENCE = 30.0
"""Seconds of deadline where none should pass: errors must travel faster."""

PROMPT = 10.0
"""Seconds that a prompt error may take on a busy machine: well below `PATIENCE`."""


@dataclass
class Outcome:
    """What one rank returned or raised, and after how many seconds."""

    result: Any = None
    error: skimp.Error | None = None
    seconds: float = 0.0

    @property
    def kind(self) -> type | None:
        return type(self.error) if self.error else None

    @property
    def message(self) -> str:
        return str(self.error or "")


def attempt(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Outcome:
    """Calls; an error of Skimp's becomes part of the outcome."""
    start = time.monotonic()
    try:
        return Outcome(call(*args, **kwargs), None, time.monotonic() - start)
    except skimp.Error as error:
        return Outcome(None, error, time.monotonic() - start)


def outcomes(
    world_size: int, worker: Callable[[skimp.Communicator], Any], timeout: float = PATIENCE
) -> list[Outcome]:
    """What became of ``worker(comm)`` on each rank. A rank that raises tells nobody by itself."""
    return skimp.run_threads(world_size, lambda comm: attempt(worker, comm), timeout=timeout)
