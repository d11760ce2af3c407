"""EF21: compressed differences between gradients and what was delivered of them so far."""

from __future__ import annotations

from skimp import _objects
from skimp.codec_schedule import CodecSchedule
from skimp.codecs import Codec
from skimp.dtypes import Values
from skimp.residual import Residual
from skimp.variants import FeedbackVariant, VariantResidual


class EF21(FeedbackVariant):
    """Feedback that keeps an estimate of each rank's gradient, for the ``codec=`` of allreduce.

    codec
        A codec, or a `CodecSchedule`.

    A step of rank i, whose estimate gᵢ is zero at first:

    1. the difference xᵢ − gᵢ is compressed and reduced;
    2. gᵢ grows by what was delivered of it, the difference less what was left out;
    3. the result g, the mean of all gᵢ, grows by the mean that was delivered.

    Differences shrink as training converges, whereas residuals do not, so with exact gradients the
    error vanishes without a shrinking learning rate. With the noise of small batches classic
    feedback is usually better: EF21 follows gradients late and never sums up what it left out.
    Where a result is not finite the estimates stay as they were.

    Richtárik et al. 2021, where all ranks send to a server that sends a dense mean back; here the
    sum travels compressed too, and what that leaves out counts as not delivered for the owner of
    the shard. Over all ranks, estimates = world_size · result, up to rounding.

    >>> import numpy as np, skimp
    >>> def worker(comm):
    ...     x = np.array([3, 2, 1], np.float32) * (comm.rank + 1)
    ...     ef21 = skimp.EF21(skimp.TopK(k=1))
    ...     return [comm.allreduce(x, codec=ef21, algorithm="gather").tolist() for _ in range(3)]
    >>> skimp.run_threads(2, worker)[0]
    [[4.5, 0.0, 0.0], [4.5, 3.0, 0.0], [4.5, 3.0, 1.5]]
    """

    _fields = ("estimate", "mean")

    def __init__(self, codec: Codec | CodecSchedule):
        super().__init__(codec)

    def estimate(self, key: str | None = None) -> Values:
        """What has been delivered of this rank's gradient, one axis. Not to be written to."""
        return self._array("estimate", key)

    def _make_residual(self, count: int, dtype: str, device: int | None) -> Residual:
        return VariantResidual(_objects.Residual.ef21, count, dtype).moved_to(device)
