"""State that calls keep for their arrays: one residual for each key, saved and loaded together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from skimp.codec_schedule import CodecSchedule
from skimp.codecs import Codec
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.packing import AnyPacked
from skimp.residual import Residual
from skimp.trees import Signature, describe


class _Slot:
    """The residual of one key. It may be there before the structure is known: after a load."""

    __slots__ = ("residual", "signature")

    def __init__(self, residual: Residual, signature: Signature | None):
        self.residual = residual
        self.signature = signature

    @property
    def is_unused(self) -> bool:
        return self.residual.step == 0 and not self.residual.values.any()


class State:
    """What `ErrorFeedback` and `Gossip` share: a codec, and state for each key.

    The state of a key binds to the first structure that it sees; another raises `InvalidArgument`.
    """

    _accepts: ClassVar[tuple[type, ...]] = (Codec,)
    """What it takes for a codec."""
    _vectors: ClassVar[int] = 1
    """Values of state for each element."""
    _fields: ClassVar[tuple[str, ...]] = ("residual",)
    """What a state_dict calls the arrays of a key, all of one size."""

    def __init__(self, codec: Codec | CodecSchedule, *, in_place: bool = False):
        if not isinstance(codec, self._accepts):
            raise InvalidArgument(f"{self._name()}: {codec!r} is not a codec")
        self._codec = codec
        self._in_place = in_place
        self._slots: dict[str | None, _Slot] = {}

    @classmethod
    def _name(cls) -> str:
        return cls.__name__

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

    def bind(self, packed: AnyPacked, key: str | None) -> Residual:
        """The residual of a key for this input; the first input makes it. It follows its array
        between devices and host memory."""
        slot = self._slots.get(key) or self._new_slot(packed, key)
        if slot.signature is None:
            self._require_fit(slot.residual, packed)
            slot.signature = packed.signature
        if slot.signature != packed.signature:
            if slot.is_unused:  # no call with it has succeeded: it may have been a mistake
                del self._slots[key]
                return self._new_slot(packed, key).residual
            raise InvalidArgument(
                f"{self._name()}: key {key!r} is bound to {describe(slot.signature)}, got "
                f"{describe(packed.signature)}; take another key= for another array"
            )
        if slot.residual.device != packed.device:
            slot.residual = slot.residual.moved_to(packed.device)
        return slot.residual

    def _new_slot(self, packed: AnyPacked, key: str | None) -> _Slot:
        if key is not None and not isinstance(key, str):
            raise InvalidArgument(f"key = {key!r} is neither text nor None")
        count = self._vectors * packed.count
        residual = self._make_residual(count, packed.dtype.name, packed.device)
        # Two ranks that share this object by mistake get one slot, and the residual notices.
        return self._slots.setdefault(key, _Slot(residual, packed.signature))

    def _make_residual(self, count: int, dtype: str, device: int | None) -> Residual:
        return Residual(count, dtype, in_place=self._in_place, device=device)

    def _values(self, residual: Residual, field: str) -> Values:
        """The memory of one of the `_fields`."""
        return residual.values

    def state_dict(self) -> dict[str, Values]:
        """Copies of everything, as numpy arrays: ``np.savez(file, **feedback.state_dict())``.

        The residual of key None is "residual" and "step", that of key "a" is "a.residual" and
        "a.step"; the residuals have one axis. (Of a Gossip "gossip" in place of "residual".) What
        the codec remembers beside them, if anything, is "memory" and "a.memory".
        """
        state = {}
        for key, slot in self._slots.items():
            if slot.is_unused:
                continue
            prefix = "" if key is None else f"{key}."
            for field in self._fields:
                state[f"{prefix}{field}"] = self._values(slot.residual, field).copy()
            state[f"{prefix}step"] = np.array(slot.residual.step, np.uint64)
            if slot.residual.memory.size:
                state[f"{prefix}memory"] = slot.residual.memory
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a `state_dict`, or the file that np.load opens; replaces what was there.

        Works before the first call too. Raises `InvalidArgument`, and changes nothing, when a
        residual does not fit the array that its key is bound to.
        """
        slots = {}
        for name in state:
            prefix, dot, field = name.rpartition(".")
            step, memory = f"{prefix}{dot}step", f"{prefix}{dot}memory"
            if field == "step" or (field == "memory" and step in state):
                continue
            if field not in self._fields or step not in state:
                raise InvalidArgument(f"{self._name()}: {name!r} is not from a state_dict")
            key = prefix if dot else None
            if key in slots:
                continue
            arrays = self._arrays_of(state, f"{prefix}{dot}")
            values = arrays[self._fields[0]]
            signature = self._check_loaded(key, values)
            residual = self._make_residual(values.size, values.dtype.name, None)
            remembered = np.asarray(state[memory]) if memory in state else None
            residual.load(np.zeros_like(values), int(state[step]), remembered)
            for field, array in arrays.items():
                self._values(residual, field)[...] = array.reshape(-1)
            slots[key] = _Slot(residual, signature)
        self._slots = slots

    def _arrays_of(self, state: Mapping[str, Any], prefix: str) -> dict[str, Values]:
        """All arrays of a key, of one shape and type."""
        arrays = {}
        for field in self._fields:
            if prefix + field not in state:
                raise InvalidArgument(f"{self._name()}: the state has no {prefix + field!r}")
            arrays[field] = np.asarray(state[prefix + field])
        first = arrays[self._fields[0]]
        for field, array in arrays.items():
            if (array.shape, array.dtype) != (first.shape, first.dtype):
                raise InvalidArgument(
                    f"{self._name()}: {field!r} of the state is {array.dtype}{array.shape}, "
                    f"{self._fields[0]!r} {first.dtype}{first.shape}"
                )
        return arrays

    def _check_loaded(self, key: str | None, values: Values) -> Signature | None:
        if values.dtype.name not in ("float32", "float64"):
            raise InvalidArgument(f"{self._name()}: a {self._fields[0]} of {values.dtype}")
        slot = self._slots.get(key)
        if slot is None or slot.signature is None:
            return None
        if slot.residual.count != values.size or slot.residual.dtype != values.dtype.name:
            raise InvalidArgument(
                f"{self._name()}: key {key!r} is bound to {describe(slot.signature)}, the state "
                f"has a {self._fields[0]} of {values.size} {values.dtype}"
            )
        return slot.signature

    def _require_fit(self, residual: Residual, packed: AnyPacked) -> None:
        if not residual.fits(self._vectors * packed.count, packed.dtype):
            raise InvalidArgument(
                f"{self._name()}: the loaded {self._fields[0]} has {residual.count} "
                f"{residual.dtype}, got {describe(packed.signature)}"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {"codec": self._codec, "in_place": self._in_place, "state": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._codec, self._in_place = state["codec"], state["in_place"]
        self._slots = {}
        self.load_state_dict(state["state"])

    def __repr__(self) -> str:
        return f"skimp.{self._name()}({self._codec!r}) at step {self.step}"
