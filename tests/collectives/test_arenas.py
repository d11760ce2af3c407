"""Memory that ranks map of one another: arenas.cc. Collectives over it are in tests/mpi."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src"
LIBRARY = ("collectives/arenas.cc", "base/shared_memory.cc")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere ranks have no arenas")


def test_arenas(tmp_path):
    program = tmp_path / "arenas"
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O1", "-g", "-Wall", "-Werror"]
    command += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{SOURCES}"]
    command += [f"-I{SOURCES / 'include'}", str(Path(__file__).with_name("arenas.cc"))]
    command += [*(str(SOURCES / name) for name in LIBRARY), "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stdout + done.stderr[-4000:]
