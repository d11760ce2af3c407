"""Claim 1: biased compression fails on these problems without feedback, and converges with it.

    python examples/claims/counterexamples.py

Counterexamples 1 to 3 of Karimireddy et al. 2019 (§3) for signs, and example 1 of Beznosikov et
al. 2020 for the single largest element. All ranks compress everything (`gather`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from common import Array, arguments, np, plot, skimp


@dataclass(frozen=True)
class Problem:
    name: str
    start: list[float]
    gradient: Callable[[int, Array, np.random.Generator], Array]
    """Of a rank, at x; stochastic ones draw the same on all ranks."""
    excess: Callable[[Array], float]
    """f(x) − min f."""
    codec: skimp.Codec
    rate: float
    ranks: int = 2
    bound: float = np.inf
    """x stays between −bound and bound."""


EPSILON = 0.5
DIVERGES = 1e4
LEAST_SQUARES = np.array([[1, -1], [-1, 1]]) + EPSILON
THREE = np.array([[-3.0, 2, 2], [2, -3, 2], [2, 2, -3]])


def one_of_two(rank: int, x: Array, rng: np.random.Generator) -> Array:
    a = LEAST_SQUARES[rng.integers(2)]
    return 2 * (a @ x) * a


def subgradient(rank: int, x: Array, rng: np.random.Generator) -> Array:
    along = EPSILON * np.sign(x[0] + x[1])
    across = 1.0 if x[0] >= x[1] else -1.0
    return np.array([along + across, along - across])


PROBLEMS = [
    # The steps are 4 with probability 1/4, else −1: mostly in the wrong direction.
    Problem(
        "1: x/4 on [−1, 1], noisy",
        [0.0],
        lambda rank, x, rng: np.array([4.0 if rng.random() < 0.25 else -1.0]),
        lambda x: float(x[0] + 1) / 4,
        skimp.Sign(),
        0.1,
        bound=1.0,
    ),
    # Signs are those of ±(1, −1) in both: x₁ + x₂ never changes.
    Problem(
        "2: ε|x₁ + x₂| + |x₁ − x₂|",
        [1.0, 0.5],
        subgradient,
        lambda x: float(EPSILON * abs(x[0] + x[1]) + abs(x[0] - x[1])),
        skimp.Sign(),
        0.1,
    ),
    Problem(
        "3: least squares, one row a step",
        [1.0, 1.0],
        one_of_two,
        lambda x: float(((LEAST_SQUARES @ x) ** 2).sum()),
        skimp.Sign(),
        0.1,
    ),
    # Every rank's largest entry points away from 0.
    Problem(
        "4: top-k, k = 1, three ranks",
        [1.0, 1.0, 1.0],
        lambda rank, x, rng: 2 * (THREE[rank] @ x) * THREE[rank] + x / 2,
        lambda x: float(((THREE @ x) ** 2).mean() + x @ x / 4),
        skimp.TopK(k=1),
        0.05,
        ranks=3,
    ),
]


def solve(problem: Problem, method: str, steps: int) -> list[float]:
    """The excess after each step; ends early where it diverges."""

    def worker(comm: skimp.Communicator) -> list[float]:
        x, rng, path = np.array(problem.start), np.random.default_rng(0), []
        codec = skimp.ErrorFeedback(problem.codec) if method == "feedback" else problem.codec
        for step in range(steps):
            gradient = problem.gradient(comm.rank, x, rng)
            if method == "unscaled":
                gradient = np.sign(gradient)
            if method in ("dense", "unscaled"):
                mean = comm.allreduce(gradient)
            else:
                mean = comm.allreduce(gradient, codec=codec, algorithm="gather")
            x = x - problem.rate / np.sqrt(step + 1) * mean
            x = np.clip(x, -problem.bound, problem.bound)
            path.append(problem.excess(x))
            if path[-1] > DIVERGES:
                break
        return path

    return skimp.run_threads(problem.ranks, worker)[0]


METHODS = {
    "dense": "dense",
    "unscaled": "np.sign",
    "none": "codec, no feedback",
    "feedback": "codec with feedback",
}


def main() -> None:
    options = arguments(__doc__)
    steps = 200 if options.quick else 1000
    print(f"\nf(x) − min f after {steps} steps\n\n| | {' | '.join(METHODS.values())} |")
    print(f"|---|{'---|' * len(METHODS)}")
    paths = {}
    for problem in PROBLEMS:
        cells = []
        for method in METHODS:
            if method == "unscaled" and not isinstance(problem.codec, skimp.Sign):
                cells.append("")
                continue
            paths[problem.name, method] = solve(problem, method, steps)
            last = paths[problem.name, method][-1]
            cells.append("diverges" if last > DIVERGES else f"{last:.1e}")
        print(f"| {problem.name} | {' | '.join(cells)} |", flush=True)

    def draw(axes):
        for colour, problem in enumerate(PROBLEMS):
            for method, style in (("none", ":"), ("feedback", "-")):
                path = np.maximum(paths[problem.name, method], 1e-12)
                label = f"{problem.name}, {METHODS[method]}"
                axes.plot(path, style, color=f"C{colour}", label=label)
        axes.set(xscale="log", yscale="log", xlabel="step", ylabel="f(x) − min f", ylim=(1e-6, 1e4))
        axes.legend(fontsize=6)

    plot(options, "counterexamples", draw)


if __name__ == "__main__":
    main()
