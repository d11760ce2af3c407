"""Claim 7: two of eight ranks send random signs; comparing values survives that, adding them not.

python examples/claims/robust.py
"""

from dataclasses import replace

from common import Training, arguments, digits, np, over_seeds, plot, skimp, table

LIARS = (2, 5)
OPS = {"mean": 1.0, "median": 1.0, "trimmed_mean": 1.0, "vote": 0.01}
"""And the part of the learning rate that suits what they give: a vote is of magnitude 1."""


def train(comm, seed, task, steps, op, liars):
    training, sent = Training(task, steps, comm.rank, seed), 0
    feedback = skimp.ErrorFeedback(skimp.Quantize(8))
    rng = np.random.default_rng([seed, comm.rank])
    for gradient in training.gradients():
        if comm.rank in liars:
            gradient = rng.choice(np.float32([-1, 1]), gradient.size)
        training.descend(comm.allreduce(gradient, codec=feedback, op=op))
        sent += comm.report.bytes_sent
    return training.result(comm, sent)


def main():
    options = arguments(__doc__)
    task = digits()
    steps = 4 if options.quick else task.steps

    def rows():
        for title, liars in (("all honest", ()), ("two send signs", LIARS)):
            for op, part in OPS.items():
                slower = replace(task, rate=task.rate * part)
                yield f"{op}, {title}", over_seeds(options.seeds, train, slower, steps, op, liars)

    outcomes = table(f"{task.name}, {steps} steps", rows())

    def draw(axes):
        places = np.arange(len(outcomes))
        means = [row.mean for row in outcomes.values()]
        axes.barh(places, means, xerr=[row.spread for row in outcomes.values()])
        axes.set_yticks(places, outcomes)
        axes.set(xlabel="accuracy on test data")

    plot(options, "robust", draw)


if __name__ == "__main__":
    main()
