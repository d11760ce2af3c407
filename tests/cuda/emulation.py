"""The CUDA library without a GPU: its sources compiled for the CPU, and memory as a device's.

On a machine with a GPU, SKIMP_TEST_CUDA=1 runs the same tests on it, with torch's tensors; `make
gpu` does that.
"""

import ctypes
import hashlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tests import oracle

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "emulation"
INCLUDES = [f"-I{ROOT}", f"-I{ROOT / 'src'}", f"-I{ROOT / 'src' / 'include'}"]
FLAGS = ["-std=c++20", "-O1", "-g1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off"]
FLAGS += ["-fno-strict-aliasing", "-Wall", "-Wextra", "-Wconversion", "-Werror", *INCLUDES]

# Fibers in these orders: a race that one hides, another shows.
ORDERS = ("forward", "reverse", "shuffled:1")

ON_GPU = os.environ.get("SKIMP_TEST_CUDA") == "1"


def compiler_run(arguments: Sequence) -> None:
    command = [os.environ.get("CXX", "g++"), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stderr}"


def target_of(name: str, sources: Sequence[Path], flags: Sequence) -> Path:
    """A file in the build folder, whose name holds a digest of what it is made of. If it is not
    there yet, files of that name made of something else are deleted."""
    trees = ("src", "cuda", "tests/cuda")
    headers = [path for tree in trees for path in (ROOT / tree).rglob("*.*h")]
    digest = hashlib.sha256(repr(flags).encode())
    for path in sorted({*headers, *kernels(), *sources}):
        digest.update(path.read_bytes())
    target = BUILD / f"{name}-{digest.hexdigest()[:16]}"
    if not target.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        for stale in BUILD.glob(f"{name}-*"):
            stale.unlink()
    return target


def built(name: str, sources: Sequence[Path], flags: Sequence[str], link: Sequence[str]) -> Path:
    """Compiles and links, unless nothing has changed."""
    target = target_of(name, sources, [flags, link])
    if target.exists():
        return target
    objects = [BUILD / f"{name}-{path.parent.name}-{path.stem}.o" for path in sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        language = {".cu": ["-x", "c++"]}
        jobs = [
            [*flags, *language.get(source.suffix, []), "-c", source, "-o", o]
            for source, o in zip(sources, objects, strict=True)
        ]
        list(pool.map(compiler_run, jobs))
    compiler_run([*flags, *objects, *link, "-o", target])
    return target


def kernels() -> list[Path]:
    return sorted((ROOT / "cuda").rglob("*.cu"))


def use_library() -> None:
    """Makes Skimp open the emulated library, when it first needs one."""
    if not ON_GPU:
        sources = [*kernels(), ROOT / "tests" / "cuda" / "streams.cc"]
        os.environ["SKIMP_CUDA_LIBRARY"] = str(built("library", sources, FLAGS, ["-shared"]))


def use_nccl() -> None:
    """Makes skimp.nccl open a stand-in, which works between threads."""
    sources = [ROOT / "tests" / "cuda" / "nccl.cc"]
    os.environ["SKIMP_NCCL_LIBRARY"] = str(built("nccl", sources, FLAGS, ["-shared", "-ldl"]))


@contextmanager
def thread_order(order: str) -> Iterator[None]:
    os.environ["SKIMP_EMULATION_ORDER"] = order
    try:
        yield
    finally:
        del os.environ["SKIMP_EMULATION_ORDER"]


class Interface:
    """What an array on a device says of itself."""

    shape: tuple
    dtype: np.dtype
    address: int
    strides: tuple | None
    stream: int | None

    @property
    def __cuda_array_interface__(self) -> dict:
        bfloat16 = self.dtype == oracle.bfloat16
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": "<V2" if bfloat16 else self.dtype.str,
            "data": (self.address, False),
            "strides": self.strides,
            "stream": self.stream,
        }

    def __array_namespace__(self, api_version=None):
        return SimpleNamespace(
            __name__="emulated", empty=lambda shape, dtype: Closed(shape, dtype, self.stream)
        )


class Dressed(Interface):
    """A numpy array whose memory is said to be a device's, for tests that look into it."""

    def __init__(self, values: np.ndarray, stream: int | None = None):
        self.values = values
        self.shape, self.dtype, self.strides = values.shape, values.dtype, values.strides
        self.address = values.ctypes.data
        self.stream = stream


class Closed(Interface):
    """An array in memory of the emulated device, where host code that touches it crashes."""

    strides = None

    def __init__(self, shape: tuple, dtype: np.dtype, stream: int | None = None, offset: int = 0):
        self.shape, self.dtype, self.stream = tuple(shape), np.dtype(dtype), stream
        self.nbytes = int(np.prod(shape)) * self.dtype.itemsize
        self.memory = ctypes.c_void_p()
        skipped = offset * self.dtype.itemsize
        nbytes = ctypes.c_uint64(
            skipped + self.nbytes + 1
        )  # an address, even if it has no elements
        run("skimp_cuda_allocate", Stream(), nbytes, ctypes.byref(self.memory))
        self.address = self.memory.value + skipped

    def __del__(self):
        run("skimp_cuda_free", Stream(), self.memory)
        run("skimp_cuda_wait", Stream())

    def write(self, values: np.ndarray) -> None:
        """Waits for the default stream, and no other."""
        values = np.ascontiguousarray(values)
        assert values.nbytes == self.nbytes
        self.copy(self.address, values.ctypes.data)

    def read(self) -> np.ndarray:
        values = np.empty(self.shape, self.dtype)
        self.copy(values.ctypes.data, self.address)
        return values

    def copy(self, to: int, source: int) -> None:
        queue_copy(0, to, source, self.nbytes)
        run("skimp_cuda_wait", Stream())


class Stream(ctypes.Structure):
    """skimp::DeviceStream; the default one unless told otherwise."""

    _fields_ = (("device", ctypes.c_int), ("stream", ctypes.c_void_p))


def run(function: str, *arguments) -> None:
    """Calls a function of the emulated library, as another user of the device does."""
    status = getattr(ctypes.CDLL(os.environ["SKIMP_CUDA_LIBRARY"]), function)(*arguments)
    assert status == 0, f"{function}: status {status}"


def queue_copy(stream: int, to: int, source: int, nbytes: int) -> None:
    """Work that a stream is given; it is not done before somebody waits for the stream."""
    addresses = ctypes.c_void_p(to), ctypes.c_void_p(source)
    run("skimp_cuda_copy", Stream(0, stream), *addresses, ctypes.c_uint64(nbytes))


def on_device(x: np.ndarray, offset: int = 0, stream: int | None = None):
    """A copy in the device's memory, `offset` elements into an allocation."""
    if not ON_GPU:
        closed = Closed(x.shape, x.dtype, stream, offset)
        closed.write(x)
        return closed
    import torch

    moved = torch.empty(x.size + offset, dtype=getattr(torch, x.dtype.name), device="cuda")[offset:]
    bits = np.ascontiguousarray(x).view(f"i{x.dtype.itemsize}").reshape(-1)
    moved.view(getattr(torch, f"int{8 * x.dtype.itemsize}")).copy_(torch.from_numpy(bits))
    return moved.reshape(x.shape)


def on_host(array, dtype: np.dtype) -> np.ndarray:
    if isinstance(array, Dressed):
        return array.values
    if isinstance(array, Closed):
        return array.read()
    import torch

    bits = array.view(getattr(torch, f"int{8 * dtype.itemsize}")).cpu().numpy()
    return bits.view(dtype)
