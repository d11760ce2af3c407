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
MOMENTUM = np.float32(0.9)
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Task:
    """A model and its data. Parameters are one flat array."""

    name: str
    steps: int
    rate: float
    """Learning rate of the first step; it falls linearly to 0."""
    start: Callable[[int], Array]
    """Parameters, of a seed."""
    batches: Callable[[int, int], Iterator[Any]]
    """Of a rank and a seed."""
    gradient: Callable[[Array, Any], tuple[float, Array]]
    """Loss and gradient at parameters, of a batch."""
    accuracy: Callable[[Array], float]
    """On data that training does not see."""
    shapes: Sequence[tuple[int, ...]]
    """Of the matrices and vectors that the parameters are, one after the other."""

    def low_rank(self, rank: int) -> skimp.Codec:
        """`LowRank` of the matrices in the flat gradient."""
        shapes = "+".join("x".join(map(str, shape)) for shape in self.shapes)
        return skimp.codec(f"lowrank(rank={rank},shapes={shapes})")


def digits(sorted_by_class: bool = False) -> Task:
    """The MLP of `skimp.bench`, 85002 parameters. Ranks have digits of all classes, or of few."""
    train, test = network.digits()
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


def descend(task: Task, steps: int, seed: int, rank: int) -> Iterator[tuple[Array, Array, Any]]:
    """One training of a rank: yields what a loop needs, (parameters, velocity, batch), in each
    step, and takes the learning rate's fall from `rate_at`."""
    parameters = task.start(seed)
    velocity = np.zeros_like(parameters)
    batches = task.batches(rank, seed)
    for _ in range(steps):
        yield parameters, velocity, next(batches)


def rate_at(task: Task, step: int, steps: int) -> np.float32:
    return np.float32(task.rate * (1 - step / steps))


def train(
    task: Task,
    comm: skimp.Communicator,
    codec: Any,
    steps: int,
    seed: int,
    momentum: np.float32 = MOMENTUM,
) -> tuple[float, int]:
    """Data-parallel training with momentum: the accuracy, and the bytes this rank sent."""
    sent = 0
    for step, (parameters, velocity, batch) in enumerate(descend(task, steps, seed, comm.rank)):
        _, gradient = task.gradient(parameters, batch)
        velocity *= momentum
        velocity += comm.allreduce(gradient, codec=codec)
        parameters -= rate_at(task, step, steps) * velocity
        sent += comm.report.bytes_sent
    return task.accuracy(parameters) if comm.rank == 0 else 0.0, sent


@dataclass(frozen=True)
class Outcome:
    """Of one row, over the seeds."""

    accuracies: Sequence[float]
    bytes_sent: float
    """By one rank, in one training."""

    @property
    def mean(self) -> float:
        return float(np.mean(self.accuracies))

    @property
    def spread(self) -> float:
        """The standard deviation of a seed."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0


def over_seeds(
    worker: Callable[[skimp.Communicator, int], tuple[float, int]], seeds: int
) -> Outcome:
    """Runs ``worker(comm, seed)`` on all ranks for each seed; rank 0's results."""
    results = [
        skimp.run_threads(RANKS, lambda comm, seed=seed: worker(comm, seed))[0]
        for seed in range(seeds)
    ]
    return Outcome([accuracy for accuracy, _ in results], float(np.mean([b for _, b in results])))


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


def arguments(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few steps, one seed: does it run?")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="default: the claim's name .png")
    options = parser.parse_args()
    if options.quick:
        options.seeds = 1
    return options


def plot(options: argparse.Namespace, name: str, draw: Callable[[Any], None]) -> None:
    """Saves what ``draw(axes)`` draws, if matplotlib is installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('\nNo plot: matplotlib comes with pip install "skimp[claims]"')
        return
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    draw(figure.add_subplot())
    path = options.plot or Path(f"{name}.png")
    figure.savefig(path, dpi=120)
    print(f"\nPlot: {path}")
