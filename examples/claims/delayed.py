"""Claim 5: means may arrive one or four steps late, with feedback too, if the learning rate suits.

python examples/claims/delayed.py
"""

from dataclasses import replace
from itertools import product

from common import MOMENTUM, arguments, descend, digits, over_seeds, plot, rate_at, skimp, table

DELAYS = (0, 1, 4)
RATES = (0.05, 0.01)
CODECS = {"dense": lambda: None, "top-k 1 %": lambda: skimp.ErrorFeedback(skimp.TopK(0.01))}


def train(task, comm, codec, delay, steps, seed):
    with skimp.Delayed(delay, codec) as delayed:
        for step, (parameters, velocity, batch) in enumerate(descend(task, steps, seed, comm.rank)):
            _, gradient = task.gradient(parameters, batch)
            mean = delayed.step(comm, gradient)
            velocity *= MOMENTUM
            velocity += 0 if mean is None else mean
            parameters -= rate_at(task, step, steps) * velocity
        delayed.flush()  # at a rate of about zero these would change nothing
    accuracy = task.accuracy(parameters) if comm.rank == 0 else 0.0
    return accuracy, comm.report.bytes_sent * steps


def main():
    options = arguments(__doc__)
    task = digits()
    steps = 6 if options.quick else task.steps

    def outcome(make, rate, delay):
        slower = replace(task, rate=rate)
        return over_seeds(
            lambda comm, seed: train(slower, comm, make(), delay, steps, seed), options.seeds
        )

    def rows():
        for (name, make), rate, delay in product(CODECS.items(), RATES, DELAYS):
            yield f"{name}, rate {rate}, {delay} late", outcome(make, rate, delay)

    outcomes = table(f"{task.name}, {steps} steps, means come late", rows())

    def draw(axes):
        for name, rate in product(CODECS, RATES):
            mine = [outcomes[f"{name}, rate {rate}, {delay} late"] for delay in DELAYS]
            means, spreads = [row.mean for row in mine], [row.spread for row in mine]
            axes.errorbar(DELAYS, means, spreads, label=f"{name}, learning rate {rate}")
        axes.set(xlabel="steps late", ylabel="accuracy on test data")
        axes.legend()

    plot(options, "delayed", draw)


if __name__ == "__main__":
    main()
