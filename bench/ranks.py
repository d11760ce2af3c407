"""The ranks of a benchmark, threads or MPI processes, and how they talk beside Skimp.

What checks Skimp must not travel by Skimp: results are compared through `gather` and `exchange`,
which use the shared memory of threads, or MPI itself. A rank that fails wakes the others up, so
that a benchmark ends with one message instead of a hang.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import skimp

Array = npt.NDArray[Any]
T = TypeVar("T")
R = TypeVar("R")

GRACE_SECONDS = 5.0
"""How long a rank that failed stays, so that the first may say why before mpirun ends it."""


class Ranks(ABC):
    """One rank, and its ways to the others."""

    transport: str
    """In words: "threads", or the MPI by name and version."""

    def __init__(self, comm: skimp.Communicator):
        self.comm = comm
        self.rank = comm.rank
        self.size = comm.world_size

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    @abstractmethod
    def gather(self, value: T) -> list[T]:
        """Every rank's value, by rank, on all ranks."""

    @abstractmethod
    def exchange(self, parts: Sequence[Array]) -> list[Array]:
        """Gives parts[r] to rank r; returns what each rank had for this one, by rank. All that
        go to one rank have equal shapes."""

    @property
    @abstractmethod
    def mpi(self) -> Any:
        """The mpi4py communicator; None if ranks are threads."""


class ThreadRanks(Ranks):
    transport = "threads"
    mpi = None

    class Board:
        """What the threads of one run share."""

        def __init__(self, size: int):
            self.slots: list[Any] = [None] * size
            self.barrier = threading.Barrier(size)

    def __init__(self, comm: skimp.Communicator, board: Board):
        super().__init__(comm)
        self._board = board

    def gather(self, value: T) -> list[T]:
        return self._look(value, list)

    def exchange(self, parts: Sequence[Array]) -> list[Array]:
        return self._look(parts, lambda slots: [np.copy(slot[self.rank]) for slot in slots])

    def _look(self, value: Any, look: Callable[[list[Any]], R]) -> R:
        """Shows `value` to the others, and looks at theirs while all stand still."""
        try:
            self._board.slots[self.rank] = value
            self._board.barrier.wait()
            seen = look(self._board.slots)
            self._board.barrier.wait()
        except threading.BrokenBarrierError:
            raise skimp.PeerFailed("another rank failed") from None
        return seen

    def fail(self) -> None:
        self._board.barrier.abort()


class MpiRanks(Ranks):
    def __init__(self, world: Any, timeout: float | None = None):
        from mpi4py import MPI

        super().__init__(skimp.mpi(world, timeout))
        self._MPI = MPI
        self._world = world.Dup()
        self._alarm = world.Dup()
        self._alarms: list[Any] = []
        self.transport = _name_of(MPI.Get_library_version())

    @property
    def mpi(self) -> Any:
        return self._world

    def gather(self, value: T) -> list[T]:
        self._meet()
        gathered: list[T] = self._world.allgather(value)
        return gathered

    def exchange(self, parts: Sequence[Array]) -> list[Array]:
        self._meet()
        received = [np.array(parts[self.rank]) for _ in range(self.size)]
        for step in range(1, self.size):
            to, source = (self.rank + step) % self.size, (self.rank - step) % self.size
            outgoing = np.ascontiguousarray(parts[to]).view(np.uint8)
            self._world.Sendrecv(outgoing, to, 0, received[source].view(np.uint8), source, 0)
        return received

    def _meet(self) -> None:
        """Waits until all are here, so that the MPI call that follows does not wait for ever."""
        arrival = self._world.Ibarrier()
        while not arrival.Test():
            if self._alarm.Iprobe():
                raise skimp.PeerFailed(self._alarm.recv())
            time.sleep(0)

    def fail(self, error: BaseException) -> None:
        """Tells the others, and stays until they know."""
        reason = f"rank {self.rank}: {describe(error)}"
        self.comm.close(reason)
        others = [rank for rank in range(self.size) if rank != self.rank]
        self._alarms = [self._alarm.isend(reason, rank) for rank in others]
        parting = self._alarm.Ibarrier()
        deadline = time.monotonic() + GRACE_SECONDS
        while not parting.Test() and time.monotonic() < deadline and not self.is_first:
            time.sleep(0.01)


def _name_of(library_version: str) -> str:
    """The first words of what an MPI says of itself.

    >>> _name_of("Open MPI v5.0.11, package: ..."), _name_of("MPICH Version: 5.0.2\\n...")
    ('Open MPI 5.0.11', 'MPICH 5.0.2')
    """
    first = library_version.splitlines()[0].split(",")[0].strip("\0")
    return " ".join(first.replace("Version:", "").replace("Open MPI v", "Open MPI ").split())


def machine(ranks: Ranks) -> dict[str, Any]:
    """Where the ranks run. A rank may be bound to some cores: those of all are counted."""
    places = ranks.gather((socket.gethostname(), frozenset(os.sched_getaffinity(0))))
    hosts = {host for host, _ in places}
    cores = {(host, core) for host, bound in places for core in bound}
    return {"hosts": len(hosts), "cores": len(cores)}


def describe(error: BaseException) -> str:
    """An exception in a line, and in others which rank raised it, if not all did."""
    first, *others = getattr(error, "__notes__", None) or [""]
    said_by_others = any(str(error) in note for note in others)
    line = f"{type(error).__name__}: {error}"
    return f"{line}\n  {first}" if first and not said_by_others else line
