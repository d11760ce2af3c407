"""Claim 2: bytes fall by 4 to 1000 times, and with feedback accuracy stays.

    python examples/claims/bytes_and_accuracy.py
    python examples/claims/bytes_and_accuracy.py --tune --rows "^(sign|top-k 1 %|rank 4), feedback"

Eight ranks train an MLP on digits and a transformer on source code, with each codec, with and
without error feedback. All rows of a table have one learning rate, chosen by the mean accuracy of
dense and those three rows on data for validation.
"""

import re
from dataclasses import replace
from functools import partial

from characters import characters
from common import arguments, digits, np, over_seeds, plot, skimp, table, train

DIGITS_RATE = 0.1  # the rate is applied before the exchange here, unlike in claims 3 to 7
GRID = (1 / 2, 1, 2)
"""Learning rates to choose from, in multiples of the task's."""
LOSSES_OF = (
    *("dense", "sign, feedback", "top-k 1 %, feedback", "top-k 1 %, gather, feedback"),
    *("rank 4, feedback", "sign, none"),
)


def codecs(task):
    return {  # another codec is another line
        "sign": skimp.Sign(),
        "8 bit": skimp.Quantize(8),
        "4 bit": skimp.Quantize(4),
        "top-k 1 %": skimp.TopK(0.01),
        "top-k 0.1 %": skimp.TopK(0.001),
        "rank 4": task.low_rank(4),
        "rank 1": task.low_rank(1),
    }


def trainings(task, steps):
    """The options of `train` of each row: dense, then every codec with feedback and without."""
    rows = {"dense": {}}
    feedback, correction = skimp.ErrorFeedback, skimp.MomentumCorrection
    for name, codec in codecs(task).items():
        rows[f"{name}, feedback"] = {"make_codec": partial(feedback, codec)}
    whole = {"algorithm": "gather"}  # every rank's entries arrive, none is selected again
    one, tenth = (
        skimp.density_warm_up(density, steps=max(4, steps // 10)) for density in (0.01, 0.001)
    )
    more_back = {"broadcast_codec": skimp.TopK(0.04)}  # seven ranks sent 1 % each
    rows |= {
        "top-k 1 %, broadcast 4 %, feedback": {
            "make_codec": partial(feedback, skimp.TopK(0.01)),
            **more_back,
        },
        "top-k 1 %, gather, feedback": {"make_codec": partial(feedback, skimp.TopK(0.01)), **whole},
        "top-k 1 %, gather, feedback, warm-up": {"make_codec": partial(feedback, one), **whole},
        "top-k 0.1 %, gather, feedback, warm-up": {"make_codec": partial(feedback, tenth), **whole},
        "top-k 0.1 %, gather, momentum corrected, warm-up": {
            "make_codec": partial(correction, tenth),
            "momentum": 0.0,
            **whole,
        },
    }
    for name, codec in codecs(task).items():
        rows[f"{name}, none"] = {"make_codec": lambda codec=codec: codec}
    return rows


def chosen(task, steps, pattern):
    """The rows to run: dense, and those that the pattern finds."""
    for name, options in trainings(task, steps).items():
        if name == "dense" or re.search(pattern, name):
            yield name, partial(train, steps=steps, **options)


def rows(task, steps, options):
    for name, training in chosen(task, steps, options.rows):
        yield name, over_seeds(options.seeds, training, task)


def tune(task, steps, options):
    """Prints the accuracy of each row on validation data, by learning rate, and their mean."""
    rates = [factor * task.rate for factor in GRID]
    print(f"\n{task.name}, {steps} steps, validation\n\n| learning rate |", end="")
    print(*(f" {rate:g} |" for rate in rates), "\n|---|" + len(rates) * "---|", sep="")

    def line(name, accuracies):
        best = max(accuracies)
        cells = (f" **{a:.2%}** |" if a == best else f" {a:.2%} |" for a in accuracies)
        print(f"| {name} |", *cells, sep="", flush=True)

    by_row = []
    for name, training in chosen(task, steps, options.rows):
        outcomes = [over_seeds(options.seeds, training, replace(task, rate=rate)) for rate in rates]
        by_row.append([outcome.mean for outcome in outcomes])
        line(name, by_row[-1])
    line("mean", np.mean(by_row, axis=0))


def draw_bytes(axes, tables):
    for (title, outcomes), colour in zip(tables.items(), ("tab:blue", "tab:orange"), strict=True):
        for name, row in outcomes.items():
            filled = "none" if name.endswith("none") else colour
            ratio = outcomes["dense"].bytes_sent / row.bytes_sent
            axes.errorbar(ratio, row.mean, row.spread, fmt="o", color=colour, mfc=filled)
            axes.annotate(name, (ratio, row.mean), fontsize=6)
        axes.plot([], [], "o", color=colour, label=title)
    axes.set(xscale="log", xlabel="times fewer bytes than dense", ylabel="accuracy on test data")
    axes.legend()


def draw_losses(axes, title, outcomes):
    for name in (name for name in LOSSES_OF if name in outcomes):
        losses = outcomes[name].losses
        window = -(-len(losses) // 50)  # steps that a point is the mean of
        points = [
            losses[end - window : end].mean() for end in range(window, len(losses) + 1, window)
        ]
        axes.plot(window * np.arange(1, len(points) + 1), points, label=name)
    axes.set(title=title, xlabel="step", ylabel="training loss", yscale="log")
    axes.legend()


def own_options(parser):
    parser.add_argument("--tune", action="store_true", help="learning rates on validation data")
    parser.add_argument("--rows", default="", metavar="REGEX", help="dense and the rows it finds")


def main():
    options = arguments(__doc__, own_options)
    tables = {}
    tasks = replace(digits(tuning=options.tune), rate=DIGITS_RATE), characters(tuning=options.tune)
    for task in tasks:
        steps = 4 if options.quick else task.steps
        if options.tune:
            tune(task, steps, options)
        else:
            title = f"{task.name}, {steps} steps, learning rate {task.rate:g}"
            tables[task.name] = table(title, rows(task, steps, options))
    if options.tune:
        return
    plot(
        options,
        "bytes_and_accuracy",
        lambda axes: draw_bytes(axes, tables),
        *(lambda axes, item=item: draw_losses(axes, *item) for item in tables.items()),
    )


if __name__ == "__main__":
    main()
