"""Dynamic pruning and limited precision: gradients at compressed weights, updates on dense ones.

    python examples/pruning.py

A regression on correlated features has many good dense solutions and few sparse ones. Pruning the
dense solution keeps the wrong weights; pruning with feedback while training finds better ones.
"""

import numpy as np
import skimp

FEATURES, EXAMPLES, STEPS, RATE = 200, 150, 1000, 0.1


def train(comm, during, after):
    """Fits with the compression `during`; returns the loss of the weights compressed by `after`."""
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(FEATURES) < 0.05, rng.standard_normal(FEATURES), 0)
    mixing = np.eye(FEATURES) + 0.9 * np.roll(np.eye(FEATURES), 1, 1)  # of neighbours
    rng = np.random.default_rng(1 + comm.rank)
    x = rng.standard_normal((EXAMPLES // comm.world_size, FEATURES)) @ mixing / 2
    y = x @ truth + 0.01 * rng.standard_normal(len(x))
    weights, compression = np.zeros(FEATURES), during()  # ranks with equal weights prune alike
    for step in range(STEPS):
        compressed = compression.step(weights)
        gradient = comm.allreduce(x.T @ (x @ compressed - y) / len(x))
        weights -= RATE * (1 - step / STEPS) * gradient
    compressed = after().step(weights)
    return float(comm.allreduce(np.mean((x @ compressed - y) ** 2)))


def main():
    def dense():
        return skimp.DynamicPruning(0)

    kinds = {
        "90 % pruned": lambda: skimp.DynamicPruning(0.9, period=16),
        "3 bits": lambda: skimp.DynamicPruning(0, precision=skimp.Quantize(3, block=32)),
    }
    print(f"{'':28}{'loss':>10}")
    print(f"{'dense':28}{skimp.run_threads(3, train, dense, dense)[0]:10.5f}")
    for name, make in kinds.items():
        print(f"{name + ', afterwards':28}{skimp.run_threads(3, train, dense, make)[0]:10.5f}")
        print(f"{name + ', while training':28}{skimp.run_threads(3, train, make, make)[0]:10.5f}")


if __name__ == "__main__":
    main()
