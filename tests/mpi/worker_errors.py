"""Ranks that disagree, fail or fall silent over MPI. Each on a communicator of its own, and the
program goes on to the next; at its end every process ends by itself.
"""

import gc
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import skimp
import skimp.testing
from mpi4py import MPI

SMALL, LARGE = 1200, 400_000  # one message; header and payload, above MPI's eager limit
PATIENCE, PROMPT = 60, 20


def values(count: int, rank: int) -> np.ndarray:
    return np.random.default_rng([count, rank]).standard_normal(count, np.float32)


def raised(call) -> tuple[skimp.Error | None, float]:
    start = time.monotonic()
    try:
        call()
        return None, time.monotonic() - start
    except skimp.Error as error:
        return error, time.monotonic() - start


def expect(call, kind: type, *words: str, within: float = PROMPT) -> skimp.Error:
    error, seconds = raised(call)
    assert type(error) is kind, f"{kind.__name__} expected: {error!r}"
    assert all(word in str(error) for word in words), f"{words} expected: {error}"
    assert seconds < within, f"{error} took {seconds} s"
    return error


def mismatch(comm, count: int, calls_before: int) -> None:
    """The last rank asks for one element more."""
    feedback = skimp.ErrorFeedback(skimp.Quantize(8))
    x = values(count, comm.rank)
    for _ in range(calls_before):
        comm.allreduce(x, codec=feedback)
    odd = comm.world_size - 1
    if comm.rank == odd:
        feedback, x = skimp.ErrorFeedback(skimp.Quantize(8)), values(count + 1, comm.rank)
    call = lambda: comm.allreduce(x, codec=feedback)  # noqa: E731
    first = expect(call, skimp.MismatchError, f"rank {odd}", f"count = {count + 1}")
    again = expect(comm.barrier, skimp.MismatchError, str(first), within=1)
    assert "an earlier call" in str(again)
    assert feedback.step == (0 if comm.rank == odd else calls_before)


def fault(comm, kind: str, count: int, exchange: int) -> None:
    """Rank 0 meets a fault; everybody ends in the same class of error."""
    x = values(count, comm.rank)
    for _ in range(2):
        comm.allreduce(x, codec=skimp.Quantize(8))
    if comm.rank == 0:
        skimp.testing.inject_fault(comm, kind, exchange)

    def call():
        comm.allreduce(x, codec=skimp.Quantize(8))
        comm.barrier()

    if kind == "error":
        expect(call, skimp.PeerFailed if comm.rank else skimp.TransportError, "told to fail")
    else:
        expect(call, skimp.CorruptPayload, "rank 0")


def exception(comm, count: int) -> None:
    """A rank leaves its with block by an exception; the others hear of it at once."""
    x = values(count, comm.rank)
    comm.allreduce(x)
    if comm.rank == 1:
        try:
            with comm:
                raise ValueError("no such layer")
        except ValueError:
            return
    call = lambda: comm.allreduce(x)  # noqa: E731
    expect(call, skimp.PeerFailed, "rank 1 failed: ValueError: no such layer")


def silence(comm, count: int) -> None:
    """A rank does something else for longer than the others are ready to wait."""
    x = values(count, comm.rank)
    comm.allreduce(x, codec=skimp.Quantize(8))
    comm.set_timeout(2)
    if comm.rank == 1:
        time.sleep(5)
        return
    call = lambda: comm.allreduce(x, codec=skimp.Quantize(8))  # noqa: E731
    error = expect(call, skimp.TimeoutError, "rank 1 did not answer")
    assert "and" not in str(error).split("did not answer")[0], "a stuck rank is blamed too"


def message_mismatch(comm, count: int) -> None:
    """The receiver of a message expects another count; everybody hears of it."""
    says = f"rank 0 sends count = {count}, rank 1 receives count = {count + 1}"
    x = values(count, 0)
    if comm.rank == 0:
        raised(lambda: comm.send(x, 1))  # a large one hears of it before it has left
    if comm.rank == 1:
        expect(lambda: comm.recv(0, like=values(count + 1, 0)), skimp.MismatchError, says)
    again = expect(comm.barrier, skimp.MismatchError, says)
    assert comm.rank != 1 or "an earlier call" in str(again)


def message_exception(comm, count: int) -> None:
    """Rank 1 owes a message and takes none: who waits for it hears why it has given up."""
    if comm.rank == 1:
        comm.close("no such layer")
        return
    x = values(count, 0)
    call = {0: lambda: comm.recv(1, like=x)}.get(comm.rank, lambda: comm.recv(0, like=x))
    expect(call, skimp.PeerFailed, "rank 1 failed: no such layer")


def message_silence(comm, count: int) -> None:
    """A rank neither sends nor takes messages for longer than the others are ready to wait."""
    x = values(count, comm.rank)
    comm.set_timeout(2)
    if comm.rank == 1:
        time.sleep(5)
        return

    def call():
        if comm.rank == 0:
            comm.send(x, 1)
        comm.recv(1, like=x)

    expect(call, skimp.TimeoutError, "rank 1 did not answer")


def group_failure(comm) -> None:
    """What fails in a group leaves the others and the parent as they were."""
    part = comm.split(color=comm.rank % 2)
    if comm.rank % 2 == 0 and part.world_size > 1:
        expect(lambda: part.allreduce(values(8 + part.rank, 0)), skimp.MismatchError, "count = 9")
    else:
        part.barrier()
    comm.barrier()


SCENARIOS = {
    "mismatch, first call": lambda comm: mismatch(comm, SMALL, 0),
    "mismatch, cached": lambda comm: mismatch(comm, SMALL, 3),
    "mismatch, cached, large": lambda comm: mismatch(comm, LARGE, 3),
    "error": lambda comm: fault(comm, "error", SMALL, 0),
    "error, large": lambda comm: fault(comm, "error", LARGE, 2),
    "corrupt": lambda comm: fault(comm, "corrupt", SMALL, 0),
    "truncate, large": lambda comm: fault(comm, "truncate", LARGE, 0),
    "exception": lambda comm: exception(comm, SMALL),
    "exception, large": lambda comm: exception(comm, LARGE),
    "message, mismatch": lambda comm: message_mismatch(comm, SMALL // 2),
    "message, mismatch, large": lambda comm: message_mismatch(comm, LARGE),
    "message, exception": lambda comm: message_exception(comm, SMALL),
    "message, silence": lambda comm: message_silence(comm, SMALL // 2),
    "message, silence, large": lambda comm: message_silence(comm, LARGE),
    "group": group_failure,
    "silence": lambda comm: silence(comm, SMALL),
    "silence, large": lambda comm: silence(comm, LARGE),
}


def main() -> None:
    world_size, rank = int(sys.argv[1]), MPI.COMM_WORLD.rank
    assert MPI.COMM_WORLD.size == world_size, "started by the mpirun of another MPI"
    for name, scenario in SCENARIOS.items():
        comm = skimp.mpi(MPI.COMM_WORLD, timeout=PATIENCE)
        try:
            scenario(comm)
        except BaseException:
            print(f"rank {rank}: {name}:", traceback.format_exc(), flush=True)
            MPI.COMM_WORLD.Abort()
        MPI.COMM_WORLD.Barrier()  # the MPI of the program itself is unharmed
        del comm
        gc.collect()
        if sys.platform == "linux":  # What MPI may still write to is kept, but no arena.
            assert "memfd:skimp" not in Path("/proc/self/maps").read_text(), name
    print(f"rank {rank} of {world_size}: done", flush=True)


main()
