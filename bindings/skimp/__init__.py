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
from skimp.codec_schedule import CodecSchedule, density_warm_up
from skimp.codecs import (
    Codec,
    Float,
    Identity,
    LowRank,
    Natural,
    Quantize,
    Sign,
    Ternary,
    codec,
    codec_names,
)
from skimp.communicator import Communicator
from skimp.delayed import Delayed
from skimp.ef21 import EF21
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
from skimp.gossip import Gossip, Graph
from skimp.local_sgd import LocalSGD
from skimp.momentum import MomentumCorrection
from skimp.mpi import mpi
from skimp.nccl import nccl
from skimp.payload import Payload, decode
from skimp.plan import Plan
from skimp.pruning import DynamicPruning
from skimp.report import Report
from skimp.reshard import reshard
from skimp.residual import Residual
from skimp.selections import ArcTopK, BlockTopK, Dct, RandomK, Threshold, TopK
from skimp.sparse import Sparse
from skimp.tcp import tcp
from skimp.threads import run_threads

__version__ = _version()

__all__ = [
    "EF21",
    "ArcTopK",
    "BlockTopK",
    "ClosedError",
    "Codec",
    "CodecSchedule",
    "Communicator",
    "CorruptPayload",
    "Dct",
    "Delayed",
    "DeviceError",
    "DynamicPruning",
    "Error",
    "ErrorFeedback",
    "Float",
    "Gossip",
    "Graph",
    "Identity",
    "InternalError",
    "InvalidArgument",
    "LocalSGD",
    "LowRank",
    "MismatchError",
    "MomentumCorrection",
    "Natural",
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
    "Sparse",
    "Ternary",
    "Threshold",
    "TimeoutError",
    "TopK",
    "TransportError",
    "UnsupportedType",
    "__version__",
    "codec",
    "codec_names",
    "decode",
    "density_warm_up",
    "mpi",
    "nccl",
    "reshard",
    "run_threads",
    "tcp",
]
