"""Claim 6: pruned while it trains, with feedback, a model keeps the accuracy that pruning a trained
one loses; likewise with few bits a weight.

    python examples/claims/pruning.py
"""

from common import Training, arguments, digits, np, over_seeds, plot, skimp, table

KINDS = {
    "90 % pruned": lambda steps: skimp.DynamicPruning(0.9, warm_up=steps // 2),
    "95 % pruned": lambda steps: skimp.DynamicPruning(0.95, warm_up=steps // 2),
    "4 bits": lambda steps: skimp.DynamicPruning(0, precision=skimp.Quantize(4)),
    "2 bits": lambda steps: skimp.DynamicPruning(0, precision=skimp.Quantize(2)),
}


def dense(steps):
    return skimp.DynamicPruning(0)


def train(comm, seed, task, steps, during, after):
    """Gradients at compressed weights, updates on the dense ones; compressed ones are tested."""
    training, sent = Training(task, steps, comm.rank, seed), 0
    for gradient in training.gradients(during(steps).step):
        training.descend(comm.allreduce(gradient))
        sent += comm.report.bytes_sent
    training.parameters = after(0).step(training.parameters)
    return training.result(comm, sent)


def main():
    options = arguments(__doc__)
    task = digits()
    steps = 4 if options.quick else 200

    def rows():
        yield "dense", over_seeds(options.seeds, train, task, steps, dense, dense)
        for name, make in KINDS.items():
            for when, during in (("while training", make), ("afterwards", dense)):
                outcome = over_seeds(options.seeds, train, task, steps, during, make)
                yield f"{name}, {when}", outcome

    outcomes = table(f"{task.name}, {steps} steps", rows())

    def draw(axes):
        for place, when in enumerate(("while training", "afterwards")):
            mine = [outcomes[f"{name}, {when}"] for name in KINDS]
            means, spreads = [row.mean for row in mine], [row.spread for row in mine]
            axes.bar(np.arange(len(mine)) + 0.4 * place, means, 0.4, yerr=spreads, label=when)
        axes.axhline(outcomes["dense"].mean, color="black", lw=0.5)
        axes.set_xticks(range(len(KINDS)), KINDS, rotation=20, fontsize=7)
        axes.set(ylabel="accuracy on test data")
        axes.legend()

    plot(options, "pruning", draw)


if __name__ == "__main__":
    main()
