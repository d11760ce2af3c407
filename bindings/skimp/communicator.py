"""Communicators: one rank of a group."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from skimp import _objects
from skimp.choices import NonFinite, Op
from skimp.codec_arguments import CodecLike
from skimp.codecs import Codec
from skimp.collectives import Collectives
from skimp.plan import Plan
from skimp.point_to_point import PointToPoint
from skimp.report import Report


class Communicator(Collectives, PointToPoint):
    """One rank of a group; of `run_threads`, `skimp.mpi`, `skimp.tcp`, `skimp.nccl` or `split`.

    Used by one thread at a time. After fork() use none that was made before it. As a context
    manager it is closed at the end of the block; an exception that leaves the block tells the
    peers, whose calls then raise `PeerFailed` at once instead of waiting for their deadline.

    >>> import skimp
    >>> skimp.run_threads(2, lambda comm: (comm.rank, comm.world_size, comm.transport))
    [(0, 2, 'threads'), (1, 2, 'threads')]
    """

    def __init__(self, native: _objects.Communicator, owner: object = None):
        self._native = native
        self._owner = owner  # what the native object needs for as long as it lives
        self._parts: weakref.WeakSet[Communicator] = weakref.WeakSet()

    @property
    def rank(self) -> int:
        """0 … world_size − 1."""
        return self._native.rank

    @property
    def world_size(self) -> int:
        return self._native.world_size

    @property
    def transport(self) -> str:
        """What carries the messages: "threads", "mpi", "tcp" or, between devices, "nccl"."""
        return self._native.transport

    @property
    def handle(self) -> int:
        """The address of the C object, for code that calls the C interface."""
        return self._native.handle

    @property
    def report(self) -> Report:
        """What the last collective, `send` or `recv` did on this rank."""
        return Report(**self._native.report())

    def set_timeout(self, seconds: float) -> None:
        """How long a wait may take before `TimeoutError`; 300 s at first. Equal on all ranks."""
        self._native.set_timeout(seconds)

    def set_pipeline(self, segment: int = 262144, window: int = 4) -> None:
        """How large calls are cut, so that encoding, the network and decoding overlap.

        segment
            Elements that are encoded, sent and decoded as one, rounded up to whole blocks; 0 does
            not cut. Smaller ones overlap sooner, but each costs two messages. Equal on all ranks.
        window
            Segments that may be on their way to one peer, at least 1. Two to four keep a link busy
            in both directions.

        No value of a result depends on either. Plans made before keep their segments.
        """
        self._native.set_pipeline(segment, window)

    def set_threads(self, threads: int) -> None:
        """How many threads of this rank encode and decode; 1, or what SKIMP_THREADS says, at first.

        They share large calls segment by segment (top-k: shard by shard); more than there are cores
        for each rank only wait for one another. No value of a result depends on it, and ranks may
        differ. Plans made before keep what they were made with.
        """
        self._native.set_threads(threads)

    def set_nodes(self, nodes: Sequence[int]) -> None:
        """The node of each rank, any numbers: for ``algorithm="hierarchical"``. Equal on all ranks.

        Known without it where ranks are threads (one node), and over MPI, which says who shares
        memory. Plans made before keep what they were made with. Before the first call it also says
        which ranks, if they are processes, read each other's payloads in place.
        """
        self._native.set_nodes([operator.index(node) for node in nodes])

    def barrier(self) -> None:
        """Returns once every rank has called it."""
        self._native.barrier()

    def split(self, color: int, key: int = 0) -> Communicator | None:
        """Ranks of equal `color` form a new communicator, in the order of `key`, then of rank.

        Collective. A rank with color < 0 joins none and gets None.

        >>> import skimp
        >>> def worker(comm):
        ...     part = comm.split(color=comm.rank % 2)
        ...     return part.rank, part.world_size
        >>> skimp.run_threads(3, worker)
        [(0, 2), (0, 1), (1, 2)]
        """
        native = self._native.split(color, key)
        return None if native is None else self._add(native)

    def _add(self, native: _objects.Communicator) -> Communicator:
        """A communicator that is closed with this one."""
        part = Communicator(native, owner=self)
        self._parts.add(part)
        return part

    def plan_allreduce(
        self,
        like: Any,
        *,
        codec: CodecLike = None,
        broadcast_codec: Codec | None = None,
        op: Op = "mean",
        trim: int | None = None,
        algorithm: str | None = None,
        nonfinite: NonFinite = "propagate",
        key: str | None = None,
    ) -> Plan:
        """Chooses the algorithm and allocates its workspace once, for arrays such as `like`.

        Arguments are those of `allreduce`; only shape and element type of `like` matter. Not
        collective: the first run compares the plans of all ranks.

        >>> import numpy as np, skimp
        >>> def worker(comm):
        ...     x = np.ones(1000, np.float32)
        ...     plan = comm.plan_allreduce(like=x, codec=skimp.Quantize(bits=8))
        ...     for _ in range(3):
        ...         x = plan.run(x, out=x)
        ...     return x[:2]
        >>> skimp.run_threads(2, worker)[0]
        array([1., 1.], dtype=float32)
        """
        return Plan(self, like, codec, broadcast_codec, op, trim, algorithm, nonfinite, key)

    def close(self, reason: str | None = None) -> None:
        """Ends this rank's membership, and that in what was split from it. Not collective.

        Later calls raise `ClosedError`. A `reason` tells the peers that this rank gives up, and
        why; their next wait for it then raises `PeerFailed`.
        """
        for part in self._parts:
            part.close(reason)
        self._native.close(reason)
        self._kept = ()

    def __enter__(self) -> Communicator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(None if error is None else reason_of(error))

    def __reduce__(self) -> Any:
        raise TypeError("a communicator belongs to its process and cannot be pickled")

    def __repr__(self) -> str:
        return f"<skimp.Communicator: rank {self.rank} of {self.world_size}, {self.transport}>"


def reason_of(error: BaseException) -> str:
    """An exception in a line, as peers are told of it."""
    message = str(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
