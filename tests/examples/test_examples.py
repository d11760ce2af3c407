"""The examples are compiled as their first lines say, against the installed package, and run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from skimp.bench import demo

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert result.returncode == 0, f"{command}:\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def flags():
    return run(sys.executable, "-m", "skimp", "--cflags", "--libs").split()


def need(path, name):
    if not path:
        pytest.skip(f"no {name} on this machine")
    return str(path)


def beside_python(name):
    path = Path(sys.executable).parent / name
    return need(path if path.exists() else None, name)


def mpirun(ranks, program):
    command = [need(demo.find_mpirun(), "mpirun"), "-n", str(ranks), program]
    environment = demo.environment(os.environ)
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_python():
    said = run(sys.executable, str(EXAMPLES / "sparse_embedding.py"))
    assert "rows were trained" in said


@pytest.mark.parametrize(
    ("compiler", "standard", "source", "says"),
    [
        ("cc", "-std=c99", "allreduce_threads.c", "times fewer bytes"),
        ("cc", "-std=c99", "local_sgd_threads.c", "distance from the optimum"),
        ("c++", "-std=c++20", "allreduce_threads.cpp", "times fewer bytes"),
        ("c++", "-std=c++20", "ef21_threads.cpp", "times fewer bytes"),
        ("c++", "-std=c++20", "momentum_threads.cpp", "times fewer bytes"),
        ("c++", "-std=c++20", "delayed_threads.cpp", "times fewer bytes"),
        ("c++", "-std=c++20", "pruning.cpp", "90 % pruned"),
    ],
)
def test_threads(compiler, standard, source, says, flags, tmp_path):
    program = str(tmp_path / "program")
    compiler = need(shutil.which(compiler), compiler)
    warnings = ["-Wall", "-Wextra", "-Werror"]
    run(
        compiler,
        standard,
        *warnings,
        str(EXAMPLES / source),
        *flags,
        "-lpthread",
        "-lm",
        "-o",
        program,
    )
    assert says in run(program)


@pytest.mark.parametrize(
    ("compiler", "standard", "source"),
    [("mpicc", "-std=c99", "allreduce_mpi.c"), ("mpicxx", "-std=c++20", "allreduce_mpi.cpp")],
)
def test_mpi(compiler, standard, source, flags, tmp_path):
    program = str(tmp_path / "program")
    run(beside_python(compiler), standard, str(EXAMPLES / source), *flags, "-o", program)
    for ranks in (2, 4):
        assert f"{ranks} ranks" in mpirun(ranks, program)


def test_robust():
    lines = run(sys.executable, str(EXAMPLES / "robust.py")).splitlines()[1:]
    accuracy = {op: float(share) for op, share in map(str.split, lines)}
    mean = accuracy.pop("mean")
    assert mean < 0.8 and min(accuracy.values()) > 0.95
