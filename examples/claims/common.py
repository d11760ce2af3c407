"""What the claims share: data-parallel training on 8 ranks, tables, plots, the command line.

Imported before anything that loads numpy, whose threads it turns off.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the ranks are the parallelism
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import skimp
from skimp.bench import network

RANKS = 8
PATIENCE = 24 * 3600.0  # seconds that a rank waits: a machine may be put to sleep meanwhile
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Task:
    """A model and its data. Parameters are one flat array."""

    name: str
    steps: int
    rate: float
    """The learning rate, which falls linearly to 0 at the last step."""
    start: Callable[[int], Array]
    """Parameters, of a seed."""
    batches: Callable[[int, int], Iterator[Any]]
    """Of a rank and a seed."""
    gradient: Callable[[Array, Any], tuple[float, Array]]
    """Loss and gradient at parameters, of a batch."""
    accuracy: Callable[[Array], float]
    """On data that training does not see: of validation in a task for tuning, else of the test."""
    shapes: Sequence[tuple[int, ...]]
    """Of the matrices and vectors that the parameters are, one after the other."""
    warm_up: float = 0.0
    """Share of the steps in which the learning rate rises from 0."""

    def low_rank(self, rank: int) -> skimp.Codec:
        """`LowRank` of the matrices in the flat gradient."""
        shapes = "+".join("x".join(map(str, shape)) for shape in self.shapes)
        return skimp.codec(f"lowrank(rank={rank},shapes={shapes})")


def digits(sorted_by_class: bool = False, tuning: bool = False) -> Task:
    """The MLP of `skimp.bench`, 85002 parameters. Ranks have digits of all classes, or of few.

    For ``tuning`` every fifth digit of the training data is kept for validation.
    """
    train, test = network.digits()
    if tuning:
        kept = np.arange(len(train)) % 5 == 4
        train, test = (
            network.Samples(train.images[part], train.classes[part]) for part in (~kept, kept)
        )
    if sorted_by_class:
        order = np.argsort(train.classes, kind="stable")
        parts = np.array_split(order, RANKS)
    else:
        parts = [np.arange(rank, len(train), RANKS) for rank in range(RANKS)]
    mine = [network.Samples(train.images[part], train.classes[part]) for part in parts]
    return Task(
        "digits, MLP",
        400,
        0.05,
        network.initial_parameters,
        lambda rank, seed: mine[rank].batches(16, [seed, rank]),
        network.loss_and_gradient,
        lambda parameters: network.accuracy(parameters, test),
        [part.shape for layer in network.layers(network.initial_parameters(0)) for part in layer],
    )


class Training:
    """Of one rank: momentum, and the learning rate of the task."""

    def __init__(self, task: Task, steps: int, rank: int, seed: int, momentum: float = 0.9):
        self.task, self.steps, self.done = task, steps, 0
        self.parameters = task.start(seed)
        self.velocity = np.zeros_like(self.parameters)
        self.momentum = np.float32(momentum)
        self.batches = task.batches(rank, seed)
        self.losses: list[float] = []

    @property
    def rate(self) -> np.float32:
        """The learning rate of this step."""
        risen = (self.done + 1) / max(1.0, self.task.warm_up * self.steps)
        return np.float32(self.task.rate * min(1.0, risen) * (1 - self.done / self.steps))

    def gradients(self, at: Callable[[Array], Array] = lambda parameters: parameters) -> Any:
        """One a step, at the parameters or at what ``at`` makes of them; `descend` must follow."""
        while self.done < self.steps:
            loss, gradient = self.task.gradient(at(self.parameters), next(self.batches))
            self.losses.append(loss)
            yield gradient
            self.done += 1

    def descend(self, gradient: Array | float, rate: float | None = None) -> None:
        """Of the rank alone or of all ranks' mean; ``rate`` is 1 where it has been applied."""
        self.velocity *= self.momentum
        self.velocity += gradient
        self.parameters -= np.float32(self.rate if rate is None else rate) * self.velocity

    def result(self, comm: skimp.Communicator, bytes_sent: int) -> Result:
        """Of rank 0; the others' accuracy is not asked for."""
        accuracy = self.task.accuracy(self.parameters) if comm.rank == 0 else 0.0
        return Result(accuracy, bytes_sent, self.losses)


@dataclass(frozen=True)
class Result:
    """Of one training of one rank."""

    accuracy: float
    bytes_sent: int
    losses: Sequence[float]
    """Of the rank's batches, by step."""


def train(
    comm: skimp.Communicator,
    seed: int,
    task: Task,
    steps: int,
    make_codec: Callable[[], Any] = lambda: None,
    momentum: float = 0.9,
    **options: Any,
) -> Result:
    """Data-parallel: the mean of all ranks' updates in each step.

    The learning rate is applied before the exchange (Karimireddy et al. 2019), so what feedback
    carries to a later step keeps the rate of its own.
    """
    training, codec, sent = Training(task, steps, comm.rank, seed, momentum), make_codec(), 0
    for gradient in training.gradients():
        update = comm.allreduce(training.rate * gradient, codec=codec, **options)
        training.descend(update, rate=1)
        sent += comm.report.bytes_sent
    return training.result(comm, sent)


@dataclass(frozen=True)
class Outcome:
    """Of one row, over the seeds."""

    results: Sequence[Result]

    @property
    def bytes_sent(self) -> float:
        """By one rank, in one training."""
        return float(np.mean([result.bytes_sent for result in self.results]))

    @property
    def mean(self) -> float:
        return float(np.mean([result.accuracy for result in self.results]))

    @property
    def spread(self) -> float:
        """The standard deviation of a seed."""
        accuracies = [result.accuracy for result in self.results]
        return float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0

    @property
    def losses(self) -> Array:
        """By step, mean over the seeds."""
        return np.mean([result.losses for result in self.results], axis=0)


def over_seeds(seeds: int, worker: Callable[..., Result], *args: Any, **options: Any) -> Outcome:
    """Runs ``worker(comm, seed, *args, **options)`` on all ranks for each seed."""

    def of_seed(seed: int) -> Result:
        return skimp.run_threads(
            RANKS, lambda comm: worker(comm, seed, *args, **options), timeout=PATIENCE
        )[0]

    return Outcome([of_seed(seed) for seed in range(seeds)])


def table(title: str, rows: Iterable[tuple[str, Outcome]]) -> Mapping[str, Outcome]:
    """Prints each row as it comes; the first is what the others are compared with."""
    print(f"\n{title}\n\n| | MB a rank | times fewer | accuracy | ± a seed | to the first |")
    print("|---|---|---|---|---|---|")
    done: dict[str, Outcome] = {}
    for name, outcome in rows:
        done[name] = outcome
        first = next(iter(done.values()))
        fewer = first.bytes_sent / outcome.bytes_sent if outcome.bytes_sent else float("nan")
        print(
            f"| {name} | {outcome.bytes_sent / 1e6:.3g} | {fewer:.3g} | {outcome.mean:.2%} | "
            f"{outcome.spread:.2%} | {100 * (outcome.mean - first.mean):+.2f} |",
            flush=True,
        )
    return done


def arguments(
    description: str | None, add: Callable[[argparse.ArgumentParser], None] = lambda _: None
) -> argparse.Namespace:
    """The command line; ``add`` adds a claim's own options."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few steps, one seed: does it run?")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="default: the claim's name .png")
    add(parser)
    options = parser.parse_args()
    if options.quick:
        options.seeds = 1
    return options


def plot(options: argparse.Namespace, name: str, *draws: Callable[[Any], None]) -> None:
    """Saves what each ``draw(axes)`` draws, side by side, if matplotlib is installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('\nNo plot: matplotlib comes with pip install "skimp[claims]"')
        return
    figure = Figure(figsize=(7 * len(draws), 4.5), layout="constrained")
    for draw, axes in zip(draws, figure.subplots(1, len(draws), squeeze=False)[0], strict=True):
        draw(axes)
    path = options.plot or Path(f"{name}.png")
    figure.savefig(path, dpi=120)
    print(f"\nPlot: {path}")


def curve(axes: Any, places: Iterable[float], outcomes: Iterable[Outcome], label: str) -> None:
    """Mean accuracies and their spreads, against ``places``."""
    rows = list(outcomes)
    means, spreads = [row.mean for row in rows], [row.spread for row in rows]
    axes.errorbar(list(places), means, spreads, label=label)
    axes.set(ylabel="accuracy on test data")
