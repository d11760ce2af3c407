"""Claim 4: neighbours on a ring, averaging their models by gossip, train as well as allreduce.

    python examples/claims/gossip.py

Each rank takes a step with its own gradient and then mixes its parameters with its two neighbours',
exactly or compressed (CHOCO-SGD). Accuracy is that of rank 0's model, not of the mean of all.
"""

from common import Training, arguments, digits, over_seeds, plot, skimp, table
from common import train as train_by_allreduce

CODECS = {
    "exact": None,
    "8 bit": skimp.Quantize(8),
    "4 bit": skimp.Quantize(4),
    "sign": skimp.Sign(block=32),
    "top-k 10 %": skimp.TopK(0.1),
}


def train(comm, seed, task, steps, codec):
    training, sent = Training(task, steps, comm.rank, seed), 0
    gossip = skimp.Gossip(codec, graph="ring")
    for gradient in training.gradients():
        training.descend(gradient)
        comm.mix(training.parameters, gossip, out=training.parameters)
        sent += comm.report.bytes_sent
    return training.result(comm, sent)


def main():
    options = arguments(__doc__)
    task = digits()
    steps = 4 if options.quick else task.steps

    def rows():
        yield "allreduce, dense", over_seeds(options.seeds, train_by_allreduce, task, steps)
        for name, codec in CODECS.items():
            yield f"ring, {name}", over_seeds(options.seeds, train, task, steps, codec)

    outcomes = table(f"{task.name}, {steps} steps, a ring of 8", rows())

    def draw(axes):
        for name, row in outcomes.items():
            axes.errorbar(row.bytes_sent / 1e6, row.mean, row.spread, fmt="o", label=name)
        axes.set(xscale="log", xlabel="MB sent by a rank", ylabel="accuracy on test data")
        axes.legend()

    plot(options, "gossip", draw)


if __name__ == "__main__":
    main()
