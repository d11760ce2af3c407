"""What the variants of error feedback share: arrays kept beside a residual."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from skimp import dtypes
from skimp.choices import OPS, NonFinite, Op, choose
from skimp.codec_schedule import CodecSchedule
from skimp.codecs import Codec
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.feedback import ErrorFeedback
from skimp.packing import Packed, Target, one_axis
from skimp.trees import Signature, describe

if TYPE_CHECKING:
    from skimp.collectives import Collectives

Arrays = Mapping[str, Values]
Reduce = Callable[[Values], "Values | None"]
"""Means over all ranks, through the residual; None where non-finite input was skipped."""


class _Kept(NamedTuple):
    """The arrays of one key. Their structure is not known yet after a load."""

    arrays: Arrays
    signature: Signature | None


class FeedbackVariant(ABC):
    """A codec with more memory than a residual, for the ``codec=`` of allreduce: one a rank.

    A variant computes before and after an allreduce with classic feedback, on arrays of one axis in
    float32 (float64 for float64 input), which is also what travels; the result has the input's
    type. As `ErrorFeedback`, it binds to the first array or bucket that it sees, keeps several
    apart by ``key=``, and changes nothing in a call that raises.
    """

    _fields: ClassVar[tuple[str, ...]]
    """Names of the arrays it keeps, zeros at first."""

    def __init__(self, codec: Codec | CodecSchedule):
        self._feedback = ErrorFeedback(codec)
        self._kept: dict[str | None, _Kept] = {}

    @property
    def codec(self) -> Codec:
        """Of the next call."""
        return self._feedback.codec

    @property
    def step(self) -> int:
        """Calls that have succeeded; with several keys, those of the key that has most."""
        return self._feedback.step

    def rescale(self, factor: float) -> None:
        """Multiplies all that it keeps, as when a loss scale changes: ``new_scale / old_scale``."""
        if not isfinite(factor):
            raise InvalidArgument(f"{self._name}: rescale by {factor}, needs a finite factor")
        self._feedback.rescale(factor)
        for kept in self._kept.values():
            for values in kept.arrays.values():
                values *= values.dtype.type(factor)

    def allreduce(
        self,
        comm: Collectives,
        x: Any,
        *,
        broadcast_codec: Codec | None = None,
        op: Op = "mean",
        trim: int | None = None,
        algorithm: str | None = None,
        out: Any = None,
        nonfinite: NonFinite = "propagate",
        key: str | None = None,
    ) -> Any:
        """What ``comm.allreduce(x, codec=self, ...)`` does."""
        packed = Packed(x)
        target = Target(packed, out)
        choose("op", op, OPS)
        if op not in ("mean", "sum") or trim is not None:
            raise InvalidArgument(f"{self._name}: reduces to a mean or sum, not op = {op!r}")

        def reduce(values: Values) -> Values | None:
            reduced = comm.allreduce(
                packed.in_shape(values),
                codec=self._feedback,
                broadcast_codec=broadcast_codec,
                algorithm=algorithm,
                nonfinite=nonfinite,
                key=key,
            )
            return None if reduced is None else one_axis(reduced)

        kept = self._arrays_for(packed, key)
        with np.errstate(invalid="ignore", over="ignore"):  # NaN and Inf are the call's to handle
            reduced = self._reduce(packed.widened(), kept, reduce, comm._native.world_size, key)
            if reduced is None:
                return None
            mean, arrays = reduced
            if op == "sum":
                mean = mean * mean.dtype.type(comm._native.world_size)
            result = target.finish_with(mean)
        self._kept[key] = _Kept(arrays, packed.signature)
        return result

    @abstractmethod
    def _reduce(
        self, x: Values, kept: Arrays, reduce: Reduce, world_size: int, key: str | None
    ) -> tuple[Values, Arrays] | None:
        """The mean and what is kept from now on; None if the call was skipped. Writes to neither
        of its arrays."""

    def _arrays_for(self, packed: Packed, key: str | None) -> Arrays:
        kept = self._kept.get(key)
        wide = dtypes.accumulator(packed.dtype).storage
        if kept is None:
            return {field: np.zeros(packed.count, wide) for field in self._fields}
        if kept.signature is not None and kept.signature != packed.signature:
            raise InvalidArgument(
                f"{self._name}: key {key!r} is bound to {describe(kept.signature)}, got "
                f"{describe(packed.signature)}; take another key= for another array"
            )
        one = kept.arrays[self._fields[0]]
        if one.size != packed.count or one.dtype != wide:
            raise InvalidArgument(
                f"{self._name}: the loaded state has {one.size} {one.dtype}, got "
                f"{describe(packed.signature)}"
            )
        return kept.arrays

    def state_dict(self) -> dict[str, Values]:
        """Copies of everything, as numpy arrays of one axis, named as by `ErrorFeedback`."""
        state = self._feedback.state_dict()
        for key, kept in self._kept.items():
            for field in self._fields:
                state[_name(key, field)] = kept.arrays[field].copy()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a `state_dict`, or the file that np.load opens; replaces what was there.

        Raises `InvalidArgument`, and changes nothing, when something is missing or does not fit.
        """
        kept = {}
        for name in state:
            prefix, dot, field = name.rpartition(".")
            if field == "step":
                key = prefix if dot else None
                kept[key] = _Kept(self._loaded(state, key), self._signature_of(key))
        known = {_name(key, field) for key in kept for field in self._fields}
        self._feedback.load_state_dict({n: state[n] for n in state if n not in known})
        self._kept = kept

    def _loaded(self, state: Mapping[str, Any], key: str | None) -> Arrays:
        names = ["residual", *self._fields]
        for name in names:
            if _name(key, name) not in state:
                raise InvalidArgument(f"{self._name}: the state has no {_name(key, name)!r}")
        residual, *arrays = (np.array(state[_name(key, name)]) for name in names)
        for name, array in zip(self._fields, arrays, strict=True):
            if array.shape != residual.shape or array.dtype != residual.dtype:
                raise InvalidArgument(
                    f"{self._name}: {name!r} of the state is {array.dtype}{array.shape}, its "
                    f"residual {residual.dtype}{residual.shape}"
                )
        return dict(zip(self._fields, arrays, strict=True))

    def _signature_of(self, key: str | None) -> Signature | None:
        kept = self._kept.get(key)
        return None if kept is None else kept.signature

    def _array(self, field: str, key: str | None) -> Values:
        kept = self._kept.get(key)
        if kept is None:
            raise InvalidArgument(f"{self._name}: no call has used key = {key!r} yet")
        return kept.arrays[field]

    @property
    def _name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        return f"skimp.{self._name}({self.codec!r}) at step {self.step}"


def _name(key: str | None, field: str) -> str:
    return field if key is None else f"{key}.{field}"
