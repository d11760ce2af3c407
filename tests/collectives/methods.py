"""Ways to reduce: a codec, an algorithm that runs it, and the codec of the second phase."""

import math
from dataclasses import dataclass

import numpy as np
import skimp

from tests import oracle
from tests.oracle import collectives as model
from tests.tables import CODECS, exceeds


@dataclass(frozen=True)
class Method:
    codec: str
    algorithm: str
    back: str | None = None  # the broadcast codec, if it is not the codec's default

    def __str__(self) -> str:
        return f"{self.algorithm}({self.codec}{f', {self.back}' if self.back else ''})"

    @property
    def keeps_at_random(self) -> bool:
        """Values alone do not tell what is kept."""
        return self.codec.startswith(("random_k", "arc_topk"))

    @property
    def is_bounded(self) -> bool:
        """Whether the bytes depend on the data, so that the formula is a bound."""
        codecs = (oracle.codec(text) for text in (self.codec, self.back) if text)
        varies = any(not codec.fixed_size for codec in codecs)
        return varies or self.algorithm.startswith("sparse")

    def options(self) -> dict:
        """Arguments of `Communicator.allreduce`, the codec apart."""
        back = None if self.back is None else skimp.codec(self.back)
        return {"algorithm": self.algorithm, "broadcast_codec": back}

    def refuses(self, count: int, world_size: int) -> bool:
        """Whether the arguments have no meaning together: k exceeds count, or some shard's share
        of it is none."""
        up, down = oracle.codec(self.codec), oracle.codec(self.back or self.codec)
        if exceeds(self.codec, count) or exceeds(self.back or self.codec, count):
            return True
        if self.algorithm != "two_phase":
            return False
        down = down if self.back else up.broadcast_codec()
        block = math.lcm(up.block, down.block)
        return not model.has_shares((up, down), count, world_size, block)

    def expected(self, inputs: list[np.ndarray], **arguments) -> model.Result:
        back = None if self.back is None else oracle.codec(self.back)
        codec = oracle.codec(self.codec)
        return model.allreduce(self.algorithm, inputs, codec, broadcast_codec=back, **arguments)


def _algorithms(text: str) -> tuple[str, ...]:
    codec = oracle.codec(text)
    if text == "identity":
        return ("dense_direct", "dense_ring", "two_phase", "gather")
    if codec.linear:
        return ("linear", "gather")
    if text.startswith("topk"):
        return ("two_phase", "gather", "sparse_doubling", "sparse_balanced")
    if text.startswith("threshold"):
        return ("two_phase", "gather", "sparse_doubling")
    return ("two_phase", "gather")


METHODS = (
    *(Method(text, algorithm) for text in CODECS for algorithm in _algorithms(text)),
    Method("sign", "two_phase", "sign"),
    Method("sign(block=32)", "two_phase", "identity"),
    Method("quantize(bits=3,block=96)", "two_phase", "sign"),
    Method("topk(density=0.1)", "two_phase", "quantize(bits=8,block=32)"),
    Method("topk(density=0.5)", "two_phase", "topk(density=0.1,values=float16)"),
    Method("identity", "two_phase", "quantize(bits=4,rounding=stochastic)"),
)
