"""One call of each algorithm, for tests of how calls fail."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import skimp

# Both divide by 2, 3 and 4 ranks. Frames of the first are one message, of the second two.
SMALL, LARGE = 12 * 256, 12 * 4096


@dataclass(frozen=True)
class Call:
    collective: str
    algorithm: str
    codec: str

    def __str__(self) -> str:
        return f"{self.collective}-{self.algorithm}-{self.codec}"

    def feedback(self) -> skimp.ErrorFeedback:
        return skimp.ErrorFeedback(skimp.codec(self.codec))

    def __call__(self, comm: skimp.Communicator, x: np.ndarray, codec: Any = None) -> np.ndarray:
        codec = skimp.codec(self.codec) if codec is None else codec
        return getattr(comm, self.collective)(x, codec=codec, algorithm=self.algorithm)


CALLS = (
    Call("allreduce", "dense_direct", "identity"),
    Call("allreduce", "dense_ring", "identity"),
    Call("allreduce", "two_phase", "quantize(bits=8)"),
    Call("allreduce", "two_phase", "topk(density=0.25)"),
    Call("allreduce", "gather", "quantize(bits=8)"),
    Call("allreduce", "sparse_doubling", "topk(density=0.25)"),
    Call("allreduce", "sparse_balanced", "topk(density=0.25)"),
    Call("allreduce", "linear", "random_k(density=0.5)"),
    Call("reduce_scatter", "direct", "quantize(bits=8)"),
    Call("allgather", "direct", "quantize(bits=8)"),
    Call("broadcast", "tree", "quantize(bits=8)"),
)


def values(count: int, *seed: int) -> np.ndarray:
    """The same values in every run."""
    return np.random.default_rng([count, *seed]).standard_normal(count, np.float32)
