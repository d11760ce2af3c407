"""Programs find the installed library by CMake and by pkg-config."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import skimp
from skimp import paths

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(*command, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def cmake():
    """The build's own, or the machine's."""
    if find_spec("cmake"):
        return [sys.executable, "-m", "cmake"]
    return [shutil.which("cmake") or pytest.skip("no cmake")]


def test_cmake_finds_the_package(cmake, tmp_path):
    where = run(sys.executable, "-m", "skimp", "--cmakedir").strip()
    run(*cmake, "-S", EXAMPLES, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={where}")
    run(*cmake, "--build", tmp_path)
    for program in ("allreduce_threads", "allreduce_threads_cpp"):
        assert "times fewer bytes" in run(tmp_path / program)


def test_cmake_refuses_a_version_that_is_not_there(cmake, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\n"
        "project(consumer LANGUAGES C)\n"
        "find_package(skimp 99 REQUIRED)\n"
    )
    with pytest.raises(AssertionError, match="skimp"):
        run(*cmake, "-S", tmp_path, "-B", tmp_path / "b", f"-DCMAKE_PREFIX_PATH={paths.CMAKE}")


def test_pkg_config(tmp_path):
    tool = shutil.which("pkg-config") or pytest.skip("no pkg-config")
    where = {"PKG_CONFIG_PATH": str(paths.LIB / "pkgconfig")}
    assert run(tool, "--modversion", "skimp", **where).strip() == skimp.__version__
    flags = run(tool, "--cflags", "--libs", "skimp", **where).split()
    program = tmp_path / "program"
    source = EXAMPLES / "allreduce_threads.c"
    compiler = shutil.which("cc") or pytest.skip("no cc")
    run(compiler, "-std=c99", source, *flags, "-lpthread", "-lm", "-o", program)
    assert "times fewer bytes" in run(program, LD_LIBRARY_PATH=str(paths.LIB))


def test_experts():
    """It checks its own losses."""
    assert "quantize" in run(sys.executable, EXAMPLES / "experts.py")


def test_gossip():
    """It checks its own losses."""
    assert "ring, sign" in run(sys.executable, EXAMPLES / "gossip.py")


def test_the_python_example():
    said = run(sys.executable, EXAMPLES / "data_parallel.py")
    for name in ("identity", "quantize", "sign", "topk"):
        loss = float(next(line for line in said.splitlines() if line.startswith(name)).split()[1])
        assert loss < 0.2, said


def test_the_example_of_codecs():
    said = run(sys.executable, EXAMPLES / "codecs.py")
    bits = {line.split("(")[0]: float(line.split()[1]) for line in said.splitlines()[1:]}
    assert bits["block_topk"] < bits["sign"] < bits["ternary"] < bits["natural"]
