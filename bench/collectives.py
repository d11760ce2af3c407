"""The table of collectives: how each is called, here and in MPI, sized, weighed and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from skimp.bench import verify
from skimp.bench.ranks import Array, Ranks


@dataclass(frozen=True)
class Collective:
    name: str
    """Of the method of a communicator."""

    options: tuple[str, ...]
    """Those of bench.options.Options that this call takes, beside codec and algorithm."""

    mpi_name: str
    mpi: Callable[[Any, Array, Array, int], Any]
    """(mpi4py communicator, x, out, root)."""

    bus_factor: Callable[[int], float]
    """busbw ÷ algbw for so many ranks: nccl-tests' doc/PERFORMANCE.md derives it."""

    check: Callable[[Ranks, verify.Call], verify.Verdict]

    gathers: bool = False
    """The output is world_size times the input."""
    scatters: bool = False
    """The input is world_size times the output."""

    def count(self, elements: int, size: int) -> int:
        """Elements of a rank's input when the larger of input and output has about so many."""
        if self.gathers:
            return max(1, elements // size)
        if self.scatters:
            return max(1, elements // size) * size
        return max(1, elements)

    def out_shape(self, count: int, size: int) -> tuple[int, ...]:
        if self.gathers:
            return (size, count)
        return (count // size,) if self.scatters else (count,)


def _mpi_broadcast(world: Any, x: Array, out: Array, root: int) -> None:
    """MPI has one buffer for what is sent and what is received."""
    world.Bcast(x if world.Get_rank() == root else out, root)


COLLECTIVES: Mapping[str, Collective] = {
    row.name: row
    for row in (
        Collective(
            "allreduce",
            options=("op", "broadcast_codec"),
            mpi_name="MPI_Allreduce",
            mpi=lambda world, x, out, root: world.Allreduce(x, out),
            bus_factor=lambda size: 2 * (size - 1) / size,
            check=verify.allreduce,
        ),
        Collective(
            "reduce_scatter",
            options=("op",),
            mpi_name="MPI_Reduce_scatter_block",
            mpi=lambda world, x, out, root: world.Reduce_scatter_block(x, out),
            bus_factor=lambda size: (size - 1) / size,
            check=verify.reduce_scatter,
            scatters=True,
        ),
        Collective(
            "allgather",
            options=(),
            mpi_name="MPI_Allgather",
            mpi=lambda world, x, out, root: world.Allgather(x, out),
            bus_factor=lambda size: (size - 1) / size,
            check=verify.allgather,
            gathers=True,
        ),
        Collective(
            "broadcast",
            options=("root",),
            mpi_name="MPI_Bcast",
            mpi=_mpi_broadcast,
            bus_factor=lambda size: 1.0,
            check=verify.broadcast,
        ),
    )
}
