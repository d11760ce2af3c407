"""Claim 6: pruned while it trains, with feedback, a model keeps the accuracy that pruning a trained
one loses; likewise with few bits a weight.

    python examples/claims/pruning.py
"""

from collections.abc import Callable

from common import (
    MOMENTUM,
    Outcome,
    Task,
    arguments,
    descend,
    digits,
    over_seeds,
    plot,
    rate_at,
    skimp,
    table,
)

KINDS = {
    "90 % pruned": lambda steps: skimp.DynamicPruning(0.9, warm_up=steps // 2),
    "95 % pruned": lambda steps: skimp.DynamicPruning(0.95, warm_up=steps // 2),
    "4 bits": lambda steps: skimp.DynamicPruning(0, precision=skimp.Quantize(4)),
    "2 bits": lambda steps: skimp.DynamicPruning(0, precision=skimp.Quantize(2)),
}
Make = Callable[[int], skimp.DynamicPruning]


def dense(steps: int) -> skimp.DynamicPruning:
    return skimp.DynamicPruning(0)


def train(
    task: Task, comm: skimp.Communicator, during: Make, after: Make, steps: int, seed: int
) -> tuple[float, int]:
    """Gradients at compressed weights, updates on the dense ones; compressed ones are tested."""
    compression, sent = during(steps), 0
    for step, (parameters, velocity, batch) in enumerate(descend(task, steps, seed, comm.rank)):
        _, gradient = task.gradient(compression.step(parameters), batch)
        velocity *= MOMENTUM
        velocity += comm.allreduce(gradient)
        parameters -= rate_at(task, step, steps) * velocity
        sent += comm.report.bytes_sent
    return task.accuracy(after(0).step(parameters)) if comm.rank == 0 else 0.0, sent


def main() -> None:
    options = arguments(__doc__)
    task = digits()
    steps = 4 if options.quick else 200

    def outcome(during: Make, after: Make) -> Outcome:
        return over_seeds(
            lambda comm, seed: train(task, comm, during, after, steps, seed), options.seeds
        )

    def rows():
        yield "dense", outcome(dense, dense)
        for name, make in KINDS.items():
            yield f"{name}, while training", outcome(make, make)
            yield f"{name}, afterwards", outcome(dense, make)

    outcomes = table(f"{task.name}, {steps} steps", rows())

    def draw(axes):
        for place, when in enumerate(("while training", "afterwards")):
            mine = [outcomes[f"{name}, {when}"] for name in KINDS]
            places = [number + 0.4 * place for number in range(len(mine))]
            axes.bar(
                places,
                [row.mean for row in mine],
                0.4,
                yerr=[row.spread for row in mine],
                label=when,
            )
        axes.axhline(outcomes["dense"].mean, color="black", lw=0.5)
        axes.set_xticks(range(len(KINDS)), KINDS, rotation=20, fontsize=7)
        axes.set(ylabel="accuracy on test data")
        axes.legend()

    plot(options, "pruning", draw)


if __name__ == "__main__":
    main()
