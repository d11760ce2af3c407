"""Ranks as threads of this process: needs no MPI and no GPU."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from skimp import _objects
from skimp.communicator import Communicator, reason_of
from skimp.errors import PeerFailed

T = TypeVar("T")


def run_threads(
    world_size: int, worker: Callable[..., T], *args: Any, timeout: float | None = None
) -> list[T]:
    """Calls ``worker(comm, *args)`` in `world_size` threads and returns their results by rank.

    timeout
        Seconds that a rank may wait for another; None leaves the default of 300.

    A worker that raises closes its communicator, which stops the others at their next call; the
    exception that came first is raised here, with notes of its rank and of what the others raised
    (in `__notes__`, which Python shows from 3.11 on). Calls release the GIL, so ranks really run
    side by side, as far as their own Python code lets them.

    >>> import numpy as np, skimp
    >>> def worker(comm, scale):
    ...     gradient = np.full(3, scale * comm.rank, np.float32)
    ...     return comm.allreduce(gradient, codec=skimp.TopK(density=1.0))
    >>> run_threads(4, worker, 2.0)[3]
    array([3., 3., 3.], dtype=float32)
    """
    communicators = [Communicator(native) for native in _objects.threads_create(world_size)]
    results: dict[int, T] = {}
    failures: list[tuple[int, BaseException]] = []  # in the order of time

    def run(communicator: Communicator) -> None:
        try:
            if timeout is not None:
                communicator.set_timeout(timeout)
            results[communicator.rank] = worker(communicator, *args)
        except BaseException as error:  # raised again in the caller's thread
            failures.append((communicator.rank, error))
            communicator.close(reason_of(error))

    threads = [
        threading.Thread(target=run, args=(communicator,), name=f"rank {rank}", daemon=True)
        for rank, communicator in enumerate(communicators)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise _first_cause(failures)
    for communicator in communicators:
        communicator.close()
    return [results[rank] for rank in range(world_size)]


def _first_cause(failures: list[tuple[int, BaseException]]) -> BaseException:
    """The first exception that is not itself the consequence of another, with notes."""
    causes = [failure for failure in failures if not isinstance(failure[1], PeerFailed)]
    first_rank, first = (causes or failures)[0]
    _add_note(first, f"raised by rank {first_rank} of run_threads")
    for rank, error in failures:
        if error is not first:
            _add_note(first, f"then rank {rank} raised {reason_of(error)}")
    return first


def _add_note(error: BaseException, note: str) -> None:
    if sys.version_info >= (3, 11):
        error.add_note(note)
    else:
        error.__notes__ = [*getattr(error, "__notes__", []), note]
