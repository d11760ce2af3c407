"""Codecs that change with the step, for feedback: what one leaves out the next one sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from skimp import _calls
from skimp.codecs import Codec
from skimp.errors import InvalidArgument
from skimp.selections import TopK


class CodecSchedule:
    """A codec for each step: of `codecs`, the one with the largest first step not after it.

    codecs
        First step → codec. One begins at step 0.

    It stands where feedback takes a codec; steps are the calls that have succeeded with the
    feedback's key, so all ranks change at once, and a saved state resumes at its place.

    >>> import skimp
    >>> schedule = CodecSchedule({0: skimp.Quantize(8), 100: skimp.Sign()})
    >>> [schedule.codec_at(step).text for step in (0, 99, 100)][1:]
    ['quantize(bits=8,block=256,rounding=nearest)', 'sign(block=2048)']
    """

    def __init__(self, codecs: Mapping[int, Codec]):
        for step, codec in codecs.items():
            if not isinstance(step, int) or step < 0:
                raise InvalidArgument(f"CodecSchedule: {step!r} is not a step: 0, 1, …")
            if not isinstance(codec, Codec):
                raise InvalidArgument(f"CodecSchedule: {codec!r}, from step {step}, is not a codec")
        if 0 not in codecs:
            raise InvalidArgument(f"CodecSchedule: steps {sorted(codecs)} have no codec for step 0")
        self._codecs = dict(sorted(codecs.items()))

    def codec_at(self, step: int) -> Codec:
        """The codec of a step, 0 or later."""
        first = max(first for first in self._codecs if first <= step)
        return self._codecs[first]

    def __eq__(self, other: object) -> bool:
        return self._codecs == other._codecs if isinstance(other, CodecSchedule) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._codecs.items()))

    def __repr__(self) -> str:
        return f"skimp.CodecSchedule({self._codecs})"


def density_warm_up(
    density: float,
    steps: int,
    *,
    first: float = 0.25,
    stages: int = 4,
    values: Literal["float32", "float16", "bfloat16"] | None = None,
) -> CodecSchedule:
    """Top-k that keeps much at first, while gradients change fast, and `density` after `steps`.

    density, first
        Kept ÷ total after the warm-up, and in its first stage.
    steps
        Of the warm-up, at least `stages`, which divide it about evenly. Densities fall by the same
        factor from each to the next.
    values
        Of `TopK`.

    Lin et al. 2018 (Deep Gradient Compression, §3.3): 25 %, 6.25 %, 1.6 %, 0.4 %, then 0.1 %, an
    epoch each, which is ``density_warm_up(0.001, steps=4 * steps_of_an_epoch)``.

    >>> density_warm_up(0.01, steps=100, first=0.16, stages=2)
    skimp.CodecSchedule({0: skimp.codec('topk(density=0.16,values=float32)'), \
50: skimp.codec('topk(density=0.04,values=float32)'), \
100: skimp.codec('topk(density=0.01,values=float32)')})
    """

    def at(step: int) -> TopK:
        kept = _calls.warm_up_density(density, first, steps, stages, step)
        return TopK(kept, values=values)

    begins = [*(stage * steps // stages for stage in range(stages)), steps]
    return CodecSchedule({begin: at(begin) for begin in begins})
