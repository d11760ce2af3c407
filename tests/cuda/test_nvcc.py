"""nvcc compiles every kernel for every architecture that the library is built for."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cuda.emulation import INCLUDES, ROOT, kernels, target_of

NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
BUILD = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
ARCHITECTURES = re.search(r"SKIMP_CUDA_ARCHITECTURES ([\d ]+) CACHE", BUILD)[1].split()

pytestmark = pytest.mark.skipif(NVCC is None, reason="no nvcc")


def test_kernels_compile():
    """To cubins for all, and to PTX; with the flags of CMakeLists.txt. Again when they change."""
    flags = re.search(r"set\(nvcc_flags (.*?)--threads", BUILD, re.DOTALL)[1].split()
    assert "--fmad=false" in flags
    targets = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in ARCHITECTURES]
    targets.append("-gencode=arch=compute_80,code=compute_80")

    command = [NVCC, *flags, *INCLUDES, *targets, "-Werror=all-warnings", "--threads=0", "-fatbin"]

    def compile_one(source):
        output = target_of(f"{source.stem}.fatbin", [source], command)
        if not output.exists():
            done = subprocess.run([*command, source, "-o", output], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        return output.stat().st_size

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(compile_one, kernels()))
