"""Four ranks fit a line to data of their own each, with classic feedback and with EF21.

    python examples/ef21.py

At their common optimum the ranks' gradients cancel, but none is near zero. Classic feedback keeps
pushing what it left out, so its error stays in proportion to the learning rate. EF21 compresses how
gradients change; its error vanishes.
"""

import numpy as np
import skimp

FEATURES, EXAMPLES, STEPS, RATE = 100, 200, 500, 0.1


def train(comm, make):
    """Returns how far this ends from the optimum, and the bytes that this rank sent."""
    rng = np.random.default_rng(comm.rank)
    x = rng.standard_normal((EXAMPLES, FEATURES))
    y = x @ rng.standard_normal(FEATURES)  # each rank has a line of its own
    normal, moment = comm.allreduce([x.T @ x, x.T @ y])
    optimum = np.linalg.solve(normal, moment)

    codec = make()  # each rank has feedback of its own
    weights, sent = np.zeros(FEATURES), 0
    for _ in range(STEPS):
        gradient = x.T @ (x @ weights - y) / EXAMPLES
        weights -= RATE * comm.allreduce(gradient, codec=codec)
        sent += comm.report.bytes_sent
    return np.abs(weights - optimum).max(), sent


def main():
    topk = skimp.TopK(0.1)
    rows = {
        "dense": skimp.Identity,
        "top 10 %, no feedback": lambda: topk,
        "top 10 %, ErrorFeedback": lambda: skimp.ErrorFeedback(topk),
        "top 10 %, EF21": lambda: skimp.EF21(topk),
    }
    print(f"{'':26}{'error':>10}{'kB sent a rank':>16}")
    for name, make in rows.items():
        error, sent = skimp.run_threads(4, train, make)[0]
        print(f"{name:26}{error:10.1e}{sent / 1e3:16.1f}")


if __name__ == "__main__":
    main()
