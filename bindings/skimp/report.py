"""What a collective did on this rank, in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """The last call of a communicator, or the last run of a plan (before it: the prediction).

    Bytes are those of this rank, sent as messages or in arenas, headers included.

    >>> import numpy as np, skimp
    >>> def worker(comm):
    ...     comm.allreduce(np.ones(4096, np.float32), codec=skimp.Quantize(bits=8))
    ...     return comm.report
    >>> report = skimp.run_threads(2, worker)[0]
    >>> report.algorithm, report.count, report.saving > 3
    ('two_phase', 4096, True)
    """

    algorithm: str
    """A name of docs/algorithms.md."""
    count: int
    """Elements of the input."""
    input_bytes: int
    """`count` times the size of an element."""
    bytes_sent: int
    bytes_received: int
    messages_sent: int
    predicted_bytes: int
    """What the algorithm's cost formula says of `bytes_sent`; of sparse algorithms its bound."""
    dense_bytes: int
    """What the dense algorithm would have sent, by its formula."""
    rounds: int
    """Exchanges that depend on one another."""
    guess_hits: int
    """Top-k encodes whose guess of the threshold saved passes over the data."""
    guess_misses: int
    """Those that found the threshold the long way; the result is the same."""
    seconds: float
    """Of the whole call."""
    encode_seconds: float
    """In encoders and decoders."""
    wait_seconds: float
    """Waiting for peers."""
    nonfinite: bool
    """Some rank's input held NaN or Inf."""
    skipped: bool
    """Nothing was written, because of ``nonfinite="skip"``."""

    @property
    def ratio(self) -> float:
        """Input bytes ÷ bytes sent; infinite when nothing was sent."""
        return self.input_bytes / self.bytes_sent if self.bytes_sent else math.inf

    @property
    def saving(self) -> float:
        """How many times fewer bytes than dense were sent; infinite when nothing was sent."""
        return self.dense_bytes / self.bytes_sent if self.bytes_sent else math.inf
