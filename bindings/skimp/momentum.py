"""Momentum correction: momentum before compression, so that late values arrive as if in time."""

from __future__ import annotations

from math import isfinite
from typing import Any

from skimp import _objects
from skimp.codec_schedule import CodecSchedule
from skimp.codecs import Codec
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.residual import Residual
from skimp.variants import FeedbackVariant, VariantResidual


class MomentumCorrection(FeedbackVariant):
    """Feedback that accumulates velocities rather than gradients, for the ``codec=`` of allreduce.

    codec
        One that keeps few elements, or a `CodecSchedule`, such as `density_warm_up` makes.
    momentum
        From 0 to below 1. Replaces the optimiser's: step by ``−learning_rate · result``.
    clip
        Each rank's gradient (of a bucket, all of it) is scaled down to a 2-norm of
        ``clip / sqrt(world_size)``, which about clips their sum to `clip`. None does not.
    masking
        Stops the momentum of elements when they are sent, so that old gradients do not drive them
        on. Only for codecs that leave most elements out: others send all of them in every step,
        and so does a single rank; nothing of the momentum would remain.

    A step of a rank, with velocity u and residual v:

    1. u ← momentum · u + clipped gradient;
    2. v + u is compressed and reduced, v keeps what is left out;
    3. u ← 0 where more than half of v + u was delivered.

    Sums of velocities, not of gradients, because the optimiser's momentum acts on a delayed sum of
    gradients as if all of them had just come. Over all ranks velocities + old residuals =
    world_size · result + new residuals, up to rounding.

    Lin et al. 2018 (Deep Gradient Compression, algorithm 4). They mask v and u where v was sent;
    here v is the residual, so that rounding and the second phase's losses stay in it, and those
    losses mask nothing.

    >>> import numpy as np, skimp
    >>> def worker(comm):
    ...     x = np.array([4, 1], np.float32)
    ...     corrected = skimp.MomentumCorrection(skimp.TopK(k=1), momentum=0.5)
    ...     return [comm.allreduce(x, codec=corrected, algorithm="gather").tolist()
    ...             for _ in range(4)]
    >>> skimp.run_threads(2, worker)[0]  # velocities of the second: 1, 1.5, 1.75, 1.875
    [[4.0, 0.0], [4.0, 0.0], [0.0, 4.25], [10.0, 0.0]]
    """

    _fields = ("residual", "momentum")

    def __init__(
        self,
        codec: Codec | CodecSchedule,
        momentum: float = 0.9,
        *,
        clip: float | None = None,
        masking: bool = True,
    ):
        super().__init__(codec)
        if not 0 <= momentum < 1:
            raise InvalidArgument(f"MomentumCorrection: momentum = {momentum}, needs 0 <= m < 1")
        if clip is not None and not (clip > 0 and isfinite(clip)):
            raise InvalidArgument(f"MomentumCorrection: clip = {clip}, needs more than 0, or None")
        self._momentum = momentum
        self._clip = clip
        self._masking = masking

    def residual(self, key: str | None = None) -> Values:
        """What has been left out so far, one axis."""
        return self._array("residual", key)

    def _make_residual(self, count: int, dtype: str, device: int | None) -> Residual:
        options = self._momentum, self._clip or 0.0, self._masking

        def make(count: int, code: int) -> _objects.Residual:
            return _objects.Residual.momentum(count, code, *options)

        return VariantResidual(make, count, dtype).moved_to(device)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "options": (self._momentum, self._clip, self._masking)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._momentum, self._clip, self._masking = state["options"]
        super().__setstate__(state)
