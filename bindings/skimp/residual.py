"""What compressed steps left out of one array: the state of error feedback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from skimp import _objects, dtypes
from skimp.dtypes import DType, Values
from skimp.errors import InvalidArgument, UnsupportedType

_HOST = -1


class Residual:
    """`count` values of float32 (float64 for `dtype` float64), zeros at first.

    They are added to the next input, and become what that step leaves out. A call that raises
    changes nothing, because the values are double-buffered; ``in_place=True`` halves the memory
    and gives that up. `ErrorFeedback` makes residuals by itself; one made by hand is for `encode`.
    With `device`, a CUDA device's index, the values lie there, for arrays that do.

    >>> import numpy as np, skimp
    >>> residual = skimp.Residual(4)
    >>> sign = skimp.Sign()
    >>> x = np.array([1, 2, -3, 6], np.float32)
    >>> skimp.decode(sign.encode(x, residual))
    array([ 3.,  3., -3.,  3.], dtype=float32)
    >>> residual.values, residual.step
    (array([-2., -1.,  0.,  3.], dtype=float32), 1)
    """

    def __init__(
        self,
        count: int,
        dtype: str = "float32",
        *,
        in_place: bool = False,
        device: int | None = None,
    ):
        self._dtype = dtypes.accumulator(dtypes.named(dtype))
        self._in_place = in_place
        where = _HOST if device is None else device
        self._native = _objects.Residual(count, self._dtype.code, in_place, where)
        self._in_use = threading.Lock()

    @property
    def count(self) -> int:
        return self._native.count

    @property
    def dtype(self) -> str:
        """Of the values: "float32" or "float64"."""
        return self._dtype.name

    @property
    def step(self) -> int:
        """Calls that have succeeded with this residual."""
        return self._native.step

    @property
    def values(self) -> Values:
        """The memory itself, as a numpy array: of the current values until the next call. If they
        are on a device, a copy."""
        if self.device is None:
            return np.asarray(self._native)
        values = np.empty(self.count, self._dtype.storage)
        self._native.save(values)
        values.flags.writeable = False
        return values

    @property
    def device(self) -> int | None:
        """The CUDA device whose memory holds the values; None: the host's."""
        device = self._native.device
        return None if device == _HOST else device

    @property
    def memory(self) -> Values:
        """A copy of what the codec carries to the next call beside the values: the last Q of
        `LowRank`. Empty for other codecs, and before the first call."""
        return np.frombuffer(self._native.memory(), self._dtype.storage)

    def load(self, values: Values, step: int, memory: Values | None = None) -> None:
        """Copies `values` in, `count` of them, and the `memory` that was saved with them.

        Ranks check their steps, and memories, in the next call. A memory that is not of its codec's
        size is not used.
        """
        stored = self._dtype.storage
        remembered = np.empty(0, stored) if memory is None else np.asarray(memory)
        if remembered.dtype != stored:
            raise UnsupportedType(f"residual: memory is {remembered.dtype}, needs {self.dtype}")
        values = np.asarray(values)
        if values.dtype != self._dtype.storage:
            raise UnsupportedType(f"residual: values are {values.dtype}, need {self.dtype}")
        self._native.load(np.ascontiguousarray(values).reshape(-1), step)
        self._native.load_memory(remembered.tobytes())

    def rescale(self, factor: float) -> None:
        """Multiplies every value, as when a loss scale changes. The factor must be finite."""
        self._native.rescale(factor)

    def moved_to(self, device: int | None) -> Residual:
        """One that goes on where this one is, on another device or in host memory (None).

        Views of `values` stay those of this one.
        """
        moved = object.__new__(type(self))
        moved.__dict__.update(self.__dict__)
        moved._native = self._native.copied_to(_HOST if device is None else device)
        moved._in_use = threading.Lock()
        return moved

    @contextmanager
    def lend(self) -> Iterator[int]:
        """The handle for one call; a second call at the same time is refused."""
        if not self._in_use.acquire(blocking=False):
            raise InvalidArgument(
                "residual: another thread is in a call with it; each rank needs its own "
                "Residual or ErrorFeedback"
            )
        try:
            yield self._native.handle
        finally:
            self._in_use.release()

    def fits(self, count: int, dtype: DType) -> bool:
        """Whether it is one for `count` elements of `dtype`."""
        return self.count == count and self._dtype is dtypes.accumulator(dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "values": self.values.copy(),
            "step": self.step,
            "memory": self.memory,
            "in_place": self._in_place,
            "device": self.device,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        values = state["values"]
        self.__init__(  # type: ignore[misc]
            values.size, values.dtype.name, in_place=state["in_place"], device=state["device"]
        )
        self.load(values, state["step"], state["memory"])

    def __repr__(self) -> str:
        place = "" if self.device is None else f", device={self.device}"
        return f"skimp.Residual({self.count}, {self.dtype!r}{place}) at step {self.step}"


def lent(residual: Residual | None) -> AbstractContextManager[int]:
    """The handle for one call; 0 for None."""
    return nullcontext(0) if residual is None else residual.lend()
