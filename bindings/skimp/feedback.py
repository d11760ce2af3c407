"""Error feedback: what a step leaves out is carried to the next one."""

from __future__ import annotations

from typing import ClassVar

from skimp.codec_schedule import CodecSchedule
from skimp.codecs import Codec
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.state import State
from skimp.trees import Leaf


class ErrorFeedback(State):
    """A codec with memory, for the ``codec=`` of a collective: one for each rank.

    codec
        Whose losses are remembered; or a `CodecSchedule`, such as `density_warm_up` makes.
    in_place
        Halves the memory; a call that fails may then leave a residual that is half one step's and
        half the next's.

    It binds to the first array, or bucket of arrays, that it sees: number, shapes and element
    types. Anything else raises `InvalidArgument` from then on; several arrays are kept apart by
    ``key=`` of the calls. Nothing is lost: over all ranks, inputs + old residuals =
    world_size · mean + new residuals, up to rounding.

    >>> import numpy as np, skimp
    >>> def worker(comm):
    ...     feedback = skimp.ErrorFeedback(skimp.TopK(k=1))
    ...     x = np.array([3, 2, 1], np.float32)
    ...     sums = sum(comm.allreduce(x, codec=feedback) for _ in range(30))
    ...     return sums / 30, feedback.step
    >>> mean, steps = skimp.run_threads(2, worker)[0]
    >>> np.allclose(mean, [3, 2, 1], atol=0.5), steps
    (True, 30)

    Seide et al. 2014; Stich et al. 2018.
    """

    _accepts: ClassVar[tuple[type, ...]] = (Codec, CodecSchedule)

    def __init__(self, codec: Codec | CodecSchedule, *, in_place: bool = False):
        super().__init__(codec, in_place=in_place)

    def residual(self, key: str | None = None) -> Values:
        """What has been left out so far, as numpy: in the shape of the array, flat for a bucket.

        The memory itself, float32 (float64 for float64 arrays): current until the next call. If the
        array is on a device, a copy.
        """
        slot = self._slots.get(key)
        if slot is None:
            raise InvalidArgument(f"ErrorFeedback: no call has used key = {key!r} yet")
        values = slot.residual.values
        if isinstance(slot.signature, Leaf):
            values = values.reshape(slot.signature.shape)
        return values

    def rescale(self, factor: float) -> None:
        """Multiplies all residuals, as when a loss scale changes: ``new_scale / old_scale``."""
        for slot in self._slots.values():
            slot.residual.rescale(factor)
