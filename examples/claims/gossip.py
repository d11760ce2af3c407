"""Claim 4: neighbours on a ring, averaging their models by gossip, train as well as allreduce.

    python examples/claims/gossip.py

Each rank takes a step with its own gradient and then mixes its parameters with its two neighbours',
exactly or compressed (CHOCO-SGD). Accuracy is that of rank 0's model, not of the mean of all.
"""

from common import MOMENTUM, arguments, descend, digits, over_seeds, plot, rate_at, skimp, table
from common import train as train_by_allreduce

CODECS = {
    "exact": None,
    "8 bit": skimp.Quantize(8),
    "4 bit": skimp.Quantize(4),
    "sign": skimp.Sign(block=32),
    "top-k 10 %": skimp.TopK(0.1),
}


def train(task, comm, codec, steps, seed):
    gossip, sent = skimp.Gossip(codec, graph="ring"), 0
    for step, (parameters, velocity, batch) in enumerate(descend(task, steps, seed, comm.rank)):
        _, gradient = task.gradient(parameters, batch)
        velocity *= MOMENTUM
        velocity += gradient
        parameters -= rate_at(task, step, steps) * velocity
        comm.mix(parameters, gossip, out=parameters)
        sent += comm.report.bytes_sent
    return task.accuracy(parameters) if comm.rank == 0 else 0.0, sent


def main():
    options = arguments(__doc__)
    task = digits()
    steps = 4 if options.quick else task.steps

    def outcome(worker):
        return over_seeds(worker, options.seeds)

    def rows():
        yield (
            "allreduce, dense",
            outcome(lambda comm, seed: train_by_allreduce(task, comm, None, steps, seed)),
        )
        for name, codec in CODECS.items():
            yield (
                f"ring, {name}",
                outcome(lambda comm, seed, codec=codec: train(task, comm, codec, steps, seed)),
            )

    outcomes = table(f"{task.name}, {steps} steps, a ring of 8", rows())

    def draw(axes):
        for name, row in outcomes.items():
            axes.errorbar(row.bytes_sent / 1e6, row.mean, row.spread, fmt="o", label=name)
        axes.set(xscale="log", xlabel="MB sent by a rank", ylabel="accuracy on test data")
        axes.legend()

    plot(options, "gossip", draw)


if __name__ == "__main__":
    main()
