"""Claim 3: local SGD needs few synchronisations; averaging once at the end is not enough.

    python examples/claims/local_sgd.py

Every rank makes the same number of local steps, on digits of one or two classes, and synchronises
every H of them.
"""

from common import MOMENTUM, arguments, descend, digits, over_seeds, plot, rate_at, skimp, table

PERIODS = (1, 4, 16, 64)
CODECS = {"dense": lambda: None, "sign": skimp.Sign}


def train(task, comm, codec, period, steps, seed):
    """Plain momentum on each rank; velocities stay where they are."""
    local, sent = skimp.LocalSGD(period, codec), 0
    for step, (parameters, velocity, batch) in enumerate(descend(task, steps, seed, comm.rank)):
        if step == 0:
            local.start(comm, parameters)
        _, gradient = task.gradient(parameters, batch)
        velocity *= MOMENTUM
        velocity += gradient
        parameters -= rate_at(task, step, steps) * velocity
        parameters[...] = local.step(comm, parameters)
        if (step + 1) % period == 0:
            sent += comm.report.bytes_sent
    return task.accuracy(parameters) if comm.rank == 0 else 0.0, sent


def main():
    options = arguments(__doc__)
    task = digits(sorted_by_class=True)
    steps = 8 if options.quick else 256
    periods = (*(period for period in PERIODS if period < steps), steps)

    def outcome(make, period):
        return over_seeds(
            lambda comm, seed: train(task, comm, make(), period, steps, seed), options.seeds
        )

    def rows():
        for name, make in CODECS.items():
            for period in periods[:-1]:
                yield f"{name}, H = {period}", outcome(make, period)
            yield f"{name}, one shot", outcome(make, steps)

    outcomes = table(f"{task.name}, sorted by class over the ranks, {steps} local steps", rows())

    def draw(axes):
        for name in CODECS:
            mine = [row for title, row in outcomes.items() if title.startswith(name)]
            means, spreads = [row.mean for row in mine], [row.spread for row in mine]
            axes.errorbar([steps / period for period in periods], means, spreads, label=name)
        axes.set(xscale="log", xlabel="synchronisations", ylabel="accuracy on test data")
        axes.legend()

    plot(options, "local_sgd", draw)


if __name__ == "__main__":
    main()
