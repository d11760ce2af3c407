"""Starts a benchmark on its ranks, and ends it with one message and one exit status."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import skimp
from skimp.bench.ranks import MpiRanks, Ranks, ThreadRanks, describe

OK, WRONG, FAILED = 0, 1, 2


class HasRanks(Protocol):
    @property
    def ranks(self) -> int | None:
        """As threads; None if it was not said."""


Options = TypeVar("Options", bound=HasRanks)


def launch(parse: Callable[[], Options], work: Callable[[Ranks, Options], int]) -> int:
    """Parses the options and runs `work` on every rank: the processes of an mpirun, or threads.

    Returns the exit status. Only the first rank prints, so what fails on all is said once.
    """
    try:
        world = mpi_world()
    except (ImportError, RuntimeError) as error:
        return _complain(error)
    is_first = world is None or world.Get_rank() == 0
    try:
        with contextlib.nullcontext() if is_first else _silence():
            options = parse()
            if world is not None and options.ranks is not None:
                sys.exit(
                    _complain("under mpirun its processes are the ranks: no -t, no bench codec")
                )
    except SystemExit:
        if world is not None:
            world.Barrier()  # so that mpirun ends nobody before the first has said why
        raise
    try:
        if world is None:
            return _run_threads(options.ranks or 2, lambda ranks: work(ranks, options))
        return _run_processes(world, lambda ranks: work(ranks, options))
    except Exception as error:
        return _complain(describe(error)) if is_first else FAILED


def mpi_world() -> Any:
    """MPI.COMM_WORLD of mpi4py if an mpirun started this process, else None."""
    sizes = [
        os.environ[name] for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE") if name in os.environ
    ]
    if not sizes and "PMIX_RANK" not in os.environ:
        return None
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError(f"started by mpirun, but there is no mpi4py: {error}") from error
    if sizes and int(sizes[0]) != MPI.COMM_WORLD.Get_size():
        raise RuntimeError(
            f"mpirun started {sizes[0]} ranks, but mpi4py sees {MPI.COMM_WORLD.Get_size()}: they "
            "are of different MPIs; take the mpirun beside this python"
        )
    return MPI.COMM_WORLD


def _run_threads(count: int, work: Callable[[Ranks], int]) -> int:
    board = ThreadRanks.Board(count)

    def work_as(comm: skimp.Communicator) -> int:
        ranks = ThreadRanks(comm, board)
        try:
            return work(ranks)
        except BaseException:
            ranks.fail()
            raise

    return max(skimp.run_threads(count, work_as))


def _run_processes(world: Any, work: Callable[[Ranks], int]) -> int:
    ranks = MpiRanks(world)
    try:
        return work(ranks)
    except Exception as error:
        ranks.fail(error)
        raise


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def _complain(about: object) -> int:
    print(f"skimp bench: {about}", file=sys.stderr, flush=True)
    return FAILED
