"""Claim 3: local SGD needs few synchronisations; averaging once at the end is not enough.

    python examples/claims/local_sgd.py

Every rank makes the same number of local steps, on digits of one or two classes, and synchronises
every H of them.
"""

from common import Training, arguments, curve, digits, over_seeds, plot, skimp, table

PERIODS = (1, 2, 4, 8, 16, 32, 64)
CODECS = {"dense": lambda: None, "sign": skimp.Sign}


def train(comm, seed, task, steps, make_codec, period):
    """Plain momentum on each rank; velocities stay where they are."""
    training, sent = Training(task, steps, comm.rank, seed), 0
    local = skimp.LocalSGD(period, make_codec())
    training.parameters[...] = local.start(comm, training.parameters)
    for gradient in training.gradients():
        training.descend(gradient)
        training.parameters[...] = local.step(comm, training.parameters)
        if local.steps % period == 0:
            sent += comm.report.bytes_sent
    return training.result(comm, sent)


def main():
    options = arguments(__doc__)
    task = digits(sorted_by_class=True)
    steps = 8 if options.quick else 256
    periods = [*(period for period in PERIODS if period < steps), steps]

    def rows():
        for name, make_codec in CODECS.items():
            for period in periods:
                title = "one shot" if period == steps else f"H = {period}"
                outcome = over_seeds(options.seeds, train, task, steps, make_codec, period)
                yield f"{name}, {title}", outcome

    outcomes = table(f"{task.name}, sorted by class over the ranks, {steps} local steps", rows())

    def draw(axes):
        for name in CODECS:
            mine = [row for title, row in outcomes.items() if title.startswith(name)]
            curve(axes, [steps / period for period in periods], mine, name)
        axes.set(xscale="log", xlabel="synchronisations")
        axes.legend()

    plot(options, "local_sgd", draw)


if __name__ == "__main__":
    main()
