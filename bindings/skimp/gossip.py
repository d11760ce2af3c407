"""Gossip: averaging with neighbours only."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from skimp import _objects
from skimp.codecs import Codec, Identity
from skimp.dtypes import Values
from skimp.errors import InvalidArgument
from skimp.packing import AnyPacked
from skimp.residual import Residual
from skimp.state import State

GraphName = Literal["ring", "torus", "exponential", "complete"]


class Graph:
    """Who mixes with whom, and with which weight: a matrix W that is the same on all ranks.

    graph
        "ring"; "torus", the most even rows x columns, not for a prime number of ranks;
        "exponential", whose neighbours are 1, 2, 4, ... ranks away in both directions; "complete".
        An edge weighs 1 / (1 + the larger number of neighbours of its two ends), a rank itself the
        rest (Metropolis). Or W itself, of shape (P, P): symmetric, not negative, with rows that sum
        to 1, and connected. Anything else raises `InvalidArgument`.
    world_size
        P; needed with a name.

    >>> import skimp
    >>> ring = skimp.Graph("ring", 4)
    >>> ring.weights[0].round(2), round(ring.spectral_gap, 3)
    (array([0.33, 0.33, 0.  , 0.33]), 0.667)
    """

    def __init__(self, graph: GraphName | npt.ArrayLike, world_size: int | None = None):
        if isinstance(graph, str):
            if world_size is None:
                raise InvalidArgument(f"Graph: {graph!r} of how many ranks? Pass world_size")
            self._given: Any = graph
            self._native = _objects.Graph.named(graph, world_size)
            return
        weights = np.array(graph, np.float64, order="C")
        if weights.ndim != 2 or weights.shape[0] != weights.shape[1] or weights.size == 0:
            raise InvalidArgument(f"Graph: weights of shape {weights.shape}, need (P, P)")
        if world_size not in (None, len(weights)):
            raise InvalidArgument(f"Graph: weights of {len(weights)} ranks, not of {world_size}")
        self._given = weights
        self._native = _objects.Graph.of_weights(weights)

    @property
    def world_size(self) -> int:
        return self._native.world_size

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """W, of shape (P, P)."""
        ranks = range(self.world_size)
        return np.array([[self._native.weight(a, b) for b in ranks] for a in ranks])

    @property
    def handle(self) -> int:
        """The address of the C object, for code that calls the C interface."""
        return self._native.handle

    @property
    def spectral_gap(self) -> float:
        """1 - the second largest magnitude of W's eigenvalues.

        A step of plain gossip leaves at most (1 - gap)² of the squared distance of all ranks to
        their mean. 1 for "complete", of order 1 / P² for "ring".
        """
        return self._native.spectral_gap

    def step_size(self, codec: Codec | None, count: int) -> float:
        """What `Gossip` uses by default for arrays of `count` elements."""
        return self._native.step_size((codec or Identity())._native, count)

    def __reduce__(self) -> tuple[Any, ...]:
        return Graph, (self._given, self.world_size)

    def __repr__(self) -> str:
        return f"<skimp.Graph of {self.world_size} ranks, spectral gap {self.spectral_gap:.3g}>"


class Gossip(State):
    """A codec, a graph and the state of `Communicator.mix`: one for each rank.

    codec
        Must be a contraction, so no stochastic rounding. None, or `Identity`, sends the values
        themselves and keeps no state.
    graph
        A name or matrix, as for `Graph`, or a `Graph`; the same on all ranks.
    step_size
        How far a step goes towards the neighbours, above 0 and at most 1. None takes
        ``Graph.step_size``: 1 without a lossy codec; else the part of the squared norm that a
        payload delivers, k / n of a sparse codec, of the others that of normal values (`Sign` about
        0.65, 2 bits 0.4, 8 bits 1), and less where neighbours outweigh ranks themselves.
        Distances that grow ask for a smaller one.
    in_place
        Halves the memory of the state; a call that fails may then leave it half one step's and half
        the next's, which no later step repairs.

    The state is three vectors of float32 (float64 for float64 arrays), double-buffered: minus the
    copy of the array that the neighbours know; the weighted sum of the differences between their
    copies and it; and what rounding took from that sum, which would move the mean. Ranks send what
    changed against the copy, so what is sent, and what it leaves out, vanishes as they agree.

    State binds to arrays by ``key=`` as that of `ErrorFeedback` does, and is saved and loaded the
    same way. All ranks must have it: who lost it would send differences to a copy that the
    neighbours do not have. After a failed call some ranks may have done the step and others not:
    load what all saved at one step.

    >>> import numpy as np, skimp
    >>> def worker(comm):
    ...     gossip = skimp.Gossip(skimp.TopK(0.25), graph="ring")
    ...     x = np.full(8, comm.rank, np.float32)
    ...     for _ in range(100):
    ...         x = comm.mix(x, gossip)
    ...     return x
    >>> np.allclose(skimp.run_threads(4, worker), 1.5)
    True

    Koloskova, Stich, Jaggi 2019 (CHOCO-SGD). With ``x = comm.mix(x - rate * gradient, gossip)`` in
    every step it is decentralised training.
    """

    _vectors = 3
    _fields = ("gossip",)

    def __init__(
        self,
        codec: Codec | None,
        *,
        graph: GraphName | npt.ArrayLike | Graph = "ring",
        step_size: float | None = None,
        in_place: bool = False,
    ):
        super().__init__(Identity() if codec is None else codec, in_place=in_place)
        if step_size is not None and not 0 < step_size <= 1:
            raise InvalidArgument(f"Gossip: step_size = {step_size} is not above 0 and at most 1")
        self._step_size = step_size
        self._given = graph
        self._graph = graph if isinstance(graph, Graph) else None

    def graph(self, world_size: int) -> Graph:
        """The graph of so many ranks."""
        if self._graph is None or self._graph.world_size != world_size:
            given = self._given
            self._graph = Graph(given._given if isinstance(given, Graph) else given, world_size)
        return self._graph

    def state(self, key: str | None = None) -> Values:
        """The state of a key, of shape (3, elements): see above.

        The memory itself, current until the next call. If the array is on a device, a copy.
        """
        slot = self._slots.get(key)
        if slot is None:
            raise InvalidArgument(f"Gossip: no call has used key = {key!r} yet, or none is kept")
        return slot.residual.values.reshape(self._vectors, -1)

    @property
    def keeps_state(self) -> bool:
        """Whether the codec leaves something out."""
        return not isinstance(self._codec, Identity)

    @property
    def step_size(self) -> float | None:
        """What was asked for; None: the default."""
        return self._step_size

    def bind_if_lossy(self, packed: AnyPacked, key: str | None) -> Residual | None:
        """The state of a key for this input; None where none is kept."""
        return self.bind(packed, key) if self.keeps_state else None

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "graph": self._given, "step_size": self._step_size}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._given, self._step_size = state["graph"], state["step_size"]
        self._graph = self._given if isinstance(self._given, Graph) else None
        super().__setstate__(state)
