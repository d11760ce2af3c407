"""Claim 7: two of eight ranks send random signs; comparing values survives that, adding them not.

python examples/claims/robust.py
"""

from common import MOMENTUM, arguments, descend, digits, np, over_seeds, plot, rate_at, skimp, table

LIARS = (2, 5)
OPS = {"mean": 1.0, "median": 1.0, "trimmed_mean": 1.0, "vote": 0.01}
"""And the part of the learning rate that suits what they give: a vote is of magnitude 1."""


def train(task, comm, op, liars, steps, seed):
    feedback, sent = skimp.ErrorFeedback(skimp.Quantize(8)), 0
    rng = np.random.default_rng([seed, comm.rank])
    for step, (parameters, velocity, batch) in enumerate(descend(task, steps, seed, comm.rank)):
        _, gradient = task.gradient(parameters, batch)
        if comm.rank in liars:
            gradient = rng.choice(np.float32([-1, 1]), gradient.size)
        velocity *= MOMENTUM
        velocity += comm.allreduce(gradient, codec=feedback, op=op)
        parameters -= rate_at(task, step, steps) * np.float32(OPS[op]) * velocity
        sent += comm.report.bytes_sent
    return task.accuracy(parameters) if comm.rank == 0 else 0.0, sent


def main():
    options = arguments(__doc__)
    task = digits()
    steps = 4 if options.quick else task.steps

    def outcome(op, liars):
        return over_seeds(
            lambda comm, seed: train(task, comm, op, liars, steps, seed), options.seeds
        )

    def rows():
        for title, liars in (("all honest", ()), ("two send signs", LIARS)):
            for op in OPS:
                yield f"{op}, {title}", outcome(op, liars)

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
