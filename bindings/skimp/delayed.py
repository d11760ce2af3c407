"""Delayed means: the mean of an earlier step is used while the present one is on its way."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np

from skimp.codec_arguments import CodecLike
from skimp.collectives import Collectives
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.feedback import ErrorFeedback
from skimp.packing import Packed, Target, copied
from skimp.variants import FeedbackVariant


class Delayed:
    """Allreduce with bounded asynchrony: one for each rank.

    steps
        τ, how many steps later a mean comes, equal on all ranks. 0 waits for it at once.
    codec, broadcast_codec, algorithm, nonfinite
        Of every allreduce. Its feedback is used in the order of the steps.

    A thread of its own carries the calls, one after the other, so the time of a step is the larger
    of computation and communication instead of their sum. Until `flush` has returned the
    communicator belongs to that thread: make no other call of it, nor of what was split from it.
    Under MPI that takes MPI_THREAD_SERIALIZED at least; mpi4py asks for more by itself.

    Nothing is lost: the means of the last τ steps are those that `flush` returns. If a step failed,
    its exception is raised by the call that would have returned its mean. As a context manager it
    ends its thread; an exception that leaves the block first waits for the call under way.

    >>> import numpy as np, skimp
    >>> def worker(comm):
    ...     with skimp.Delayed(steps=2) as delayed:
    ...         means = [delayed.step(comm, np.full(1, t, np.float32)) for t in range(4)]
    ...         return means, delayed.flush()
    >>> skimp.run_threads(2, worker)[0]
    ([None, None, array([0.], dtype=float32), array([1.], dtype=float32)], \
[array([2.], dtype=float32), array([3.], dtype=float32)])

    Stale gradients want a smaller learning rate, about in proportion to 1/τ at large τ (Stich and
    Karimireddy 2020, who treat delays as an error that feedback corrects).
    """

    def __init__(
        self,
        steps: int,
        codec: CodecLike | FeedbackVariant = None,
        **options: Any,
    ):
        if steps < 0:
            raise InvalidArgument(f"Delayed: steps = {steps}, needs 0 or more")
        unknown = options.keys() - {"broadcast_codec", "algorithm", "nonfinite"}
        if unknown:
            raise InvalidArgument(f"Delayed: {sorted(unknown)} is no option of it")
        self._steps = steps
        self._codec = codec
        self._options = options
        self._pending: deque[Future[Any]] = deque()
        self._loaded: deque[Values] = deque()  # means of before the state was saved
        self._thread: ThreadPoolExecutor | None = None

    def step(self, comm: Collectives, x: Any) -> Any:
        """Hands `x` over, a copy of it, and returns the mean of what came `steps` calls before.

        None in the first `steps` calls, and for what ``nonfinite="skip"`` skipped. An array or a
        bucket of arrays, of any kind; the result is of the same.
        """
        mine = copied(x)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="skimp.Delayed")
        self._pending.append(self._thread.submit(self._reduce, comm, mine))
        if len(self._loaded) + len(self._pending) <= self._steps:
            return None
        if self._loaded:
            return _of_kind(x, self._loaded.popleft())
        return self._pending.popleft().result()

    def _reduce(self, comm: Collectives, x: Any) -> Any:
        return comm.allreduce(x, codec=self._codec, **self._options)

    def flush(self) -> list[Any]:
        """Waits for all steps under way and returns their means, in order.

        The communicator is free again, and this can be used anew. Raises the first failure; the
        means that are left then come from the next `flush`.
        """
        means = []
        if self._loaded:
            raise InvalidArgument(
                f"Delayed: {len(self._loaded)} loaded means wait for steps, which say what kind of "
                "array they are"
            )
        while self._pending:
            means.append(self._pending.popleft().result())
        self._end_thread()
        return means

    def state_dict(self) -> dict[str, Values]:
        """Waits for the steps under way; copies of their means, and the state of the feedback.

        All ranks must do so after the same step.
        """
        means = [future.result() for future in self._pending]
        if any(mean is None for mean in means):
            raise InvalidArgument("Delayed: a step under way was skipped; save before or later")
        if isinstance(self._codec, (ErrorFeedback, FeedbackVariant)):
            state = self._codec.state_dict()
        else:
            state = {}
        saved = [*self._loaded, *(Packed(mean).widened() for mean in means)]
        for number, values in enumerate(saved):
            state[f"{_MEAN}{number}"] = values.copy()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over a `state_dict`, while no step is under way.

        Raises `InvalidArgument`, and changes nothing, when it has too many means or does not fit.
        """
        if self._pending:
            raise InvalidArgument(
                f"Delayed: {len(self._pending)} steps are under way: flush() first"
            )
        means = {name: np.array(state[name]) for name in state if name.startswith(_MEAN)}
        if len(means) > self._steps:
            raise InvalidArgument(
                f"Delayed: {len(means)} means in the state, steps = {self._steps}"
            )
        rest = {name: state[name] for name in state if name not in means}
        if isinstance(self._codec, (ErrorFeedback, FeedbackVariant)):
            self._codec.load_state_dict(rest)
        elif rest:
            raise InvalidArgument(f"Delayed: has no feedback, the state has {sorted(rest)}")
        self._loaded = deque(means[f"{_MEAN}{number}"] for number in range(len(means)))

    def _end_thread(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
            self._thread = None

    def __enter__(self) -> Delayed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_thread()
        if error is None and self._pending:
            raise InvalidArgument(
                f"Delayed: {len(self._pending)} means were not taken: call flush() before the end"
            )

    def __repr__(self) -> str:
        return f"skimp.Delayed({self._steps}, {self._codec!r}) with {len(self._pending)} under way"


_MEAN = "delayed_mean_"


def _of_kind(x: Any, widened: Values) -> Any:
    packed = Packed(x)
    if widened.size != packed.count:
        raise InvalidArgument(
            f"Delayed: the loaded mean has {widened.size} elements, got {packed.count}"
        )
    return Target(packed, None).finish_with(widened)
