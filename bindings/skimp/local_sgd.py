"""Local SGD: ranks train alone for some steps, then average how their models have changed."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeVar

import numpy as np

from skimp import _calls
from skimp.codec_arguments import CodecLike, handle_of
from skimp.codec_schedule import CodecSchedule
from skimp.codecs import Codec
from skimp.collectives import Collectives
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.feedback import ErrorFeedback
from skimp.packing import Packed, Target
from skimp.residual import Residual, lent
from skimp.trees import Signature, describe
from skimp.variants import FeedbackVariant

T = TypeVar("T")


class LocalSGD:
    """Averages parameters every `period` steps: one for each rank.

    period
        Steps between synchronisations, equal on all ranks. 1 synchronises in every step.
    codec
        Of the changes: a codec or `CodecSchedule`, which gets an `ErrorFeedback`, or feedback of
        your own. None sends everything.
    momentum
        Of the outer step, from 0 to below 1.
    learning_rate
        Of the outer step. 1 without momentum is plain averaging.
    nesterov
        Makes the momentum Nesterov's.

    At a synchronisation, with the parameters w that all ranks had at the last one and each rank's
    own wᵢ now:

    1. the changes wᵢ − w are reduced to their mean d, with feedback;
    2. velocity ← momentum · velocity + d;
    3. w ← w + learning_rate · velocity (Nesterov: d + momentum · velocity); all ranks go on from w,
       the same bits.

    w and the velocity are kept in float32 (float64 for float64 parameters), so that small changes
    of float16 parameters add up. Averaging once, at the end of training, is the limit of a large
    period; it fails where ranks have found different minima, between which the mean need not lie
    low (`examples/local_sgd.py`).

    Stich 2019; with outer momentum Wang et al. 2020 (SlowMo, whose α is `learning_rate`) and
    Douillard et al. 2023 (DiLoCo: momentum 0.9, learning rate 0.7, Nesterov).

    >>> import numpy as np, skimp
    >>> def worker(comm):
    ...     local = skimp.LocalSGD(period=3)
    ...     w = local.start(comm, np.zeros(1, np.float32))
    ...     for _ in range(6):
    ...         w = local.step(comm, w + comm.rank)
    ...     return w
    >>> skimp.run_threads(2, worker)
    [array([3.], dtype=float32), array([3.], dtype=float32)]
    """

    def __init__(
        self,
        period: int,
        codec: CodecLike | CodecSchedule | FeedbackVariant = None,
        *,
        momentum: float = 0.0,
        learning_rate: float = 1.0,
        nesterov: bool = False,
    ):
        if period < 1:
            raise InvalidArgument(f"LocalSGD: period = {period}, needs 1 or more")
        if not 0 <= momentum < 1:
            raise InvalidArgument(f"LocalSGD: momentum = {momentum}, needs 0 <= m < 1")
        if not (learning_rate > 0 and isfinite(learning_rate)):
            raise InvalidArgument(f"LocalSGD: learning_rate = {learning_rate}, needs more than 0")
        self._period = period
        self._feedback = codec if codec is None else _with_feedback(codec)
        self._momentum = momentum
        self._learning_rate = learning_rate
        self._nesterov = nesterov
        self._steps = 0
        self._anchor: Values | None = None
        self._velocity: Values | None = None
        self._signature: Signature | None = None

    @property
    def steps(self) -> int:
        """Calls of `step` that have succeeded."""
        return self._steps

    def start(self, comm: Collectives, parameters: T) -> T:
        """Rank 0's parameters, from which all ranks begin; forgets what was before but feedback.

        Collective. An array or a bucket of arrays, of any kind.
        """
        started = comm.broadcast(parameters)
        packed = Packed(started)
        self._anchor = packed.widened().copy()
        self._velocity = np.zeros_like(self._anchor)
        self._signature = packed.signature
        self._steps = 0
        return started

    def step(self, comm: Collectives, parameters: T) -> T:
        """To be called after each local step: what to go on from.

        That is `parameters` itself, or every `period` calls a new array with the parameters of all
        ranks. Collective then.
        """
        if (self._steps + 1) % self._period == 0:
            parameters = self.synchronise(comm, parameters)
        self._steps += 1
        return parameters

    def synchronise(self, comm: Collectives, parameters: T) -> T:
        """Averages now, whatever the period: as at the end of training. Collective.

        Raises `NonFiniteError` on every rank, and changes nothing, if some rank's parameters are
        not finite.
        """
        packed = Packed(parameters)
        anchor, velocity = self._require_fit(packed)
        target = Target(packed, None)
        codec: Codec | None = None
        residual: Residual | None = None
        if self._feedback is not None:
            codec = self._feedback.codec_for(None).bound_to(packed)
            residual = self._feedback.bind(packed, None)
        arrays = (_as_if_unrounded(packed, anchor), target.buffer, anchor, velocity)
        outer = (self._momentum, self._learning_rate, self._nesterov)
        with lent(residual) as handle:
            comm._keeping(
                (arrays, codec, self._feedback),
                *(_calls.synchronise, comm._native.handle, *arrays, packed.dtype.code),
                *(*outer, handle_of(codec), handle),
            )
        self._signature = packed.signature
        result: T = target.finish()
        return result

    def _require_fit(self, packed: Packed) -> tuple[Values, Values]:
        if self._anchor is None or self._velocity is None:
            raise InvalidArgument("LocalSGD: call start(comm, parameters) first")
        if self._signature is not None and self._signature != packed.signature:
            raise InvalidArgument(
                f"LocalSGD: started with {describe(self._signature)}, got "
                f"{describe(packed.signature)}"
            )
        if (self._anchor.size, self._anchor.dtype) != (packed.count, packed.widened().dtype):
            raise InvalidArgument(
                f"LocalSGD: the loaded state has {self._anchor.size} {self._anchor.dtype}, got "
                f"{describe(packed.signature)}"
            )
        return self._anchor, self._velocity

    def state_dict(self) -> dict[str, Values]:
        """Copies of everything, as numpy arrays; save a rank's own parameters beside it."""
        state = {} if self._feedback is None else self._feedback.state_dict()
        if self._anchor is not None and self._velocity is not None:
            state["anchor"] = self._anchor.copy()
            state["velocity"] = self._velocity.copy()
            state["steps"] = np.array(self._steps, np.uint64)
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a `state_dict` in place of `start`.

        Raises `InvalidArgument`, and changes nothing, when something is missing or does not fit.
        """
        own = {name: np.array(state[name]) for name in _OWN if name in state}
        rest = {name: state[name] for name in state if name not in _OWN}
        if len(own) not in (0, len(_OWN)):
            raise InvalidArgument(f"LocalSGD: the state has {sorted(own)}, needs {sorted(_OWN)}")
        if own and (own["anchor"].shape, own["anchor"].dtype) != (
            own["velocity"].shape,
            own["velocity"].dtype,
        ):
            raise InvalidArgument("LocalSGD: anchor and velocity of the state differ in type")
        if self._feedback is not None:
            self._feedback.load_state_dict(rest)
        elif rest:
            raise InvalidArgument(f"LocalSGD: has no feedback, the state has {sorted(rest)}")
        self._anchor, self._velocity = own.get("anchor"), own.get("velocity")
        self._steps = int(own.get("steps", 0))
        self._signature = None

    def __repr__(self) -> str:
        return f"skimp.LocalSGD(period={self._period}, {self._feedback!r}) at step {self._steps}"


_OWN = ("anchor", "velocity", "steps")


def _as_if_unrounded(packed: Packed, anchor: Values) -> Values:
    """The parameters; of a bucket of several types with what rounding took from its narrow ones
    added again, which is not a change of them: the library sees the widest type alone."""
    if all(leaf.dtype is packed.dtype for leaf in packed.leaves):
        return packed.values
    given = Packed(Target(packed, None).finish_with(anchor)).values
    with np.errstate(invalid="ignore"):
        restored: Values = packed.values + (anchor - given)
    return restored


def _with_feedback(
    codec: Codec | CodecSchedule | ErrorFeedback | FeedbackVariant,
) -> ErrorFeedback | FeedbackVariant:
    return codec if isinstance(codec, (ErrorFeedback, FeedbackVariant)) else ErrorFeedback(codec)
