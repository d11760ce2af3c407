"""Encoding and decoding can be captured in a CUDA graph; graph.cc says what is tried."""

import subprocess

import pytest
from skimp import paths

from tests.cuda.emulation import BUILD, INCLUDES, ON_GPU, ROOT
from tests.cuda.test_nvcc import NVCC

SOURCE = ROOT / "tests" / "cuda" / "graph.cc"


def compile_to(output, *arguments):
    BUILD.mkdir(parents=True, exist_ok=True)
    command = [NVCC, "-std=c++20", *INCLUDES, SOURCE, "-o", output, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(NVCC is None, reason="no nvcc")
def test_it_compiles():
    compile_to(BUILD / "graph.o", "-c")


@pytest.mark.skipif(not ON_GPU, reason="emulated streams are not captured")
def test_topk_in_a_graph():
    compile_to(BUILD / "graph", f"-L{paths.LIB}", f"-Xlinker=-rpath,{paths.LIB}", "-lskimp_cuda")
    done = subprocess.run([BUILD / "graph"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "the graph agrees\n"
