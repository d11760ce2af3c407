"""Claim 7: two of eight ranks send signs for gradients; comparing values survives that.

    python examples/claims/robust.py

Signs that are random in each step average away, and the mean survives them too; signs that stay the
same it does not.
"""

from dataclasses import replace

from common import Training, arguments, digits, np, over_seeds, plot, skimp, table

CASES = {
    "all honest": ((), False),
    "two send signs": ((2, 5), False),
    "two repeat signs": ((2, 5), True),
}
OPS = {"mean": 1.0, "median": 1.0, "trimmed_mean": 1.0, "vote": 0.01}
"""And the part of the learning rate that suits what they give: a vote is of magnitude 1."""


def train(comm, seed, task, steps, op, liars, again):
    """``liars`` send random signs, new ones in each step or the same ``again``."""
    training, sent = Training(task, steps, comm.rank, seed), 0
    feedback = skimp.ErrorFeedback(skimp.Quantize(8))
    rng = np.random.default_rng([seed, comm.rank])
    signs = None
    for gradient in training.gradients():
        if comm.rank in liars:
            if signs is None or not again:
                signs = rng.choice(np.float32([-1, 1]), gradient.size)
            gradient = signs
        training.descend(comm.allreduce(gradient, codec=feedback, op=op))
        sent += comm.report.bytes_sent
    return training.result(comm, sent)


def main():
    options = arguments(__doc__)
    task = digits()
    steps = 4 if options.quick else task.steps

    def rows():
        for title, (liars, again) in CASES.items():
            for op, part in OPS.items():
                slower = replace(task, rate=task.rate * part)
                outcome = over_seeds(options.seeds, train, slower, steps, op, liars, again)
                yield f"{op}, {title}", outcome

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
