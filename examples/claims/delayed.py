"""Claim 5: means may arrive one or four steps late, with feedback too, if the learning rate suits.

python examples/claims/delayed.py
"""

from dataclasses import replace
from itertools import product

from common import Training, arguments, curve, digits, over_seeds, plot, skimp, table

DELAYS = (0, 1, 4)
RATES = (0.05, 0.01)
CODECS = {"dense": lambda: None, "top-k 1 %": lambda: skimp.ErrorFeedback(skimp.TopK(0.01))}


def train(comm, seed, task, steps, make_codec, delay):
    training = Training(task, steps, comm.rank, seed)
    with skimp.Delayed(delay, make_codec()) as delayed:
        for gradient in training.gradients():
            mean = delayed.step(comm, gradient)
            training.descend(0 if mean is None else mean)
        delayed.flush()  # at a rate of about zero these would change nothing
    return training.result(comm, comm.report.bytes_sent * steps)


def main():
    options = arguments(__doc__)
    task = digits()
    steps = 6 if options.quick else task.steps

    def rows():
        for (name, make_codec), rate, delay in product(CODECS.items(), RATES, DELAYS):
            slower = replace(task, rate=rate)
            outcome = over_seeds(options.seeds, train, slower, steps, make_codec, delay)
            yield f"{name}, rate {rate}, {delay} late", outcome

    outcomes = table(f"{task.name}, {steps} steps, means come late", rows())

    def draw(axes):
        for name, rate in product(CODECS, RATES):
            mine = [outcomes[f"{name}, rate {rate}, {delay} late"] for delay in DELAYS]
            curve(axes, DELAYS, mine, f"{name}, learning rate {rate}")
        axes.set(xlabel="steps late")
        axes.legend()

    plot(options, "delayed", draw)


if __name__ == "__main__":
    main()
