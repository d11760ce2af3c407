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

    def feedback(self) -> Any:
        """What keeps the state of the call: an ErrorFeedback, of mix a Gossip."""
        codec = skimp.codec(self.codec)
        return skimp.Gossip(codec) if self.collective == "mix" else skimp.ErrorFeedback(codec)

    def state(self, feedback: Any) -> np.ndarray:
        """A copy of what it has kept."""
        kept = feedback.state() if self.collective == "mix" else feedback.residual()
        return kept.copy()

    def __call__(
        self, comm: skimp.Communicator, x: np.ndarray, codec: Any = None, **options: Any
    ) -> np.ndarray:
        if self.collective == "mix":
            return comm.mix(x, self.feedback() if codec is None else codec, **options)
        codec = skimp.codec(self.codec) if codec is None else codec
        if self.algorithm == "hierarchical":
            comm.set_nodes([rank % 2 for rank in range(comm.world_size)])
        method = getattr(comm, self.collective)
        return method(x, codec=codec, algorithm=self.algorithm, **options)


CALLS = (
    Call("allreduce", "dense_direct", "identity"),
    Call("allreduce", "dense_ring", "identity"),
    Call("allreduce", "two_phase", "quantize(bits=8)"),
    Call("allreduce", "two_phase", "topk(density=0.25)"),
    Call("allreduce", "gather", "quantize(bits=8)"),
    Call("allreduce", "hierarchical", "quantize(bits=8)"),
    Call("allreduce", "sparse_doubling", "topk(density=0.25)"),
    Call("allreduce", "sparse_balanced", "topk(density=0.25)"),
    Call("allreduce", "linear", "random_k(density=0.5)"),
    Call("reduce_scatter", "direct", "quantize(bits=8)"),
    Call("allgather", "direct", "quantize(bits=8)"),
    Call("broadcast", "tree", "quantize(bits=8)"),
    Call("alltoall", "direct", "quantize(bits=8)"),
    Call("mix", "choco", "quantize(bits=8)"),
)


def values(count: int, *seed: int) -> np.ndarray:
    """The same values in every run."""
    return np.random.default_rng([count, *seed]).standard_normal(count, np.float32)
