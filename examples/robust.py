"""Two of eight ranks send garbage: what becomes of training, by what `op` makes of the gradients.

python examples/robust.py
"""

import numpy as np
import skimp

FEATURES, EXAMPLES, STEPS, RANKS, LIARS = 100, 200, 100, 8, (2, 5)


def train(comm, op):
    """Logistic regression; the share of rank 0's examples that it gets right."""
    truth = np.random.default_rng(0).standard_normal(FEATURES, dtype=np.float32)
    rng = np.random.default_rng(1 + comm.rank)
    x = rng.standard_normal((EXAMPLES, FEATURES), dtype=np.float32)
    y = (x @ truth > 0).astype(np.float32)
    weights, rate = np.zeros_like(truth), 0.02 if op == "vote" else 1.0
    feedback = skimp.ErrorFeedback(skimp.Quantize(8))
    for _ in range(STEPS):
        probability = (1 + np.tanh(x @ weights / 2)) / 2
        gradient = x.T @ (probability - y) / EXAMPLES
        if comm.rank in LIARS:  # signs at random, a thousand times too large
            gradient = 1000 * rng.choice(np.float32([-1, 1]), FEATURES)
        weights -= rate * comm.allreduce(gradient, codec=feedback, op=op)
    return float(np.mean((x @ weights > 0) == y))


def main():
    print(f"{'op':14}{'accuracy':>9}")
    for op in ("mean", "median", "trimmed_mean", "vote"):
        print(f"{op:14}{skimp.run_threads(RANKS, train, op)[0]:9.3f}")


if __name__ == "__main__":
    main()
