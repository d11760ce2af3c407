"""What was found on this machine: ``python -m skimp info``, for a bug report or a first look."""

from __future__ import annotations

import os
import platform
from importlib import import_module, metadata

from skimp import _objects, paths
from skimp.codecs import codec_names
from skimp.errors import Error, InvalidArgument
from skimp.nccl import library as nccl_library


def info() -> dict[str, str]:
    """What ``python -m skimp info`` prints, by name.

    >>> "topk" in info()["codecs"]
    True
    """
    return {
        "skimp": _objects.version(),
        "library": str(paths.LIBRARY),
        "codecs": " ".join(codec_names()),
        "transports": "threads mpi tcp nccl",
        "processor": f"{platform.machine()}, {_usable_cores()} cores, {_isa()}",
        "mpi": _mpi(),
        "cuda": _cuda(),
        "nccl": _nccl(),
        "python": f"{platform.python_version()} on {platform.platform()}",
        **{name: _version(name) for name in ("numpy", "ml_dtypes", "torch")},
    }


def text() -> str:
    """The same as lines of text."""
    found = info()
    width = max(map(len, found))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in found.items())


def _isa() -> str:
    """The instruction set in use; with SKIMP_FORCE_ISA also those that could be."""
    try:
        isa = _objects.isa()
    except InvalidArgument as error:
        return str(error)
    return f"{isa} of {_objects.isa_names()}" if os.environ.get("SKIMP_FORCE_ISA") else isa


def _cuda() -> str:
    """Versions and devices, or what is missing, in the loader's or CUDA's words."""
    try:
        return _objects.device_info()
    except Error as error:
        return f"not used: {error}"


def _nccl() -> str:
    path = nccl_library()
    try:
        return f"{_objects.nccl_info(path)}, {path}"
    except Error as error:
        return f"not used: {error}"


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _mpi() -> str:
    """Does not start MPI: that may need mpirun, and would print its own complaints."""
    try:
        mpi4py = import_module("mpi4py")
    except ImportError as error:
        return f"not found: {error}"
    was = mpi4py.rc.initialize
    mpi4py.rc.initialize = False
    try:
        MPI = import_module("mpi4py.MPI")
        library = MPI.Get_library_version().splitlines()[0].strip("\0 ")
    except Exception as error:  # no libmpi, or one of another kind
        return f"mpi4py {mpi4py.__version__}, but: {error}"
    finally:
        mpi4py.rc.initialize = was
    return f"mpi4py {mpi4py.__version__}, {library}"
