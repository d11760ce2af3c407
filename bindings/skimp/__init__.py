"""Skimp: compressed collective communication with error feedback, for any array.

>>> import numpy as np, skimp
>>> def worker(comm):  # 4 ranks as threads; skimp.mpi() has them as processes
...     feedback = skimp.ErrorFeedback(skimp.Sign())
...     gradient = np.full(100_000, comm.rank, np.float32)
...     mean = comm.allreduce(gradient, codec=feedback)
...     return float(mean[0]), comm.report.saving > 15
>>> skimp.run_threads(4, worker)[0]
(1.5, True)
"""

from skimp._objects import version as _version
from skimp.codecs import (
    Codec,
    Identity,
    Quantize,
    RandomK,
    Sign,
    TopK,
    codec,
    codec_names,
)
from skimp.communicator import Communicator
from skimp.errors import (
    ClosedError,
    CorruptPayload,
    DeviceError,
    Error,
    InternalError,
    InvalidArgument,
    MismatchError,
    NonFiniteError,
    OutOfMemory,
    PeerFailed,
    TimeoutError,
    TransportError,
    UnsupportedType,
)
from skimp.feedback import ErrorFeedback
from skimp.mpi import mpi
from skimp.payload import Payload, decode
from skimp.plan import Plan
from skimp.report import Report
from skimp.residual import Residual
from skimp.threads import run_threads

__version__ = _version()

__all__ = [
    "ClosedError",
    "Codec",
    "Communicator",
    "CorruptPayload",
    "DeviceError",
    "Error",
    "ErrorFeedback",
    "Identity",
    "InternalError",
    "InvalidArgument",
    "MismatchError",
    "NonFiniteError",
    "OutOfMemory",
    "Payload",
    "PeerFailed",
    "Plan",
    "Quantize",
    "RandomK",
    "Report",
    "Residual",
    "Sign",
    "TimeoutError",
    "TopK",
    "TransportError",
    "UnsupportedType",
    "__version__",
    "codec",
    "codec_names",
    "decode",
    "mpi",
    "run_threads",
]
