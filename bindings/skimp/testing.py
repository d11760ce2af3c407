"""Faults on demand, to see what a failing rank does to the others."""

from __future__ import annotations

from typing import Literal

from skimp.choices import choose
from skimp.communicator import Communicator

_FAULTS = {"error": 1, "silent": 2, "corrupt": 3, "truncate": 4}


def inject_fault(
    communicator: Communicator,
    fault: Literal["error", "silent", "corrupt", "truncate"],
    exchange: int = 0,
) -> None:
    """Makes an exchange of this rank fail: the `exchange`-th from now on, 0 being the next.

    "error"
        The exchange raises `TransportError`.
    "silent"
        From then on this rank sends nothing and receives nothing.
    "corrupt"
        One bit of the first message that is sent is flipped.
    "truncate"
        The first message that is sent loses its last byte.

    >>> import numpy as np, skimp, skimp.testing
    >>> def worker(comm):
    ...     if comm.rank == 1:
    ...         skimp.testing.inject_fault(comm, "error")
    ...     try:
    ...         comm.allreduce(np.ones(8, np.float32))
    ...     except skimp.Error as error:
    ...         return type(error).__name__
    >>> skimp.run_threads(2, worker)
    ['PeerFailed', 'TransportError']
    """
    communicator._native.inject_fault(choose("fault", fault, _FAULTS), exchange)
