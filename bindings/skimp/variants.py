"""What the variants of error feedback share: arrays kept beside a residual."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from skimp import _objects, dtypes
from skimp.codec_schedule import CodecSchedule
from skimp.codecs import Codec
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.residual import Residual
from skimp.state import State


class VariantResidual(Residual):
    """A residual with arrays beside its values; `make` makes the native one."""

    def __init__(self, make: Callable[[int, int], _objects.Residual], count: int, dtype: str):
        self._dtype = dtypes.accumulator(dtypes.named(dtype))
        self._in_place = False
        self._native = make(count, self._dtype.code)
        self._in_use = threading.Lock()

    def array(self, name: str) -> Values:
        """The memory of an array, of one axis. If it is on a device, a copy."""
        if self.device is None:
            return np.asarray(self._native.array(name))
        values = np.empty(self.count, self._dtype.storage)
        self._native.save_array(name, values)
        values.flags.writeable = False
        return values


class FeedbackVariant(State):
    """A codec with more memory than a residual, for the ``codec=`` of allreduce: one a rank.

    A variant computes before and after an allreduce with classic feedback, in float32 (float64 for
    float64 input), which is also what travels; the result has the input's type. As `ErrorFeedback`,
    it binds to the first array or bucket that it sees, keeps several apart by ``key=``, and changes
    nothing in a call that raises.
    """

    _accepts: ClassVar[tuple[type, ...]] = (Codec, CodecSchedule)

    def rescale(self, factor: float) -> None:
        """Multiplies all that it keeps, as when a loss scale changes: ``new_scale / old_scale``."""
        for slot in self._slots.values():
            slot.residual.rescale(factor)

    def _values(self, residual: Residual, field: str) -> Values:
        if field == "residual":
            return residual.values
        assert isinstance(residual, VariantResidual)
        return residual.array(field)

    def _array(self, field: str, key: str | None) -> Values:
        slot = self._slots.get(key)
        if slot is None:
            raise InvalidArgument(f"{self._name()}: no call has used key = {key!r} yet")
        return self._values(slot.residual, field)
