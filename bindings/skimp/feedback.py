"""Error feedback: what a step leaves out is carried to the next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skimp.codec_schedule import CodecSchedule
from skimp.codecs import Codec
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.packing import Packed
from skimp.residual import Residual
from skimp.trees import Leaf, Signature, describe


class _Slot:
    """The residual of one key. It may be there before the structure is known: after a load."""

    __slots__ = ("residual", "signature")

    def __init__(self, residual: Residual, signature: Signature | None):
        self.residual = residual
        self.signature = signature

    @property
    def is_unused(self) -> bool:
        return self.residual.step == 0 and not self.residual.values.any()


class ErrorFeedback:
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

    def __init__(self, codec: Codec | CodecSchedule, *, in_place: bool = False):
        if not isinstance(codec, (Codec, CodecSchedule)):
            raise InvalidArgument(f"ErrorFeedback: {codec!r} is not a codec")
        self._codec = codec
        self._in_place = in_place
        self._slots: dict[str | None, _Slot] = {}

    @property
    def codec(self) -> Codec:
        """That of the next call, at `step`."""
        return self._codec if isinstance(self._codec, Codec) else self._codec.codec_at(self.step)

    @property
    def is_scheduled(self) -> bool:
        """Whether the codec changes with the step."""
        return isinstance(self._codec, CodecSchedule)

    def codec_for(self, key: str | None) -> Codec:
        """That of the key's next call."""
        if isinstance(self._codec, Codec):
            return self._codec
        slot = self._slots.get(key)
        return self._codec.codec_at(0 if slot is None else slot.residual.step)

    @property
    def step(self) -> int:
        """Calls that have succeeded; with several keys, those of the key that has most."""
        return max((slot.residual.step for slot in self._slots.values()), default=0)

    def residual(self, key: str | None = None) -> Values:
        """What has been left out so far, as numpy: in the shape of the array, flat for a bucket.

        The memory itself, float32 (float64 for float64 arrays): current until the next call.
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

    def bind(self, packed: Packed, key: str | None) -> Residual:
        """The residual of a key for this input; the first input makes it."""
        slot = self._slots.get(key) or self._new_slot(packed, key)
        if slot.signature is None:
            _require_fit(slot.residual, packed)
            slot.signature = packed.signature
        if slot.signature != packed.signature:
            if slot.is_unused:  # no call with it has succeeded: it may have been a mistake
                del self._slots[key]
                return self._new_slot(packed, key).residual
            raise InvalidArgument(
                f"ErrorFeedback: key {key!r} is bound to {describe(slot.signature)}, got "
                f"{describe(packed.signature)}; take another key= for another array"
            )
        return slot.residual

    def _new_slot(self, packed: Packed, key: str | None) -> _Slot:
        if key is not None and not isinstance(key, str):
            raise InvalidArgument(f"key = {key!r} is neither text nor None")
        residual = Residual(packed.count, packed.dtype.name, in_place=self._in_place)
        # Two ranks that share this object by mistake get one slot, and the residual notices.
        return self._slots.setdefault(key, _Slot(residual, packed.signature))

    def state_dict(self) -> dict[str, Values]:
        """Copies of everything, as numpy arrays: ``np.savez(file, **feedback.state_dict())``.

        The residual of key None is "residual" and "step", that of key "a" is "a.residual" and
        "a.step"; the residuals have one axis.
        """
        state = {}
        for key, slot in self._slots.items():
            if slot.is_unused:
                continue
            prefix = "" if key is None else f"{key}."
            state[f"{prefix}residual"] = slot.residual.values.copy()
            state[f"{prefix}step"] = np.array(slot.residual.step, np.uint64)
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a `state_dict`, or the file that np.load opens; replaces what was there.

        Works before the first call too. Raises `InvalidArgument`, and changes nothing, when a
        residual does not fit the array that its key is bound to.
        """
        slots = {}
        for name in state:
            prefix, dot, field = name.rpartition(".")
            if field == "step":
                continue
            step = f"{prefix}{dot}step"
            if field != "residual" or step not in state:
                raise InvalidArgument(f"ErrorFeedback: {name!r} is not from a state_dict")
            values = np.asarray(state[name])
            key = prefix if dot else None
            signature = self._check_loaded(key, values)
            residual = Residual(values.size, values.dtype.name, in_place=self._in_place)
            residual.load(values, int(state[step]))
            slots[key] = _Slot(residual, signature)
        self._slots = slots

    def _check_loaded(self, key: str | None, values: Values) -> Signature | None:
        if values.dtype.name not in ("float32", "float64"):
            raise InvalidArgument(f"ErrorFeedback: a residual of {values.dtype} in the state")
        slot = self._slots.get(key)
        if slot is None or slot.signature is None:
            return None
        if slot.residual.count != values.size or slot.residual.dtype != values.dtype.name:
            raise InvalidArgument(
                f"ErrorFeedback: key {key!r} is bound to {describe(slot.signature)}, the state has "
                f"a residual of {values.size} {values.dtype}"
            )
        return slot.signature

    def __getstate__(self) -> dict[str, Any]:
        return {"codec": self._codec, "in_place": self._in_place, "state": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._codec, self._in_place = state["codec"], state["in_place"]
        self._slots = {}
        self.load_state_dict(state["state"])

    def __repr__(self) -> str:
        return f"skimp.ErrorFeedback({self._codec!r}) at step {self.step}"


def _require_fit(residual: Residual, packed: Packed) -> None:
    if not residual.fits(packed.count, packed.dtype):
        raise InvalidArgument(
            f"ErrorFeedback: the loaded residual has {residual.count} {residual.dtype}, got "
            f"{describe(packed.signature)}"
        )
