"""cub::DeviceTopK as a baseline: compiled when the bench begins, where nvcc and CUB 3.2 are."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from skimp.bench.codecs.baseline import Baseline

SOURCE = Path(__file__).with_name("device_topk.cu")
HEADER = "cub/device/device_topk.cuh"
LARGEST = 2**31 - 1


def baselines(torch: Any, tensor: Any, residual: Any, kept: int) -> list[Baseline]:
    """Alone, and with a residual around it, as those of torch.topk; none where it is missing."""
    compiled = library("native")
    if compiled is None or tensor.numel() > LARGEST:
        return []
    select = Selection(compiled, torch, tensor, kept)

    def encode() -> tuple[Any, Any]:
        residual.add_(tensor)
        indices = select(residual)
        values = residual[indices]
        residual[indices] = 0
        return values, indices

    payload_bytes = 2 * 4 * kept
    return [
        Baseline("  cub::DeviceTopK", lambda: select(tensor), None, payload_bytes),
        Baseline("  cub top-k chain", encode, None, payload_bytes),
    ]


class Selection:
    """The call with its memory, for arrays of one size, in torch's current stream."""

    def __init__(self, compiled: Any, torch: Any, like: Any, kept: int):
        self._function = compiled.skimp_bench_device_topk
        self._torch = torch
        self._count, self._kept = like.numel(), kept
        self._magnitudes = torch.empty(kept, dtype=torch.float32, device=like.device)
        self._indices = torch.empty(kept, dtype=torch.int32, device=like.device)
        self._bytes = ctypes.c_size_t(0)
        self._workspace: Any = None
        self(like)  # says how much it needs
        self._workspace = torch.empty(
            max(1, self._bytes.value), dtype=torch.uint8, device=like.device
        )

    def __call__(self, x: Any) -> Any:
        """The indices, which the next call overwrites."""
        stream = self._torch.cuda.current_stream().cuda_stream if x.is_cuda else None
        error = self._function(
            ctypes.c_void_p(None if self._workspace is None else self._workspace.data_ptr()),
            ctypes.byref(self._bytes),
            ctypes.c_void_p(x.data_ptr()),
            ctypes.c_int32(self._count),
            ctypes.c_void_p(self._magnitudes.data_ptr()),
            ctypes.c_void_p(self._indices.data_ptr()),
            ctypes.c_int32(self._kept),
            ctypes.c_void_p(stream),
        )
        if error != 0:
            raise RuntimeError(f"cub::DeviceTopK: CUDA error {error}")
        return self._indices


@cache
def library(architecture: str) -> ctypes.CDLL | None:
    """`device_topk.cu` for a GPU ("native", "sm_90"); None where something is missing."""
    found = tools()
    if found is None:
        return None
    nvcc, include = found
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "device_topk.so")
        options = ["-std=c++20", "-O3", f"-arch={architecture}", "-shared", "-Xcompiler=-fPIC"]
        done = subprocess.run(
            [nvcc, *options, f"-I{include}", SOURCE, "-o", target], capture_output=True, text=True
        )
        if done.returncode != 0:
            print(f"skimp bench: no cub::DeviceTopK: nvcc: {done.stderr:.500}", file=sys.stderr)
            return None
        return ctypes.CDLL(str(target))


def tools() -> tuple[str, Path] | None:
    """nvcc, and where CUB is."""
    nvcc = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
    include = None if nvcc is None else next(_includes(Path(nvcc)), None)
    return None if nvcc is None or include is None else (nvcc, include)


def _includes(nvcc: Path) -> Iterator[Path]:
    """Where CUB's header is: in the package nvidia-cuda-cccl, or beside nvcc."""
    with suppress(PackageNotFoundError):
        for file in files("nvidia-cuda-cccl") or ():
            if file.match(f"*/{HEADER}"):
                yield Path(str(file.locate())).parents[2]
    for folder in ("include", "include/cccl"):
        include = nvcc.resolve().parents[1] / folder
        if (include / HEADER).exists():
            yield include
