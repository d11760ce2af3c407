"""Plans: choose once, run often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skimp import _calls, _objects
from skimp.choices import ALLREDUCE, NONFINITE, OPS, NonFinite, Op, choose
from skimp.codec_arguments import CodecLike, codec_of, residual_of
from skimp.codecs import Codec
from skimp.errors import InvalidArgument
from skimp.feedback import ErrorFeedback
from skimp.packing import packed as packed_input
from skimp.report import Report
from skimp.residual import lent
from skimp.trees import describe

if TYPE_CHECKING:
    from skimp.communicator import Communicator


class Plan:
    """An allreduce that is ready to run; made by `Communicator.plan_allreduce`.

    Running it chooses nothing and allocates no workspace; with ``out=`` it allocates no result.
    """

    def __init__(
        self,
        communicator: Communicator,
        like: Any,
        codec: CodecLike,
        broadcast_codec: Codec | None,
        op: Op,
        trim: int | None,
        algorithm: str | None,
        nonfinite: NonFinite,
        key: str | None,
    ):
        packed = packed_input(like)
        self._communicator = communicator
        self._signature = packed.signature
        self._codec = codec
        self._key = key
        self._device = packed.device
        residual_of(codec, packed, key)  # refuses now what a run would refuse
        if isinstance(codec, ErrorFeedback) and codec.is_scheduled:
            raise InvalidArgument(f"plan: its codec is fixed, that of {codec!r} changes")
        up, down = codec_of(codec, packed, key), codec_of(broadcast_codec, packed, None)
        self._native = _objects.Plan(
            communicator._native,
            ALLREDUCE,
            packed.count,
            packed.dtype.code,
            None if up is None else up._native,
            None if down is None else down._native,
            algorithm,
            choose("op", op, OPS),
            choose("nonfinite", nonfinite, NONFINITE),
            trim or 0,
            packed.place[0],
        )

    def run(self, x: Any, out: Any = None) -> Any:
        """As `Communicator.allreduce`: collective, the result is of the kind of `x`, or `out`.

        Raises `InvalidArgument` when `x` is not of the shape and type that the plan was made for.
        Returns None when non-finite input was to be skipped.
        """
        packed = packed_input(x)
        if packed.signature != self._signature:
            raise InvalidArgument(
                f"plan: made for {describe(self._signature)}, got {describe(packed.signature)}"
            )
        if packed.device != self._device:
            made, given = _place(self._device), _place(packed.device)
            raise InvalidArgument(f"plan: made for an array {made}, got one {given}")
        target = packed.target(out)
        residual = residual_of(self._codec, packed, self._key)
        arguments = self._native.handle, packed.values, target.buffer
        kept = (packed, target, self)
        with lent(residual) as handle:
            written = self._communicator._keeping(
                kept, _calls.run_plan, *arguments, handle, *packed.place
            )
        return target.finish() if written else None

    @property
    def report(self) -> Report:
        """Of the last run; before the first, the prediction, with zeros for what is measured."""
        return Report(**self._native.report())

    @property
    def text(self) -> str:
        """Collective, count, element type, op, codecs and algorithm in words."""
        return self._native.text

    def __repr__(self) -> str:
        return f"<skimp.Plan: {self.text}>"


def _place(device: int | None) -> str:
    return "in host memory" if device is None else f"on device {device}"
