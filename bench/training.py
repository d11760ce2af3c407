"""Trains the network with data-parallel ranks, dense and compressed, and shows what it costs.

Each rank has its part of the digits, draws its own batches, and applies the mean gradient that
`comm.allreduce` delivers, with error feedback: stochastic gradient descent with momentum 0.9 and
learning rate 0.05. Run it alone, with ranks as threads, or under mpirun:

    mpirun -n 4 python -m skimp.bench.training --steps 400
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import skimp
from skimp.bench import network
from skimp.bench.columns import short
from skimp.bench.launch import OK, WRONG, launch
from skimp.bench.options import CODECS
from skimp.bench.ranks import Ranks
from skimp.bench.table import Column, Table, number

MOMENTUM = np.float32(0.9)
LEARNING_RATE = np.float32(0.05)
BATCH = 32
"""Of a rank."""


@dataclass(frozen=True)
class Outcome:
    codec: str
    accuracy: float
    """On the digits kept for the test."""
    loss: float
    """On what all ranks train on, over the last 50 steps."""
    bytes_sent: int
    """By the first rank in all steps."""
    ratio: float
    """What dense steps sent ÷ what these sent."""
    seconds: float
    replicas_equal: bool
    """All ranks ended with the same bits."""


def train(ranks: Ranks, codec: str, steps: int, seed: int = 0, feedback: bool = True) -> Outcome:
    """One training from the same start as every other with this seed."""
    train_set, test_set = network.digits()
    batches = train_set.of_rank(ranks.rank, ranks.size).batches(BATCH, [seed, ranks.rank])
    parameters = network.initial_parameters(seed)
    velocity = np.zeros_like(parameters)
    made = skimp.codec(codec)
    compressor = skimp.ErrorFeedback(made) if feedback else made

    losses, sent, dense = [], 0, 0
    start = time.perf_counter()
    for _ in range(steps):
        loss, gradient = network.loss_and_gradient(parameters, next(batches))
        mean = ranks.comm.allreduce(gradient, codec=compressor)
        velocity *= MOMENTUM
        velocity += mean
        parameters -= LEARNING_RATE * velocity
        losses.append(loss)
        report = ranks.comm.report
        sent += report.bytes_sent
        dense += report.dense_bytes
    seconds = time.perf_counter() - start

    replicas = ranks.gather(parameters.tobytes())
    return Outcome(
        codec=codec,
        accuracy=network.accuracy(parameters, test_set),
        loss=float(np.mean(ranks.gather(float(np.mean(losses[-50:]))))),
        bytes_sent=sent,
        ratio=dense / sent if sent else 1.0,
        seconds=seconds,
        replicas_equal=all(replica == replicas[0] for replica in replicas),
    )


COLUMNS = [
    Column("codec", "", 20, lambda row: short(row.codec), left=True),
    Column("accuracy", "test", 9, lambda row: f"{row.accuracy:.1%}"),
    Column("loss", "training", 9, lambda row: f"{row.loss:.4f}"),
    Column("sent", "MB a rank", 10, lambda row: number(row.bytes_sent / 1e6)),
    Column("ratio", "", 7, lambda row: number(row.ratio)),
    Column("time", "s", 7, lambda row: number(row.seconds)),
    Column("replicas", "", 9, lambda row: "equal" if row.replicas_equal else "DIFFER"),
]


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit status: 1 if ranks ended with different parameters."""
    return launch(lambda: _parser().parse_args(arguments), _train_all)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m skimp.bench.training",
        description="Trains digits with data-parallel ranks, dense and compressed.",
    )
    add = parser.add_argument
    add("-t", "--ranks", type=int, metavar="N", help="as threads (default: 2; not under mpirun)")
    add("--steps", type=int, default=400, metavar="N", help="default: 400")
    add("--seed", type=int, default=0, metavar="N", help="default: 0")
    add("-c", "--codec", dest="codecs", action="append", metavar="CODEC", help="may be repeated")
    add("--feedback", action=argparse.BooleanOptionalAction, default=True)
    return parser


def _train_all(ranks: Ranks, options: argparse.Namespace) -> int:
    table = Table(COLUMNS, sys.stdout if ranks.is_first else None)
    table.comment(
        f"{network.PARAMETERS} parameters on {ranks.size} ranks, {options.steps} steps of "
        f"{ranks.size} x {BATCH} digits"
    )
    table.head()
    status = OK
    for codec in options.codecs or CODECS:
        outcome = train(ranks, codec, options.steps, options.seed, options.feedback)
        table.row(outcome)
        if not outcome.replicas_equal:
            status = WRONG
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
